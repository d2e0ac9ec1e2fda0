//! The progress of a run on standard error: an updating line on a terminal, periodic lines elsewhere.
//!
//! All times count from the start of the run. What is sold before the counted load is counted apart, so that the last numbers here
//! are those of the summary.

use std::io;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustc_hash::{FxHashMap, FxHashSet};
use ticketcd_judge::explain::{self, Explain};
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::event::{Event, FaultStage, MemberChange, Phase};
use ticketcd_judge::history::{MemberIndex, Nanos, OrderKey, seconds};

use crate::printable;
use crate::record::Reader;
use crate::report::numbers::{self, count, counted};
use crate::terminal::{Screen, note};

/// How often the line is updated.
const UPDATE_INTERVAL: Duration = Duration::from_millis(200);
/// How often a line is printed when standard error is not a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// The width of the spinner before the line, and of the blank behind it.
const SPINNER_COLUMNS: usize = 2;

/// Shows the progress of a run.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    /// Whether only the updating line is shown: the run is one of many.
    terse: bool,
    began: Instant,
    shown: Instant,
    sold_shown: u64,
    state: State,
}

impl Default for Progress {
    fn default() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style);
        }
        let plain = bar.is_hidden();
        let now = Instant::now();
        Self { bar, plain, terse: false, began: now, shown: now, sold_shown: 0, state: State::default() }
    }
}

impl Reader for Progress {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        if let Some((at, text)) = self.state.observe(event) {
            self.note(at, &text);
        }
        self.update();
        Ok(())
    }

    fn idle(&mut self) -> io::Result<()> {
        self.update();
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        self.bar.finish_and_clear();
        Ok(())
    }
}

impl Progress {
    /// The progress of a run that is one of many: the updating line on a terminal, nothing elsewhere.
    pub fn of_one_of_many() -> Self {
        Self { terse: true, ..Self::default() }
    }

    fn note(&self, at: Nanos, text: &str) {
        if self.terse {
            return;
        }
        let text = printable::lines(text);
        let lead = format!("{:>7.2} s  ", seconds(at));
        if self.plain {
            note(format_args!("{lead}{text}"));
        } else {
            self.bar.println(Screen::of_stderr().wrapped(&lead, &text).trim_end());
        }
    }

    fn update(&mut self) {
        let interval = if self.plain { PLAIN_INTERVAL } else { UPDATE_INTERVAL };
        let since = self.shown.elapsed();
        if since < interval {
            return;
        }
        let sold = self.state.sold();
        // It begins at zero again when the counted load does.
        let rate = sold.saturating_sub(self.sold_shown) as f64 / since.as_secs_f64();
        self.shown = Instant::now();
        self.sold_shown = sold;
        let lead = format!("{:>7.2} s  ", self.began.elapsed().as_secs_f64());
        let parts = self.state.describe(rate);
        if self.plain {
            if !self.terse {
                note(format_args!("{lead}{}", parts.join(" · ")));
            }
        } else {
            self.bar.set_message(fitting(lead, &parts, Screen::of_stderr().columns().saturating_sub(SPINNER_COLUMNS)));
            self.bar.tick();
        }
    }
}

/// As many of the parts as fit on one line: the line is replaced soon, and half a word helps nobody.
fn fitting(lead: String, parts: &[String], columns: usize) -> String {
    let mut line = lead;
    for (index, part) in parts.iter().enumerate() {
        let separator = if index == 0 { "" } else { " · " };
        if line.chars().count() + separator.chars().count() + part.chars().count() > columns {
            break;
        }
        line.push_str(separator);
        line.push_str(part);
    }
    line
}

/// How orders ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Orders {
    sold: u64,
    not_sold: u64,
    unknown: u64,
}

impl Orders {
    fn observe(&mut self, outcome: &OrderOutcome) {
        match outcome {
            OrderOutcome::Sold { .. } => self.sold += 1,
            OrderOutcome::Unknown => self.unknown += 1,
            OrderOutcome::SoldOut | OrderOutcome::Conflict | OrderOutcome::Rejected { .. } => self.not_sold += 1,
        }
    }

    fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// What the sampler knows of a member.
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    id: u64,
    responds: bool,
    /// It was stopped on purpose after the load, and has not responded since.
    is_stopped: bool,
}

/// Where the audit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum AuditStep {
    /// Members are audited as the load left them.
    #[default]
    Healed,
    /// They are stopped on purpose: to be restarted, or because the run is over.
    Stopping,
    /// They are audited again after a restart.
    Restarted,
}

/// Where the run is, by its events.
#[derive(Debug, Default)]
struct State {
    phase: Option<Phase>,
    /// When the counted load began.
    counted_from: Option<Nanos>,
    before: Orders,
    counted: Orders,
    /// Open orders, and whether they belong to the counted load.
    open: FxHashMap<OrderKey, bool>,
    /// Open cancellations: they close like orders, but are not sales.
    cancels: FxHashSet<OrderKey>,
    responses: u64,
    leader_id: u64,
    members: Vec<Member>,
    audit: AuditStep,
}

impl State {
    /// Takes in an event. Returns what there is to say about it, and when it was.
    fn observe(&mut self, event: &Event) -> Option<(Nanos, String)> {
        match event {
            Event::Phase(began) => {
                self.phase = Some(began.phase);
                if began.phase == Phase::Steady {
                    self.counted_from = Some(began.at);
                }
                return Some((began.at, self.describe_phase(began.phase)));
            }
            Event::OrderPlaced(placed) => {
                let is_counted = self.counted_from.is_some_and(|from| placed.due >= from);
                self.open.insert(placed.order, is_counted);
            }
            Event::CancelPlaced(placed) => {
                self.cancels.insert(placed.order);
            }
            Event::OrderClosed(closed) if self.cancels.remove(&closed.order) => {}
            Event::OrderClosed(closed) => {
                let is_counted = self.open.remove(&closed.order).unwrap_or(false);
                let orders = if is_counted { &mut self.counted } else { &mut self.before };
                orders.observe(&closed.outcome);
            }
            Event::Return(_) => self.responses += 1,
            Event::Fault(fault) => {
                let text = describe_stage(&fault.stage)?;
                return Some((fault.at, format!("fault {}: {text}", fault.fault + 1)));
            }
            Event::Member(member) => {
                if let MemberChange::Exited { exit, expected } = &member.change {
                    if !expected {
                        return Some((member.at, format!("{} exited unexpectedly: {}", member.member.name(), exit.in_words())));
                    }
                    if self.phase == Some(Phase::Audit) {
                        self.audit = AuditStep::Stopping;
                        self.member(member.member).is_stopped = true;
                    }
                } else if self.phase == Some(Phase::Audit) && self.audit == AuditStep::Stopping {
                    self.audit = AuditStep::Restarted;
                    return Some((member.at, RESTARTED.to_owned()));
                }
            }
            Event::Sample(sample) => {
                let member = self.member(sample.member);
                member.responds = sample.status.is_some();
                member.is_stopped &= !member.responds;
                if let Some(status) = &sample.status {
                    member.id = status.member_id;
                    self.leader_id = status.leader_id;
                }
            }
            Event::Invalid(invalid) => return Some((invalid.at, format!("invalid: {}", invalid.reason.in_words()))),
            _ => {}
        }
        None
    }

    fn member(&mut self, member: MemberIndex) -> &mut Member {
        let index = member.index();
        if self.members.len() <= index {
            self.members.resize(index + 1, Member::default());
        }
        &mut self.members[index]
    }

    /// Orders sold in the current part of the run: the warm-up or the counted load.
    fn sold(&self) -> u64 {
        if self.counted_from.is_some() { self.counted.sold } else { self.before.sold }
    }

    /// The phase that begins, with what came of the one before it.
    fn describe_phase(&self, phase: Phase) -> String {
        let name = name(phase);
        match phase {
            Phase::Steady if !self.before.is_empty() => {
                format!("{name}: the count begins at 0; the warm-up sold {}", counted(self.before.sold, "order"))
            }
            Phase::Drain if self.counted_from.is_some() => format!("{name}; counted: {}", self.orders(None).join(", ")),
            _ => name.to_owned(),
        }
    }

    /// What is going on, in parts, the most important first.
    fn describe(&self, rate: f64) -> Vec<String> {
        let phase = match self.phase {
            Some(Phase::Audit) if self.audit == AuditStep::Stopping => "stopping every member",
            Some(Phase::Audit) if self.audit == AuditStep::Restarted => "auditing every member again after the restart",
            Some(Phase::Recovery) => "recovery",
            Some(phase) => name(phase),
            None => "starting",
        };
        if self.before.is_empty() && self.counted.is_empty() {
            return vec![format!("{phase}: {}", counted(self.responses, "response"))];
        }
        let is_selling = !matches!(self.phase, Some(Phase::Drain | Phase::Audit));
        let mut parts = if is_selling { self.orders(Some(rate)) } else { vec![phase.to_owned()] };
        if is_selling {
            parts[0] = format!("{phase}: {}", parts[0]);
        }
        let members: Vec<String> =
            self.members.iter().enumerate().filter_map(|(index, member)| self.describe_member(index, *member)).collect();
        if !members.is_empty() {
            parts.insert(1, members.join(", "));
        }
        parts
    }

    fn orders(&self, rate: Option<f64>) -> Vec<String> {
        let Orders { sold, not_sold, unknown } = if self.counted_from.is_some() { self.counted } else { self.before };
        let rate = rate.map(|rate| format!(" ({})", numbers::rate(rate))).unwrap_or_default();
        vec![format!("{} sold{rate}", count(sold)), format!("{} not sold", count(not_sold)), format!("{} unknown", count(unknown))]
    }

    /// The state of a member, unless it is an ordinary follower.
    fn describe_member(&self, index: usize, member: Member) -> Option<String> {
        let state = match member {
            Member { is_stopped: true, .. } if self.audit == AuditStep::Restarted => "starting",
            Member { is_stopped: true, .. } => "stopped",
            Member { responds: false, .. } => "unresponsive",
            Member { id, .. } if id == self.leader_id => "leads",
            Member { .. } => return None,
        };
        Some(format!("m{} {state}", index + 1))
    }
}

/// The restart after the load: no outage.
const RESTARTED: &str = "restarting every member on purpose, then auditing every member again";

fn name(phase: Phase) -> &'static str {
    match phase {
        Phase::Seed => "writing the dataset",
        Phase::Calibration => "calibrating the load",
        Phase::WarmUp => "warming up",
        Phase::Steady => "steady load",
        Phase::Recovery => "recovery: all faults healed",
        Phase::Drain => "draining in-flight requests",
        Phase::Audit => "auditing every member",
    }
}

fn describe_stage(stage: &FaultStage) -> Option<String> {
    Some(match stage {
        FaultStage::Planned { .. } => return None,
        FaultStage::NotInjected(reason) => format!("not injected: {}", reason.in_words()),
        FaultStage::Injected { members, actions, leader } => explain::applied(actions, members, *leader),
        FaultStage::Effect(effect) => format!("→ {}", effect.in_words()),
        FaultStage::Healed { actions, recovered_after } => format!("healed: {}", explain::healed(actions, *recovered_after)),
        FaultStage::NotRecovered { actions, reason } => format!("NOT RECOVERED: {}", explain::not_recovered(actions, reason)),
    })
}

#[cfg(test)]
mod tests {
    use ticketcd_judge::history::Blob;
    use ticketcd_judge::history::annotation::{OrderClosed, OrderPlaced};
    use ticketcd_judge::history::event::PhaseBegan;

    use super::*;

    fn phase(state: &mut State, phase: Phase, at: Nanos) -> String {
        state.observe(&Event::Phase(PhaseBegan { phase, at })).unwrap().1
    }

    fn order(state: &mut State, sequence: u32, due: Nanos, outcome: OrderOutcome) {
        let order = OrderKey { buyer: 1, sequence };
        let (user, event): (Blob, Blob) = ("ann".into(), "e1".into());
        state.observe(&Event::OrderPlaced(OrderPlaced { order, user, event, items: Vec::new(), due, sent: due }));
        state.observe(&Event::OrderClosed(OrderClosed { order, done: due + 1, outcome, paid_cents: 0, attempts: 1 }));
    }

    #[test]
    fn the_warm_up_is_counted_apart_and_the_last_numbers_are_those_of_the_summary() {
        let mut state = State::default();
        assert_eq!(phase(&mut state, Phase::WarmUp, 1), "warming up");
        order(&mut state, 1, 2, OrderOutcome::Sold { revision: 7 });
        assert_eq!(state.describe(2.0).join(" · "), "warming up: 1 sold (2.0/s) · 0 not sold · 0 unknown");
        assert_eq!(phase(&mut state, Phase::Steady, 10), "steady load: the count begins at 0; the warm-up sold 1 order");
        // It was due before.
        order(&mut state, 2, 9, OrderOutcome::Sold { revision: 8 });
        order(&mut state, 3, 10, OrderOutcome::Sold { revision: 9 });
        order(&mut state, 4, 11, OrderOutcome::SoldOut);
        assert_eq!(state.sold(), 1);
        let drained = phase(&mut state, Phase::Drain, 20);
        assert_eq!(drained, "draining in-flight requests; counted: 1 sold, 1 not sold, 0 unknown");
    }

    #[test]
    fn a_line_has_the_parts_that_fit() {
        let parts = ["steady load: 7 sold", "m1 leads", "0 unknown"].map(str::to_owned);
        assert_eq!(fitting("  1.00 s  ".to_owned(), &parts, 42), "  1.00 s  steady load: 7 sold · m1 leads");
    }

    #[test]
    fn the_restart_before_the_second_audit_is_no_outage() {
        use ticketcd_judge::history::member::{MemberEvent, ProcessExit};

        let mut state = State::default();
        order(&mut state, 1, 2, OrderOutcome::Sold { revision: 7 });
        phase(&mut state, Phase::Audit, 20);
        let exited = |member| {
            let change = MemberChange::Exited { exit: ProcessExit::Code(0), expected: true };
            Event::Member(MemberEvent { at: 21, member: MemberIndex(member), change })
        };
        let started = |member| {
            let change = MemberChange::Started { incarnation: 2, pid: 1 };
            Event::Member(MemberEvent { at: 22, member: MemberIndex(member), change })
        };
        assert_eq!((state.observe(&exited(0)), state.observe(&exited(1))), (None, None));
        assert_eq!(state.describe(0.0).join(" · "), "stopping every member · m1 stopped, m2 stopped");
        assert_eq!(state.observe(&started(0)).map(|(_, text)| text).as_deref(), Some(RESTARTED));
        assert_eq!(state.observe(&started(1)), None, "announced once");
        let audited = state.describe(0.0).join(" · ");
        assert_eq!(audited, "auditing every member again after the restart · m1 starting, m2 starting");
        // The end of the run, after the last audit.
        state.observe(&exited(0));
        assert!(state.describe(0.0)[0].starts_with("stopping every member"));
    }
}
