//! The table of filters: what each entry point of the crate does under each.
//!
//! No entry point may kill, hang or lie. What `register` answers is the table in
//! `docs/filters.md`, which this test holds. After a change that is meant:
//!
//! ```sh
//! BONFIRE_WRITE=1 cargo test -p bonfire --test host table
//! ```

use std::fmt::Write as _;
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bonfire::{
    Barrier, Fences, Filter, Memory, Policy, Refusal, Rseq, SyncCore, Verdict, process, raw, register,
    registrations, shared, verify,
};

use crate::common::{is_scenario, own_process};
use crate::sys::filter::{
    Then, install, install_before, install_before_old_processes, install_before_processes,
};

/// What the filters do.
const ACTIONS: [(&str, Then); 6] = [
    ("allow", Then::Allow),
    ("ERRNO", Then::Return(1)),
    ("TRACE", Then::Trace),
    ("TRAP", Then::Trap),
    ("KILL_THREAD", Then::KillThread),
    ("KILL_PROCESS", Then::KillProcess),
];

type Install = fn(Then);

/// The calls that they are for.
const CALLS: [(&str, Install); 8] = [
    ("`membarrier`", |then| install(&[], then)),
    ("`fork`, `vfork`, `clone` without `CLONE_THREAD`; `clone3` as if absent", install_before_processes),
    ("the same, `clone3` forgotten", install_before_old_processes),
    ("`clone3` alone, as if absent in all columns but the first", |then| {
        install_before(libc::SYS_clone3, if then == Then::Allow { then } else { Then::Return(38) });
    }),
    ("`openat`", |then| install_before(libc::SYS_openat, then)),
    ("`wait4`", |then| install_before(libc::SYS_wait4, then)),
    ("`uname`", |then| install_before(libc::SYS_uname, then)),
    ("`prctl`", |then| install_before(libc::SYS_prctl, then)),
];

#[test]
fn no_entry_point_kills_hangs_or_lies_under_any_filter() {
    let mut text = String::from("| a filter for … | ");
    let _ = writeln!(text, "{} |", ACTIONS.map(|(name, _)| name).join(" | "));
    let _ = writeln!(text, "|---|{}", "---|".repeat(ACTIONS.len()));
    for (call, (name, _)) in CALLS.iter().enumerate() {
        // All of a row at once: they wait for the kernel more than they compute.
        let processes = [0, 1, 2, 3, 4, 5].map(|action| (action, start(call, action)));
        let cells = processes.map(|(action, process)| {
            let output = end(process);
            let said = String::from_utf8_lossy(&output.stdout);
            let cell = said.lines().find_map(|line| Some(line.split_once("answer: ")?.1.to_owned()));
            let problem = || format!("{name}, {}: {} {said}", ACTIONS[action].0, output.status);
            assert!(output.status.success(), "{}\n{}", problem(), String::from_utf8_lossy(&output.stderr));
            cell.unwrap_or_else(|| panic!("{}", problem()))
        });
        let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
    }
    hold("../../docs/filters.md", &text);
}

/// The process of one cell.
fn start(call: usize, action: usize) -> Child {
    let mut process = own_process("host::table::cell");
    process.env("BONFIRE_CELL", format!("{call} {action}")).stdout(Stdio::piped()).stderr(Stdio::piped());
    process.spawn().expect("this binary can be run again")
}

/// How it ended. Long after the last limit of any entry point it hangs.
fn end(mut process: Child) -> Output {
    let begun = Instant::now();
    while process.try_wait().expect("a child can be waited for").is_none() {
        if begun.elapsed() > Duration::from_secs(120) {
            let _ = process.kill();
            let output = process.wait_with_output().expect("it was killed");
            panic!("hangs: {}", String::from_utf8_lossy(&output.stdout));
        }
        thread::sleep(Duration::from_millis(5));
    }
    process.wait_with_output().expect("it has ended")
}

#[test]
fn cell() {
    if !is_scenario("host::table::cell") {
        return;
    }
    let cell = std::env::var("BONFIRE_CELL").expect("a cell is named");
    let (call, action) = cell.split_once(' ').expect("two numbers");
    let [call, action] = [call, action].map(|number| number.parse::<usize>().expect("a number"));
    // What the C library reads at a first time is no business of the filter.
    drop(thread::spawn(|| ()).join());
    CALLS[call].1(ACTIONS[action].1);
    enter_everywhere();
}

/// Every entry point, before and after registering; prints what `register` answered.
fn enter_everywhere() {
    process::light();
    process::heavy();
    let tokens = process::register_in_background().wait();
    assert_eq!(register(), tokens, "what was answered stands");
    assert_eq!(Memory::register().is_ok(), process::is_registered());
    let _ = (raw::commands(), registrations(), SyncCore::register(), Rseq::register());
    let _ = (shared::heavy_everywhere(), shared::Target::register(), shared::Caller::new());
    let policy = Policy::Fences.register().expect("full fences need nothing");
    policy.light();
    policy.heavy();
    process::heavy();
    let verdicts = [verify(Fences), verify(policy)];
    assert!(!verdicts.iter().any(|verdict| matches!(verdict, Verdict::Lies(_))), "{verdicts:?}");
    if let Ok(tokens) = tokens {
        tokens.memory.heavy();
        let _ = tokens.memory.try_heavy();
        let _ = tokens.sync_core.map(|core| core.serialise());
        let _ = tokens.rseq.map(|rseq| rseq.restart());
    }
    println!("answer: {}", described(tokens.map(|tokens| tokens.sync_core.is_ok() && tokens.rseq.is_ok())));
}

fn described(answer: Result<bool, Refusal>) -> String {
    match answer {
        Ok(true) => "registered".into(),
        Ok(false) => "registered for memory".into(),
        Err(Refusal::Filtered(Filter::Kills)) => "refused: kills".into(),
        Err(Refusal::Filtered(Filter::NotAskable)) => "refused: no trial".into(),
        Err(Refusal::Filtered(Filter::Refuses(error))) => format!("refused: error {}", error.errno()),
        Err(other) => format!("refused: {other}"),
    }
}

/// The table of the document is this one.
fn hold(document: &str, table: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/host").join(document);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let begin = text.find("| a filter for").expect("the table begins");
    let end = begin + text[begin..].find("\n\n").expect("the table ends") + 1;
    if std::env::var_os("BONFIRE_WRITE").is_some() {
        std::fs::write(&path, text[..begin].to_owned() + table + &text[end..]).expect("can be written");
    } else {
        assert_eq!(&text[begin..end], table, "docs/filters.md says otherwise");
    }
}
