//! `ticketcd schema`.

use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File format
    of: Of,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Of {
    /// Scenario files
    Scenario,
    /// Scenario files, as the Markdown page of the documentation
    Reference,
    /// `result.json`
    Result,
    /// `matrix.json`
    Matrix,
    /// A comparison, as `ticketcd compare --json` prints it
    Comparison,
    /// The summary of a hunt
    Hunt,
}

pub(super) fn execute(args: Args) -> Result<Exit, Failure> {
    let schema = match args.of {
        Of::Reference => return super::output::print(&crate::scenario::reference()),
        Of::Scenario => crate::scenario::schema(),
        Of::Result => crate::report::result_schema(),
        Of::Matrix => crate::report::matrix_schema(),
        Of::Comparison => crate::report::comparison::comparison_schema(),
        Of::Hunt => crate::hunt::hunt_schema(),
    };
    super::output::print(&format!("{schema:#}\n"))
}
