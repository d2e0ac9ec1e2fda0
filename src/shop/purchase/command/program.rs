//! What a script is started from: its command, its supervisor, and where its standard error goes.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use nix::errno::Errno;
use tokio::process::Command;

use super::log::ScriptLog;
use super::script_error::ScriptError;

/// A script's command and its surroundings. Cloning shares the log.
#[derive(Clone, Debug)]
pub(super) struct Program {
    command: Arc<[String]>,
    /// Its surroundings in a run; none outside of one.
    run: Option<Run>,
}

#[derive(Clone, Debug)]
struct Run {
    /// This program, which supervises the script so that it does not outlive us.
    supervisor: Arc<Path>,
    log: Arc<ScriptLog>,
}

impl Program {
    pub(super) fn new(command: &[String]) -> Self {
        Self { command: command.into(), run: None }
    }

    pub(super) fn within(self, supervisor: &Path, log: Arc<ScriptLog>) -> Self {
        Self { run: Some(Run { supervisor: supervisor.into(), log }), ..self }
    }

    /// As a person would type it.
    pub(super) fn name(&self) -> String {
        self.command.join(" ")
    }

    /// Whether its processes are supervised.
    pub(super) fn is_supervised(&self) -> bool {
        self.run.is_some()
    }

    /// Where its standard error is kept, if it is.
    pub(super) fn log(&self) -> Option<&Arc<ScriptLog>> {
        self.run.as_ref().map(|run| &run.log)
    }

    /// Creates the log.
    ///
    /// # Errors
    /// When it cannot be created.
    pub(super) fn open_log(&self) -> Result<(), ScriptError> {
        self.log().map_or(Ok(()), |log| log.open())
    }

    /// An error, and where more about it can be read.
    pub(super) fn describe(&self, error: &ScriptError) -> String {
        match self.log() {
            Some(log) => format!("{error}; the standard error of the script is in {} of the run directory", log.name()),
            None => error.to_string(),
        }
    }

    /// The error of a script that could not be started.
    pub(super) fn not_started(&self, source: io::Error) -> ScriptError {
        ScriptError::NotStarted { script: self.name(), source }
    }

    /// What to start, in a process group of its own.
    ///
    /// # Errors
    /// When there is no such program. The supervisor could report it only when the script is needed.
    pub(super) fn to_start(&self) -> Result<Command, ScriptError> {
        let (program, arguments) = self.command.split_first().ok_or(ScriptError::NoProgram)?;
        let mut command = match &self.run {
            Some(run) => {
                find(program, std::env::var_os("PATH").as_deref().map(std::env::split_paths).into_iter().flatten())
                    .map_err(|code| self.not_started(code.into()))?;
                let mut command = Command::new(&*run.supervisor);
                command.args(["supervisor", "--pass-on", "--", program]).args(arguments).stderr(Stdio::piped());
                command
            }
            None => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        Ok(command)
    }
}

/// Finds a program as an execution does: a path as it is, a name in the directories of `path`.
fn find(program: &str, path: impl Iterator<Item = PathBuf>) -> Result<(), Errno> {
    let candidates: Vec<PathBuf> =
        if program.contains('/') { vec![PathBuf::from(program)] } else { path.map(|directory| directory.join(program)).collect() };
    let files = || candidates.iter().filter_map(|candidate| candidate.metadata().ok()).filter(std::fs::Metadata::is_file);
    if files().any(|file| file.permissions().mode() & 0o111 != 0) {
        Ok(())
    } else if files().next().is_some() {
        Err(Errno::EACCES)
    } else {
        Err(Errno::ENOENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_as_a_shell_finds_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("data"), b"x").unwrap();
        std::fs::write(path("run"), b"x").unwrap();
        std::fs::set_permissions(path("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = |program: &str| find(program, ["/nowhere".into(), directory.path().to_owned()].into_iter());
        assert_eq!(found("run"), Ok(()));
        assert_eq!(found(&path("run").display().to_string()), Ok(()));
        assert_eq!(found("data"), Err(Errno::EACCES));
        for missing in ["nothing", "./run", "/no/such/program"] {
            assert_eq!(found(missing), Err(Errno::ENOENT), "{missing}");
        }
    }
}
