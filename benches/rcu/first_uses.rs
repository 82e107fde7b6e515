//! The table of first uses: the program `first`, again and again.

use std::process::Command;

use crate::median;

const PROCESSES: usize = 11;
const PEERS: [&str; 4] = ["bonfire-rcu", "seize", "haphazard", "crossbeam-epoch"];

/// Runs each peer in processes of its own, in turn.
pub(crate) fn table() {
    let mut samples = vec![Vec::new(); PEERS.len()];
    for _ in 0..PROCESSES {
        for (peer, samples) in PEERS.iter().zip(&mut samples) {
            let this = std::env::current_exe().expect("this program has a path");
            let output =
                Command::new(this.with_file_name("first")).arg(peer).output().expect("this program runs");
            let text = String::from_utf8_lossy(&output.stdout);
            samples.push(text.trim().parse::<f64>().expect("it prints a number"));
        }
    }
    let medians: Vec<f64> = samples.iter().cloned().map(median).collect();
    println!("{:<36} {:>8} {:>10}", "first use beside 32 threads", "µs", "most");
    for ((peer, us), samples) in PEERS.iter().zip(&medians).zip(&samples) {
        let most = samples.iter().copied().fold(0.0, f64::max);
        println!("{peer:<36} {us:>8.1} {most:>10.1}");
    }
    println!();
}
