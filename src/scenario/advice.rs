//! What a scenario says that has no effect, or that hardly means what it says. Nothing here is an error: it runs.

use super::Scenario;
use super::types::{Boards, Load, Retry, StrategyName};

impl Scenario {
    /// What whoever wrote the scenario should know before it runs, in sentences that say what to set instead.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = settings_of_others(&self.load);
        let load = &self.load;
        if load.retry == Retry::Blind && load.strategy != StrategyName::Naive {
            advice.push(format!(
                "load.retry = \"blind\" sells an unanswered order twice, however safe {} is; set load.retry = \"same-guard\" to ask again safely.",
                load.strategy.name()
            ));
        }
        if load.mix.purchase == 0 {
            advice.push("Nobody buys, so the checks of the shop have nothing to look at; set load.mix.purchase.".to_owned());
        }
        if load.mix.board == 0 && load.boards != Boards::default() {
            advice.push("load.boards has no effect while nobody looks at a board; set load.mix.board.".to_owned());
        }
        let users = self.dataset.users;
        if load.buyers > users {
            advice.push(format!(
                "{} buyers share {users} users, and two buyers of one user stand in each other's way; set dataset.users to at least {}.",
                load.buyers, load.buyers
            ));
        }
        if load.timeout < self.cluster.election_timeout {
            advice.push(format!(
                "Buyers give up after {}, before a lost leader is even noticed ({}); set load.timeout to more than cluster.election_timeout.",
                load.timeout, self.cluster.election_timeout
            ));
        }
        advice
    }
}

/// Settings that another strategy would heed.
fn settings_of_others(load: &Load) -> Vec<String> {
    use StrategyName::{Batched, FencedLock, Hold, Lock, Naive, Sharded};
    let standard = Load::default();
    let strategy = &load.strategy;
    let is_command = matches!(strategy, StrategyName::Command(_));
    [
        ("naive_pause", load.naive_pause != standard.naive_pause, "naive", *strategy == Naive),
        ("max_txn_ops", load.max_txn_ops != standard.max_txn_ops, "batched", *strategy == Batched),
        ("shards", load.shards != standard.shards, "sharded", *strategy == Sharded),
        ("lock", load.lock != standard.lock, "fenced-lock", matches!(strategy, Lock | FencedLock)),
        ("hold", load.hold != standard.hold, "hold", *strategy == Hold),
        ("command_timeout", load.command_timeout != standard.command_timeout, "command", is_command),
    ]
    .into_iter()
    .filter(|(_, is_set, _, is_heeded)| *is_set && !is_heeded)
    .map(|(key, _, wanted, _)| {
        format!("load.{key} has no effect on the strategy {}; set load.strategy = \"{wanted}\", or leave it out.", strategy.name())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::units::Span;
    use super::*;

    fn advice(change: impl FnOnce(&mut Scenario)) -> Vec<String> {
        let mut scenario = Scenario::new("mine");
        change(&mut scenario);
        scenario.advice()
    }

    #[test]
    fn scenarios_of_the_library_need_none() {
        // The exception is meant for every strategy in turn, and sets something for each.
        for embedded in super::super::library().iter().filter(|embedded| embedded.name != "hot-ticket") {
            let scenario = super::super::parse(embedded.name, embedded.text).unwrap();
            assert_eq!(scenario.advice(), Vec::<String>::new(), "{}", embedded.name);
        }
        assert_eq!(advice(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_setting_without_effect_is_named_with_what_to_set_instead() {
        let given = [
            (advice(|scenario| scenario.load.naive_pause = Span::milliseconds(5)), "load.naive_pause", "\"naive\""),
            (advice(|scenario| scenario.load.shards = 4), "load.shards", "\"sharded\""),
            (advice(|scenario| scenario.load.max_txn_ops = 64), "load.max_txn_ops", "\"batched\""),
            (advice(|scenario| scenario.load.lock.ttl = Span::seconds(2)), "load.lock", "\"fenced-lock\""),
            (advice(|scenario| scenario.load.hold.ttl = Span::seconds(2)), "load.hold", "\"hold\""),
            (advice(|scenario| scenario.load.command_timeout = Span::seconds(2)), "load.command_timeout", "\"command\""),
            (advice(|scenario| scenario.load.boards.streams = 9), "load.boards", "load.mix.board"),
            (advice(|scenario| scenario.load.retry = Retry::Blind), "twice", "same-guard"),
            (advice(|scenario| scenario.load.mix.purchase = 0), "Nobody buys", "load.mix.purchase"),
            (advice(|scenario| scenario.dataset.users = 99), "100 buyers share 99 users", "dataset.users"),
            (advice(|scenario| scenario.load.timeout = Span::milliseconds(900)), "900ms", "load.timeout"),
        ];
        for (advice, what, instead) in given {
            let [sentence] = advice.as_slice() else { panic!("{what}: {advice:?}") };
            assert!(sentence.contains(what) && sentence.contains(instead), "{sentence}");
        }
    }

    #[test]
    fn settings_that_are_heeded_are_not_named() {
        let heeded = advice(|scenario| {
            scenario.load.strategy = StrategyName::Naive;
            scenario.load.naive_pause = Span::milliseconds(5);
            scenario.load.retry = Retry::Blind;
        });
        assert_eq!(heeded, Vec::<String>::new());
    }
}
