//! A worker that writes or reads the dataset: its calls are recorded, and tried again with the next member.

use std::time::Duration;

use ticketcd_judge::history::annotation::Purpose;
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Range, RangeAnswer, Request};
use ticketcd_judge::history::{Blob, Revision};
use ticketcd_judge::model::{Keyspace, keys::prefix_end};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Target;
use super::error::DatasetError;
use crate::etcd::errors::{self, Cause};
use crate::etcd::{RecordingClient, member_of_worker};

/// How long a request is tried: several elections long.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between attempts.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Seeder {
    caller: RecordingClient,
    stop: CancellationToken,
}

impl Seeder {
    /// The `worker`-th of those that share the work.
    pub(super) fn new(target: &Target, worker: usize) -> Self {
        let member = member_of_worker(worker, &target.clients);
        let caller = RecordingClient::new(target.clients.clone(), member, target.timeout, target.sink.clone());
        Self { caller, stop: target.stop.clone() }
    }

    /// Makes a request that may be made twice: a read, or a write whose guard finds out.
    pub(super) async fn request(&mut self, what: &'static str, request: &Request) -> Result<Answer, DatasetError> {
        let deadline = Instant::now() + RETRY_TIMEOUT;
        loop {
            let (code, message) = match self.caller.call(Purpose::Seed, &[], request.clone()).await {
                CallOutcome::Ok(answer) => return Ok(answer),
                CallOutcome::Refused { code, message } | CallOutcome::Unknown { code, message } => (code, message),
            };
            // Every member refuses writes until space is freed.
            if errors::cause(&code, &message) == Some(Cause::NoSpace) {
                return Err(DatasetError::NoSpace { what });
            }
            // Asking again changes neither who we are nor what we ask.
            let final_answer = matches!(code.as_str(), "PermissionDenied" | "Unauthenticated" | "InvalidArgument");
            if final_answer || self.stop.is_cancelled() {
                return Err(DatasetError::Unreachable { what, message: format!("{code}: {message}") });
            }
            if Instant::now() >= deadline {
                let next = "Are the members running? A full disk ends them, and their logs say so. The same command resumes";
                let message = format!("{code}: {message} (tried for {} s). {next}", RETRY_TIMEOUT.as_secs());
                return Err(DatasetError::Unreachable { what, message });
            }
            self.caller.rotate();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Reads a range. Returns the header's revision too.
    pub(super) async fn range(&mut self, range: Range) -> Result<(Revision, RangeAnswer), DatasetError> {
        let answer = self.request("read", &Request::Range(range)).await?;
        match answer.body {
            AnswerBody::Range(found) => Ok((answer.revision, found)),
            _ => Err(DatasetError::Malformed { what: "read" }),
        }
    }

    pub(super) async fn close(self) {
        self.caller.close().await;
    }
}

/// A number of keys in an answer.
///
/// # Errors
/// When it is negative.
pub(super) fn count(what: &'static str, keys: i64) -> Result<usize, DatasetError> {
    usize::try_from(keys).map_err(|_| DatasetError::Malformed { what })
}

/// All keys under a prefix. An empty key is no key to etcd: without a prefix the range begins at the byte 0.
pub(super) fn all(keys: &Keyspace) -> Range {
    let prefix = keys.prefix().as_bytes();
    let key = if prefix.is_empty() { Blob::from(&[0_u8][..]) } else { prefix.into() };
    Range { key, range_end: prefix_end(prefix), ..Range::default() }
}
