//! `command`: a script of your own. As safe as you make it: that is the exercise.
//!
//! **Idea.** The script receives an order and answers, in lines of JSON, what to read and which transactions to try. The harness
//! sends these as recorded calls, so that every check judges a script like any other strategy. At the end the script reports the
//! outcome of the order. `docs/command.md` describes the lines, and `docs/examples/buy.py` is a script that is safe.
//!
//! **Guard.** The guards that the script requests.
//!
//! **What the harness adds.** It does not trust a script that reports "sold": the revision and the price are those of the
//! transaction that wrote the order's id. An unanswered transaction leaves the order unknown, even if the script reports an outcome. A
//! script that reports a refusal for an order that it wrote is recorded as such, so that the ledger check rejects it.
//!
//! **Cost.** As many round trips as the script requests, and two lines for each. A few processes of the script serve all buyers,
//! each one order at a time.

mod log;
mod program;
mod protocol;
mod script;
mod script_error;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ticketcd_judge::history::Revision;
use ticketcd_judge::history::annotation::{OrderOutcome, Purpose};
use ticketcd_judge::history::call::CallOutcome;
use ticketcd_judge::history::request::{Answer, AnswerBody, Request, Txn, TxnOp};
use ticketcd_judge::model::Cents;
use ticketcd_judge::model::records::parse_purchases;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::log::ScriptLog;
use self::program::Program;
use self::protocol::{OrderLine, Reply, ScriptMessage};
use self::script::Script;
pub use self::script_error::ScriptError;
use super::rejection::{Refusal, rejected};
use super::strategy::{ActiveStrategy, Pending, StrategyContext, StrategySettings};
use super::strategy_scope::StrategyScope;
use super::{PurchaseResult, StockCache, StrategyError};
use crate::etcd::RecordingClient;
use crate::settings::problem::{Checked, Problem};
use crate::settings::types::ReadMode;
use crate::settings::units::Span;
use crate::shop::{Order, Shop};

/// Processes of the script, at most.
const PROCESSES_MAX: u32 = 8;
/// Failures of scripts that are logged as warnings; all are in the record.
const WARNINGS_MAX: u32 = 5;

/// A script of yours that speaks JSON lines.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandSettings {
    /// The program and its arguments: `["python3", "buy.py"]`.
    pub run: Vec<String>,
    /// How long the script may take for one order, its requests included.
    #[serde(default = "command_timeout")]
    pub timeout: Span,
    /// How the script's reads are made.
    #[serde(default)]
    pub read: ReadMode,
}

impl CommandSettings {
    /// A command with default settings.
    pub fn new(run: Vec<String>) -> Self {
        Self { run, timeout: command_timeout(), read: ReadMode::Linearizable }
    }
}

fn command_timeout() -> Span {
    Span::seconds(5)
}

impl StrategySettings for CommandSettings {
    fn check(&self, scope: &StrategyScope<'_>) -> Checked {
        scope.timeout("timeout", self.timeout)?;
        if self.run.first().is_none_or(|program| program.is_empty()) {
            return Err(Problem::new(scope.at("run"), "it names no program, such as [\"python3\", \"buy.py\"]"));
        }
        Ok(())
    }

    fn read(&self) -> ReadMode {
        self.read
    }

    fn start(&self, context: &StrategyContext<'_>) -> Arc<dyn ActiveStrategy> {
        let mut program = Program::new(&self.run);
        if let Some(supervision) = context.supervision {
            program = program.within(supervision.supervisor, Arc::new(ScriptLog::new(supervision.log)));
        }
        Arc::new(Command::new(program, self.timeout.0, context.buyers))
    }

    fn defaults() -> Option<Self> {
        None
    }
}

/// The strategy in a run, with its processes.
#[derive(Debug)]
struct Command {
    program: Program,
    /// How long a script may take for one order, the requests included.
    timeout: Duration,
    pool: Pool,
}

#[derive(Debug)]
struct Pool {
    idle: Mutex<Vec<Script>>,
    permits: Semaphore,
    warnings: AtomicU32,
}

/// What was sent for an order.
#[derive(Default)]
struct Sent {
    attempts: u32,
    /// The transaction that wrote the order: its revision, and what was paid.
    written: Option<(Revision, Cents)>,
    /// Whether a transaction that may have written was not answered.
    unanswered: bool,
}

impl ActiveStrategy for Command {
    fn buy<'a>(
        &'a self,
        shop: &'a Shop,
        caller: &'a mut RecordingClient,
        _cache: &'a mut StockCache,
        order: &'a Order,
    ) -> Pending<'a, PurchaseResult> {
        Box::pin(self.purchase(shop, caller, order))
    }

    fn prepare<'a>(
        &'a self,
        _shop: &'a Shop,
        _caller: &'a mut RecordingClient,
        _events: &'a [String],
    ) -> Pending<'a, Result<(), StrategyError>> {
        Box::pin(std::future::ready(self.start_first().map_err(StrategyError::from)))
    }

    /// Stops the processes.
    fn close(&self) -> Pending<'_, ()> {
        self.idle().clear();
        Box::pin(std::future::ready(()))
    }
}

impl Command {
    /// A strategy without processes: each is started when it is needed.
    fn new(program: Program, timeout: Duration, buyers: u32) -> Self {
        let permits = Semaphore::new(buyers.clamp(1, PROCESSES_MAX) as usize);
        let pool = Pool { idle: Mutex::default(), permits, warnings: AtomicU32::new(0) };
        Self { program, timeout, pool }
    }

    /// Starts the first process, so that a script that cannot start fails before the load.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start_first(&self) -> Result<(), ScriptError> {
        self.program.open_log()?;
        let script = Script::start(&self.program)?;
        self.idle().push(script);
        Ok(())
    }

    async fn purchase(&self, shop: &Shop, caller: &mut RecordingClient, order: &Order) -> PurchaseResult {
        // The semaphore is never closed.
        let _permit = self.pool.permits.acquire().await;
        let deadline = Instant::now() + self.timeout;
        let idle = self.idle().pop();
        let mut sent = Sent::default();
        let reported = match idle.map_or_else(|| Script::start(&self.program), Ok) {
            Ok(mut script) => {
                let reported = serve(&mut script, shop, caller, order, deadline, &mut sent).await;
                // A script that failed is stopped, and another process serves the next order.
                if reported.is_ok() {
                    self.idle().push(script);
                }
                reported
            }
            Err(error) => Err(error),
        };
        let reported = reported.unwrap_or_else(|error| {
            let reason = self.program.describe(&error);
            if self.pool.warnings.fetch_add(1, Ordering::Relaxed) < WARNINGS_MAX {
                tracing::warn!("order {}: {reason}", shop.order_id(order.key));
            }
            Reported::Failed { reason }
        });
        sent.result(reported)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Script>> {
        self.pool.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a script reports about an order.
enum Reported {
    /// It was sold.
    Sold,
    /// It was not.
    NotSold(OrderOutcome),
    /// The script failed before it reported anything.
    Failed {
        /// Why.
        reason: String,
    },
}

/// Runs the requests of the script until it reports the outcome of the order.
async fn serve(
    script: &mut Script,
    shop: &Shop,
    caller: &mut RecordingClient,
    order: &Order,
    deadline: Instant,
    sent: &mut Sent,
) -> Result<Reported, ScriptError> {
    script.send(&OrderLine::new(shop, order), deadline).await?;
    loop {
        let outcome = match script.receive(deadline).await? {
            ScriptMessage::Range(range) => caller.read(Purpose::Purchase, range.into_request()).await,
            ScriptMessage::Txn(txn) => {
                let txn = txn.into_txn();
                let request = Request::Txn(txn.clone());
                if request.may_write() {
                    sent.attempts += 1;
                    let outcome = caller.call(Purpose::Purchase, &[order.key], request).await;
                    sent.note(shop, order, &txn, &outcome);
                    outcome
                } else {
                    caller.read(Purpose::Purchase, request).await
                }
            }
            ScriptMessage::Sold(_) => return Ok(Reported::Sold),
            ScriptMessage::SoldOut(_) => return Ok(Reported::NotSold(OrderOutcome::SoldOut)),
            ScriptMessage::Rejected(reason) => return Ok(Reported::NotSold(rejected(Refusal::Script(reason)))),
            ScriptMessage::Conflict(_) => return Ok(Reported::NotSold(OrderOutcome::Conflict)),
        };
        script.send(&Reply::new(&outcome), deadline).await?;
    }
}

impl Sent {
    fn note(&mut self, shop: &Shop, order: &Order, txn: &Txn, outcome: &CallOutcome) {
        match outcome {
            CallOutcome::Ok(Answer { revision, body: AnswerBody::Txn { succeeded, .. }, .. }) => {
                let branch = if *succeeded { &txn.success } else { &txn.failure };
                if let Some(paid) = paid(shop, order, branch) {
                    self.written.get_or_insert((*revision, paid));
                }
            }
            CallOutcome::Ok(_) | CallOutcome::Unknown { .. } => self.unanswered = true,
            CallOutcome::Refused { .. } => {}
        }
    }

    /// The result of the order: what was written decides, and then what the script reports.
    fn result(self, reported: Reported) -> PurchaseResult {
        let (outcome, paid) = match (reported, self.written) {
            (Reported::Sold | Reported::Failed { .. }, Some((revision, paid))) => (OrderOutcome::Sold { revision }, paid),
            (_, None) if self.unanswered => (OrderOutcome::Unknown, Cents(0)),
            (Reported::Sold, None) => (rejected(Refusal::ScriptWroteNothing), Cents(0)),
            (Reported::NotSold(outcome), _) => (outcome, Cents(0)),
            (Reported::Failed { reason }, None) => (rejected(Refusal::ScriptFailed(reason)), Cents(0)),
        };
        PurchaseResult { outcome, paid, attempts: self.attempts }
    }
}

/// What is paid for the order in the operations that write it; `None` when they do not.
fn paid(shop: &Shop, order: &Order, operations: &[TxnOp]) -> Option<Cents> {
    let (key, id) = (shop.keys.purchase(&order.user, &order.event), shop.order_id(order.key));
    operations.iter().find_map(|operation| match operation {
        TxnOp::Put(put) if put.key == key => {
            let purchases = parse_purchases(put.value.as_bytes()).ok()?;
            let purchase = purchases.into_iter().find(|purchase| purchase.id.as_deref() == Some(&*id))?;
            let sum: i128 = purchase.tickets.iter().map(|line| line.price.unwrap_or(Cents(0)).times(line.quantity)).sum();
            i64::try_from(sum).ok().map(Cents)
        }
        _ => None,
    })
}
