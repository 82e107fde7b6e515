//! A program that the host gave, to be run in place of the one in the image.
//!
//! It comes as files of the host's: the ELF file, the arguments and the environment, each
//! string of these with a zero behind it, and files for it to open. They stay in memory
//! that is taken off what is free before anybody else can have it.

use crate::arch::{self, DIRECT_MAP};
use crate::lock::Lock;
use crate::process::INIT;
use crate::serial;
use crate::thread::Thread;
use alloc::string::String;
use alloc::vec::Vec;
use bonfire_testbed::stream::Source;
use core::ops::Range;

/// What was given.
#[derive(Clone, Copy)]
pub(crate) struct Given {
    /// The ELF file, which the host has looked at.
    pub(crate) program: &'static [u8],
    /// The arguments, its own name first.
    pub(crate) arguments: &'static [u8],
    /// The environment.
    pub(crate) environment: &'static [u8],
    /// The files that it may open, in one list.
    files: &'static [u8],
}

static GIVEN: Lock<Option<Given>> = Lock::new(None);

/// What was given, if it was.
pub(crate) fn given() -> Option<Given> {
    *GIVEN.lock()
}

/// Whether a program was given.
pub(crate) fn is_given() -> bool {
    given().is_some()
}

/// Tells the host when a program that it gave is about to run its first instruction.
pub(crate) fn starts(thread: &Thread) {
    if thread.id() == INIT && is_given() {
        serial::send_piece(Source::Start, &[0]);
    }
}

/// Takes what the host gave to the end of `free`; says how many bytes are missing if it is too little.
pub(crate) fn take(free: &mut Range<u64>) -> Result<(), u64> {
    use bonfire_testbed::given::{ARGUMENTS, ENVIRONMENT, FILES, PROGRAM};
    let taken = arch::take_files([PROGRAM, ARGUMENTS, ENVIRONMENT, FILES], free)?;
    *GIVEN.lock() = taken.map(|[program, arguments, environment, files]| Given {
        program,
        arguments,
        environment,
        files,
    });
    Ok(())
}

/// The file of that name, from the root on, that the host gave.
pub(crate) fn file(path: &str) -> Option<&'static [u8]> {
    files().find(|(name, _)| name == path).map(|(_, bytes)| bytes)
}

/// Whether a file was given in the folder of that name.
pub(crate) fn has_folder(path: &str) -> bool {
    files().any(|(name, _)| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

fn files() -> impl Iterator<Item = (String, &'static [u8])> {
    let files = bonfire_testbed::given::files(given().map_or(&[], |given| given.files));
    files.map(|(name, bytes)| (normal(&String::from_utf8_lossy(name)), bytes))
}

/// The shortest name for what a name stands for, from the root on: every program is there.
pub(crate) fn normal(path: &str) -> String {
    let parts = path.split('/').fold(Vec::new(), |mut parts, part| {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
        parts
    });
    String::from("/") + &parts.join("/")
}

/// Where the bytes of what was given lie in memory; none for others.
pub(crate) fn physical(bytes: &'static [u8]) -> Option<u64> {
    let given = given()?.program.as_ptr_range();
    let at = bytes.as_ptr();
    given.contains(&at).then(|| at as u64 - DIRECT_MAP)
}

/// How long the file of the program is.
pub(crate) fn length_of_program() -> u64 {
    given().map_or(0, |given| given.program.len() as u64)
}

/// The strings of such a list.
pub(crate) fn strings(list: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    list.split_inclusive(|&byte| byte == 0).map(|string| string.strip_suffix(&[0]).unwrap_or(string))
}
