//! Flaws in the files of a run, in English.

use ticketcd_judge::history::integrity::{ChainBreak, RecordFlaw};

use super::numbers::counted;

/// A flaw in a clause that begins in lower case. `ended`: whether the history has its last event.
pub fn describe(flaw: &RecordFlaw, ended: bool) -> String {
    match flaw {
        RecordFlaw::CutOff { bytes } => {
            format!("{} at the end of the history are damaged or truncated; everything before them is checked", counted(*bytes, "byte"))
        }
        RecordFlaw::NotClosed if ended => "the last frame of the history is missing; everything before it is checked".to_owned(),
        RecordFlaw::NotClosed => "the history is incomplete because the run was killed; what was recorded is checked".to_owned(),
        RecordFlaw::Broken { frame, broken } => {
            let what = match broken {
                ChainBreak::Number { found } => format!("frame {found} is in the place of frame {frame}"),
                ChainBreak::Hash => format!("frame {frame} does not continue the frame before it"),
                ChainBreak::AfterClosing => "there are frames after the last one".to_owned(),
                ChainBreak::Totals => "the totals in its last frame do not match its events".to_owned(),
            };
            format!("the history was modified after the run ({what}); everything before that is checked")
        }
        RecordFlaw::FileChanged { name } => format!("{name} was modified after the run"),
        RecordFlaw::FileMissing { name } => format!("{name} is missing or cannot be read"),
    }
}
