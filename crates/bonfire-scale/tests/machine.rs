//! What always holds on the machine, and what shows that the tests would notice
//! if it did not.

use bonfire_scale::{Design, Failure, Hardware, Job, Outcome, WORKLOADS, Workload};

fn job(machine: &str, workload: &str, design: Design, cpus: usize) -> Job {
    let hardware = Hardware::named(machine).expect("a machine of the crate");
    Job {
        hardware: hardware.with_cpus(cpus).expect("a sane number"),
        workload: Workload::named(workload).expect("a workload of the crate"),
        design,
        seed: 7,
        steps: 60_000,
        loses: None,
    }
}

fn run(job: &Job) -> Outcome {
    job.run().unwrap_or_else(|failure| panic!("{} {}: {failure}", job.workload.name, job.design.name()))
}

/// Every request is answered, every interrupt taken, no CPU waits for ever, and
/// no clock goes backwards: [`Job::run`] fails otherwise. And one seed gives one
/// run, whatever else the process has done before.
#[test]
fn every_design_answers_every_workload_and_a_seed_reproduces_a_run() {
    for (workload, _) in WORKLOADS {
        for design in Design::ALL {
            for machine in ["epyc-256", "power-192"] {
                let job = job(machine, workload, design, 24);
                let first = run(&job);
                assert!(first.calls > 0, "{workload} {}: nobody called", design.name());
                assert_eq!(first, run(&job), "{workload} {}", design.name());
            }
        }
    }
}

#[test]
fn another_seed_gives_another_run() {
    let one = job("epyc-256", "migrants", Design::Running, 24);
    let other = Job { seed: 8, ..one.clone() };
    assert_ne!(run(&one), Outcome { seed: 7, ..run(&other) });
}

/// The twin of the first test: a machine that loses an interrupt is found out.
#[test]
fn a_lost_interrupt_is_missed() {
    for design in Design::ALL {
        let job = Job { loses: Some(5), ..job("epyc-256", "one-caller", design, 24) };
        assert!(matches!(job.run(), Err(Failure::Stuck(_))), "{}: nobody missed it", design.name());
    }
}

/// The engine has at most one interrupt under way to a CPU, however many call.
#[test]
fn at_most_one_interrupt_is_under_way_to_a_cpu() {
    for design in Design::ALL.into_iter().filter(|design| design.is_engine()) {
        let outcome = run(&job("server-384", "hammer-all", design, 64));
        assert_eq!(outcome.most_pending, 1, "{}", design.name());
    }
}

/// How much longer a call takes with a hundred times the sleeping threads.
fn growth(design: Design) -> f64 {
    let median = |asleep| {
        let mut job = job("epyc-256", "sleepers", design, 16);
        job.workload = job.workload.with_asleep(asleep).with_calls(40);
        job.steps = 10_000_000;
        run(&job).latency_ns.expect("calls returned").median
    };
    median(10_000) / median(100)
}

#[test]
fn a_call_is_flat_in_threads_for_all_designs_but_those_that_visit_each() {
    for design in Design::ALL {
        let growth = growth(design);
        let visits_each = matches!(design, Design::Threads | Design::Signals);
        let expected = if visits_each { 5.0..150.0 } else { 0.95..1.05 };
        assert!(expected.contains(&growth), "{}: {growth}", design.name());
    }
}

/// Of 64 callers that wait for each other on half of the CPUs, and of those who share
/// these: where the wait is off the CPU, the others have theirs; where it is not, not.
#[test]
fn who_waits_for_a_mutex_leaves_its_cpu_to_others() {
    let (_, text) = WORKLOADS.into_iter().find(|(name, _)| *name == "hammer-shared").expect("in the list");
    let crowded = Workload::parse("crowded", &text.replace("cpus/16", "cpus/2")).expect("a workload");
    let loss = |design| {
        let mut job = job("server-384", "hammer-shared", design, 128);
        job.workload = crowded.clone();
        job.steps = 2_000_000;
        run(&job).bystander_loss.expect("it ran long enough")
    };
    let (mutex, spinning) = (loss(Design::Linux2024), loss(Design::LinuxRfc));
    assert!(mutex < 0.05 && spinning > 0.1, "{mutex} and {spinning} of their work lost");
}
