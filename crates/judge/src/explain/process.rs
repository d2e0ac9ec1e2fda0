//! How processes ended.

use std::fmt;

use super::Explain;
use ticketcd_history::member::ProcessExit;

impl Explain for ProcessExit {
    fn explain(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(signal) => match signal_name(*signal) {
                Some(name) => formatter.write_str(name),
                None => write!(formatter, "signal {signal}"),
            },
            Self::WithSupervisor => formatter.write_str("SIGKILL, because its supervisor had exited"),
            Self::Unknown => formatter.write_str("exit status unknown"),
        }
    }
}

/// The names of signals that end processes; their numbers are the same on every architecture.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_are_named() {
        let named = [ProcessExit::Code(2), ProcessExit::Signal(9), ProcessExit::Signal(64)].map(|exit| exit.in_words().to_string());
        assert_eq!(named, ["exit code 2", "SIGKILL", "signal 64"]);
    }
}
