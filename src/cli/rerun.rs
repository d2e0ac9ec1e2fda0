//! `ticketcd rerun`: repeat a recorded run.

use std::path::PathBuf;

use clap::ValueHint;
use ticketcd_judge::history::run_dir::RunDir;

use crate::report::synthetic;

use super::outcome::Judged;
use super::run::sell;
use super::run_flags::RunFlags;
use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Run directory, such as reports/NAME-TIME
    #[arg(value_hint = ValueHint::DirPath)]
    run_dir: PathBuf,
    /// Output directory, must be new or empty [default: reports/NAME-TIME]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    out: Option<PathBuf>,
    /// Stop the load as soon as an online check reports a violation
    #[arg(long)]
    fail_fast: bool,
    #[command(flatten)]
    judged: Judged,
}

pub(super) async fn execute(args: Args) -> Result<Exit, Failure> {
    let directory = &args.run_dir;
    let info =
        RunDir::new(directory).read_info().map_err(|error| Failure::Usage(format!("cannot rerun {}: {error}", directory.display())))?;
    if synthetic::is_synthetic(&info.etcd) {
        let again =
            synthetic::command(&info.etcd).map_or_else(String::new, |command| format!("; generate it again with: {command} --out NEW_DIR"));
        return Err(Failure::Usage(format!("cannot rerun {}: it is a synthetic run{again}", directory.display())));
    }
    let scenario = RunDir::new(directory).scenario();
    // The version that ran then, not the one that would be chosen today.
    let flags =
        RunFlags { seed: Some(info.seed), out: args.out, etcd: vec![info.etcd.path], fail_fast: args.fail_fast, ..RunFlags::default() };
    sell(&scenario.display().to_string(), &flags, &args.judged).await
}
