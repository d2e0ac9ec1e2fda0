//! Reads EDN, the notation of Clojure, as far as Jepsen writes it into its histories and logs: one form at a time.
//!
//! Tags (`#jepsen.history.Op{…}`, `#inst "…"`) are passed over, and the form behind them is read. Sets, lists and vectors are all
//! sequences here. Metadata and `#_` are not read: Jepsen writes neither.

/// Forms within forms, at most: what is nested deeper is no operation.
const DEPTH_MAX: u32 = 64;

/// A text is no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EdnError {
    /// Forms within forms, too deep.
    #[error("forms are nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// The text ends before the form does.
    #[error("the line ends within a form")]
    EndsWithinForm,
    /// The text ends before the string does.
    #[error("the line ends within a string")]
    EndsWithinString,
    /// A map has an odd number of forms.
    #[error("a map has a key without a value")]
    KeyWithoutValue,
    /// A bracket closes what is not open.
    #[error("there is a {0} too many")]
    Unopened(char),
    /// A keyword is empty.
    #[error("there is a colon without a name")]
    NamelessKeyword,
    /// A character that no form begins with.
    #[error("{0} begins no form")]
    NoForm(char),
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Edn {
    Nil,
    /// A number, `true` or `false`; whole numbers in their shortest form.
    Atom(String),
    /// Without its colon.
    Keyword(String),
    Symbol(String),
    Text(String),
    Sequence(Vec<Edn>),
    /// Keys with their values, in the order of the text.
    Map(Vec<(Edn, Edn)>),
}

impl Edn {
    /// The value of a map's keyword; `None` when the map has no such key, or this is no map.
    pub(super) fn get(&self, keyword: &str) -> Option<&Edn> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(key, _)| matches!(key, Self::Keyword(name) if name == keyword)).map(|(_, value)| value)
    }
}

/// Reads the first form of a text, and returns what is behind it.
///
/// # Errors
/// When the text begins with no whole form.
pub(super) fn first_form(text: &str) -> Result<(Edn, &str), EdnError> {
    form(text, 0)
}

fn form(text: &str, depth: u32) -> Result<(Edn, &str), EdnError> {
    let text = skip_space(text);
    if depth > DEPTH_MAX {
        return Err(EdnError::TooDeep);
    }
    let Some(first) = text.chars().next() else { return Err(EdnError::EndsWithinForm) };
    match first {
        '[' | '(' => {
            let (forms, rest) = forms_until(&text[1..], if first == '[' { ']' } else { ')' }, depth)?;
            Ok((Edn::Sequence(forms), rest))
        }
        '{' => {
            let (forms, rest) = forms_until(&text[1..], '}', depth)?;
            let mut entries = Vec::with_capacity(forms.len() / 2);
            let mut forms = forms.into_iter();
            while let Some(key) = forms.next() {
                let value = forms.next().ok_or(EdnError::KeyWithoutValue)?;
                entries.push((key, value));
            }
            Ok((Edn::Map(entries), rest))
        }
        '#' if text[1..].starts_with('{') => {
            let (forms, rest) = forms_until(&text[2..], '}', depth)?;
            Ok((Edn::Sequence(forms), rest))
        }
        '#' => {
            let (_, rest) = token(&text[1..]);
            form(rest, depth + 1)
        }
        '"' => string(&text[1..]),
        ']' | ')' | '}' => Err(EdnError::Unopened(first)),
        ':' => {
            let (name, rest) = token(&text[1..]);
            if name.is_empty() { Err(EdnError::NamelessKeyword) } else { Ok((Edn::Keyword(name.to_owned()), rest)) }
        }
        _ => {
            let (word, rest) = token(text);
            if word.is_empty() {
                return Err(EdnError::NoForm(first));
            }
            Ok((atom(word), rest))
        }
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

fn forms_until(mut text: &str, end: char, depth: u32) -> Result<(Vec<Edn>, &str), EdnError> {
    let mut forms = Vec::new();
    loop {
        text = skip_space(text);
        if let Some(rest) = text.strip_prefix(end) {
            return Ok((forms, rest));
        }
        let (next, rest) = form(text, depth + 1)?;
        forms.push(next);
        text = rest;
    }
}

fn string(text: &str) -> Result<(Edn, &str), EdnError> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, next)) = chars.next() {
        match next {
            '"' => return Ok((Edn::Text(value), &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            other => value.push(other),
        }
    }
    Err(EdnError::EndsWithinString)
}

/// A word, up to white space or a bracket.
fn token(text: &str) -> (&str, &str) {
    let is_end = |next: char| is_space(next) || matches!(next, '[' | ']' | '(' | ')' | '{' | '}' | '"' | ';');
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches(is_space)
}

/// A comma is white space in EDN.
fn is_space(next: char) -> bool {
    next.is_whitespace() || next == ','
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Edn {
        first_form(text).unwrap().0
    }

    #[test]
    fn every_kind_of_form_is_read() {
        let map = read(r#" #jepsen.history.Op{:index 0, :f :cas, :value [4 -5], :error ["not \"there\"" nil], :ok? true}  rest"#);
        let atom = |text: &str| Edn::Atom(text.to_owned());
        assert_eq!(map.get("index"), Some(&atom("0")));
        assert_eq!(map.get("f"), Some(&Edn::Keyword("cas".to_owned())));
        assert_eq!(map.get("value"), Some(&Edn::Sequence(vec![atom("4"), atom("-5")])));
        assert_eq!(map.get("error"), Some(&Edn::Sequence(vec![Edn::Text("not \"there\"".to_owned()), Edn::Nil])));
        assert_eq!((map.get("ok?"), map.get("nothing")), (Some(&atom("true")), None));
        assert_eq!(first_form("[1] :rest").unwrap().1, " :rest");
        assert_eq!(read("#{1 (2.5)}"), Edn::Sequence(vec![atom("1"), Edn::Sequence(vec![atom("2.5")])]));
        assert_eq!(read("+7"), atom("7"));
        assert_eq!(read("nan"), Edn::Symbol("nan".to_owned()));
    }

    #[test]
    fn what_is_no_form_is_an_error() {
        for text in ["", "  ,", "[1", "{:a}", "\"a", "}", ":", "#", &"[".repeat(1_000)] {
            assert!(first_form(text).is_err(), "{text}");
        }
    }
}
