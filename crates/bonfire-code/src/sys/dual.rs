//! The same memory at two addresses: one to execute, one to write.

use std::ffi::CStr;
use std::ops::Range;
use std::os::fd::{FromRawFd, OwnedFd};

use super::mapping::Mapping;
use super::{Memory, Patchable};
use crate::Fault;

/// Memory that is mapped twice, executable and writable, from a file in memory
/// (`memfd_create(2)`).
///
/// Writing makes no system call, and threads may execute a function while the one beside it is
/// written. A policy such as SELinux's may refuse to execute such files; then there is
/// [`Protection`](super::Protection).
///
/// *A forked child does not get it.* It would share the file with its parent, and execute what
/// the parent writes there later. Calling code of the parent in a child faults; an arena made
/// by the child is its own.
pub struct DualMapping {
    executable: Mapping,
    writable: Mapping,
    process: u32,
}

/// Linux 6.3: the file may be executed, whatever `vm.memfd_noexec` says. Not in `libc` for
/// every target.
const MFD_EXEC: u32 = 0x10;

/// A file in memory, of `length` bytes.
fn file(length: usize) -> Result<OwnedFd, Fault> {
    const NAME: &CStr = c"bonfire-code";
    let create = |flags| {
        // SAFETY: the name is a string that ends with a zero.
        let number = unsafe { libc::memfd_create(NAME.as_ptr(), libc::MFD_CLOEXEC | flags) };
        // SAFETY: a file descriptor that was opened just now, and is ours.
        (number >= 0).then(|| unsafe { OwnedFd::from_raw_fd(number) })
    };
    // Kernels before 6.3 refuse the flag.
    let file =
        create(MFD_EXEC).or_else(|| create(0)).ok_or_else(|| Fault::of_memory("make a file in memory"))?;
    std::fs::File::from(
        file.try_clone().map_err(|because| Fault::Memory { doing: "make a file in memory", because })?,
    )
    .set_len(length as u64)
    .map_err(|because| Fault::Memory { doing: "give a file in memory its length", because })?;
    Ok(file)
}

// SAFETY:
// - mapped: by the two mappings, which live as long as this; the file has no name and no
//   descriptor after `reserve`, so nobody else maps it. A child has neither mapping.
// - what is written is what is read: both are of the same file.
// - one is writable and not executable, the other executable and not writable.
// - independent: writing touches the other address only.
unsafe impl Memory for DualMapping {
    fn reserve(length: usize, near: Option<usize>) -> Result<Self, Fault> {
        let file = file(length)?;
        let executable = Mapping::new(length, libc::PROT_READ | libc::PROT_EXEC, Some(&file), near)?;
        let writable = Mapping::new(length, libc::PROT_READ | libc::PROT_WRITE, Some(&file), None)?;
        executable.keep_from_children()?;
        writable.keep_from_children()?;
        Ok(Self { executable, writable, process: std::process::id() })
    }

    fn executable(&self) -> *const u8 {
        self.executable.first()
    }

    fn length(&self) -> usize {
        self.executable.length()
    }

    /// 16 bytes, as compilers align functions.
    fn granule() -> usize {
        16
    }

    unsafe fn write(&self, range: Range<usize>, write: &mut dyn FnMut(&mut [u8])) -> Result<(), Fault> {
        if !self.is_here() {
            return Err(Fault::Forked);
        }
        assert!(range.start <= range.end && range.end <= self.length(), "written outside its memory");
        // SAFETY: within the mapping.
        let first = unsafe { self.writable.first().add(range.start) };
        // SAFETY: mapped, initialised by the system, and nobody else has this range: the
        // condition of `write`. (That threads execute it elsewhere is no access of Rust's.)
        write(unsafe { std::slice::from_raw_parts_mut(first, range.len()) });
        Ok(())
    }

    fn is_here(&self) -> bool {
        self.process == std::process::id()
    }
}

// SAFETY: the address at which threads execute stays as it is.
unsafe impl Patchable for DualMapping {}
