//! `bonfire scale` as users and job arrays run it. No test looks at a time of this
//! host.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::{bonfire, run, stderr, stdout};

/// Two runs that take a moment.
const SHORT: [&str; 12] = [
    "scale",
    "--machine",
    "epyc-256",
    "--cpus",
    "16",
    "--workload",
    "hammer-all",
    "--design",
    "running",
    "--steps",
    "20000",
    "--json",
];

/// A file of this test's own.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bonfire-scale-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

/// A report without what differs from run to run.
fn lasting(mut report: Value) -> Value {
    report["measured"].take();
    report
}

#[test]
fn a_seed_reproduces_a_report_and_another_does_not() {
    let report = lasting(json(&SHORT));
    assert_eq!(report, lasting(json(&SHORT)));
    let other = lasting(json(&[&SHORT[..], &["--seed", "2"]].concat()));
    assert_ne!(report["runs"], other["runs"]);
}

#[test]
fn shards_put_together_are_the_whole() {
    let plan = ["scale", "--cpus", "8,16,32", "--workload", "two-threads", "--steps", "4000", "--json"];
    let whole = lasting(json(&plan));
    let shards: Vec<Scratch> = ["1", "2", "3"]
        .map(|part| {
            let report = run(&[&plan[..], &["--shard", &format!("{part}/3")]].concat());
            Scratch::new(&format!("shard-{part}.json"), &stdout(&report))
        })
        .into();
    let files: Vec<&str> = shards.iter().map(Scratch::path).collect();
    let merged = lasting(json(&[&["scale", "--json", "--merge"], &files[..]].concat()));
    assert_eq!(merged, whole);
    assert_eq!(whole["growth"].as_array().map(Vec::len), Some(10), "an exponent for each design");
    let twice = run(&["scale", "--merge", files[0], files[0], files[1]]);
    assert_eq!(twice.status.code(), Some(2));
}

/// The Trace Event Format: objects with a phase, a process, a thread and a time.
#[test]
fn a_timeline_is_in_the_format_of_chrome_s_tracing() {
    let file = Scratch::new("trace.json", "");
    let trace = [&SHORT[..], &["--trace", file.path()]].concat();
    assert!(run(&trace).status.success());
    let trace: Value = serde_json::from_str(&fs::read_to_string(&file.0).unwrap()).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    assert!(events.len() > 100);
    let (names, events): (Vec<_>, Vec<_>) = events.iter().partition(|event| event["ph"] == "M");
    assert!(names.iter().any(|name| name["name"] == "thread_name" && name["args"]["name"] == "CPU 1"));
    for event in &events {
        let is_span = event["ph"] == "X" && event["dur"].is_number();
        assert!(is_span || event["ph"] == "i" && event["s"] == "t", "{event}");
        assert!(event["name"].is_string() && event["pid"] == 1 && event["ts"].is_number(), "{event}");
        assert!(event["tid"].as_u64().is_some_and(|cpu| cpu < 16), "{event}");
    }
    let interrupts = |name| events.iter().filter(|event| event["name"] == name).count();
    assert_eq!(interrupts("sends an interrupt"), interrupts("interrupt arrives"));
}

#[test]
fn the_page_needs_nothing_but_itself_and_tells_marks_apart_without_colour() {
    let file = Scratch::new("page.html", "");
    let plan = [
        "scale",
        "--cpus",
        "8,16,32",
        "--workload",
        "hammer-all",
        "--workload",
        "turns",
        "--steps",
        "4000",
        "--html",
        file.path(),
    ];
    assert!(run(&plan).status.success());
    let html = fs::read_to_string(&file.0).unwrap();
    assert!(!html.contains("src=") && !html.contains("href=") && !html.contains("@import"));
    assert!(html.contains("linux-2026") && html.contains("±") && html.contains("registered"));
}

/// Each with what is wrong, before anything runs.
#[test]
fn what_cannot_be_run_is_refused_with_its_cause() {
    let text = include_str!("../../../bonfire-scale/machines/epyc-256.toml");
    let no_unit = Scratch::new("unit.toml", &text.replacen("unit = \"CPUs\", ", "", 1));
    let none = Scratch::new("none.toml", &text.replacen("value = 256", "value = 0", 1));
    let workload = include_str!("../../../bonfire-scale/workloads/one-caller.toml");
    let dance = Scratch::new("dance.toml", &workload.replacen("\"call\"", "\"dance\"", 1));
    let unmeasured = Scratch::new("unmeasured.toml", text);
    for (arguments, said) in [
        (&["--machine", "abacus"][..], "there is no machine abacus; it is one of epyc-256"),
        (&["--workload", "dance"], "there is no workload dance; it is one of one-caller"),
        (&["--machine", no_unit.path()], "unit.toml:8: count: missing field `unit`"),
        (&["--machine", none.path()], "none.toml:8: count: expected a whole number from 1 to 4096, not 0"),
        (&["--workload", dance.path()], "dance.toml:9: does: unknown variant `dance`"),
        (&["--cpus", "0"], "a machine has 1 to 4096 CPUs, not 0"),
        (&["--cpus", "5000"], "a machine has 1 to 4096 CPUs, not 5000"),
        (&["--cpus", "4096", "--memory", "100"], "more than the 100 of --memory"),
        (&["--steps", "100000000"], "more than the 600 of --time"),
        (&["--trace", "never.json"], "--trace shows one run"),
        (&["--validate", unmeasured.path()], "has no [measured]; --calibrate writes one that has"),
        (&["--machine", "/no/such.toml"], "cannot read the machine /no/such.toml"),
    ] {
        let output = run(&[&["scale"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stdout(&output));
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_machine_that_was_measured_is_held_to_it() {
    let output = run(&["scale", "--validate", "guest-2"]);
    assert!(output.status.success(), "{}", stdout(&output));
    assert!(stdout(&output).contains("a call, the other thread running"), "{}", stdout(&output));
    let text = include_str!("../../../bonfire-scale/machines/guest-2.toml");
    let slow =
        Scratch::new("slow.toml", &text.replacen("one_running = { value = ", "one_running = { value = 9", 1));
    let output = run(&["scale", "--validate", slow.path()]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert!(stdout(&output).contains("further than 1.5 times"), "{}", stdout(&output));
}

/// What is measured is for people to look at; that a machine comes of it, or that the
/// reason is told, is what can be tested on a host that others use.
#[test]
fn calibration_writes_a_machine_that_can_be_read_or_says_why_not() {
    let file = Scratch::new("host.toml", "");
    let output = bonfire(&["scale", "--calibrate", file.path()]).output().unwrap();
    if output.status.code() == Some(2) {
        let said = stderr(&output);
        assert!(said.contains("others kept the CPUs busy") || said.contains("with one CPU"), "{said}");
        return;
    }
    assert!(output.status.success(), "{}", stderr(&output));
    let short = ["scale", "--workload", "two-threads", "--design", "running", "--calls", "10", "--machine"];
    let run = run(&[&short[..], &[file.path()]].concat());
    assert!(run.status.success(), "{}", stderr(&run));
}
