//! Where a run writes: opened before anything is started, so that a bad path fails at once.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ticketcd_judge::history::io_reason;

/// Where runs go by default.
pub const DEFAULT_PARENT: &str = "reports";

/// The directory cannot be used for a run. The text names what to do next.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is something in it.
    #[error("{} is not empty; pass a new or empty directory with --out", .0.display())]
    NotEmpty(PathBuf),
    /// It is something else.
    #[error("{} is not a directory; pass a new or empty one with --out", .0.display())]
    NotADirectory(PathBuf),
    /// It cannot be made or written.
    #[error("cannot write to {}: {}; pass another directory with --out", .path.display(), io_reason(.error))]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
}

/// Makes the directory of a run, or takes an empty one, and shows that files can be made in it.
///
/// # Errors
/// When it is not empty, no directory, or not writable; then nothing was changed.
pub fn create(path: &Path) -> Result<PathBuf, DirectoryError> {
    let unwritable = |error| DirectoryError::Unwritable { path: path.to_owned(), error };
    match fs::read_dir(path) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(DirectoryError::NotEmpty(path.to_owned()));
            }
        }
        Err(error) if error.kind() == ErrorKind::NotFound => fs::create_dir_all(path).map_err(unwritable)?,
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(DirectoryError::NotADirectory(path.to_owned())),
        Err(error) => return Err(unwritable(error)),
    }
    let probe = path.join(".writable");
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
    path.canonicalize().map_err(unwritable)
}

/// Makes `reports/NAME-TIME`, with a number behind it when there is one already.
///
/// # Errors
/// As for [`create`].
pub fn create_default(name: &str) -> Result<PathBuf, DirectoryError> {
    let time = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
    let stem = format!("{DEFAULT_PARENT}/{name}-{time}");
    for number in 1..100 {
        let path = PathBuf::from(if number == 1 { stem.clone() } else { format!("{stem}-{number}") });
        // Two runs that begin in the same second must not share a directory, so the last step must be the one that makes it.
        fs::create_dir_all(DEFAULT_PARENT).map_err(|error| DirectoryError::Unwritable { path: DEFAULT_PARENT.into(), error })?;
        match fs::create_dir(&path) {
            Ok(()) => return create(&path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(DirectoryError::Unwritable { path, error }),
        }
    }
    Err(DirectoryError::NotEmpty(stem.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_new_or_empty_directory_will_do() {
        let parent = tempfile::tempdir().unwrap();
        let new = parent.path().join("a/b");
        assert!(create(&new).is_ok());
        assert!(create(&new).is_ok(), "an empty one is taken");
        fs::write(new.join("x"), b"mine").unwrap();
        assert!(matches!(create(&new), Err(DirectoryError::NotEmpty(_))));
        assert_eq!(fs::read(new.join("x")).unwrap(), b"mine");
        assert!(matches!(create(&new.join("x")), Err(DirectoryError::NotADirectory(_))));
        assert!(matches!(create(&new.join("x/y")), Err(DirectoryError::Unwritable { .. } | DirectoryError::NotADirectory(_))));
    }
}
