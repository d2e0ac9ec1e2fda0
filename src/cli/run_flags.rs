//! Flags of every command that runs a scenario.

use std::path::PathBuf;

use clap::ValueHint;

use super::offered;

/// Flags of every command that runs a scenario.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct RunFlags {
    /// Seed of the plan [default: random]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Output directory, must be new or empty [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// etcd to run: a version or the path of a binary; several values run a matrix
    #[arg(long, value_name = "VERSION|PATH", value_delimiter = ',', value_hint = ValueHint::FilePath)]
    pub etcd: Vec<String>,
    /// Purchase strategy; several values run a matrix
    #[arg(long, value_delimiter = ',', value_parser = offered::strategy())]
    pub strategy: Vec<String>,
    /// Override a key of the scenario, such as load.buyers=500
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub set: Vec<String>,
    /// Stop the load as soon as an online check reports a violation
    #[arg(long)]
    pub fail_fast: bool,
}

impl RunFlags {
    /// The changes these flags make to a scenario, with one of the strategies and one of the builds of etcd. Flags are
    /// shorthands for keys, so that they are checked like keys and end up in the resolved scenario.
    pub(super) fn overrides(&self, strategy: Option<&str>, etcd: Option<&str>) -> Vec<String> {
        let mut overrides = self.set.clone();
        overrides.extend(strategy.map(|strategy| format!("load.strategy={strategy:?}")));
        overrides.extend(etcd.map(|etcd| format!("cluster.etcd={etcd:?}")));
        overrides
    }
}
