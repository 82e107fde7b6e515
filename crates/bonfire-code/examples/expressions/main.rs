//! A small JIT of arithmetic expressions, whose functions are compiled again, patched and
//! freed while other threads call them.
//!
//! ```sh
//! cargo run --release -p bonfire-code --example expressions -- [--seconds N] [--threads N] [EXPRESSION…]
//! ```
//!
//! Each function is `(x + 1) * version`, with expressions given by hand added. The publisher
//! says which version is the newest after publishing it; a thread that learnt of version 7 and
//! gets version 6 has executed stale instructions, and one that gets something else a mixture.
//! Both end the program with status 1.

mod expression;
mod machine;
mod sys;

use std::process::ExitCode;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::{Duration, Instant};

use bonfire_code::{Announcer, Arena, Draft, Fault, Options, Published, Publisher, Slot};
use bonfire_rcu::{Cell, Global, Reach};
use expression::Expression;

type Compute = extern "C" fn(i64) -> i64;

fn main() -> ExitCode {
    let outcome = Settings::read(std::env::args().skip(1)).and_then(|settings| run(&settings));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("expressions: {message}");
            ExitCode::FAILURE
        }
    }
}

struct Settings {
    time: Duration,
    threads: usize,
    expressions: Vec<String>,
}

impl Settings {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self { time: Duration::from_secs(2), threads: 2, expressions: Vec::new() };
        while let Some(argument) = arguments.next() {
            let mut number = || {
                let value = arguments.next().ok_or_else(|| format!("{argument} takes a number"))?;
                value.parse().map_err(|_| format!("{argument} takes a number, not `{value}`"))
            };
            match argument.as_str() {
                "--seconds" => settings.time = Duration::from_secs(number()?),
                "--threads" => settings.threads = usize::try_from(number()?).unwrap_or(1),
                _ => settings.expressions.push(argument),
            }
        }
        Ok(settings)
    }
}

fn run(settings: &Settings) -> Result<(), String> {
    let arena = Arena::with(Options::default().length(1 << 20)).map_err(|fault| fault.to_string())?;
    for text in &settings.expressions {
        show(&arena, text)?;
    }
    let fault = |fault: Fault| fault.to_string();
    match Publisher::register() {
        Ok(publisher) => replace(&arena, publisher, settings).map_err(fault)?,
        Err(refusal) => println!("nothing published for threads that check nothing: {refusal}"),
    }
    match Announcer::enable() {
        Ok(announcer) => replace_checked(&arena, announcer, settings).map_err(fault)?,
        Err(refusal) => println!("nothing announced for threads that check: {refusal}"),
    }
    Ok(())
}

/// Compiles one expression and compares it with its interpretation.
fn show(arena: &Arena, text: &str) -> Result<(), String> {
    let expression = Expression::parse(text).map_err(|message| format!("`{text}`: {message}"))?;
    let code = expression.compile().map_err(|message| format!("`{text}`: {message}"))?;
    let announcer = Announcer::enable().map_err(|fault| fault.to_string())?;
    let function = announcer.announce(place(arena, &code).map_err(|fault| fault.to_string())?);
    let function = function.map_err(|fault| fault.to_string())?;
    for x in [0, 1, 2, 10, -3] {
        let (compiled, interpreted) = (announcer.executor().call(&function, (x,)), expression.interpret(x));
        println!("{text} = {compiled} for x = {x}");
        assert_eq!(compiled, interpreted, "compiled and interpreted differ");
    }
    Ok(())
}

/// Places code that was compiled here. Where the arena is full of what threads may still be in,
/// waits for them.
fn place(arena: &Arena, code: &[u8]) -> Result<Draft<Compute>, Fault> {
    match sys::place(arena, code) {
        Err(Fault::Exhausted { .. }) => {
            Global.domain().barrier();
            sys::place(arena, code)
        }
        placed => placed,
    }
}

/// `(x + 1) * version`.
fn versioned(version: i64) -> Vec<u8> {
    let text = format!("(x + 1) * {version}");
    Expression::parse(&text).and_then(|expression| expression.compile()).expect("a small expression")
}

/// The version whose result for `x` this is.
fn version_of(result: i64, x: i64) -> Option<i64> {
    (result % (x + 1) == 0).then_some(result / (x + 1))
}

/// What all threads watch.
#[derive(Default)]
struct Watch {
    /// The newest version that was published.
    newest: AtomicI64,
    stale: AtomicI64,
    mixed: AtomicI64,
    calls: AtomicI64,
}

const DONE: i64 = i64::MAX;

impl Watch {
    /// Calls until all is done. `call` takes an argument and returns the version that was
    /// executed, or none if that was a mixture.
    fn look(&self, call: impl Fn(i64) -> Option<i64>) {
        let mut calls = 0;
        loop {
            // PAIRS(newest): with `publish`.
            let newest = self.newest.load(Acquire);
            if newest == DONE {
                break;
            }
            match call(calls % 1_000) {
                None => _ = self.mixed.fetch_add(1, Relaxed),
                Some(version) if version < newest => _ = self.stale.fetch_add(1, Relaxed),
                Some(_) => {}
            }
            calls += 1;
        }
        self.calls.fetch_add(calls, Relaxed);
    }

    /// Publishes version after version.
    fn publish(&self, time: Duration, mut next: impl FnMut(i64) -> Result<(), Fault>) -> Result<(), Fault> {
        let start = Instant::now();
        let outcome = (2..).take_while(|_| start.elapsed() < time).try_for_each(|version| {
            next(version)?;
            // PAIRS(newest): with `look`.
            self.newest.store(version, Release);
            Ok(())
        });
        self.newest.store(DONE, Release);
        outcome
    }

    /// Says what came of it.
    fn tell(&self, what: &str, versions: i64) {
        let [calls, stale, mixed] = [&self.calls, &self.stale, &self.mixed].map(|count| count.load(Relaxed));
        println!("{what}: {versions} versions, {calls} calls, {stale} stale, {mixed} mixed");
        assert_eq!((stale, mixed), (0, 0), "no thread executes what was there before");
    }
}

/// Compiles again, patches and frees, beside threads that check nothing.
fn replace(arena: &Arena, publisher: Publisher, settings: &Settings) -> Result<(), Fault> {
    let slot = Slot::new(publisher.publish(place(arena, &versioned(1))?)?);
    let watch = Watch::default();
    let mut versions = 0;
    std::thread::scope(|scope| {
        for _ in 0..settings.threads {
            scope.spawn(|| watch.look(|x| version_of(slot.call((x,)), x)));
        }
        watch.publish(settings.time, |version| {
            slot.replace(publisher.publish(place(arena, &versioned(version))?)?);
            versions = version;
            Ok(())
        })
    })?;
    watch.tell("published, no checks", versions);
    switch(&publisher.publish(place(arena, &machine::switched(ON, OFF))?)?, publisher, settings)
}

/// Patches one function to and fro, beside threads that call it.
fn switch(function: &Published<Compute>, publisher: Publisher, settings: &Settings) -> Result<(), Fault> {
    let watch = Watch::default();
    let mut switched = 0;
    let outcome = std::thread::scope(|scope| {
        for _ in 0..settings.threads {
            scope.spawn(|| watch.look(|x| matches!(function.call((x,)), ON | OFF).then_some(DONE)));
        }
        watch.publish(settings.time, |version| {
            sys::patch(
                publisher,
                function,
                if version % 2 == 0 { machine::skip_first() } else { machine::pass() },
            )?;
            // What was patched is what the next call executes.
            assert_eq!(function.call((0,)), if version % 2 == 0 { OFF } else { ON });
            switched = version;
            Ok(())
        })
    });
    match outcome {
        Err(Fault::NotPatchable(reason)) => println!("not patched: {reason}"),
        outcome => {
            outcome?;
            watch.tell("patched in place", switched);
        }
    }
    Ok(())
}

const ON: i64 = 0x1111_1111_1111;
const OFF: i64 = 0x2222_2222_2222;

/// The same as [`replace`], beside threads that check.
fn replace_checked(arena: &Arena, announcer: Announcer, settings: &Settings) -> Result<(), Fault> {
    let cell = Cell::from_pointee(announcer.announce(place(arena, &versioned(1))?)?);
    let watch = Watch::default();
    let mut versions = 0;
    std::thread::scope(|scope| {
        for _ in 0..settings.threads {
            scope.spawn(|| {
                let executor = announcer.executor();
                watch.look(|x| version_of(executor.call(&cell.load(), (x,)), x));
            });
        }
        watch.publish(settings.time, |version| {
            cell.store(announcer.announce(place(arena, &versioned(version))?)?.into());
            versions = version;
            Ok(())
        })
    })?;
    watch.tell("announced, threads check", versions);
    Ok(())
}
