//! The first use in a process of 33 threads: the program `first`, again and again.

use std::process::Command;

use crate::figure::{About, Report, tell};

const PROCESSES: usize = 11;
const PEERS: [&str; 4] = ["bonfire-rcu", "seize", "haphazard", "crossbeam-epoch"];

/// Runs each peer in processes of its own, in turn.
pub(crate) fn measure(report: &mut Report) {
    tell("first uses");
    let mut samples = vec![Vec::new(); PEERS.len()];
    for _ in 0..PROCESSES {
        PEERS.iter().zip(&mut samples).for_each(|(peer, samples)| samples.extend(first(peer)));
    }
    let about = About { group: "first use beside 32 threads", readers: 1, updates: "none", unit: "µs" };
    PEERS.iter().zip(samples).for_each(|(peer, samples)| report.add(about, peer, samples));
}

fn first(peer: &str) -> Option<f64> {
    let program = std::env::current_exe().ok()?.with_file_name("first");
    let output = Command::new(program).arg(peer).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
