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
