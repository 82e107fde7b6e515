//! The machine against what was published. `docs/scale.md` has the sources, and
//! says which of them the costs were fitted to.

use bonfire_scale::{Design, Hardware, Job, Outcome, Workload};

fn run(machine: &str, workload: &str, design: Design, steps: u64) -> Outcome {
    let hardware = Hardware::named(machine).expect("a machine of the crate");
    let workload = Workload::named(workload).expect("a workload of the crate");
    let job = Job { hardware, workload, design, seed: 1, steps, loses: None };
    job.run().unwrap_or_else(|failure| panic!("{machine} {}: {failure}", design.name()))
}

/// Whether a ratio is within 1.5 times of 1, either way.
fn is_near(ratio: f64) -> bool {
    (1.0 / 1.5..=1.5).contains(&ratio)
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
