//! The reports for machines: valid, complete, and the same from run to run but
//! for what was measured.

use crate::support::{run, stdout};
use serde_json::Value;

fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(&output)))
}

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(include_str!("../../../../docs/report.schema.json")).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn a_report_is_what_the_schema_says() {
    let report = json(&["--json", "--filter", "lifetime"]);
    let breaches: Vec<String> = schema().iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(breaches, [""; 0], "{report:#}");
}

/// The twin of the test above: a schema that lets everything through is none.
#[test]
fn the_schema_can_be_broken() {
    let sound = json(&["--json", "--filter", "abi/QUERY/"]);
    let changes: [(&str, Value); 6] = [
        ("/version", 2.into()),
        ("/verdict", "fine".into()),
        ("/cases/0/verdict", Value::Null),
        ("/cases/0/measured/answers", (-1).into()),
        ("/environment/kernel", Value::Null),
        ("/counts", Value::Object(Default::default())),
    ];
    for (place, value) in changes {
        let mut report = sound.clone();
        *report.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
        assert!(!schema().is_valid(&report), "{place}");
    }
}

#[test]
fn two_runs_differ_only_in_what_was_measured() {
    let arguments = ["--json", "--filter", "abi"];
    let [mut first, mut second] = [json(&arguments), json(&arguments)];
    assert_ne!(first["measured"]["seed"], second["measured"]["seed"]);
    forget_measured(&mut first);
    forget_measured(&mut second);
    let cases = |report: &Value| report["cases"].as_array().unwrap().clone();
    for (first, second) in cases(&first).iter().zip(&cases(&second)) {
        assert_eq!(first, second);
    }
    assert_eq!(first, second);
}

#[test]
fn a_seed_that_was_given_is_in_the_report() {
    assert_eq!(json(&["--json", "--filter", "abi/QUERY/", "--seed", "0x2a"])["seed"], 42);
}

fn forget_measured(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("measured");
            fields.values_mut().for_each(forget_measured);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_measured),
        _ => {}
    }
}

/// One run, three reports: they agree, and the one for people keeps stdout.
#[test]
fn reports_go_where_they_were_sent() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let (to_json, to_junit) = (format!("{folder}/report.json"), format!("{folder}/report.xml"));
    let output = run(&["--filter", "abi/QUERY/", "--json", &to_json, "--junit", &to_junit]);
    assert!(stdout(&output).contains("This kernel conforms"), "{}", stdout(&output));

    let report: Value = serde_json::from_str(&std::fs::read_to_string(to_json).unwrap()).unwrap();
    assert!(schema().is_valid(&report));
    let cases = report["cases"].as_array().unwrap();
    let junit =
        quick_junit::Report::deserialize_from_str(&std::fs::read_to_string(to_junit).unwrap()).unwrap();
    let names = |suite: &quick_junit::TestSuite| {
        suite.test_cases.iter().map(|test| test.name.to_string()).collect::<Vec<_>>()
    };
    let named: Vec<String> = junit.test_suites.iter().flat_map(names).collect();
    assert_eq!(named, cases.iter().map(|case| case["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
}

#[test]
fn every_case_of_a_list_is_explained_with_its_clause() {
    for line in stdout(&run(&["--list", "--filter", "lifetime/RSEQ"])).lines() {
        let (id, clause) = line.split_once("  ").unwrap();
        let output = run(&["explain", id]);
        assert_eq!(output.status.code(), Some(0), "{id}");
        assert!(stdout(&output).contains(clause.trim()), "{id}: {}", stdout(&output));
    }
}

/// What was not tried is said, so that nobody takes it for passed.
#[test]
fn hunts_that_were_left_out_are_named() {
    let filter = ["--filter", "GLOBAL_EXPEDITED/register"];
    let people = stdout(&run(&filter));
    let report = json(&[&["--json"], &filter[..]].concat());
    let named: Vec<&str> = report["not_run"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(!named.is_empty() && named.iter().all(|id| id.starts_with("hunt/")), "{named:?}");
    assert!(people.contains("Not run: hunts"), "{people}");
    assert!(named.iter().all(|id| people.contains(id)), "{people}");
}
