//! Finding a scenario's text: by name in the library, or in a file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ticketcd_judge::history::io_reason;

use super::limits::FILE_BYTES_MAX;
use super::{ScenarioError, library, nearest};

/// The file in which a run keeps its scenario.
const RUN_SCENARIO: &str = "scenario.toml";

/// A scenario's text and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The name in the library, or the path.
    pub name_or_path: String,
    /// Its content.
    pub text: String,
}

impl Source {
    /// Finds a scenario: first by its name in the library, then as a path.
    ///
    /// # Errors
    /// When there is none, or the file is too large, empty, not text, or cannot be read.
    pub fn find(name_or_path: &str) -> Result<Self, ScenarioError> {
        if let Some(embedded) = library().iter().find(|embedded| embedded.name == name_or_path) {
            return Ok(Self { name_or_path: format!("scenarios/{}.toml", embedded.name), text: embedded.text.to_owned() });
        }
        let looks_like_path = name_or_path.contains('/') || name_or_path.ends_with(".toml");
        if !looks_like_path && !Path::new(name_or_path).is_file() && !is_run(name_or_path) {
            return Err(unknown_name(name_or_path));
        }
        Ok(Self { name_or_path: name_or_path.to_owned(), text: read(name_or_path)? })
    }
}

fn unknown_name(name: &str) -> ScenarioError {
    let names = || library().iter().map(|embedded| embedded.name);
    let hint = match nearest(name, names()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    let list = names().collect::<Vec<_>>().join(", ");
    ScenarioError::new(format!("there is no scenario `{name}`"))
        .help(Some(format!("{hint}there are {list}; a scenario of your own is named by its path, such as ./mine.toml")))
}

/// Whether this is the directory of a run, by the scenario it keeps.
fn is_run(path: &str) -> bool {
    Path::new(path).join(RUN_SCENARIO).is_file()
}

fn read(path: &str) -> Result<String, ScenarioError> {
    let failed = |reason: String| ScenarioError::new(format!("cannot read the scenario {path}: {reason}"));
    let kind = std::fs::metadata(path).map_err(|error| failed(io_reason(&error)))?;
    // A pipe is fine (`/dev/stdin`); a directory would only fail later and with less to say.
    if kind.is_dir() {
        let help = is_run(path).then(|| {
            let path = path.trim_end_matches('/');
            format!("it is a run's: `ticketcd rerun {path}` runs it again, and its scenario is {path}/{RUN_SCENARIO}")
        });
        return Err(failed("it is a directory".to_owned()).help(help));
    }
    let file = File::open(path).map_err(|error| failed(io_reason(&error)))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| failed(io_reason(&error)))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(failed("it is larger than 1 MiB, which no scenario is".to_owned()));
    }
    decode(path, bytes)
}

fn decode(path: &str, bytes: Vec<u8>) -> Result<String, ScenarioError> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..valid].iter().filter(|byte| **byte == b'\n').count() + 1;
        ScenarioError::new(format!("{path} is not a scenario: byte {valid} (line {line}) is not UTF-8 text"))
    })?;
    if text.trim().is_empty() {
        return Err(ScenarioError::new(format!("{path} is empty"))
            .help(Some("`ticketcd scenario show quickstart` prints one to begin with".to_owned())));
    }
    Ok(text)
}
