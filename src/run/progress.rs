//! The progress of a run on standard error: an updating line on a terminal, periodic lines elsewhere.

use std::io;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustc_hash::FxHashSet;
use ticketcd_judge::explain::{self, Explain};
use ticketcd_judge::history::annotation::OrderOutcome;
use ticketcd_judge::history::event::{Event, FaultStage, MemberChange, Phase};
use ticketcd_judge::history::{OrderKey, seconds};

use crate::printable;
use crate::record::Reader;
use crate::report::numbers::{self, count, counted};

/// How often the line is updated.
const UPDATE_INTERVAL: Duration = Duration::from_millis(200);
/// How often a line is printed when standard error is not a terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(5);

/// Shows the progress of a run.
pub struct Progress {
    bar: ProgressBar,
    plain: bool,
    /// Whether only the updating line is shown: the run is one of many.
    terse: bool,
    shown: Instant,
    phase: &'static str,
    sold: u64,
    sold_shown: u64,
    not_sold: u64,
    unknown: u64,
    written: u64,
    /// Cancellations in progress: they close like orders, but are not sales.
    cancels: FxHashSet<OrderKey>,
    leader_id: u64,
    members: Vec<(u64, bool)>,
}

impl Default for Progress {
    fn default() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}") {
            bar.set_style(style);
        }
        let plain = bar.is_hidden();
        Self {
            bar,
            plain,
            terse: false,
            shown: Instant::now(),
            phase: "starting",
            sold: 0,
            sold_shown: 0,
            not_sold: 0,
            unknown: 0,
            written: 0,
            cancels: FxHashSet::default(),
            leader_id: 0,
            members: Vec::new(),
        }
    }
}

impl Reader for Progress {
    fn observe(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Phase(began) => {
                self.phase = describe(began.phase);
                self.note(&format!("{:>7.2} s  {}", seconds(began.at), self.phase));
            }
            Event::CancelPlaced(placed) => {
                self.cancels.insert(placed.order);
            }
            Event::OrderClosed(closed) if self.cancels.remove(&closed.order) => {}
            Event::OrderClosed(closed) => match closed.outcome {
                OrderOutcome::Sold { .. } => self.sold += 1,
                OrderOutcome::Unknown => self.unknown += 1,
                _ => self.not_sold += 1,
            },
            Event::Return(_) => self.written += 1,
            Event::Fault(fault) => {
                if let Some(text) = describe_stage(&fault.stage) {
                    self.note(&format!("{:>7.2} s  fault {}: {text}", seconds(fault.at), fault.fault + 1));
                }
            }
            Event::Member(member) => {
                if let MemberChange::Exited { exit, expected: false } = &member.change {
                    self.note(&format!("{:>7.2} s  {} exited unexpectedly: {}", seconds(member.at), member.member.name(), exit.in_words()));
                }
            }
            Event::Sample(sample) => {
                let index = sample.member.index();
                if self.members.len() <= index {
                    self.members.resize(index + 1, (0, false));
                }
                self.members[index].1 = sample.status.is_some();
                if let Some(status) = &sample.status {
                    self.members[index].0 = status.member_id;
                    self.leader_id = status.leader_id;
                }
            }
            Event::Invalid(invalid) => self.note(&format!("{:>7.2} s  invalid: {}", seconds(invalid.at), invalid.reason.in_words())),
            _ => {}
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

    fn note(&self, text: &str) {
        if self.terse {
            return;
        }
        let text = printable::lines(text);
        if self.plain { eprintln!("{text}") } else { self.bar.println(text) }
    }

    fn update(&mut self) {
        let interval = if self.plain { PLAIN_INTERVAL } else { UPDATE_INTERVAL };
        let since = self.shown.elapsed();
        if since < interval {
            return;
        }
        let rate = (self.sold - self.sold_shown) as f64 / since.as_secs_f64();
        self.shown = Instant::now();
        self.sold_shown = self.sold;
        let message = format!("{}: {}", self.phase, self.counts(rate));
        if self.plain {
            if !self.terse {
                eprintln!("           {message}");
            }
        } else {
            self.bar.set_message(message);
            self.bar.tick();
        }
    }

    fn counts(&self, rate: f64) -> String {
        if self.sold + self.not_sold + self.unknown == 0 {
            return counted(self.written, "response");
        }
        let members: Vec<String> = self
            .members
            .iter()
            .enumerate()
            .map(|(index, (id, answers))| {
                let mark = if !answers {
                    " unresponsive"
                } else if *id == self.leader_id {
                    " leader"
                } else {
                    ""
                };
                format!("m{}{mark}", index + 1)
            })
            .collect();
        format!(
            "{} sold ({}), {} not sold, {} unknown · {}",
            count(self.sold),
            numbers::rate(rate),
            count(self.not_sold),
            count(self.unknown),
            members.join(", ")
        )
    }
}

fn describe(phase: Phase) -> &'static str {
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
