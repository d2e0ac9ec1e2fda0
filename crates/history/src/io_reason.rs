//! What the operating system reports, as people read it.

use std::io;

use nix::errno::Errno;

/// Why an input or output operation failed: "No such file or directory", without the number that the standard library adds.
pub fn io_reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => Errno::from_raw(code).desc().to_owned(),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_no_number() {
        let missing = std::fs::File::open("/no/such/file").unwrap_err();
        assert_eq!(io_reason(&missing), "No such file or directory");
        assert_eq!(io_reason(&io::Error::from(Errno::ENOSPC)), "No space left on device");
        assert_eq!(io_reason(&io::Error::other("not sorted")), "not sorted");
    }
}
