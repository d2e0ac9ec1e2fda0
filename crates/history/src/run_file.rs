//! Files of a run directory that somebody else may have made: only regular files inside the directory are opened.
//!
//! A run directory is shared, unpacked from archives, and read on machines that run other things. A name in it may be a link to
//! a file that is nobody's business, a device without an end, or a pipe that never delivers a byte. None of these is followed,
//! and nothing waits for one.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::io_reason::io_reason;

/// Largest `run.json` that is read, bytes.
pub const RUN_INFO_BYTES_MAX: u64 = 16 << 20;
/// Largest log of a member that is read, bytes.
pub const MEMBER_LOG_BYTES_MAX: u64 = 4 << 30;
/// Largest scenario that is read, bytes.
pub const SCENARIO_BYTES_MAX: u64 = 1 << 20;

/// A file of a run directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum RunFileError {
    /// Its name leads out of the run directory.
    #[error("{name:?} is not the name of a file inside of the run directory")]
    Outside {
        /// The name.
        name: String,
    },
    /// It is a link, or is reached through one.
    #[error("{} is a symbolic link or is reached through one; only regular files are read", path.display())]
    Link {
        /// Its path.
        path: PathBuf,
    },
    /// It is a pipe, a device, a socket or a directory.
    #[error("{} is not a regular file", path.display())]
    NotRegular {
        /// Its path.
        path: PathBuf,
    },
    /// It is larger than any that is read.
    #[error("{} has {bytes} bytes; at most {limit} are read", path.display())]
    TooLarge {
        /// Its path.
        path: PathBuf,
        /// Its size, bytes.
        bytes: u64,
        /// The limit, bytes.
        limit: u64,
    },
    /// The operating system refused.
    #[error("{}: {}", path.display(), io_reason(error))]
    Io {
        /// Its path.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl From<RunFileError> for io::Error {
    fn from(error: RunFileError) -> Self {
        match error {
            RunFileError::Io { error, .. } => error,
            error => Self::new(io::ErrorKind::InvalidInput, error),
        }
    }
}

/// Opens a regular file below `directory`, to be read, and gives its size. The directory itself may be a link: the user named it.
///
/// # Errors
/// When the name leads out of the directory, passes a link, is not that of a regular file, or of one larger than `bytes_max`.
pub fn open(directory: &Path, name: &str, bytes_max: u64) -> Result<(File, u64), RunFileError> {
    let path = directory.join(name);
    let failed = |error: io::Error| RunFileError::Io { path: path.clone(), error };
    let refused = |error: nix::errno::Errno| match error {
        nix::errno::Errno::ELOOP => RunFileError::Link { path: path.clone() },
        error => failed(error.into()),
    };
    let mut parts = Vec::new();
    for component in Path::new(name).components() {
        match component {
            Component::Normal(part) => parts.push(part),
            _ => return Err(RunFileError::Outside { name: name.to_owned() }),
        }
    }
    let Some((last, above)) = parts.split_last() else { return Err(RunFileError::Outside { name: name.to_owned() }) };
    let always = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut parent: OwnedFd = File::open(directory).map_err(failed)?.into();
    for part in above {
        parent = openat(&parent, *part, always | OFlag::O_DIRECTORY, Mode::empty()).map_err(|error| {
            // With both flags the kernel reports a link as something that is not a directory.
            let is_link = directory.join(part).symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
            if is_link { RunFileError::Link { path: path.clone() } } else { refused(error) }
        })?;
    }
    // Without waiting: a pipe is opened when somebody writes to it, and that may be never.
    let file = openat(&parent, *last, always | OFlag::O_NONBLOCK | OFlag::O_NOCTTY, Mode::empty());
    let file = match file {
        // A socket cannot be opened at all.
        Err(nix::errno::Errno::ENXIO) => return Err(RunFileError::NotRegular { path }),
        file => File::from(file.map_err(refused)?),
    };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(RunFileError::NotRegular { path });
    }
    let bytes = metadata.len();
    if bytes > bytes_max {
        return Err(RunFileError::TooLarge { path, bytes, limit: bytes_max });
    }
    Ok((file, bytes))
}

/// The content of a file that [`open`] opens.
///
/// # Errors
/// As those of [`open`], and when it cannot be read.
pub fn read(directory: &Path, name: &str, bytes_max: u64) -> Result<Vec<u8>, RunFileError> {
    let (file, _) = open(directory, name, bytes_max)?;
    let mut content = Vec::new();
    // It may grow meanwhile.
    let read = file.take(bytes_max).read_to_end(&mut content);
    read.map(|_| content).map_err(|error| RunFileError::Io { path: directory.join(name), error })
}

/// As [`open`], of the file with this path: its last part is the name.
///
/// # Errors
/// As those of [`open`].
pub fn open_path(path: &Path, bytes_max: u64) -> Result<(File, u64), RunFileError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| RunFileError::Outside { name: path.display().to_string() })?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    open(directory, name, bytes_max)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn only_regular_files_inside_are_opened() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let open = |name: &str| super::open(directory.path(), name, 10);
        std::fs::create_dir(at("members")).unwrap();
        std::fs::write(at("members/m1.log"), "0123456789").unwrap();
        assert_eq!(open("members/m1.log").unwrap().1, 10);
        assert_eq!(read(directory.path(), "members/m1.log", 10).unwrap(), b"0123456789");
        for outside in ["/etc/passwd", "../x", "members/../../x", ""] {
            assert!(matches!(open(outside), Err(RunFileError::Outside { name }) if name == outside), "{outside}");
        }
        symlink("/etc/passwd", at("link")).unwrap();
        assert!(matches!(open("link"), Err(RunFileError::Link { .. })));
        symlink("/etc", at("linked")).unwrap();
        assert!(matches!(open("linked/passwd"), Err(RunFileError::Link { .. })));
        mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
        assert!(matches!(open("pipe"), Err(RunFileError::NotRegular { .. })));
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert!(matches!(open("socket"), Err(RunFileError::NotRegular { .. })));
        assert!(matches!(open("members"), Err(RunFileError::NotRegular { .. })));
        std::fs::write(at("large"), "0123456789+").unwrap();
        assert!(matches!(open("large"), Err(RunFileError::TooLarge { bytes: 11, limit: 10, .. })));
        assert!(matches!(open("missing"), Err(RunFileError::Io { .. })));
        assert!(matches!(super::open_path(Path::new("/dev/zero"), 10), Err(RunFileError::NotRegular { .. })));
    }
}
