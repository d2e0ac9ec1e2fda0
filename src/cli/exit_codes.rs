//! The exit codes in help texts and manual pages.

use super::buy;
use crate::terminal::Screen;

/// An exit code, a word for it, and what it means.
pub(super) type ExitCode = (u8, &'static str, &'static str);

/// The exit code of each verdict. A violation dominates everything.
const VERDICTS: [ExitCode; 10] = [
    (0, "pass", "every guarantee held, with enough evidence"),
    (1, "violation", "a guarantee was violated"),
    (2, "unknown", "no violation found, but not enough evidence"),
    (3, "objective", "correct, but an objective was missed"),
    (4, "invalid", "the run is invalid: never healthy, load not offered or fault not applied"),
    (5, "unexpected", "the run did not end as --expect requires; the line before the last names the difference"),
    (6, "unavailable", "the command could not be carried out: etcd is not available, or the record or the output cannot be written"),
    (64, "usage", "invalid command line or scenario; nothing was changed"),
    (70, "internal", "internal error (please report it)"),
    (130, "interrupted", "interrupted; what was recorded was checked"),
];

/// The commands whose help has the exit codes of verdicts.
const JUDGING: [&str; 4] = ["run", "rerun", "hunt", "check"];

/// The exit codes of a command, by its name, where its help has them. The program itself is `ticketcd`.
pub(super) fn of_command(name: &str) -> Option<&'static [ExitCode]> {
    match name {
        "ticketcd" => Some(&VERDICTS),
        "buy" => Some(&buy::EXIT_CODES),
        name if JUDGING.contains(&name) => Some(&VERDICTS),
        _ => None,
    }
}

/// The exit codes as a section of a help text.
pub(super) fn section(codes: &[ExitCode], screen: Screen) -> String {
    let line = |(code, word, meaning): &ExitCode| screen.wrapped(&format!("  {code:<4} {word:<13} "), meaning);
    format!("Exit codes:\n{}", codes.iter().map(line).collect::<String>()).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meaning_of_a_code_continues_below_its_beginning() {
        let text = section(&VERDICTS, Screen::plain(60));
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("  6    unavailable   ")).collect();
        assert!(lines[0][21..].starts_with("the command") && lines[1].starts_with(&" ".repeat(21)), "{text}");
    }
}
