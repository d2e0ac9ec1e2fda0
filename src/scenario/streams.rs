//! Named random streams: one for each purpose and worker, so that a new draw in one does not move another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The random stream of a worker for a purpose. The same on every machine.
pub fn stream(seed: u64, purpose: &str, worker: u32) -> ChaCha8Rng {
    let digest = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(purpose.as_bytes()).finalize();
    let mut stream = ChaCha8Rng::from_seed(digest.into());
    stream.set_stream(u64::from(worker));
    stream
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn a_stream_is_named_by_seed_purpose_and_worker() {
        let draw = |seed, purpose, worker| stream(seed, purpose, worker).next_u64();
        assert_eq!(draw(1, "arrivals", 0), draw(1, "arrivals", 0));
        for other in [draw(2, "arrivals", 0), draw(1, "orders", 0), draw(1, "arrivals", 1)] {
            assert_ne!(draw(1, "arrivals", 0), other);
        }
    }
}
