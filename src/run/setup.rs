//! What a run needs before anything is started.

use std::fs;
use std::path::PathBuf;

use ticketcd_judge::history::io_reason;
use ticketcd_judge::history::run_dir::RunDir;
use ticketcd_judge::history::run_info::{FORMAT_VERSION, MemberInfo, RunInfo, TestbedInfo};
use ticketcd_judge::model::Keyspace;

use super::directory::{self, DirectoryError};
use super::{RunOptions, host};
use crate::fault::{Plan, UnavailableFault};
use crate::scenario::fingerprint;
use crate::scenario::types::Scenario;
use crate::testbed::{Capabilities, Prepared, TestbedError};

/// A run that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory cannot be used.
    #[error("{0}")]
    Directory(#[from] DirectoryError),
    /// The testbed cannot be prepared: there is no etcd to run.
    #[error("{0}")]
    Testbed(#[from] TestbedError),
    /// The testbed cannot carry out the plan.
    #[error("{0}; remove it from the scenario, or use another testbed")]
    Unavailable(#[from] UnavailableFault),
    /// The run could not be started or recorded.
    #[error("{0}")]
    NotCarriedOut(String),
    /// An internal error.
    #[error("{0}")]
    Internal(String),
}

/// What a run needs before anything is started.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) scenario: Scenario,
    pub(super) seed: u64,
    /// What breaks and when, drawn from the seed.
    pub(super) plan: Plan,
    pub(super) fail_fast: bool,
    /// The run directory, absolute.
    pub(super) directory: PathBuf,
    pub(super) prepared: Prepared,
    /// This program, to be executed again as the supervisor of members and scripts.
    pub(super) supervisor: PathBuf,
    /// The tag that begins every order id of this run.
    pub(super) run_tag: String,
    pub(super) keys: Keyspace,
    /// The date that purchases are entered under.
    pub(super) purchase_date: String,
    started: String,
}

impl Setup {
    /// Makes the run directory and writes the resolved scenario into it.
    pub(super) fn new(options: RunOptions, prepared: Prepared) -> Result<Self, RunError> {
        let supervisor = std::env::current_exe()
            .map_err(|error| RunError::NotCarriedOut(format!("cannot locate the ticketcd executable: {}", io_reason(&error))))?;
        let plan = options.scenario.fault_plan(options.seed);
        plan.check(&prepared.capabilities())?;
        let directory = match &options.directory {
            Some(path) => directory::create(path)?,
            None => directory::create_default(&options.scenario.name)?,
        };
        let unwritable = |error| DirectoryError::Unwritable { path: directory.clone(), error };
        fs::create_dir(RunDir::new(&directory).members()).map_err(unwritable)?;
        let mut scenario = options.scenario;
        // The record names what ran, so that running it again runs the same.
        prepared.pin(&mut scenario.cluster);
        fs::write(RunDir::new(&directory).scenario(), scenario.to_toml()).map_err(unwritable)?;
        let now = jiff::Timestamp::now();
        let setup = Self {
            plan,
            scenario,
            seed: options.seed,
            fail_fast: options.fail_fast,
            directory,
            supervisor,
            run_tag: format!("r{}", base36(now.as_millisecond().unsigned_abs())),
            keys: Keyspace::new(prepared.prefix()),
            prepared,
            purchase_date: purchase_date(),
            started: now.to_string(),
        };
        // Written again once the members are known. Written now so that a failure before that leaves a readable record.
        setup.write_info(&setup.info(Vec::new()))?;
        Ok(setup)
    }

    /// The content of `run.json`, for a cluster of these members.
    pub(super) fn info(&self, members: Vec<MemberInfo>) -> RunInfo {
        RunInfo {
            format_version: FORMAT_VERSION,
            scenario: self.scenario.name.clone(),
            scenario_sha256: fingerprint(&self.scenario.to_toml()),
            seed: self.seed,
            run_tag: self.run_tag.clone(),
            prefix: self.keys.prefix().to_owned(),
            strategy: self.scenario.load.strategy.name().to_owned(),
            layout: self.scenario.load.strategy.layout(),
            started: self.started.clone(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            etcd: self.prepared.etcd(),
            members,
            testbed: testbed_info(&self.prepared.capabilities()),
            host: host::describe(),
            expect: self.scenario.expect.clone(),
        }
    }

    /// Writes `run.json`.
    pub(super) fn write_info(&self, info: &RunInfo) -> Result<(), RunError> {
        let path = RunDir::new(&self.directory).run_info();
        let text = serde_json::to_vec_pretty(info).map_err(|error| RunError::Internal(error.to_string()))?;
        fs::write(&path, text).map_err(|error| DirectoryError::Unwritable { path, error }.into())
    }
}

/// What the judge has to know about the testbed.
fn testbed_info(capabilities: &Capabilities) -> TestbedInfo {
    TestbedInfo {
        owns_key_space: capabilities.owns_key_space,
        collects_from_first_revision: capabilities.collects_from_first_revision,
        restarts_for_audit: capabilities.restarts_for_audit,
        members_on_this_host: capabilities.members_on_this_host,
    }
}

/// Now, as the shop writes dates.
pub(crate) fn purchase_date() -> String {
    jiff::Zoned::now().strftime("%d-%m-%Y %H:%M").to_string()
}

/// Letters and digits only, so that it can stand in an order id.
pub(crate) fn base36(mut number: u64) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut digits = Vec::new();
    while number > 0 || digits.is_empty() {
        digits.push(char::from(DIGITS[(number % 36) as usize]));
        number /= 36;
    }
    digits.iter().rev().collect()
}
