//! Ctrl-C: the first shuts the run down cleanly, the second exits immediately.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::terminal::{Screen, note};

/// The exit code on the second interrupt.
const EXIT_INTERRUPTED: i32 = 130;

/// Cancels the token on the first SIGINT or SIGTERM, and prints what happens next. On the second the process exits; members end
/// with it, because each is supervised.
///
/// # Errors
/// When the signals cannot be watched.
pub fn watch(token: CancellationToken, what_happens_now: &'static str) -> std::io::Result<tokio::task::AbortHandle> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let task = tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        note(Screen::of_stderr().message(&format!("\nInterrupted: {what_happens_now}. Press Ctrl-C again to exit immediately.")));
        token.cancel();
        next().await;
        std::process::exit(EXIT_INTERRUPTED);
    });
    Ok(task.abort_handle())
}
