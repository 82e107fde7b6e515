//! What a read section costs a reader that nobody disturbs.

use std::hint::black_box;
use std::time::Instant;

use crate::figure::{About, Report, tell};
use crate::peers::Peer;

const SECTIONS: u64 = 20_000;
const ROUNDS: usize = 101;

/// Measures all in turn.
pub(crate) fn measure(report: &mut Report, peers: &[Box<dyn Peer>]) {
    tell("sections of one reader");
    let mut samples = vec![Vec::new(); peers.len()];
    for _ in 0..ROUNDS {
        for (peer, samples) in peers.iter().zip(&mut samples) {
            let start = Instant::now();
            black_box(peer.sections(SECTIONS));
            samples.push(start.elapsed().as_nanos() as f64 / SECTIONS as f64);
        }
    }
    let about = About { group: "read section", readers: 1, updates: "none", unit: "ns" };
    peers.iter().zip(samples).for_each(|(peer, samples)| report.add(about, peer.name(), samples));
}
