//! The table of purchase strategies: one line for each.

use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::strategy::StrategySettings;
use super::strategy_draws::StrategyDraws;

/// Makes the types in which a scenario writes strategies.
macro_rules! strategies {
    ($($name:literal => $module:ident :: $settings:ident as $strategy:ident,)*) => {
        $(pub use super::$module::$settings;)*

        /// A purchase strategy with its settings. In a scenario a bare name stands for the strategy with its default settings.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub enum Strategy {
            $(
                #[serde(rename = $name)]
                #[doc = concat!("See [`", stringify!($settings), "`](super::", stringify!($settings), ").")]
                #[schemars(description = "")]
                $strategy($settings),
            )*
        }

        impl Strategy {
            /// The names of all strategies, as in scenarios and on the command line.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The strategy with this name and default settings. None for an unknown name, and for a strategy with a setting
            /// that has no default.
            pub fn with_defaults(name: &str) -> Option<Self> {
                match name {
                    $($name => $settings::defaults().map(Self::$strategy),)*
                    _ => None,
                }
            }

            /// The strategy with this name and random settings, if it has defaults.
            pub fn draw(name: &str, draws: &mut StrategyDraws<'_>) -> Option<Self> {
                match name {
                    $($name => $settings::draw(draws).map(Self::$strategy),)*
                    _ => None,
                }
            }

            /// Its name.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$strategy(_) => $name,)*
                }
            }
        }

        impl Deref for Strategy {
            type Target = dyn StrategySettings;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$strategy(settings) => settings,)*
                }
            }
        }

        /// Settings of the strategies that a scenario does not run with by itself. `--strategy NAME`, and each run of a matrix,
        /// takes the settings from here.
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct Alternatives {
            $(
                #[doc = concat!("Settings of `", $name, "`.")]
                #[serde(rename = $name, skip_serializing_if = "Option::is_none")]
                pub $module: Option<$settings>,
            )*
        }

        impl Alternatives {
            /// Every strategy that has settings here.
            pub fn strategies(&self) -> Vec<Strategy> {
                let strategies = [$(self.$module.clone().map(Strategy::$strategy)),*];
                strategies.into_iter().flatten().collect()
            }

            /// The same, with default settings for every strategy that has none here and is not `own`.
            #[must_use]
            pub fn with_defaults_beside(&self, own: &Strategy) -> Self {
                Self {
                    $($module: self.$module.clone().or_else(|| if own.name() == $name { None } else { $settings::defaults() }),)*
                }
            }
        }
    };
}

strategies! {
    "naive" => naive::NaiveSettings as Naive,
    "optimistic" => optimistic::OptimisticSettings as Optimistic,
    "lock" => lock::LockSettings as Lock,
    "fenced-lock" => fenced_lock::FencedLockSettings as FencedLock,
    "batched" => batched::BatchedSettings as Batched,
    "sharded" => sharded::ShardedSettings as Sharded,
    "hold" => hold::HoldSettings as Hold,
    "quoted" => quoted::QuotedSettings as Quoted,
    "two-step" => two_step::TwoStepSettings as TwoStep,
    "command" => command::CommandSettings as Command,
}

impl Strategy {
    /// The names of the strategies with default settings: all that a scenario can name without settings.
    pub fn names_with_defaults() -> Vec<&'static str> {
        Self::NAMES.iter().copied().filter(|name| Self::with_defaults(name).is_some()).collect()
    }
}

impl Alternatives {
    /// Whether no strategy has settings here.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
