//! `bonfire bench` as users and scripts run it. No test looks at a time.

use std::fs;

use crate::support::{Filter, bonfire, run, stderr, stdout};

const SHORT: [&str; 5] = ["bench", "--rounds", "5", "--threads", "1"];

#[test]
fn every_cost_is_in_the_json_and_on_the_page() {
    let page = std::env::temp_dir().join(format!("bonfire-bench-{}.html", std::process::id()));
    let output = bonfire(&SHORT).arg("--json").arg("--html").arg(&page).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let json: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    let html = fs::read_to_string(&page).unwrap();
    fs::remove_file(&page).unwrap();
    assert_eq!((json["schema"].as_str(), json["version"].as_u64()), (Some("bonfire-bench"), Some(2)));
    let costs = json["costs"].as_array().unwrap();
    for group in ["reader section", "alone", "others asleep", "fallback", "registration"] {
        assert!(costs.iter().any(|cost| cost["group"] == group), "{group}");
    }
    for cost in costs {
        assert!(html.contains(cost["name"].as_str().unwrap()), "{cost}");
        let [low, median, high] = ["p10_ns", "median_ns", "p90_ns"].map(|key| cost[key].as_f64().unwrap());
        assert!(low <= median && median <= high, "{cost}");
        // Five rounds are too few to tell a difference.
        assert!(cost["difference_ns"].is_null() && cost["noise_ns"].as_f64().is_some(), "{cost}");
    }
    // What the figures belong to.
    let processor = json["processor"].as_str().expect("this processor has a name");
    assert!(html.contains(processor) && json["load"][1].as_f64().is_some());
    // It needs nothing but itself.
    assert!(!html.contains("src=") && !html.contains("href=") && !html.contains("@import"));
}

#[test]
fn the_table_names_what_it_measured() {
    let output = run(&SHORT);
    assert!(output.status.success(), "{}", stderr(&output));
    for line in ["reader section", "process::light", "signal to every thread", "in the background"] {
        assert!(stdout(&output).contains(line), "{line}");
    }
}

#[test]
fn a_filtered_kernel_and_a_bad_number_are_refused_by_cause() {
    let hidden = Filter { commands: Vec::new(), errno: 38 }.run(&SHORT);
    assert_eq!(hidden.status.code(), Some(2));
    assert!(stderr(&hidden).contains("a filter fails membarrier"), "{}", stderr(&hidden));
    assert_eq!(run(&["bench", "--rounds", "1"]).status.code(), Some(2));
    let nowhere = bonfire(&SHORT).args(["--html", "/no such folder/page.html"]).output().unwrap();
    assert!(stderr(&nowhere).contains("cannot write /no such folder/page.html"), "{}", stderr(&nowhere));
    assert_eq!(stdout(&nowhere), "", "told before the work");
}

#[test]
fn figures_that_the_harness_of_rcu_wrote_are_shown_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let [file, page] = ["rcu.json", "page.html"].map(|name| folder.path().join(name));
    let figure = |name: &str, median: f64| {
        serde_json::json!({
            "group": "read section", "name": name, "readers": 1, "updates": "none", "unit": "ns",
            "median": median, "p10": median, "p90": median, "samples": 101
        })
    };
    let report = serde_json::json!({
        "schema": "bonfire-bench-rcu", "version": 1, "processor": "a processor", "load": [1.0, 2.0],
        "not_measured": ["liburcu"], "figures": [figure("bare", 0.25), figure("seize", 10.0)]
    });
    fs::write(&file, report.to_string()).unwrap();
    let shown = bonfire(&["bench", "--rcu"]).arg(&file).arg("--html").arg(&page).output().unwrap();
    assert!(shown.status.success(), "{}", stderr(&shown));
    for text in ["read section, ns", "seize", "40.00", "not measured: liburcu", "load 1.0 before, 2.0 after"]
    {
        assert!(stdout(&shown).contains(text), "{text}: {}", stdout(&shown));
    }
    assert!(fs::read_to_string(&page).unwrap().contains("10.0 ns"));
    let json = bonfire(&["bench", "--rcu"]).arg(&file).arg("--json").output().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&stdout(&json)).unwrap(), report);

    fs::write(&file, report.to_string().replace("bench-rcu", "bench")).unwrap();
    let other = bonfire(&["bench", "--rcu"]).arg(&file).output().unwrap();
    assert_eq!(other.status.code(), Some(2));
    assert!(stderr(&other).contains("bonfire-bench-rcu"), "{}", stderr(&other));
    let nowhere = bonfire(&["bench", "--rcu"]).current_dir(folder.path()).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(stderr(&nowhere).contains("checkout of Bonfire's repository"), "{}", stderr(&nowhere));
}
