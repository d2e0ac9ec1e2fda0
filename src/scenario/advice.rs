//! Settings of a scenario that are allowed, but probably not intended. None is an error: the scenario runs.

use super::Scenario;
use super::types::Retry;

impl Scenario {
    /// Warnings for the author of the scenario, in sentences that name what to set instead.
    pub fn advice(&self) -> Vec<String> {
        let mut advice = Vec::new();
        let load = &self.load;
        if load.strategy.retry() == Retry::Blind {
            advice.push(
                "strategy.optimistic.retry = \"blind\" sells an unanswered order twice, although optimistic is safe otherwise; \
                 set it to \"same-guard\" to retry safely."
                    .to_owned(),
            );
        }
        if load.mix.purchase == 0 {
            advice.push("The mix has no purchases, so the checks of the shop lack evidence; set load.mix.purchase.".to_owned());
        }
        let users = self.dataset.users;
        if load.buyers > users {
            advice.push(format!(
                "{} buyers share {users} users, and two buyers of one user conflict; set dataset.users to at least {}.",
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

#[cfg(test)]
mod tests {
    use super::super::types::{OptimisticSettings, Strategy};
    use super::super::units::Span;
    use super::*;

    fn optimistic(retry: Retry) -> Strategy {
        Strategy::Optimistic(OptimisticSettings { retry, ..OptimisticSettings::default() })
    }

    fn advice(change: impl FnOnce(&mut Scenario)) -> Vec<String> {
        let mut scenario = Scenario::new("mine");
        change(&mut scenario);
        scenario.advice()
    }

    #[test]
    fn scenarios_of_the_library_need_none() {
        for embedded in super::super::library() {
            let scenario = super::super::parse(embedded.name, embedded.text).unwrap();
            assert_eq!(scenario.advice(), Vec::<String>::new(), "{}", embedded.name);
        }
        assert_eq!(advice(|_| {}), Vec::<String>::new());
    }

    #[test]
    fn each_doubtful_setting_is_named_with_what_to_set_instead() {
        let given = [
            (advice(|scenario| scenario.load.strategy = optimistic(Retry::Blind)), "twice", "same-guard"),
            (advice(|scenario| scenario.load.mix.purchase = 0), "no purchases", "load.mix.purchase"),
            (advice(|scenario| scenario.dataset.users = 99), "100 buyers share 99 users", "dataset.users"),
            (advice(|scenario| scenario.load.timeout = Span::milliseconds(900)), "900ms", "load.timeout"),
        ];
        for (advice, what, instead) in given {
            let [sentence] = advice.as_slice() else { panic!("{what}: {advice:?}") };
            assert!(sentence.contains(what) && sentence.contains(instead), "{sentence}");
        }
    }
}
