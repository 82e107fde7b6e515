//! The program that processes run: the one that the host gave, or `bonfire-init`, built
//! into the image. Puts it into an address space, with the stack that Linux lays out.

use crate::arch::{self, PAGE, TrapFrame, USER_TOP};
use crate::area::Backing;
use crate::given;
use crate::page_table::Access;
use crate::space::{OutOfMemory, READ_WRITE, Space};
use alloc::vec::Vec;
use elf::abi::{ET_DYN, PF_R, PF_W, PF_X, PT_LOAD, PT_PHDR};
use elf::{ElfBytes, endian::LittleEndian, segment::ProgramHeader};

static INIT: &[u8] = include_bytes!(env!("BONFIRE_INIT"));

/// Where a program goes that may be anywhere.
const ANYWHERE: u64 = 0x4000_0000;
const STACK: u64 = 8 << 20;
/// Where handlers of signals go back to that name no place of their own: behind the stack.
pub(crate) const SIGNAL_RETURN: u64 = USER_TOP - PAGE;
const READ_EXECUTE: Access = Access { read: true, write: false, execute: true };

type Program = ElfBytes<'static, LittleEndian>;

/// Loads the program and lays out its stack.
pub(crate) fn load(
    space: &Space,
    arguments: &[&[u8]],
    environment: &[&[u8]],
) -> Result<TrapFrame, OutOfMemory> {
    let file = given::given().map_or(INIT, |given| given.program);
    let program = Program::minimal_parse(file).expect("the host looked at it, or the build made it");
    let base = if program.ehdr.e_type == ET_DYN { ANYWHERE } else { 0 };
    let segments = program.segments().expect("an executable has segments");
    let mut end = 0;
    for segment in segments.iter().filter(|segment| segment.p_type == PT_LOAD) {
        load_segment(space, &program, base, &segment)?;
        end = end.max(base + segment.p_vaddr + segment.p_memsz);
    }
    space.begin_heap(end);
    space.map(Some(USER_TOP - PAGE - STACK), STACK, READ_WRITE, Backing::Zeros)?;
    if !arch::SIGNAL_RETURN.is_empty() {
        space.map(Some(SIGNAL_RETURN), PAGE, READ_EXECUTE, Backing::Zeros)?;
        space.load(SIGNAL_RETURN, arch::SIGNAL_RETURN)?;
    }
    let entry = base + program.ehdr.e_entry;
    let stack = Stack { space, at: USER_TOP - PAGE }.lay_out(
        arguments,
        environment,
        &auxiliary(&program, base, entry),
    )?;
    Ok(TrapFrame::starting_at(entry, stack))
}

fn load_segment(
    space: &Space,
    program: &Program,
    base: u64,
    segment: &ProgramHeader,
) -> Result<(), OutOfMemory> {
    let may = |flag| segment.p_flags & flag != 0;
    let access = Access { read: may(PF_R), write: may(PF_W), execute: may(PF_X) };
    let at = base + segment.p_vaddr;
    let start = at / PAGE * PAGE;
    let bytes = program.segment_data(segment).expect("within the file");
    let whole = pages_in_place(at, bytes, access.write);
    let from = match whole {
        Some((length, backing)) => {
            space.map(Some(start), length, access, backing)?;
            start + length
        }
        None => start,
    };
    let end = at + segment.p_memsz;
    if from < end {
        space.map(Some(from), end - from, access, Backing::Zeros)?;
        let behind = from.max(at) - at;
        space.load(at + behind, bytes.get(behind as usize..).unwrap_or(&[]))?;
    }
    Ok(())
}

/// The pages that a segment at `at` fills whole, if they can be used as they lie in memory:
/// how many bytes, and how they are used.
fn pages_in_place(at: u64, bytes: &'static [u8], are_written: bool) -> Option<(u64, Backing)> {
    let physical = given::physical(bytes)?.checked_sub(at % PAGE)?;
    let length = (at % PAGE + bytes.len() as u64) / PAGE * PAGE;
    let backing = if are_written { Backing::FileCopied(physical) } else { Backing::File(physical) };
    (length > 0 && physical.is_multiple_of(PAGE)).then_some((length, backing))
}

/// What Linux tells a program of itself and its machine: pairs of a key and a value. The
/// place of the random bytes is filled in with them.
fn auxiliary(program: &Program, base: u64, entry: u64) -> [[u64; 2]; 13] {
    const PHDR: u64 = 3;
    const PHENT: u64 = 4;
    const PHNUM: u64 = 5;
    const PAGESZ: u64 = 6;
    const BASE: u64 = 7;
    const FLAGS: u64 = 8;
    const ENTRY: u64 = 9;
    const UID: u64 = 11;
    const EUID: u64 = 12;
    const GID: u64 = 13;
    const EGID: u64 = 14;
    const CLKTCK: u64 = 17;
    const SECURE: u64 = 23;
    let segments = program.segments().expect("an executable has segments");
    let place = segments.iter().find(|segment| segment.p_type == PT_PHDR).map(|segment| segment.p_vaddr);
    let first = segments.iter().find(|segment| segment.p_type == PT_LOAD).map(|segment| segment.p_vaddr);
    let headers = base + place.unwrap_or(first.unwrap_or(0) + program.ehdr.e_phoff);
    [
        [PHDR, headers],
        [PHENT, program.ehdr.e_phentsize.into()],
        [PHNUM, program.ehdr.e_phnum.into()],
        [PAGESZ, PAGE],
        [BASE, 0],
        [FLAGS, 0],
        [ENTRY, entry],
        [UID, 0],
        [EUID, 0],
        [GID, 0],
        [EGID, 0],
        [CLKTCK, 100],
        [SECURE, 0],
    ]
}

/// A stack that is being laid out, downwards.
struct Stack<'a> {
    space: &'a Space,
    at: u64,
}

impl Stack<'_> {
    /// The count of the arguments, pointers to them, to the environment, and the
    /// auxiliary values. Returns where the stack begins.
    fn lay_out(
        mut self,
        arguments: &[&[u8]],
        environment: &[&[u8]],
        auxiliary: &[[u64; 2]],
    ) -> Result<u64, OutOfMemory> {
        const RANDOM: u64 = 25;
        const EXECFN: u64 = 31;
        let random = crate::random::bytes::<16>();
        let random = self.push(&random)?;
        let mut words = alloc::vec![arguments.len() as u64];
        words.extend(self.strings(arguments)?);
        let name = words[1];
        words.push(0);
        words.extend(self.strings(environment)?);
        words.push(0);
        words.extend(auxiliary.iter().chain(&arch::auxiliary()).flatten());
        words.extend([RANDOM, random, EXECFN, name, 0, 0]);
        let stack = (self.at - 8 * words.len() as u64) / 16 * 16;
        let words: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        self.space.load(stack, &words)?;
        Ok(stack)
    }

    fn strings(&mut self, strings: &[&[u8]]) -> Result<Vec<u64>, OutOfMemory> {
        strings
            .iter()
            .map(|string| {
                self.push(&[0])?;
                self.push(string)
            })
            .collect()
    }

    fn push(&mut self, bytes: &[u8]) -> Result<u64, OutOfMemory> {
        self.at -= bytes.len() as u64;
        self.space.load(self.at, bytes)?;
        Ok(self.at)
    }
}
