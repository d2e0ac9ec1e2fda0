//! Memory that is used again once everybody else is done with it: what comes fresh from the system has to be cleared by it
//! first, and frames are large.

use std::sync::Arc;

/// What was given out, and may have come back.
#[derive(Debug)]
pub(crate) struct Spares<Held: ?Sized>(Vec<Arc<Held>>);

impl<Held: ?Sized> Default for Spares<Held> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Held: ?Sized> Spares<Held> {
    /// More than are in flight between the reader and the last check. Some are held for longer, by calls that do not end.
    const COUNT_MAX: usize = 128;

    /// One without another owner.
    pub(crate) fn take(&mut self) -> Option<Arc<Held>> {
        let unused = self.0.iter().position(|spare| Arc::strong_count(spare) == 1)?;
        Some(self.0.swap_remove(unused))
    }

    /// Remembers one that is given out.
    pub(crate) fn remember(&mut self, given_out: &Arc<Held>) {
        if self.0.len() < Self::COUNT_MAX {
            self.0.push(Arc::clone(given_out));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_no_other_owner_is_reused() {
        let mut spares = Spares::<str>::default();
        let (held, done): (Arc<str>, Arc<str>) = ("held".into(), "done".into());
        spares.remember(&held);
        spares.remember(&done);
        assert!(spares.take().is_none());
        drop(done);
        assert_eq!(spares.take().as_deref(), Some("done"));
        assert!(spares.take().is_none());
    }
}
