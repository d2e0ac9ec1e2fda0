//! `ticketcd serve`: browse the pages of all runs of a directory, on this machine only.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path as Segments, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use clap::ValueHint;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_file;

use crate::report::index::index;
use crate::terminal::note;

use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Directory of run directories
    #[arg(default_value = "reports", value_name = "DIR", value_hint = ValueHint::DirPath)]
    directory: PathBuf,
    /// Address and port on this machine; port 0 lets the system choose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8098")]
    listen: SocketAddr,
}

/// Largest file that is served, bytes.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The files of a run that are served, with their types.
const FILES: [(&str, &str); 5] = [
    ("report.html", "text/html; charset=utf-8"),
    ("comparison.html", "text/html; charset=utf-8"),
    ("result.json", "application/json"),
    ("summary.md", "text/markdown; charset=utf-8"),
    ("junit.xml", "application/xml"),
];

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    // Runs contain data of the cluster: they are served to this machine only.
    if !args.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!("{} is no address of this machine alone: pass one such as 127.0.0.1:8098", args.listen)));
    }
    index(&args.directory).map_err(|error| Failure::Usage(format!("cannot list the runs: {error}")))?;
    let unavailable = |error: std::io::Error| Failure::NotCarriedOut(format!("cannot listen on {}: {}", args.listen, io_reason(&error)));
    let listener = tokio::net::TcpListener::bind(args.listen).await.map_err(unavailable)?;
    let address = listener.local_addr().map_err(unavailable)?;
    let routes = Router::new()
        .route("/", get(runs))
        .route("/{run}/{file}", get(file_of_run))
        .route("/{matrix}/{run}/{file}", get(file_of_matrix))
        .with_state(Arc::new(args.directory));
    note(format_args!("http://{address}/ (Ctrl-C ends it)"));
    let served = axum::serve(listener, routes).with_graceful_shutdown(async {
        // Without a handler for Ctrl-C the process ends at once, which is as well.
        let _ = tokio::signal::ctrl_c().await;
    });
    served.await.map_err(|error| Failure::NotCarriedOut(format!("cannot serve: {}", io_reason(&error))))?;
    Ok(Exit::Pass)
}

async fn runs(State(directory): State<Arc<PathBuf>>) -> Response {
    match tokio::task::spawn_blocking(move || index(&directory)).await {
        Ok(Ok(page)) => Html(page).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn file_of_run(State(directory): State<Arc<PathBuf>>, Segments((run, file)): Segments<(String, String)>) -> Response {
    serve_file(&directory, &[&run], &file).await
}

async fn file_of_matrix(
    State(directory): State<Arc<PathBuf>>,
    Segments((matrix, run, file)): Segments<(String, String, String)>,
) -> Response {
    serve_file(&directory, &[&matrix, &run], &file).await
}

/// A file of a run: one of those that are made for people and programs, inside the directory and no link out of it.
async fn serve_file(directory: &Path, segments: &[&str], file: &str) -> Response {
    let Some((_, kind)) = FILES.iter().find(|(name, _)| *name == file) else { return StatusCode::NOT_FOUND.into_response() };
    if segments.iter().any(|segment| segment.contains(['/', '\\', '\0']) || segment.starts_with('.')) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (directory, name) = (directory.to_owned(), [segments, &[file]].concat().join("/"));
    match tokio::task::spawn_blocking(move || run_file::read(&directory, &name, FILE_BYTES_MAX)).await {
        Ok(Ok(content)) => ([(header::CONTENT_TYPE, *kind), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")], content).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn status(directory: &Path, segments: &[&str], file: &str) -> StatusCode {
        serve_file(directory, segments, file).await.status()
    }

    #[tokio::test]
    async fn only_files_of_runs_are_served() {
        let outer = tempfile::tempdir().unwrap();
        let directory = outer.path().join("reports");
        std::fs::create_dir_all(directory.join("run")).unwrap();
        std::fs::write(directory.join("run/report.html"), "page").unwrap();
        std::fs::write(directory.join("run/history.zst"), "secret").unwrap();
        std::fs::write(outer.path().join("result.json"), "{}").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", directory.join("run/summary.md")).unwrap();
        std::os::unix::fs::symlink(outer.path(), directory.join("out")).unwrap();
        assert_eq!(status(&directory, &["run"], "report.html").await, StatusCode::OK);
        for (segments, file) in [
            (&["run"][..], "history.zst"),
            (&["run"], "summary.md"),
            (&[".."], "result.json"),
            (&["out"], "result.json"),
            (&["../reports/run"], "report.html"),
            (&["run", "nothing"], "report.html"),
        ] {
            assert_eq!(status(&directory, segments, file).await, StatusCode::NOT_FOUND, "{segments:?} {file}");
        }
    }
}
