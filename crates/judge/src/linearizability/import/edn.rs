//! Reads EDN, the notation of Clojure, as far as Jepsen writes it into its histories and logs: one form at a time.
//!
//! Tags (`#jepsen.history.Op{…}`, `#inst "…"`) are skipped, and the form after them is read. Sets, lists and vectors are all
//! sequences here. Metadata and `#_` are not supported: Jepsen writes neither.

/// The deepest nesting of forms; no operation is nested deeper.
const DEPTH_MAX: u32 = 64;

/// A form with its position.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) kind: Edn,
    /// The first byte of the form in the text.
    pub(super) at: usize,
}

/// A form.
#[derive(Clone, Debug)]
pub(super) enum Edn {
    Nil,
    /// A number, `true` or `false`; integers in their shortest form.
    Atom(String),
    /// Without its colon.
    Keyword(String),
    Symbol(String),
    Text(String),
    Sequence(Vec<Form>),
    /// Keys with their values, in the order of the text.
    Map(Vec<(Form, Form)>),
}

impl Form {
    /// The value of a keyword in a map; `None` if the map has no such key, or this is no map.
    pub(super) fn get(&self, keyword: &str) -> Option<&Form> {
        let Edn::Map(entries) = &self.kind else { return None };
        entries.iter().find(|(key, _)| matches!(&key.kind, Edn::Keyword(name) if name == keyword)).map(|(_, value)| value)
    }
}

/// Text that is not a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EdnError {
    /// The byte of the text where something else was expected.
    pub(super) at: usize,
    pub(super) problem: EdnProblem,
}

/// What is wrong with a form, and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdnProblem {
    /// Nothing where a form belongs.
    #[error("expected a form, found the end of the line")]
    NoForm,
    /// A sequence, set or map without its end.
    #[error("expected {0:?}, found the end of the line")]
    Unclosed(char),
    /// A string without its end.
    #[error("expected '\"' at the end of a string, found the end of the line")]
    UnclosedString,
    /// A closing bracket without an opening one.
    #[error("expected a form, found {0:?}")]
    Unexpected(char),
    /// A map with a key but no value.
    #[error("expected a value for the last key of this map")]
    KeyWithoutValue,
    /// A colon without a name.
    #[error("expected a name after ':'")]
    NamelessKeyword,
    /// Forms within forms, too deep.
    #[error("expected at most {DEPTH_MAX} nested forms")]
    TooDeep,
}

/// Reads the first form of a text from a byte on. Returns it with the first byte after it.
///
/// # Errors
/// The position and kind of the first problem.
pub(super) fn read_form(text: &str, at: usize) -> Result<(Form, usize), EdnError> {
    let mut reader = Reader { text, at };
    let form = reader.form(0)?;
    Ok((form, reader.at))
}

struct Reader<'text> {
    text: &'text str,
    /// The next byte to read.
    at: usize,
}

impl<'text> Reader<'text> {
    fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn error<T>(&self, problem: EdnProblem) -> Result<T, EdnError> {
        Err(EdnError { at: self.at, problem })
    }

    fn form(&mut self, depth: u32) -> Result<Form, EdnError> {
        self.skip_space();
        if depth > DEPTH_MAX {
            return self.error(EdnProblem::TooDeep);
        }
        let at = self.at;
        let mut characters = self.rest().chars();
        let Some(first) = characters.next() else { return self.error(EdnProblem::NoForm) };
        let kind = match first {
            '[' => Edn::Sequence(self.forms_until(1, ']', depth)?),
            '(' => Edn::Sequence(self.forms_until(1, ')', depth)?),
            '{' => {
                let mut forms = self.forms_until(1, '}', depth)?.into_iter();
                let mut entries = Vec::with_capacity(forms.len() / 2);
                while let Some(key) = forms.next() {
                    let Some(value) = forms.next() else { return Err(EdnError { at: key.at, problem: EdnProblem::KeyWithoutValue }) };
                    entries.push((key, value));
                }
                Edn::Map(entries)
            }
            '#' if characters.next() == Some('{') => Edn::Sequence(self.forms_until(2, '}', depth)?),
            '#' => {
                self.at += 1;
                self.word();
                return self.form(depth + 1);
            }
            '"' => self.string()?,
            ':' => {
                self.at += 1;
                let name = self.word();
                if name.is_empty() {
                    return self.error(EdnProblem::NamelessKeyword);
                }
                Edn::Keyword(name.to_owned())
            }
            _ => {
                let word = self.word();
                if word.is_empty() {
                    return self.error(EdnProblem::Unexpected(first));
                }
                atom(word)
            }
        };
        Ok(Form { kind, at })
    }

    /// Forms up to a closing bracket, after an opening one of so many bytes.
    fn forms_until(&mut self, opening_bytes: usize, end: char, depth: u32) -> Result<Vec<Form>, EdnError> {
        self.at += opening_bytes;
        let mut forms = Vec::new();
        loop {
            self.skip_space();
            if self.rest().starts_with(end) {
                self.at += end.len_utf8();
                return Ok(forms);
            }
            if self.rest().is_empty() {
                return self.error(EdnProblem::Unclosed(end));
            }
            forms.push(self.form(depth + 1)?);
        }
    }

    fn string(&mut self) -> Result<Edn, EdnError> {
        let mut value = String::new();
        let mut characters = self.rest().char_indices().skip(1);
        while let Some((at, next)) = characters.next() {
            match next {
                '"' => {
                    self.at += at + 1;
                    return Ok(Edn::Text(value));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, 't')) => value.push('\t'),
                    Some((_, 'r')) => value.push('\r'),
                    Some((_, escaped)) => value.push(escaped),
                    None => break,
                },
                other => value.push(other),
            }
        }
        self.at = self.text.len();
        self.error(EdnProblem::UnclosedString)
    }

    /// A word, up to white space or a bracket.
    fn word(&mut self) -> &'text str {
        let is_end = |next: char| is_space(next) || matches!(next, '[' | ']' | '(' | ')' | '{' | '}' | '"' | ';');
        let rest = self.rest();
        let word = &rest[..rest.find(is_end).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_space).len();
    }
}

fn atom(word: &str) -> Edn {
    match word {
        "nil" => Edn::Nil,
        "true" | "false" => Edn::Atom(word.to_owned()),
        _ => match word.strip_suffix('N').unwrap_or(word).parse::<i128>() {
            Ok(number) => Edn::Atom(number.to_string()),
            Err(_) if word.parse::<f64>().is_ok() && word.starts_with(|first: char| first.is_ascii_digit() || first == '-') => {
                Edn::Atom(word.to_owned())
            }
            Err(_) => Edn::Symbol(word.to_owned()),
        },
    }
}

/// A comma is white space in EDN.
fn is_space(next: char) -> bool {
    next.is_whitespace() || next == ','
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A form in words, without positions.
    fn shown(form: &Form) -> String {
        let all = |forms: &[Form]| forms.iter().map(shown).collect::<Vec<_>>().join(" ");
        match &form.kind {
            Edn::Nil => "nil".to_owned(),
            Edn::Atom(text) => text.clone(),
            Edn::Keyword(name) => format!("keyword {name}"),
            Edn::Symbol(name) => format!("symbol {name}"),
            Edn::Text(text) => format!("{text:?}"),
            Edn::Sequence(forms) => format!("[{}]", all(forms)),
            Edn::Map(_) => "map".to_owned(),
        }
    }

    fn read(text: &str) -> String {
        shown(&read_form(text, 0).unwrap().0)
    }

    #[test]
    fn every_kind_of_form_is_read_with_its_position() {
        let text = r#" #jepsen.history.Op{:index 0, :f :cas, :value [4 -5], :error ["not \"there\"" nil], :ok? true}  rest"#;
        let (map, end) = read_form(text, 0).unwrap();
        let value = |key| map.get(key).map(shown);
        assert_eq!(value("index").as_deref(), Some("0"));
        assert_eq!(value("f").as_deref(), Some("keyword cas"));
        assert_eq!(value("value").as_deref(), Some("[4 -5]"));
        assert_eq!(value("error").as_deref(), Some(r#"["not \"there\"" nil]"#));
        assert_eq!((value("ok?").as_deref(), value("nothing")), (Some("true"), None));
        assert_eq!((map.at, map.get("value").unwrap().at, &text[end..]), (19, text.find("[4").unwrap(), "  rest"));
        assert_eq!(read("#{1 (2.5)}"), "[1 [2.5]]");
        assert_eq!(read("+7"), "7");
        assert_eq!(read("nan"), "symbol nan");
    }

    #[test]
    fn what_is_no_form_is_an_error_with_its_position() {
        let deep = "[".repeat(1_000);
        let cases = [
            ("", 0, EdnProblem::NoForm),
            ("  ,", 3, EdnProblem::NoForm),
            ("[1", 2, EdnProblem::Unclosed(']')),
            ("{:a}", 1, EdnProblem::KeyWithoutValue),
            ("\"a", 2, EdnProblem::UnclosedString),
            ("[1 }", 3, EdnProblem::Unexpected('}')),
            ("[:", 2, EdnProblem::NamelessKeyword),
            ("#", 1, EdnProblem::NoForm),
            (&deep, 65, EdnProblem::TooDeep),
        ];
        for (text, at, problem) in cases {
            assert_eq!(read_form(text, 0).unwrap_err(), EdnError { at, problem }, "{text}");
        }
    }
}
