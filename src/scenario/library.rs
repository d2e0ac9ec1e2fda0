//! The scenarios that come with the program. They are the files of `scenarios/`, so that what is read there is what runs.

/// A scenario that is part of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// Its name, which its file has too.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$(Embedded { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

const LIBRARY: &[Embedded] = embed![
    "quickstart",
    "flash-sale",
    "box-office",
    "hot-ticket",
    "holds",
    "contention",
    "naive-oversell",
    "crash-recovery",
    "soak",
    "demo-naive",
    "demo-safe",
    "demo-faults",
];

/// All of them, the one to begin with first.
pub fn library() -> &'static [Embedded] {
    LIBRARY
}
