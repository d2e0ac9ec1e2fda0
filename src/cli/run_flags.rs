//! What every command that runs a scenario may be told about it.

use std::path::PathBuf;

/// Flags of every command that runs a scenario.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct RunFlags {
    /// Draw the plan from this seed; without it, from a new one
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write to this directory, which must be new or empty [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Run this etcd: an installed or installable version, or the path of a binary; several make a matrix
    #[arg(long, value_name = "VERSION|PATH", value_delimiter = ',')]
    pub etcd: Vec<String>,
    /// Buy with this strategy; several make a matrix
    #[arg(long, value_delimiter = ',')]
    pub strategy: Vec<String>,
    /// Change a key of the scenario: --set load.buyers=500
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub set: Vec<String>,
    /// Stop the load as soon as a check that runs meanwhile finds a violation
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
