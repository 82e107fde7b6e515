//! How many instructions a section takes: the same number on every run.

use std::env;
use std::hint::black_box;
use std::process::Command;

use crate::figure::{About, Report, tell};
use crate::peers::{self, Peer};

const COUNTED: u64 = 10_000;
const PEER: &str = "BONFIRE_RCU_PEER";

/// The peer whose sections this process is to run under callgrind.
pub(crate) fn asked_for() -> Option<String> {
    env::var(PEER).ok()
}

/// Runs them.
pub(crate) fn run(name: &str) {
    let _ = bonfire_rcu::register(bonfire::Policy::Refuse);
    let peers = peers::all();
    let peer = peers.iter().find(|peer| peer.name() == name).expect("there is such a peer");
    // The first section of a thread is no example.
    peer.sections(10);
    black_box(counted_sections(peer.as_ref()));
}

#[inline(never)]
fn counted_sections(peer: &dyn Peer) -> u64 {
    peer.sections(COUNTED)
}

/// Counts the sections of every peer, each in a process of its own.
pub(crate) fn measure(report: &mut Report) {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return report.miss("instructions: no valgrind; install it with: apt-get install valgrind".into());
    }
    tell("instructions");
    let about = About { group: "instructions of a section", readers: 1, updates: "none", unit: "" };
    for peer in peers::all() {
        match count(peer.name()) {
            Some(instructions) => report.add(about, peer.name(), vec![instructions]),
            None => report.miss(format!("{}: callgrind gives no count", peer.name())),
        }
    }
}

fn count(name: &str) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*counted_sections*", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .env(PEER, name)
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr);
    let (_, total) = report.lines().find_map(|line| line.split_once("Collected :"))?;
    // What is around the loop disappears in the rounding.
    Some((total.trim().parse::<f64>().ok()? / COUNTED as f64).round())
}
