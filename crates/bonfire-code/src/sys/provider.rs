//! Memory for `cranelift-jit`.
//!
//! Its modules write code where they execute it, so memory here is at one address and changes
//! what it is, as that of [`Protection`](super::Protection) does: writable until the module
//! says that it is finished, and then executable, or readable only.

use std::io;
use std::ops::Range;

use cranelift_jit::{BranchProtection, JITMemoryKind, JITMemoryProvider};
use cranelift_module::{ModuleError, ModuleResult};

use super::mapping::Mapping;
use super::page_size;
use crate::program::Program;
use crate::{Fault, Options, Publisher};

/// Memory for a module of `cranelift-jit` whose functions other threads may call as soon as
/// `finalize_definitions` has returned, with no check and no `pipeline_flush_mt`.
///
/// All code and data of a module lie within the [`Options::length`] that were asked for, in
/// reach of a branch from one another. No page is ever writable and executable. However many
/// definitions are finished together, threads serialise once.
///
/// What a function of another module needs is kept alive by the caller, as cranelift says. To
/// free single functions, compile with `cranelift-codegen` and place them in an
/// [`Arena`](crate::Arena): the example `cranelift` does both.
pub struct Provider {
    /// Gone, when the memory was freed.
    memory: Option<Mapping>,
    taken: usize,
    blocks: Vec<Block>,
    publisher: Publisher,
}

/// Pages of one kind. Writable until it is finished.
struct Block {
    kind: Kind,
    /// Where in the memory it is, whole pages; and how much of it is used.
    range: Range<usize>,
    used: usize,
    is_finished: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Executable,
    Writable,
    ReadOnly,
}

impl From<&JITMemoryKind> for Kind {
    fn from(kind: &JITMemoryKind) -> Self {
        match kind {
            JITMemoryKind::Executable => Self::Executable,
            JITMemoryKind::Writable => Self::Writable,
            JITMemoryKind::ReadOnly => Self::ReadOnly,
        }
    }
}

/// How much is made writable at a time, in bytes.
const BLOCK: usize = 64 << 10;

/// Guarded pages of aarch64: a branch may go to marked instructions only. Not in `libc`.
const PROT_BTI: i32 = if cfg!(all(target_os = "linux", target_arch = "aarch64")) { 0x10 } else { 0 };

/// Whether the processor knows of guarded pages.
fn has_guarded_pages() -> bool {
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("bti");
    #[cfg(not(target_arch = "aarch64"))]
    false
}

impl Provider {
    /// Memory as `options` say, published by `publisher`.
    ///
    /// # Errors
    /// [`Fault::Memory`], and [`Fault::Exhausted`] if `length` is 0 or more than a branch
    /// reaches.
    pub fn new(publisher: Publisher, options: Options) -> Result<Self, Fault> {
        let length = options.rounded()?;
        let memory = Mapping::new(length, libc::PROT_NONE, None, options.near)?;
        Ok(Self { memory: Some(memory), taken: 0, blocks: Vec::new(), publisher })
    }

    fn memory(&self) -> io::Result<&Mapping> {
        self.memory.as_ref().ok_or_else(|| io::Error::other("the memory of this module was freed"))
    }

    /// A block of this kind that has place for `size` bytes at `align`, and where in the memory
    /// that is.
    fn place(&mut self, size: usize, align: usize, kind: Kind) -> io::Result<usize> {
        let find = |block: &mut Block| {
            let first = (block.range.start + block.used).next_multiple_of(align);
            let end = first.checked_add(size)?;
            let fits = block.kind == kind && !block.is_finished && end <= block.range.end;
            fits.then(|| {
                block.used = end - block.range.start;
                first
            })
        };
        if let Some(place) = self.blocks.iter_mut().rev().find_map(find) {
            return Ok(place);
        }
        let full =
            || io::Error::new(io::ErrorKind::OutOfMemory, "the module needs more memory than was asked for");
        let length = size.max(BLOCK).checked_next_multiple_of(page_size()).ok_or_else(full)?;
        let memory = self.memory()?;
        let range = self.taken
            ..self.taken.checked_add(length).filter(|&end| end <= memory.length()).ok_or_else(full)?;
        memory.protect(range.start, length, libc::PROT_READ | libc::PROT_WRITE).map_err(io::Error::other)?;
        self.taken = range.end;
        let first = range.start;
        self.blocks.push(Block { kind, range, used: size, is_finished: false });
        Ok(first)
    }

    /// Has what was written be what it is to be; the addresses of code among it.
    fn finish(&mut self, guard: i32) -> Result<Vec<Range<usize>>, Fault> {
        let Some(memory) = &self.memory else { return Ok(Vec::new()) };
        let mut code = Vec::new();
        for block in self.blocks.iter_mut().filter(|block| !block.is_finished && block.kind != Kind::Writable)
        {
            let executable = block.kind == Kind::Executable;
            let protection = libc::PROT_READ | if executable { libc::PROT_EXEC | guard } else { 0 };
            memory.protect(block.range.start, block.range.len(), protection)?;
            block.is_finished = true;
            let first = memory.first().addr() + block.range.start;
            code.extend(executable.then(|| first..first + block.used));
        }
        Ok(code)
    }
}

impl JITMemoryProvider for Provider {
    fn allocate(&mut self, size: usize, align: u64, kind: JITMemoryKind) -> io::Result<*mut u8> {
        let align =
            usize::try_from(align).ok().filter(|align| align.is_power_of_two() && *align <= page_size());
        let align =
            align.ok_or_else(|| io::Error::other("an alignment is a power of two, and at most a page"))?;
        let place = self.place(size, align, Kind::from(&kind))?;
        Ok(self.memory()?.first().wrapping_add(place))
    }

    unsafe fn free_memory(&mut self) {
        self.blocks.clear();
        self.memory = None;
    }

    fn finalize(&mut self, branch_protection: BranchProtection) -> ModuleResult<()> {
        let guard =
            if branch_protection == BranchProtection::BTI && has_guarded_pages() { PROT_BTI } else { 0 };
        let finished = self.finish(guard).and_then(|code| {
            if code.is_empty() {
                return Ok(());
            }
            bonfire_code_core::publish(&Program(Some(self.publisher.0)), &code[..])
        });
        finished.map_err(|fault| ModuleError::Allocation { err: io::Error::other(fault) })
    }
}
