//! The `bonfire` command.
//!
//! [`arguments`] is the one definition of what may be typed: parser, help, man
//! page and completions come from it. Each verb is a file with its options and
//! a function `run` that returns how the process exits. The verbs rest on
//! [`host`], the running kernel as a subject of the conformance cases, whose
//! unsafe code is in [`sys`].

#![deny(unsafe_code)]

mod arguments;
mod bench;
mod boot;
mod check;
mod environment;
mod explain;
mod explore;
mod generate;
mod host;
mod hypervisor;
mod interrupt;
mod output;
mod progress;
mod report;
#[cfg_attr(any(target_arch = "powerpc64", target_arch = "s390x"), path = "scale/nowhere.rs")]
mod scale;
mod seed;
mod shard;
mod subject;
#[expect(unsafe_code, reason = "the system's own face; each block is argued for")]
mod sys;

use std::process::ExitCode;

use arguments::{Arguments, Verb};
use clap::Parser;

fn main() -> ExitCode {
    // A case may start this program again, to go on with a task in a new image.
    if host::resume() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    arguments.color.write_global();
    let outcome = match arguments.verb() {
        Verb::Bench(options) => bench::run(&options),
        Verb::Boot(options) => boot::run(&options),
        Verb::Check(options) => check::run(&options),
        Verb::Explain(options) => explain::run(&options),
        Verb::Explore(options) => explore::run(&options),
        Verb::Generate(options) => generate::run(&options),
        Verb::Scale(options) => scale::run(&options),
    };
    outcome.unwrap_or_else(|error| {
        anstream::eprintln!("error: {error:#}");
        ExitCode::from(2)
    })
}
