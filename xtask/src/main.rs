//! Automation for this repository: `cargo xtask VERB`.
//!
//! Each verb is a file. What a verb needs beyond Rust it looks for, and where
//! it is absent says how to install it.

#![forbid(unsafe_code)]

mod asm;
mod boots;
mod code_guests;
mod compare_linux;
mod dist;
mod guest;
mod guests;
mod hooks;
mod mutants;
mod programs;
mod registers;
mod repository;
mod target;
mod test;
mod testbed;
mod tidy;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Automation for this repository", disable_help_subcommand = true)]
enum Verb {
    /// Run every test of the workspace, and say what was skipped and why.
    Test(test::Options),
    /// Check what compilers make of the fences, on every target at hand.
    Asm(asm::Options),
    /// Check the rules of the house that the compiler does not know.
    Tidy,
    /// Build the static `bonfire` binaries with man page and completions.
    Dist(dist::Options),
    /// Check another kernel with the static binary, in QEMU, and compare.
    GuestCheck(guest::Options),
    /// Check Debian's kernels of every architecture, and write the table of docs/guests.md.
    Guests(guests::Options),
    /// Replace code while it runs, under Debian's kernels of every architecture.
    CodeGuests(code_guests::Options),
    /// Run vectorised callers of fences under a kernel that destroys vectors.
    Registers(registers::Options),
    /// Build the testbed's kernel, which boots in QEMU.
    Testbed(testbed::Options),
    /// Boot the testbed again and again, and add up what was found.
    Boots(boots::Options),
    /// Boot programs that rely on membarrier in the testbed, again and again.
    Programs(programs::Options),
    /// Boot the testbed without each of the engine's hooks, and show what became of it.
    Hooks(hooks::Options),
    /// Change the engine and the ABI here and there, and see whether their tests notice.
    Mutants(mutants::Options),
    /// Time the call in the testbed and on Linux, in the same emulator.
    CompareLinux(compare_linux::Options),
}

fn main() -> ExitCode {
    let outcome = match Verb::parse() {
        Verb::Test(options) => test::run(&options),
        Verb::Asm(options) => asm::run(&options),
        Verb::Tidy => tidy::run(),
        Verb::Dist(options) => dist::run(&options),
        Verb::GuestCheck(options) => guest::run(&options),
        Verb::Guests(options) => guests::run(&options),
        Verb::CodeGuests(options) => code_guests::run(&options),
        Verb::Registers(options) => registers::run(&options),
        Verb::Testbed(options) => testbed::run(&options),
        Verb::Boots(options) => boots::run(&options),
        Verb::Programs(options) => programs::run(&options),
        Verb::Hooks(options) => hooks::run(&options),
        Verb::Mutants(options) => mutants::run(&options),
        Verb::CompareLinux(options) => compare_linux::run(&options),
    };
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
