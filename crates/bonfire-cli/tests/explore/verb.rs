//! `bonfire explore` as a user meets it: its reports, its shards, and what it
//! says to bad input.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Small enough for a moment: one design, nine scenarios.
const SMALL: &[&str] = &["--design", "everywhere", "--scenario", "AB/"];

/// Runs `bonfire explore` with these arguments to its end.
fn explore(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bonfire"));
    command.arg("explore").args(arguments).stdin(Stdio::null());
    command.output().expect("the binary was built and starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A folder of this test's own, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("explore-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).to_str().unwrap().to_owned()
}

fn json(arguments: &[&str]) -> Value {
    let output = explore(&[arguments, &["--json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)))
}

fn without_measured(mut report: Value) -> Value {
    report.as_object_mut().unwrap().remove("measured").expect("something was measured");
    report
}

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("../../../../docs/explore.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

/// What a user typed wrongly, and what the answer must name.
const MISTAKES: &[(&[&str], &str)] = &[
    (&["--design", "walk"], "running"),
    (&["--design", "runing"], "a similar value exists: 'running'"),
    (&["--scenario", "AB/XY"], "the nearest is \"AB/"),
    (&["--scenario", "IRIW"], "--cpus 3"),
    (&["--mutant", "SysExt"], "the nearest is SysExit"),
    (&["--mutant", "SysExit=none"], "write, acquire or release"),
    (&["--mutant", "IpiCoreSync=write"], "give IpiCoreSync alone"),
    (&["--mutant", "SysExit", "--all-mutants"], "cannot be used with"),
    (&["--model", "power"], "weak"),
    (&["--cpus", "4"], "2..=3"),
    (&["--memory", "0"], "MiB from 1"),
    (&["--memory", "2G"], "MiB from 1"),
    (&["--shard", "0/4"], "1/4 to 4/4"),
    (&["--shard", "5/4"], "1/4 to 4/4"),
    (&["--shard", "3"], "such as 2/4"),
    (&["--shard", "1/2", "--mutant", "SysExit"], "cannot be used with"),
    (&["--json", "/no/such/folder/x.json"], "cannot write /no/such/folder/x.json"),
    (&["--mutant", "SysExit", "--svg", "/no/such/folder/x.svg"], "cannot write /no/such/folder/x.svg"),
    (&["--markdown", "/no/such/page.md"], "cannot read /no/such/page.md"),
    (&["--merge"], "<FILES>"),
    (&["--merge", "/no/such.json"], "cannot read /no/such.json"),
    (&["--merge", "a.json", "--scenario", "AB"], "cannot be used with"),
    (&["--merge", "a.json", "--shard", "1/2"], "cannot be used with"),
];

#[test]
fn bad_usage_is_answered_with_its_cause_and_status_2() {
    for (arguments, names) in MISTAKES {
        let output = explore(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(names), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_report_is_what_the_schema_says() {
    for arguments in
        [SMALL, &["--scenario", "D/S", "--mutant", "ExitMm"], &["--scenario", "S1", "--shard", "1/2"]]
    {
        let report = json(arguments);
        let breaches: Vec<String> = schema().iter_errors(&report).map(|error| error.to_string()).collect();
        assert_eq!(breaches, [""; 0], "{report:#}");
    }
}

/// The twin of the test above: a schema that lets everything through is none.
#[test]
fn the_schema_can_be_broken() {
    let sound = json(&["--design", "everywhere", "--scenario", "AB/", "--mutant", "IpiMb"]);
    let changes: [(&str, Value); 6] = [
        ("/version", 2.into()),
        ("/verdict", "fine".into()),
        ("/question/memory", "power".into()),
        ("/runs/0/found/verdict", "forbidden".into()),
        ("/runs/0/states", (-1).into()),
        ("/judgements/0/judgement", Value::Null),
    ];
    for (place, value) in changes {
        let mut report = sound.clone();
        *report.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
        assert!(!schema().is_valid(&report), "{place}");
    }
}

#[test]
fn two_runs_differ_only_in_what_was_measured() {
    let [first, second] = [json(SMALL), json(SMALL)];
    assert_eq!(without_measured(first), without_measured(second));
}

#[test]
fn a_part_holds_and_says_that_survivors_are_not_judged() {
    let output = explore(SMALL);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("needed      AB/") && said.contains("is not judged"), "{said}");
    assert!(!said.contains('\u{1b}') && said.lines().all(|line| line.chars().count() <= 80), "{said}");
    assert_eq!(stderr(&output), "", "progress is for terminals");
}

#[test]
fn without_a_barrier_the_counter_example_is_told_and_drawn() {
    let picture = path(&folder("picture"), "exit.svg");
    let output =
        explore(&["--design", "running", "--scenario", "D/MP+P1", "--mutant", "ExitMm", "--svg", &picture]);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("running without ExitMm: D/MP+P1"), "{said}");
    assert!(said.contains("CPU 0") && said.contains("commands.rs:"), "{said}");
    let picture = fs::read_to_string(picture).unwrap();
    assert!(picture.starts_with("<svg ") && picture.contains("commands.rs:"), "{picture}");
}

#[test]
fn a_barrier_that_is_not_passed_is_no_barrier_that_is_not_needed() {
    let output = explore(&["--design", "everywhere", "--scenario", "AB/SB", "--mutant", "ExitMm"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("its hooks do nothing"), "{}", stdout(&output));
    let missed = explore(&["--design", "everywhere", "--scenario", "AB/SB", "--mutant", "RegExit"]);
    assert_eq!(missed.status.code(), Some(2), "{}", stdout(&missed));
}

#[test]
fn too_little_memory_is_no_verdict() {
    let arguments = ["--design", "threads", "--scenario", "e4/SB", "--memory", "1"];
    let output = explore(&arguments);
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("could not finish within --memory") && said.contains("states explored"), "{said}");
    let report = json(&arguments);
    assert_eq!(report["runs"][0]["found"]["verdict"], "could-not-finish");
    assert!(report["runs"][0]["states"].as_u64().unwrap() > 1000, "it says how far it came");
}

#[test]
fn a_list_names_the_scenarios() {
    let listed = stdout(&explore(&["--list", "--scenario", "AB/"]));
    let told = |line: &str| line.starts_with("AB/SB ") && line.contains("the fast side runs all the time");
    assert!(listed.lines().any(told), "{listed}");
    assert!(listed.lines().all(|line| line.starts_with("AB/")), "{listed}");
}

#[test]
fn a_scenario_is_drawn_with_the_barriers_that_it_passes() {
    let drawn =
        stdout(&explore(&["--draw", "--scenario", "C3/LB", "--design", "running", "--design", "mask"]));
    assert!(drawn.contains("membarrier(PRIVATE_EXPEDITED)   x = 1"), "{drawn}");
    assert!(drawn.contains("running passes: SysEntry, SysExit, IpiMb, SchedBefore\n"), "{drawn}");
    assert!(drawn.contains("mask passes: SysEntry, SysExit, IpiMb\n"), "{drawn}");
}

/// Makes the shards of an exploration; where their reports are.
fn shards(folder: &Path, of: u32, arguments: &[&str]) -> Vec<String> {
    let make = |number: u32| {
        let file = path(folder, &format!("{number}-of-{of}.json"));
        let shard = format!("{number}/{of}");
        let output = explore(&[arguments, &["--shard", &shard, "--json", &file]].concat());
        assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
        file
    };
    (1..=of).map(make).collect()
}

fn merge(files: &[String], more: &[&str]) -> Output {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    explore(&[&["--merge"], &files[..], more].concat())
}

#[test]
fn merged_shards_are_the_whole() {
    let folder = folder("merged");
    let every_change: &[&str] = &["--design", "everywhere", "--scenario", "AB/", "--all-mutants"];
    for arguments in [SMALL, every_change, &["--design", "running", "--scenario", "C", "--model", "sc"]] {
        let whole = without_measured(json(arguments));
        for of in [1, 3] {
            let files = shards(&folder, of, arguments);
            let output = merge(&files, &["--json"]);
            assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
            let merged: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert!(without_measured(merged) == whole, "{arguments:?} in {of}");
        }
    }
}

#[test]
fn shards_that_do_not_fit_are_refused_and_nothing_is_overwritten() {
    let folder = folder("refused");
    let files = shards(&folder, 2, SMALL);
    let others = shards(&folder, 3, SMALL);
    let other_options = path(&folder, "other.json");
    explore(&["--design", "everywhere", "--scenario", "C1/", "--shard", "2/2", "--json", &other_options]);
    let whole = path(&folder, "whole.json");
    explore(&[SMALL, &["--json", &whole]].concat());
    let changed = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(&files[1]).unwrap();
        assert!(text.contains(from), "{from}");
        let file = path(&folder, name);
        fs::write(&file, text.replacen(from, to, 1)).unwrap();
        file
    };
    let cut = path(&folder, "cut.json");
    let text = fs::read_to_string(&files[1]).unwrap();
    fs::write(&cut, &text[..text.len() / 2]).unwrap();
    let first = || files[0].clone();
    let refused = [
        (vec![first()], "missing: 2/2"),
        (vec![first(), files[0].clone()], "are both shard 1/2"),
        (vec![first(), others[1].clone()], "merge shards of one partition"),
        (vec![first(), other_options], "different options"),
        (vec![whole], "not of a shard"),
        (vec![first(), cut], "it is not JSON"),
        (vec![first(), changed("version.json", "\"version\": 1", "\"version\": 7")], "its version is 7"),
        (
            vec![first(), changed("older.json", "\"bonfire\": \"", "\"bonfire\": \"0.0.")],
            "written by bonfire",
        ),
        (vec![first(), changed("run.json", "\"scenario\": \"AB/S", "\"scenario\": \"ZZ/S")], "can merge"),
    ];
    let precious = path(&folder, "precious.json");
    fs::write(&precious, "precious").unwrap();
    for (files, says) in refused {
        let output = merge(&files, &["--json", &precious]);
        assert_eq!(output.status.code(), Some(2), "{says}: {}", stdout(&output));
        assert!(stderr(&output).contains(says), "{says}: {}", stderr(&output));
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious", "{says}");
    }
}

#[test]
fn a_page_without_a_place_for_tables_is_left_alone() {
    let page = path(&folder("no-place"), "page.md");
    fs::write(&page, "# By hand\n").unwrap();
    let output = explore(&["--markdown", &page]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("put these lines there"), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(&page).unwrap(), "# By hand\n");
}
