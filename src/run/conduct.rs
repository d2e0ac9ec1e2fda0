//! A run from the first process to the last event.

use std::io;

use ticketcd_judge::history::event::{Ended, Event, Invalid};
use ticketcd_judge::history::invalid::InvalidReason;
use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_dir::RunDir;
use tokio_util::sync::CancellationToken;

use super::Setting;
use super::context::{RunContext, RunFailure};
use super::drain_and_audit::drain_and_audit;
use super::fail_fast::FailFast;
use super::files::{FaultsFile, HistoryFile};
use super::interrupt;
use super::observed::start_testbed;
use super::progress::Progress;
use super::sell::sell;
use super::setup::{RunError, Setup};
use crate::record::{Reader, Recorder};

/// Conducts a run. What goes wrong on the way is part of the record: it makes the run invalid.
///
/// # Errors
/// When the record could not be kept.
pub(super) async fn conduct(setup: &Setup, setting: Setting) -> Result<(), RunError> {
    let unrecordable =
        |error: io::Error| RunError::NotCarriedOut(format!("cannot record in {}: {}", setup.directory.display(), io_reason(&error)));
    let (interrupted, progress) = match &setting {
        Setting::Alone => (CancellationToken::new(), Progress::default()),
        Setting::OneOfMany(interrupted) => (interrupted.clone(), Progress::of_one_of_many()),
    };
    let stop = interrupted.child_token();
    let readers = readers(setup, progress, &stop).map_err(unrecordable)?;
    let (sink, recorder) = Recorder::start(readers).map_err(unrecordable)?;
    let watching = match &setting {
        Setting::Alone => Some(interrupt::watch(interrupted.clone(), "healing faults, stopping the load and checking what was recorded")),
        Setting::OneOfMany(_) => None,
    };
    let watching = watching.transpose().map_err(|error| RunError::Internal(format!("cannot watch for Ctrl-C: {}", io_reason(&error))))?;

    let context = RunContext { setup, sink: sink.clone(), stop: stop.clone() };
    let record_ended = recorder.ended();
    let outcome = tokio::select! {
        outcome = go_through(&context) => outcome,
        () = record_ended.cancelled() => Err(RunFailure(InvalidReason::NotRecorded)),
    };
    if let Err(RunFailure(reason)) = outcome {
        sink.record(Event::Invalid(Invalid { at: sink.now(), reason })).await;
    }
    sink.record(Event::Ended(Ended { at: sink.now(), interrupted: interrupted.is_cancelled() })).await;
    drop((context, sink));
    let recorded = tokio::task::spawn_blocking(|| recorder.finish()).await;
    if let Some(watching) = watching {
        watching.abort();
    }
    recorded.map_err(|error| RunError::Internal(error.to_string()))?.map_err(|error| RunError::NotCarriedOut(error.to_string()))
}

/// Everything between an empty directory and a stopped testbed.
async fn go_through(context: &RunContext<'_>) -> Result<(), RunFailure> {
    let running = start_testbed(context).await?;
    let outcome = async {
        let opened = sell(context, &running).await?;
        drain_and_audit(context, &running, opened.as_ref()).await
    };
    let outcome = outcome.await;
    running.stop().await;
    outcome
}

/// Everything that reads the events of a run.
fn readers(setup: &Setup, progress: Progress, stop: &CancellationToken) -> io::Result<Vec<Box<dyn Reader>>> {
    let run = RunDir::new(&setup.directory);
    let mut readers: Vec<Box<dyn Reader>> =
        vec![Box::new(HistoryFile::create(&run)?), Box::new(FaultsFile::create(&run.faults())?), Box::new(progress)];
    if setup.fail_fast {
        readers.push(Box::new(FailFast::new(&setup.info(Vec::new()), &setup.scenario.known, stop.clone())));
    }
    Ok(readers)
}
