//! `ticketcd cluster`: a cluster in the foreground, to look at.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueHint};
use ticketcd_judge::explain::Explain;
use ticketcd_judge::history::event::{Event, MemberChange};
use ticketcd_judge::history::io_reason;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::print;
use super::{Exit, Failure};
use crate::record::{Reader, Recorder, Sink};
use crate::terminal::note;
use crate::testbed::{Cluster, Prepared, StartOptions, Testbed};

/// How long the members are given to form a cluster.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start a cluster, print its endpoints, and run it until Ctrl-C; then its data is removed
    Up(Up),
}

#[derive(Debug, Parser)]
struct Up {
    /// Number of members
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    members: u8,
    /// etcd to run: a version or the path of a binary
    #[arg(long, value_name = "VERSION|PATH", value_hint = ValueHint::FilePath)]
    etcd: Option<String>,
    /// Additional etcd flag for every member, such as --flag=--snapshot-count=1000; repeatable
    #[arg(long = "flag", value_name = "FLAG", allow_hyphen_values = true)]
    flags: Vec<String>,
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Up(up) => run(up).await,
    }
}

async fn run(up: Up) -> Result<Exit, Failure> {
    let internal = |what: &str, error: std::io::Error| Failure::Internal(format!("cannot {what}: {}", io_reason(&error)));
    let mut interrupts = Interrupts::listen().map_err(|error| internal("listen to signals", error))?;
    let settings = Cluster { members: up.members, etcd: up.etcd, flags: up.flags, ..Cluster::default() };
    let prepared = tokio::task::spawn_blocking(move || Prepared::new(&settings));
    let prepared = prepared.await.map_err(|error| Failure::Internal(error.to_string()))??;
    let supervisor = std::env::current_exe().map_err(|error| internal("find this program", error))?;
    let (sink, recorder) = Recorder::start(vec![Box::new(ExitReporter)]).map_err(|error| internal("start the recorder", error))?;
    let options = StartOptions { log_directory: None, supervisor, shape_clients: true };
    let outcome = keep(&prepared, options, sink, &mut interrupts).await;
    // It ends when every sink is gone, and each member's goes with its process.
    match tokio::task::spawn_blocking(|| recorder.finish()).await {
        Ok(Ok(())) => outcome,
        Ok(Err(error)) => Err(Failure::Internal(error.to_string())),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

/// Starts the cluster and keeps it until it is interrupted; no process is needed any more when this returns.
async fn keep(prepared: &Prepared, options: StartOptions, sink: Sink, interrupts: &mut Interrupts) -> Result<Exit, Failure> {
    let testbed = prepared.start(options, sink).await?;
    let is_healthy = tokio::select! {
        healthy = testbed.await_healthy(HEALTH_TIMEOUT) => healthy.map(|()| true)?,
        () = interrupts.next() => false,
    };
    if is_healthy {
        print(&endpoints(&testbed))?;
        interrupts.next().await;
    }
    note("stopping; press Ctrl-C again to exit immediately");
    tokio::select! {
        () = testbed.stop() => {}
        () = interrupts.next() => {}
    }
    Ok(Exit::Pass)
}

fn endpoints(testbed: &Testbed) -> String {
    let mut text = String::new();
    let mut urls = Vec::new();
    for member in testbed.members() {
        let Some(url) = testbed.advertised_url(member) else { continue };
        let pid = testbed.member(member).ok().and_then(|control| control.pid()).map(|pid| format!("  pid {pid}"));
        let log = testbed.log(member).map(|log| format!("  log {}", log.display()));
        text.push_str(&format!("{}  {url}{}{}\n", member.name(), pid.unwrap_or_default(), log.unwrap_or_default()));
        urls.push(url);
    }
    text.push_str(&format!("export ETCDCTL_ENDPOINTS={}\n", urls.join(",")));
    text.push_str("ready: Ctrl-C stops the cluster and removes its data\n");
    text
}

/// Ctrl-C and SIGTERM.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Ends at the next of either.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Reports a member that exits unexpectedly.
struct ExitReporter;

impl Reader for ExitReporter {
    fn observe(&mut self, event: &Event) -> std::io::Result<()> {
        if let Event::Member(event) = event
            && let MemberChange::Exited { exit, expected: false } = &event.change
        {
            note(format_args!("{} exited unexpectedly: {}", event.member.name(), exit.in_words()));
        }
        Ok(())
    }
}
