//! Looks at a program before it is given to a machine, whose kernel believes what it is told.

use anyhow::{Context, Result, bail, ensure};
use bonfire_testbed::Architecture;
use elf::abi::{ET_DYN, ET_EXEC, PF_X, PT_INTERP, PT_LOAD};
use elf::endian::AnyEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use elf::{ElfBytes, to_str::e_machine_to_human_str};

const PAGE: u64 = 4096;
/// Where the kernel begins to place what a program maps.
const TOP: u64 = 0x10_0000_0000;

/// An error unless the kernel can load the file into a machine with so much memory.
pub(super) fn check(file: &[u8], architecture: Architecture, memory_mib: u32) -> Result<()> {
    let elf = ElfBytes::<AnyEndian>::minimal_parse(file).context("is no ELF file, or cut off")?;
    let header = &elf.ehdr;
    ensure!(
        header.e_machine == architecture.elf_machine() && header.class == Class::ELF64,
        "is for another machine: {}; this one is {architecture}, see --arch",
        e_machine_to_human_str(header.e_machine).unwrap_or("an unknown one")
    );
    ensure!(matches!(header.e_type, ET_EXEC | ET_DYN), "is no executable, but an object file or a core");
    let segments = elf.segments().context("has no segments")?;
    if let Some(interpreter) = segments.iter().find(|segment| segment.p_type == PT_INTERP) {
        let loader = elf.segment_data(&interpreter).unwrap_or_default();
        let loader = String::from_utf8_lossy(loader);
        bail!("is dynamic, and wants {}; link it statically", loader.trim_end_matches('\0'));
    }
    let mut loaded: Vec<ProgramHeader> =
        segments.iter().filter(|segment| segment.p_type == PT_LOAD).collect();
    loaded.sort_by_key(|segment| segment.p_vaddr);
    loaded.iter().try_for_each(|segment| check_segment(segment, file.len() as u64))?;
    for pair in loaded.windows(2) {
        let end = (pair[0].p_vaddr + pair[0].p_memsz).next_multiple_of(PAGE);
        ensure!(end <= pair[1].p_vaddr / PAGE * PAGE, "has segments that overlap, at {:#x}", pair[1].p_vaddr);
    }
    let entry = header.e_entry;
    let is_code = |segment: &&ProgramHeader| {
        segment.p_flags & PF_X != 0 && (segment.p_vaddr..segment.p_vaddr + segment.p_filesz).contains(&entry)
    };
    ensure!(loaded.iter().any(|segment| is_code(&segment)), "begins at {entry:#x}, where it has no code");
    let needed = file.len() as u64 + loaded.iter().map(|segment| segment.p_memsz).sum::<u64>();
    let most = u64::from(memory_mib) << 19;
    ensure!(needed <= most, "needs {} MiB, and may have {}; see --memory", needed >> 20, most >> 20);
    Ok(())
}

fn check_segment(segment: &ProgramHeader, length: u64) -> Result<()> {
    let end = segment.p_offset.checked_add(segment.p_filesz);
    ensure!(end.is_some_and(|end| end <= length), "is cut off: a segment ends behind the file");
    ensure!(segment.p_filesz <= segment.p_memsz, "has a segment that is longer in the file than in memory");
    let end = segment.p_vaddr.checked_add(segment.p_memsz);
    ensure!(
        end.is_some_and(|end| end <= TOP / 2),
        "wants memory at {:#x}, which programs do not get",
        segment.p_vaddr
    );
    Ok(())
}
