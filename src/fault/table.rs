//! The table of faults: one line for each.

use std::ops::Deref;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::definition::Fault;
use super::draws::Draws;

/// Makes the enum of all faults, in which a scenario writes one.
macro_rules! faults {
    ($($name:literal => $module:ident :: $fault:ident,)*) => {
        /// What breaks.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        pub enum Inject {
            $(
                #[serde(rename = $name)]
                #[doc = concat!("See [`", stringify!($fault), "`](super::", stringify!($fault), ").")]
                #[schemars(description = "")]
                $fault(super::$module::$fault),
            )*
        }

        $(pub use super::$module::$fault;)*

        impl Inject {
            /// The names of all faults, as scenarios write them.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// One with random settings, for a cluster of the size that `draws` knows. All faults that fit it are alike likely.
            pub fn draw(draws: &mut Draws<'_>) -> Self {
                let all: [(bool, fn(&mut Draws<'_>) -> Self); Self::NAMES.len()] =
                    [$(($fault::fits(draws.members()), |draws| Self::$fault(Fault::draw(draws)))),*];
                let fitting: Vec<_> = all.iter().filter(|(fits, _)| *fits).map(|(_, draw)| *draw).collect();
                draws.one_of(&fitting, all[0].1)(draws)
            }

            /// Its name, as scenarios write it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$fault(_) => $name,)*
                }
            }
        }

        impl Deref for Inject {
            type Target = dyn Fault;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$fault(fault) => fault,)*
                }
            }
        }
    };
}

faults! {
    "kill" => kill::Kill,
    "terminate" => terminate::Terminate,
    "pause" => pause::Pause,
    "restart" => restart::Restart,
    "partition" => partition::Partition,
    "latency" => latency::Latency,
    "black_hole" => black_hole::BlackHole,
    "reset" => reset::Reset,
    "crash_loop" => crash_loop::CrashLoop,
    "slow_cpu" => slow_cpu::SlowCpu,
}
