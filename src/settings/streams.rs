//! Named random streams: one for each purpose and worker, so that a draw added to one does not move another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The random stream of `worker` for `purpose`: the same for the same seed, on every machine.
pub fn stream(seed: u64, purpose: &str, worker: u32) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(purpose.as_bytes());
    let mut random = ChaCha8Rng::from_seed(hash.finalize().into());
    random.set_stream(u64::from(worker));
    random
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn a_stream_depends_on_seed_purpose_and_worker_only() {
        let first = |seed, purpose, worker| stream(seed, purpose, worker).next_u64();
        assert_eq!(first(7, "orders", 3), first(7, "orders", 3));
        let others = [first(8, "orders", 3), first(7, "think", 3), first(7, "orders", 4)];
        assert!(!others.contains(&first(7, "orders", 3)));
    }
}
