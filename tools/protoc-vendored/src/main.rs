//! Replaces itself with the vendored `protoc`, with its well-known types on the include path.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let (protoc, include) = match (protoc_bin_vendored::protoc_bin_path(), protoc_bin_vendored::include_path()) {
        (Ok(protoc), Ok(include)) => (protoc, include),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("protoc: no vendored binary for this platform ({error}); install protobuf-compiler and try again");
            return ExitCode::FAILURE;
        }
    };
    let error = Command::new(&protoc).args(std::env::args_os().skip(1)).arg("-I").arg(include).exec();
    eprintln!("protoc: cannot run {}: {error}", protoc.display());
    ExitCode::FAILURE
}
