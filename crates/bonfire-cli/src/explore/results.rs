//! What came of an exploration, and what it took.

use bonfire_model::answer::Answer;
use serde::{Deserialize, Serialize};

use super::question::Asked;
use crate::shard::Shard;

/// What came of a question, or of a part of it.
pub(super) struct Results {
    pub(super) asked: Asked,
    pub(super) answer: Answer,
    /// The part; `None` for the whole.
    pub(super) shard: Option<Shard>,
    pub(super) measured: Measured,
}

/// What differs from one run to the next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Wall clock; of all shards together, if they were merged.
    pub(super) seconds: f64,
    /// Of the process; the largest, if they were merged.
    pub(super) peak_memory_bytes: Option<u64>,
    pub(super) memory_limit_mib: u64,
}

impl Measured {
    pub(super) fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.peak_memory_bytes = self.peak_memory_bytes.max(other.peak_memory_bytes);
        self.memory_limit_mib = self.memory_limit_mib.max(other.memory_limit_mib);
    }
}
