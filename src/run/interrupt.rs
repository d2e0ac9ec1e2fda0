//! Ctrl-C: the first ends the run in good order, the second leaves at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a process exits with when it leaves on the second interrupt.
const EXIT_INTERRUPTED: i32 = 130;

/// Cancels the token on the first SIGINT or SIGTERM, and says what happens now. On the second the process leaves; members,
/// if any, die with it, because each is supervised.
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
        eprintln!("\nInterrupted: {what_happens_now}. Once more to leave at once.");
        token.cancel();
        next().await;
        std::process::exit(EXIT_INTERRUPTED);
    });
    Ok(task.abort_handle())
}
