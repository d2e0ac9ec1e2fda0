//! What others wrote, made safe to print: keys and values of an etcd, the files of a shared run, what a program wrote to standard
//! error.
//!
//! A terminal obeys some characters instead of showing them, and others change what stands around them: escape sequences move the
//! cursor and fill the clipboard, a line break makes a row of a table that is none, and controls of the writing direction turn text
//! around. Whatever is printed for people shows them as escapes, such as `\u{1b}`. What is printed for programs is JSON, which
//! stays exact: there they are escaped as JSON escapes them.

use std::borrow::Cow;
use std::fmt::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Characters of a table's cell, at most: a longer text is cut, and ends with an ellipsis.
pub const CELL_CHARACTERS_MAX: usize = 200;

/// Whether a character is not shown, but obeyed: a control, a line or paragraph separator, or of Unicode's category Format.
/// The Arabic signs of that category are shown, and are no danger.
pub const fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// One value in one line.
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, is_hidden)
}

/// Several lines, such as an error that quotes a file: line breaks stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| letter != '\n' && is_hidden(letter))
}

/// A table's cell: one line of limited length.
pub fn cell(value: &str) -> String {
    let mut letters = value.chars();
    // Only what may be shown is looked at: a value has a megabyte.
    let shown: String = letters.by_ref().take(CELL_CHARACTERS_MAX).collect();
    let is_cut = letters.next().is_some();
    let mut cell = text(&shown).into_owned();
    if is_cut || cell.chars().count() > CELL_CHARACTERS_MAX {
        cell = cell.chars().take(CELL_CHARACTERS_MAX - 1).chain(['…']).collect();
    }
    cell
}

/// The same facts with every text in them as [`text`] shows it: what a reporter for people reads.
pub fn facts<T: Serialize + DeserializeOwned>(facts: &T) -> Option<T> {
    let mut value = serde_json::to_value(facts).ok()?;
    show(&mut value);
    serde_json::from_value(value).ok()
}

fn show(value: &mut Value) {
    match value {
        Value::String(string) => {
            if let Cow::Owned(shown) = text(string) {
                *string = shown;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(show),
        Value::Object(fields) => {
            if fields.keys().any(|name| name.chars().any(is_hidden)) {
                *fields = std::mem::take(fields).into_iter().map(|(name, value)| (text(&name).into_owned(), value)).collect();
            }
            fields.values_mut().for_each(show);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// JSON with the same meaning, in which nothing is hidden: such characters stand in strings only, where JSON can escape them.
pub fn json(text: &str) -> Cow<'_, str> {
    let is_layout = |letter| matches!(letter, '\n' | '\r' | '\t');
    let is_escaped = |letter| !is_layout(letter) && is_hidden(letter);
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_escaped(letter) {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(letter);
        }
    }
    Cow::Owned(safe)
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if !is_escaped(letter) {
            shown.push(letter);
        } else if matches!(letter, '\n' | '\r' | '\t') {
            shown.extend(letter.escape_default());
        } else {
            shown.extend(letter.escape_unicode());
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// OSC 52 fills the clipboard; the others colour, forge a row, turn the text around, and hide a part of it.
    const ATTACKS: [&str; 6] = ["\x1b]52;c;eA==\x07", "\u{9b}31m", "a\nPASS", "\u{202e}drawkcab", "pass\u{200b}word", "\u{e0041}"];

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(text("\x1b[2J"), "\\u{1b}[2J");
        assert_eq!(text("a\r\n\tb"), "a\\r\\n\\tb");
        assert_eq!(lines("a\nb\r"), "a\nb\\r");
        assert_eq!(text("théâtre 東京 \"quoted\" \\ …"), "théâtre 東京 \"quoted\" \\ …");
        for attack in ATTACKS {
            assert!(!text(attack).chars().any(is_hidden), "{attack:?}");
            assert!(!json(attack).chars().any(|letter| letter != '\n' && is_hidden(letter)), "{attack:?}");
        }
    }

    #[test]
    fn a_long_cell_is_cut() {
        let cell = cell(&"x".repeat(1 << 20));
        assert_eq!((cell.chars().count(), cell.chars().last()), (CELL_CHARACTERS_MAX, Some('…')));
        assert_eq!(super::cell(&"x".repeat(CELL_CHARACTERS_MAX)), "x".repeat(CELL_CHARACTERS_MAX));
        assert_eq!(super::cell(&"\x1b".repeat(CELL_CHARACTERS_MAX)).chars().count(), CELL_CHARACTERS_MAX);
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left_and_json_keeps_its_meaning(original in any::<String>(), attack in prop::sample::select(&ATTACKS[..])) {
            let original = format!("{original}{attack}");
            prop_assert!(!text(&original).chars().any(is_hidden));
            prop_assert!(!cell(&original).chars().any(is_hidden));
            prop_assert!(!lines(&original).chars().any(|letter| letter != '\n' && is_hidden(letter)));
            let written = serde_json::to_string(&original).unwrap();
            let safe = json(&written);
            prop_assert!(!safe.chars().any(is_hidden));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), original);
        }
    }
}
