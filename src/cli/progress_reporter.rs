//! Progress of a long operation, on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::dataset::Progress;
use crate::report::numbers::count;
use crate::terminal::note;

/// How often a line is printed when standard error is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A progress bar on a terminal, periodic lines in a log.
pub(super) struct ProgressReporter {
    what: &'static str,
    began: Instant,
    printed: Instant,
    bar: Option<ProgressBar>,
}

impl ProgressReporter {
    /// A reporter of an operation that is called `what`.
    pub(super) fn new(what: &'static str) -> Self {
        let now = Instant::now();
        let bar = std::io::stderr().is_terminal().then(|| bar(what));
        Self { what, began: now, printed: now, bar }
    }

    /// Shows the current progress.
    pub(super) fn show(&mut self, progress: Progress) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(progress.total as u64);
                bar.set_position(progress.done as u64);
            }
            None if self.printed.elapsed() >= LINE_INTERVAL => {
                self.printed = Instant::now();
                note(line(self.what, progress, self.began.elapsed()));
            }
            None => {}
        }
    }

    /// Clears what was drawn.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {human_pos}/{human_len} keys  {pace}/s  {eta} left");
    let pace = |state: &ProgressState, text: &mut dyn std::fmt::Write| {
        // Writing to a string does not fail.
        let _ = write!(text, "{:.0}", state.per_sec());
    };
    let bar = ProgressBar::new(0).with_message(what);
    match style {
        Ok(style) => bar.with_style(style.with_key("pace", pace)),
        Err(_) => bar,
    }
}

/// What is done, and the remaining time at the current rate.
fn line(what: &str, progress: Progress, elapsed: Duration) -> String {
    let Progress { done, total } = progress;
    let rest = match done {
        0 => String::new(),
        done => format!(", {:.0} s left", elapsed.as_secs_f64() * total.saturating_sub(done) as f64 / done as f64),
    };
    format!("{what}: {} of {} keys{rest}", count(done as u64), count(total as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_remaining_time() {
        let line = |done| line("Writing", Progress { done, total: 400 }, Duration::from_secs(10));
        assert_eq!(line(100), "Writing: 100 of 400 keys, 30 s left");
        assert_eq!(line(0), "Writing: 0 of 400 keys");
    }
}
