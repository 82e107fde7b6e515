//! Files that cannot be used are refused with the line, the key, and what was
//! expected.

use bonfire_scale::{Hardware, MACHINES, WORKLOADS, Workload};

#[test]
fn the_files_of_the_crate_can_be_read_and_bear_their_names() {
    for (name, _) in MACHINES {
        assert_eq!(Hardware::named(name).map(|machine| machine.name).as_deref(), Some(name));
    }
    for (name, _) in WORKLOADS {
        assert_eq!(Workload::named(name).map(|workload| workload.name).as_deref(), Some(name));
    }
}

/// The file of a machine with `from` replaced by `to`, and what is said of it.
fn machine_with(from: &str, to: &str) -> String {
    let (_, text) = MACHINES[0];
    assert!(text.contains(from), "{from}");
    match Hardware::parse("m.toml", &text.replacen(from, to, 1)) {
        Ok(_) => String::from("fine"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_machine_that_makes_no_sense_is_refused() {
    for (from, to, said) in [
        ("value = 256", "value = 0", "m.toml:8: count: expected a whole number from 1 to 4096, not 0"),
        ("value = 256", "value = 5000", "m.toml:8: count: expected a whole number from 1 to 4096, not 5000"),
        ("unit = \"CPUs\", ", "", "m.toml:8: count: missing field `unit`"),
        (
            "unit = \"ns\"",
            "unit = \"furlongs\"",
            "m.toml:13: hit: expected a unit of time (ns, us, ms), not \"furlongs\"",
        ),
        (
            "value = 25,",
            "value = 500,",
            "m.toml:15: socket: expected at least the time above: lines come from further away",
        ),
        ("value = 8,", "value = 7,", "m.toml:9: cluster: a socket is a whole number of clusters"),
        ("value = 2,", "value = -2,", "m.toml:13: hit: expected a time from 0 to 1 s, not -2 ns"),
        ("[line]", "[lines]", "m.toml:12: lines: unknown field `lines`"),
        ("lazy = true", "lazy = maybe", "m.toml:5: lazy: "),
    ] {
        let found = machine_with(from, to);
        assert!(found.starts_with(said), "{from} -> {to}: {found}");
    }
    let (_, text) = MACHINES[0];
    let source = text.split("source = ").nth(1).and_then(|rest| rest.split(" }").next()).expect("a source");
    let found = machine_with(source, "\" \"");
    assert_eq!(found, "m.toml:8: count: expected a source, or \"assumed: \" and why");
}

#[test]
fn measurements_beside_the_costs_are_read_as_strictly() {
    let (_, text) = MACHINES.into_iter().find(|(name, _)| *name == "guest-2").expect("in the list");
    let line = text.lines().find(|line| line.starts_with("alone = ")).expect("it was measured");
    let place = text.lines().position(|other| other == line).expect("it is there") + 1;
    for (changed, said) in [
        (line.replace("\"ns\"", "\"calls\""), "alone: expected a unit of time (ns, us, ms), not \"calls\""),
        (line.replace("alone", "lonely"), "lonely: unknown field `lonely`"),
        (String::new(), "measured: missing field `alone`"),
    ] {
        let bad = Hardware::parse("m.toml", &text.replacen(line, &changed, 1)).map(|_| ()).expect_err(said);
        assert!(bad.to_string().contains(said), "{bad}");
        assert!(changed.is_empty() || bad.line == place, "{bad}");
    }
}

#[test]
fn a_workload_that_makes_no_sense_is_refused() {
    let (_, text) = WORKLOADS[0];
    for (from, to, said) in [
        ("\"cpus-1\"", "\"cpus+1\"", "w.toml:12: threads: expected a number, or \"cpus\""),
        ("\"call\"", "\"dance\"", "w.toml:9: does: unknown variant `dance`"),
        ("processes = 1\n", "", "w.toml:6: group: the first group has to say how many processes"),
        ("time_us = 1", "time_us = -1", "w.toml:3: time_us: expected microseconds, from 1 to 10000000"),
        ("think_us = 1 ", "think_us = -1 ", "w.toml:9: does: expected microseconds, from 0 to 1000000"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = Workload::parse("w.toml", &text.replacen(from, to, 1)).map(|_| ()).expect_err(to);
        assert!(error.to_string().starts_with(said), "{from} -> {to}: {error}");
    }
}
