//! The machine against what was published. `docs/scale.md` has the sources, and
//! says which of them the costs were fitted to.

use bonfire_scale::{Design, Hardware, Job, MACHINES, Outcome, Workload};

fn run(machine: &str, workload: &str, design: Design, steps: u64) -> Outcome {
    let hardware = Hardware::named(machine).expect("a machine of the crate");
    let mut workload = Workload::named(workload).expect("a workload of the crate");
    if hardware.cpus > 1_000 {
        workload = workload.with_calls(10);
    }
    let job = Job { hardware, workload, design, seed: 1, steps, loses: None };
    job.run().unwrap_or_else(|failure| panic!("{machine} {}: {failure}", design.name()))
}

/// Whether a ratio is within 1.5 times of 1, either way.
fn is_near(ratio: f64) -> bool {
    (1.0 / 1.5..=1.5).contains(&ratio)
}

/// What was measured on machines when their files were written, within 1.5 times: a
/// call with no and with one running target, and signals to 1 to 1,000 threads.
#[test]
fn machines_that_were_measured_take_as_long_here() {
    let mut held = 0;
    for (name, _) in MACHINES {
        let machine = Hardware::named(name).expect("a machine of the crate");
        let compared = machine.compared().unwrap_or_else(|failure| panic!("{name}: {failure}"));
        for one in &compared {
            assert!(one.is_near(), "{name}: {one:?}");
        }
        held += compared.len();
    }
    assert!(held >= 6, "there is at least one such machine");
}

/// The twin: a machine whose interrupts take ten times as long is told from it.
#[test]
fn a_machine_that_was_measured_wrongly_is_found_out() {
    let (_, text) = MACHINES.into_iter().find(|(name, _)| *name == "guest-2").expect("in the list");
    for key in ["deliver", "call", "signal"] {
        let line = text.lines().find(|line| line.starts_with(&format!("{key} = "))).expect("a line of it");
        let value = line.split("value = ").nth(1).and_then(|rest| rest.split(',').next()).expect("a value");
        let ten = value.parse::<f64>().expect("a number") * 10.0;
        let changed = text.replacen(line, &line.replacen(value, &ten.to_string(), 1), 1);
        let compared = Hardware::parse("changed", &changed).expect("a machine").compared().expect("it runs");
        assert!(compared.iter().any(|one| !one.is_near()), "{key} ten times as long: {compared:?}");
    }
}

/// A call on 4,096 CPUs does not spend most of its time with looking for one of them,
/// whether the caller's process has two threads or is on every CPU.
#[test]
fn looking_for_the_cpus_is_at_most_half_of_a_call_on_4096() {
    for workload in ["two-threads", "one-caller"] {
        let outcome = run("large-4096", workload, Design::Running, 4_000_000);
        let (scan, call) =
            (outcome.scan_ns.expect("seen"), outcome.latency_ns.expect("calls returned").median);
        assert!(scan <= call / 2.0, "{workload}: {scan} of {call} ns");
    }
}

/// 198, 93 and 76 us for an interrupt to 79 others and back, by how interrupts
/// are sent; 2.5 us for one.
#[test]
fn interrupts_to_79_others_take_as_long_as_was_published() {
    let published = [("guest-80-physical", 198.0), ("guest-80-cluster", 93.0), ("guest-80-hypercall", 76.0)];
    let mut times = Vec::new();
    for (machine, broadcast_us) in published {
        for (workload, us) in [("one-caller", broadcast_us), ("two-threads", 2.5)] {
            let outcome = run(machine, workload, Design::Linux2017, 150_000);
            let took = outcome.latency_ns.expect("calls returned").median / 1e3;
            assert!(is_near(took / us), "{machine} {workload}: {took} us, published {us} us");
            times.push(took);
        }
    }
    assert!(times[0] > times[2] && times[2] > times[4], "in the published order: {times:?}");
}

/// Mutexes for each CPU made targeted calls about 200 times as many on 384 CPUs.
#[test]
fn mutexes_for_each_cpu_gain_as_much_as_was_published() {
    let rate = |design| run("server-384", "targeted", design, 300_000).calls_per_second;
    let gain = rate(Design::Linux2026) / rate(Design::Linux2024);
    assert!((50.0..800.0).contains(&gain), "{gain} times");
}

/// The engine has no mutex at all: a call for one CPU looks at that one.
#[test]
fn the_engine_makes_targeted_calls_no_slower_than_mutexes_for_each_cpu() {
    let rate = |design| run("server-384", "targeted", design, 600_000).calls_per_second;
    let (engine, mutexes) = (rate(Design::Running), rate(Design::Linux2026));
    assert!(engine >= mutexes, "{engine} against {mutexes} a second");
}

/// The engine where every CPU of 384 calls for one process, against one mutex.
#[test]
fn shared_interrupts_are_a_hundred_times_one_mutex() {
    let rate = |design| run("server-384", "hammer-all", design, 1_500_000).calls_per_second;
    let gain = rate(Design::Running) / rate(Design::Linux2024);
    assert!(gain > 100.0, "{gain} times");
}
