//! A program that the host gave, to be run in place of the one in the image.
//!
//! It comes as files of `fw_cfg`: the ELF file, the arguments and the environment, each
//! string of these with a zero behind it. They stay in memory that is taken off what is free before
//! anybody else can have it.

use crate::arch::{DIRECT_MAP, HostFile, PAGE};
use crate::lock::Lock;
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

/// Takes what the host gave to the end of `free`; says how many bytes are missing if it is too little.
pub(crate) fn take(free: &mut Range<u64>) -> Result<(), u64> {
    use bonfire_testbed::given::{ARGUMENTS, ENVIRONMENT, PROGRAM};
    let Some(program) = HostFile::find(PROGRAM) else { return Ok(()) };
    let program = copy(program, free)?;
    let mut strings = |name| HostFile::find(name).map_or(Ok(&[][..]), |file| copy(file, free));
    let (arguments, environment) = (strings(ARGUMENTS)?, strings(ENVIRONMENT)?);
    *GIVEN.lock() = Some(Given { program, arguments, environment });
    Ok(())
}

fn copy(file: HostFile, free: &mut Range<u64>) -> Result<&'static [u8], u64> {
    let length = u64::from(file.length);
    let start = free.end.saturating_sub(length) / PAGE * PAGE;
    if start < free.start {
        return Err(free.start - start);
    }
    free.end = start;
    // SAFETY: memory that was free, and is now taken.
    let copied = unsafe { file.copy_to(start) };
    assert!(copied, "QEMU can copy its files");
    // SAFETY: just copied there, within the direct map, and nobody changes it.
    Ok(unsafe { core::slice::from_raw_parts((DIRECT_MAP + start) as *const u8, length as usize) })
}

/// The strings of such a list.
pub(crate) fn strings(list: &'static [u8]) -> impl Iterator<Item = &'static [u8]> {
    list.split_inclusive(|&byte| byte == 0).map(|string| string.strip_suffix(&[0]).unwrap_or(string))
}
