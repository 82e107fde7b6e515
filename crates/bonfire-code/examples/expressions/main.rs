//! A small JIT of arithmetic expressions, whose functions are compiled again, patched and
//! freed while other threads call them.
//!
//! ```sh
//! cargo run --release -p bonfire-code --example expressions -- [OPTIONS] [EXPRESSION…]
//! ```
//!
//! | option | |
//! |---|---|
//! | `--seconds N` | how long functions are replaced in each way (2) |
//! | `--threads N` | how many threads call them meanwhile (2) |
//! | `--memory dual` | memory that is mapped twice (what there is, if not said) |
//! | `--memory pages` | memory whose pages change what they are: for emulators of programs, which do not see what is written at another address; no function can be patched in it |
//! | `--leave-out patching` | for emulators of machines that execute patched code from old translations |
//!
//! The publisher says which version is the newest after publishing it; a thread that learnt of
//! version 7 and gets version 6 has executed stale instructions, and one that gets something
//! else a mixture. Both end the program with status 1. A way that this system does not allow
//! is refused, with the cause, and that is no failure.

mod expression;
mod machine;
mod settings;
mod sys;
mod watch;
mod ways;

use std::error::Error;
use std::process::ExitCode;

use bonfire_code::{Announcer, Arena, Fault, Memory, Options, Protection, Usual};
use expression::Expression;
use settings::{Kind, Settings};
use watch::Counts;

const PATCHED: &str = "patched in place";

type Compute = extern "C" fn(i64) -> i64;

fn main() -> ExitCode {
    let outcome = Settings::read(std::env::args().skip(1)).and_then(|settings| match settings.memory {
        Kind::Dual => run(&settings, Some(sys::patch::<Usual>)),
        Kind::Pages => run::<Protection>(&settings, None),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("expressions: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Shows the expressions that were given, and replaces functions in every way that this memory
/// allows: `patch` is how one instruction of it is replaced.
fn run<M: Memory>(settings: &Settings, patch: Option<sys::Patch<M>>) -> Result<(), Box<dyn Error>> {
    let arena = Arena::<M>::of(Options::default().length(1 << 20))?;
    settings.expressions.iter().try_for_each(|text| show(&arena, text))?;
    let mut wrong = tell("published, no checks", ways::publish(&arena, settings))?;
    wrong += tell("announced, threads check", ways::announce(&arena, settings))?;
    match patch {
        _ if !settings.patching => println!("{PATCHED}: left out"),
        None => println!("{PATCHED}: refused: pages that are being written cannot be executed"),
        Some(patch) => wrong += tell(PATCHED, ways::patch(&arena, settings, patch))?,
    }
    if wrong > 0 {
        return Err(format!("{wrong} calls executed what was there before").into());
    }
    Ok(())
}

/// Compiles one expression and compares it with its interpretation.
fn show<M: Memory>(arena: &Arena<M>, text: &str) -> Result<(), Box<dyn Error>> {
    let because = |message| format!("`{text}`: {message}");
    let expression = Expression::parse(text).map_err(because)?;
    let code = expression.compile().map_err(because)?;
    let announcer = Announcer::enable()?;
    let function = announcer.announce(sys::place(arena, &code)?)?;
    for x in [0, 1, 2, 10, -3] {
        let (compiled, interpreted) = (announcer.executor().call(&function, (x,)), expression.interpret(x));
        println!("{text} = {compiled} for x = {x}");
        assert_eq!(compiled, interpreted, "compiled and interpreted differ");
    }
    Ok(())
}

/// Says what came of one way, and how many calls were wrong.
fn tell(way: &str, outcome: Result<Counts, Fault>) -> Result<i64, Fault> {
    match outcome {
        Ok(counts) => {
            println!("{way}: {counts}");
            Ok(counts.wrong())
        }
        Err(refusal @ (Fault::NoSyncCore(_) | Fault::NoCheck(_) | Fault::NotPatchable(_))) => {
            println!("{way}: refused: {refusal}");
            Ok(0)
        }
        Err(fault) => Err(fault),
    }
}
