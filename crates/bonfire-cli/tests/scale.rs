//! `bonfire scale` as a user meets it: its reports, its shards, and what it says
//! to bad input.

#![cfg(not(any(target_arch = "powerpc64", target_arch = "s390x")))]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Small enough for a moment: two designs, two workloads, two sizes.
const SMALL: [&str; 10] = [
    "--workload",
    "two-threads",
    "--workload",
    "hammer-threads",
    "--design",
    "running",
    "--design",
    "linux-2024",
    "--cpus",
    "8,16",
];
const STEPS: [&str; 2] = ["--steps", "20000"];

fn scale(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonfire"));
    command.arg("scale").args(arguments).stdin(Stdio::null());
    command.output().expect("the binary was built and starts")
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn small(more: &[&str]) -> Output {
    scale(&[&SMALL[..], &STEPS[..], more].concat())
}

/// A report without what differs between two runs of one build.
fn report(output: &Output) -> Value {
    let mut report: Value = serde_json::from_str(&stdout(output)).expect("JSON");
    assert!(report["measured"]["steps"].as_u64() > Some(0));
    report.as_object_mut().expect("an object").remove("measured");
    report
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("scale-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn two_runs_with_one_seed_are_identical_and_with_another_not() {
    let (one, other, third) = (small(&["--json"]), small(&["--json"]), small(&["--json", "--seed", "2"]));
    assert_eq!(report(&one), report(&other));
    assert_ne!(report(&one), report(&third));
    assert_eq!(report(&one)["runs"].as_array().map(Vec::len), Some(8));
}

#[test]
fn shards_together_are_the_whole() {
    let folder = folder("shards");
    let file = |number: usize| folder.join(format!("{number}.json")).to_str().unwrap().to_owned();
    for number in 1..=3 {
        let shard = format!("{number}/3");
        stdout(&small(&["--shard", &shard, "--json", &file(number)]));
    }
    let (one, two, three) = (file(1), file(2), file(3));
    let merged = scale(&["--merge", &one, &two, &three, "--json"]);
    assert_eq!(report(&merged), report(&small(&["--json"])));
    // And what is missing is missed.
    let part = scale(&["--merge", &one, &two, "--json"]);
    assert_eq!(part.status.code(), Some(2));
    let same = scale(&["--merge", &one, &one, &two, &three]);
    assert_eq!(same.status.code(), Some(2));
}

#[test]
fn the_page_needs_nothing_but_itself_and_the_tables_have_every_design() {
    let folder = folder("page");
    let page = folder.join("page.html");
    let text = stdout(&small(&["--html", page.to_str().unwrap()]));
    assert!(text.contains("two-threads on server-384, 16 CPUs") && text.contains("linux-2024"), "{text}");
    let html = fs::read_to_string(&page).unwrap();
    let refers = ["src=", "href=", "@import", "url("].into_iter().find(|word| html.contains(word));
    assert_eq!(refers, None);
    assert!(html.contains("<table") && html.contains("hammer-threads"));
}

#[test]
fn a_timeline_says_who_interrupted_whom() {
    let folder = folder("trace");
    let file = folder.join("trace.json");
    let trace = ["--trace", file.to_str().unwrap()];
    stdout(&scale(
        &[&["--workload", "two-threads", "--design", "running", "--cpus", "8"], &trace[..]].concat(),
    ));
    let timeline: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).expect("JSON");
    let events = timeline["traceEvents"].as_array().expect("events");
    let named = |name: &str| events.iter().filter(|event| event["name"] == name).count();
    assert_eq!(named("sends an interrupt"), named("interrupt arrives"));
    assert!(named("membarrier") >= 200 && named("interrupt") >= 200);
    let sent = events.iter().find(|event| event["name"] == "sends an interrupt").expect("one");
    assert_eq!((&sent["tid"], &sent["args"]["to CPU"]), (&Value::from(0), &Value::from(1)));
}

#[test]
fn the_list_names_what_there_is() {
    let text = stdout(&scale(&["--list"]));
    for name in ["large-4096", "(extrapolated)", "run-queues", "linux-2026", "locked-mask"] {
        assert!(text.contains(name), "{name}");
    }
}

#[test]
fn bad_input_is_told_and_exits_with_2() {
    let folder = folder("bad");
    let machine = folder.join("machine.toml");
    fs::write(&machine, "name = \"m\"\nsays = \"no CPUs\"\n[cpus]\ncount = 3\n").unwrap();
    let machine = machine.to_str().unwrap();
    let own = format!("{machine}:4: count: ");
    for (arguments, said) in [
        (&["--cpus", "0"][..], "a machine has 1 to 4096 CPUs, not 0"),
        (&["--cpus", "5000"], "a machine has 1 to 4096 CPUs, not 5000"),
        (&["--cpus", "many"], "invalid digit"),
        (&["--workload", "nope"], "there is no workload nope; it is one of one-caller"),
        (&["--machine", "nope"], "there is no machine nope; it is one of epyc-256"),
        (&["--machine", "./nope.toml"], "cannot read the machine ./nope.toml"),
        (&["--machine", machine], &own),
        (&["--design", "nope"], "possible values: everywhere"),
        (
            &["--cpus", "4096", "--design", "linux-2017", "--workload", "hammer-all"],
            "MiB, more than the 4096 of --memory",
        ),
        (&["--steps", "1000000000", "--cpus", "8"], "more than the 600 of --time"),
        (&["--trace", "t.json"], "--trace shows one run"),
        (&["--shard", "3/2"], "1/2 to 2/2"),
    ] {
        let output = scale(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}
