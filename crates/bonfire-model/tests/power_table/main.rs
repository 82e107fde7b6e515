//! The machine against herd7: every litmus test of a table that its programs can
//! express, read-modify-writes of the engine's kind included.
//!
//! `table.tsv` has for each the program, a final state, and whether it can be
//! reached: on x86 (`x86tso-mixed.cat`) and on a multi-copy-atomic machine with
//! the local order of POWER. Steps: `W x 1` stores, `R y r0` loads, `X y 2 r0`
//! exchanges, `O` sets bits and tells what was there; `F.full`, `F.lw`, `F.w` and
//! `F.r` are barriers; `.acq` and `.rel` are a lightweight barrier behind or
//! before; `addr`, `data` and `ctrl` say on which register a store depends.

mod program;

use std::collections::BTreeMap;
use std::sync::Mutex;

use bonfire_model::explorer::{Fault, Memory, Rules};
use program::{Row, rows};

/// Where the explorer is known to be stronger: it reaches less than the table
/// allows. A load or a read-modify-write whose result the program goes on with is
/// done at once, so all later stores are behind it, those that do not depend on it
/// included; and `X.acq.rel` has a lightweight barrier on either side there. The
/// engine's stores that follow its loads depend on them, so nothing hangs on it.
const STRONGER: [&str; 12] = [
    "LB+datas+WW",
    "SB.Xz.acq.rel",
    "WRC.middle=X+none+F.lw",
    "WRC.middle=X+none+F.full",
    "ISA2.mid=X+F.w+none+F.lw",
    "ISA2.mid=X+F.w+none+F.full",
    "ISA2.mid=X+F.lw+none+F.lw",
    "ISA2.mid=X+F.lw+none+F.full",
    "ISA2.mid=X+rel+none+F.lw",
    "ISA2.mid=X+rel+none+F.full",
    "ISA2.mid=X+F.full+none+F.lw",
    "ISA2.mid=X+F.full+none+F.full",
];

/// Whether each row can be reached on the explorer's machine.
fn explored(rows: &[Row], rules: Rules) -> BTreeMap<String, bool> {
    let next = Mutex::new(rows.iter());
    let found = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(row) = { next.lock().expect("no row panics").next() } {
            let is_reached = row.is_reached(rules);
            found.lock().expect("no row panics").insert(row.name.clone(), is_reached);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    found.into_inner().expect("no row panics")
}

/// The rows on which the explorer and the table differ, and what the explorer
/// says.
fn differences(rows: &[Row], memory: Memory, rules: Rules) -> Vec<(String, bool)> {
    let found = explored(rows, Rules { memory, ..rules });
    let differs = rows.iter().filter(|row| row.is_allowed(memory) != found[&row.name]);
    differs.map(|row| (row.name.clone(), found[&row.name])).collect()
}

fn agrees(memory: Memory, known: &[&str]) {
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.is_told(memory)).collect();
    assert!(rows.len() > 990, "the table is whole");
    let known: Vec<(String, bool)> = known.iter().map(|&name| (name.to_owned(), false)).collect();
    assert_eq!(differences(&rows, memory, Rules::WEAK), known, "{memory:?}, of {} rows", rows.len());
}

#[test]
fn the_weak_machine_is_the_multi_copy_atomic_one() {
    agrees(Memory::Weak, &STRONGER);
}

#[test]
fn total_store_order_is_that_of_x86() {
    agrees(Memory::Tso, &[]);
}

/// The twin: a machine that is wrong differs.
#[test]
fn a_machine_whose_read_modify_writes_commit_at_once_is_found() {
    let rows: Vec<Row> = rows().into_iter().filter(|row| row.name.starts_with("SB.X")).collect();
    let wrong = Rules { fault: Some(Fault::ModifyCommitsAtOnce), ..Rules::WEAK };
    assert!(!differences(&rows, Memory::Weak, wrong).is_empty());
}
