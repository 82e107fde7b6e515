//! The questions of the 2017 thread, and of what Linux did since, each answered
//! with its number from the runs.

use std::fmt::Write;

use bonfire_scale::{Design, Outcome};

use super::growth::{Growth, growths};
use super::json::Results;
use super::plan::Part;
use super::table::{count, human};

/// A question and its answer.
pub(super) struct Answer {
    pub(super) question: &'static str,
    pub(super) answer: String,
}

/// How a question is answered from the results, if they hold the answer.
type Asked = fn(&Results) -> Option<String>;

/// The answers that the runs can give.
pub(super) fn answers(results: &Results) -> Vec<Answer> {
    let all: [(&'static str, Asked); 10] = [
        ("Is it inefficient to walk the threads of a process that has many (\"e.g. Java\")?", walk),
        ("Does a mask that is only set end up with all CPUs?", sticky),
        ("Are run-queue locks in a loop an \"Insta-DoS\"?", insta_dos),
        ("Can a cunning process bring a large system to its knees?", knees),
        ("Is it affordable to look at every CPU that is online?", scan),
        ("Does it need a mutex for the whole system (Linux, 2024)?", mutex),
        ("Do unrelated processes wait for each other?", unrelated),
        ("What do mutexes for each CPU gain for targeted calls (Linux, 2026)?", targeted),
        ("Does registering pay, and what does it cost?", registering),
        ("How do costs grow with the CPUs?", growth),
    ];
    all.into_iter()
        .filter_map(|(question, answer)| Some(Answer { question, answer: answer(results)? }))
        .collect()
}

/// The same, for people.
pub(super) fn text(results: &Results) -> String {
    let answers = answers(results);
    let mut text = String::new();
    if !answers.is_empty() {
        text.push_str("\nThe questions of the thread, and of what Linux did since\n");
    }
    for Answer { question, answer } in answers {
        let options = textwrap::Options::new(100).initial_indent("    ").subsequent_indent("    ");
        let _ = writeln!(text, "  {question}\n{}", textwrap::fill(&answer, options));
    }
    text
}

/// The outcome of a design with a workload, of the comparison.
fn of<'a>(results: &'a Results, workload: &str, design: Design) -> Option<&'a Outcome> {
    let runs = results.runs.iter().filter(|run| run.part == Part::Designs).map(|run| &run.outcome);
    runs.filter(|outcome| outcome.workload == workload && outcome.design == design)
        .max_by_key(|outcome| outcome.cpus)
}

fn median(outcome: &Outcome) -> Option<f64> {
    Some(outcome.latency_ns?.median)
}

fn loss(outcome: &Outcome) -> Option<String> {
    Some(format!("{:.2} %", 100.0 * outcome.bystander_loss?.max(0.0)))
}

fn walk(results: &Results) -> Option<String> {
    let [walk, running] = [Design::Threads, Design::Running].map(|design| of(results, "sleepers", design));
    let (walk, running) = (walk?, running?);
    Some(format!(
        "Yes: with {} threads a walk takes {} a call, looking at the CPUs {}.",
        count(walk.threads as f64 - (walk.cpus - 8) as f64),
        human(median(walk)?),
        human(median(running)?)
    ))
}

fn sticky(results: &Results) -> Option<String> {
    let [sticky, mask, running] =
        [Design::LockedMask, Design::Mask, Design::Running].map(|design| of(results, "migrants", design));
    let (sticky, mask, running) = (sticky?, mask?, running?);
    Some(format!(
        "Yes: where {} threads move about, a call that confirms each CPU of such a mask takes {}; one that reads \
         a mask that is cleared {}, one that looks at the CPUs {} ({}, {} and {} interrupts a call).",
        sticky.cpus / 8,
        human(median(sticky)?),
        human(median(mask)?),
        human(median(running)?),
        count(sticky.interrupts_per_call),
        count(mask.interrupts_per_call),
        count(running.interrupts_per_call)
    ))
}

fn insta_dos(results: &Results) -> Option<String> {
    let [locked, running, mutex] = [Design::LockedMask, Design::Running, Design::Linux2024]
        .map(|design| of(results, "run-queues", design));
    let (locked, running, mutex) = (locked?, running?, mutex?);
    let (with, without) = (locked.bystander_loss?, running.bystander_loss?);
    let verdict = match with {
        with if with > 0.5 => "Yes",
        with if with > 1.2 * without.max(0.0001) => "They cost others, but do not stop them",
        _ => "Not here",
    };
    Some(format!(
        "{verdict}: {} threads that call in a loop take {} of their work from processes that switch on other \
         CPUs, and {} a call; without the locks {} and {}, under the mutex of 2024 {} and {}.",
        locked.callers,
        loss(locked)?,
        human(median(locked)?),
        loss(running)?,
        human(median(running)?),
        loss(mutex)?,
        human(median(mutex)?)
    ))
}

fn knees(results: &Results) -> Option<String> {
    let find = |design| of(results, "hammer-threads", design);
    let (everywhere, running, mutex) =
        (find(Design::Everywhere)?, find(Design::Running)?, find(Design::Linux2024)?);
    Some(format!(
        "Only where it may interrupt others: with {} threads calling, a bystander on a CPU of its own loses {} to \
         a design that asks every CPU, {} to one that looks first, {} under the mutex.{} At most {} interrupt is \
         ever under way to a CPU.",
        running.callers,
        loss(everywhere)?,
        loss(running)?,
        loss(mutex)?,
        shared(results).unwrap_or_default(),
        running.most_pending.max(everywhere.most_pending)
    ))
}

/// What those lose who share their CPUs with callers.
fn shared(results: &Results) -> Option<String> {
    let find = |design| of(results, "hammer-shared", design);
    let (running, free, mutex) = (find(Design::Running)?, find(Design::Linux2017)?, find(Design::Linux2024)?);
    Some(format!(
        " Who shares a CPU with a caller loses {} of what another thread that computes would leave it, {} to Linux \
         without a mutex, {} with it.",
        loss(running)?,
        loss(free)?,
        loss(mutex)?
    ))
}

fn scan(results: &Results) -> Option<String> {
    let largest = |outcome: &&Outcome| outcome.design == Design::Running && outcome.workload == "two-threads";
    let runs = results.runs.iter().map(|run| &run.outcome);
    let outcome = runs.filter(largest).max_by_key(|outcome| outcome.cpus)?;
    let (scan, call) = (outcome.scan_ns?, median(outcome)?);
    Some(format!(
        "It takes {} of the {} of a call that interrupts one CPU of {}: {:.0} %.",
        human(scan),
        human(call),
        outcome.cpus,
        100.0 * scan / call
    ))
}

fn mutex(results: &Results) -> Option<String> {
    let find = |design| of(results, "hammer-all", design);
    let (running, free, mutex) = (find(Design::Running)?, find(Design::Linux2017)?, find(Design::Linux2024)?);
    Some(format!(
        "No: {} threads of one process make {} calls a second where callers share interrupts, {} without a mutex \
         in Linux's way, {} under it: {} times fewer than the engine.",
        running.callers,
        count(running.calls_per_second),
        count(free.calls_per_second),
        count(mutex.calls_per_second),
        count(running.calls_per_second / mutex.calls_per_second.max(1.0))
    ))
}

fn unrelated(results: &Results) -> Option<String> {
    let find = |design| of(results, "hammer-processes", design);
    let (running, mutex) = (find(Design::Running)?, find(Design::Linux2024)?);
    Some(format!(
        "Under the mutex: {} processes, none of which has another thread that runs, take {} a call under it and {} \
         without.",
        running.callers,
        human(median(mutex)?),
        human(median(running)?)
    ))
}

fn targeted(results: &Results) -> Option<String> {
    let find = |design| of(results, "targeted", design);
    let (running, one, many) = (find(Design::Running)?, find(Design::Linux2024)?, find(Design::Linux2026)?);
    Some(format!(
        "{} times the calls a second of the one mutex ({} against {}; about 200 times was published); the engine, \
         which has neither, makes {}.",
        count(many.calls_per_second / one.calls_per_second.max(1.0)),
        count(many.calls_per_second),
        count(one.calls_per_second),
        count(running.calls_per_second)
    ))
}

fn registering(results: &Results) -> Option<String> {
    let [running, linux] = [Design::Running, Design::Linux2024].map(|design| of(results, "starts", design));
    let (running, linux) = (running?, linux?);
    let turns = of(results, "turns", Design::Running)?;
    Some(format!(
        "A switch pays {} for a process that registered, {} for another. Registering with a second thread takes {} in the engine \
         (one poke of every CPU), {} in Linux (a grace period); bystanders lose {} to {} processes that start over \
         and over.",
        human(turns.switch_registered_ns?),
        human(turns.switch_other_ns?),
        human(median(running)?),
        human(median(linux)?),
        loss(running)?,
        running.callers
    ))
}

fn growth(results: &Results) -> Option<String> {
    let all = growths(results);
    let told = |growth: &&Growth| {
        matches!(growth.design, Design::Running | Design::Linux2024)
            && matches!(
                growth.workload.as_str(),
                "one-caller" | "two-threads" | "hammer-all" | "hammer-processes"
            )
    };
    let text = all
        .iter()
        .filter(told)
        .map(|growth| format!("{} {} {}", growth.workload, growth.design.name(), growth.exponent()))
        .collect::<Vec<_>>();
    (!text.is_empty())
        .then(|| format!("A call grows with this power of them, with 95 % intervals: {}.", text.join(", ")))
}
