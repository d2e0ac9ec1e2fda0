//! What is wrong with the files of a run, for a person to read.

use ticketcd_judge::history::integrity::{ChainBreak, RecordFlaw};

use super::numbers::counted;

/// A flaw in a clause that begins in lower case. `ended` says whether the history has its last event.
pub fn describe(flaw: &RecordFlaw, ended: bool) -> String {
    match flaw {
        RecordFlaw::CutOff { bytes } => {
            format!("{} of the history are damaged or cut off: it is judged as far as it goes", counted(*bytes, "byte"))
        }
        RecordFlaw::NotClosed if ended => "the last frame of the history is missing: it is judged without it".to_owned(),
        RecordFlaw::NotClosed => "the history has no end, because the run was killed: it is judged as far as it goes".to_owned(),
        RecordFlaw::Broken { frame, broken } => {
            let what = match broken {
                ChainBreak::Number { found } => format!("frame {found} stands where frame {frame} belongs"),
                ChainBreak::Hash => format!("frame {frame} does not belong to the frames before it"),
                ChainBreak::AfterClosing => "there are frames after the last one".to_owned(),
                ChainBreak::Totals => "its last frame counts other events than it holds".to_owned(),
            };
            format!("the history was changed after the run ({what}): it is judged up to there")
        }
        RecordFlaw::FileChanged { name } => format!("{name} was changed after the run"),
        RecordFlaw::FileMissing { name } => format!("{name} is missing or cannot be read"),
    }
}
