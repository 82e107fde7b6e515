//! Where this thread's restartable sequences are registered.
//!
//! A C library that knows of them has registered each thread that it starts, and
//! says where; where it does not, this thread registers an area of its own.

use std::ptr::{self, NonNull};

use bonfire_conformance::{Means, RseqArea, RseqKind};

/// The area of this thread, registered in this way.
///
/// # Errors
/// What is missing: the kernel has no restartable sequences, or not this kind of
/// registration, or the suite has no critical section for this architecture.
pub(crate) fn rseq_area(kind: RseqKind) -> Result<RseqArea, Means> {
    let area = match kind {
        RseqKind::Usual => library_area().or_else(|| own_area(LEGACY)),
        RseqKind::Legacy => anew(LEGACY),
        RseqKind::Extended => anew(extended().ok_or(Means::Registration)?),
    };
    let area = area.filter(|_| SIGNATURE.is_some()).ok_or(Means::Restartable)?;
    // SAFETY: the thread registered it, or the library did for each thread that it
    // starts, with this signature; it stays for as long as the thread lives.
    unsafe { RseqArea::new(area) }.ok_or(Means::Restartable)
}

/// What must stand before the place where an aborted section goes on; each
/// architecture has its own, which is no instruction that programs execute.
const SIGNATURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0x5305_3053)
} else if cfg!(target_arch = "aarch64") {
    Some(0xd428_bc00)
} else if cfg!(target_arch = "riscv64") {
    Some(0xf140_1073)
} else {
    None
};

/// How many bytes the first kernels took, and all since.
const LEGACY: usize = 32;

/// `struct rseq`, with room for what later kernels have added.
#[repr(C, align(256))]
struct Area([u32; 64]);

/// How many bytes a program registers that knows what this kernel offers: more than
/// [`LEGACY`], by which the kernel knows it. `None` where it offers no more.
fn extended() -> Option<usize> {
    let [size, alignment] = [AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN].map(auxiliary);
    let length = size.next_multiple_of(alignment.max(LEGACY)).max(2 * LEGACY);
    (size > 0 && length <= size_of::<Area>()).then_some(length)
}

/// Of the kernel's `auxvec.h`; the C library's crate has no names for them.
const AT_RSEQ_FEATURE_SIZE: libc::c_ulong = 27;
const AT_RSEQ_ALIGN: libc::c_ulong = 28;

/// What the kernel told this program at its start; 0 where it told nothing.
fn auxiliary(of: libc::c_ulong) -> usize {
    // SAFETY: it reads a table that the kernel left in this process's memory.
    unsafe { libc::getauxval(of) as usize }
}

/// An area of so many bytes, in place of the library's.
fn anew(length: usize) -> Option<NonNull<u8>> {
    match library_area() {
        Some(area) if !give_back(area) => None,
        _ => own_area(length),
    }
}

/// Registers an area of our own. It is never given back: the kernel writes to it
/// until the thread has ended.
fn own_area(length: usize) -> Option<NonNull<u8>> {
    /// The kernel has yet to say on which CPU the thread runs.
    const UNINITIALISED: u32 = u32::MAX;
    let mut area = Area([0; 64]);
    area.0[1] = UNINITIALISED;
    let area = ptr::from_mut(Box::leak(Box::new(area)));
    NonNull::new(area.cast()).filter(|&area| rseq(area, length, 0))
}

/// Ends the library's registration: of a thread the kernel knows one. The library says
/// how much of it the kernel fills, not how long it is.
fn give_back(area: NonNull<u8>) -> bool {
    const UNREGISTER: libc::c_int = 1;
    let lengths = [Some(LEGACY), extended(), Some(auxiliary(AT_RSEQ_FEATURE_SIZE))];
    lengths.into_iter().flatten().any(|length| rseq(area, length, UNREGISTER))
}

/// Whether the kernel did as it was told.
fn rseq(area: NonNull<u8>, length: usize, flags: libc::c_int) -> bool {
    let Some(signature) = SIGNATURE else { return false };
    // SAFETY: the area is the library's or ours, as large as is said, aligned, and
    // lives for as long as the thread; the kernel refuses whatever else is not right.
    unsafe { libc::syscall(libc::SYS_rseq, area.as_ptr(), length, flags, signature) == 0 }
}

/// The area that the C library registered.
fn library_area() -> Option<NonNull<u8>> {
    let (offset, size) = library_says();
    // SAFETY: null or the address of one of the library's constants.
    let offset = unsafe { offset.as_ref() }?;
    // SAFETY: as above.
    let size = unsafe { size.as_ref() }?;
    NonNull::new(thread_pointer().wrapping_offset(*offset)).filter(|_| *size != 0)
}

/// The addresses of `__rseq_offset` and `__rseq_size`, null in a library that does
/// not have them: the references are weak, which Rust's own declarations cannot be.
fn library_says() -> (*const isize, *const u32) {
    let (offset, size);
    // SAFETY: two loads from the table that the linker fills.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            ".weak __rseq_offset",
            ".weak __rseq_size",
            "mov {}, [rip + __rseq_offset@GOTPCREL]",
            "mov {}, [rip + __rseq_size@GOTPCREL]",
            out(reg) offset,
            out(reg) size,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            ".weak __rseq_offset",
            ".weak __rseq_size",
            "adrp {0}, :got:__rseq_offset",
            "ldr {0}, [{0}, :got_lo12:__rseq_offset]",
            "adrp {1}, :got:__rseq_size",
            "ldr {1}, [{1}, :got_lo12:__rseq_size]",
            out(reg) offset,
            out(reg) size,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "riscv64")]
    unsafe {
        std::arch::asm!(
            ".weak __rseq_offset",
            ".weak __rseq_size",
            "lga {0}, __rseq_offset",
            "lga {1}, __rseq_size",
            out(reg) offset,
            out(reg) size,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
    {
        (offset, size) = (ptr::null(), ptr::null());
    }
    (offset, size)
}

fn thread_pointer() -> *mut u8 {
    let pointer;
    // SAFETY: on this system `fs` points to a word that holds its own address.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!("mov {}, fs:[0]", out(reg) pointer, options(pure, readonly, nostack, preserves_flags));
    }
    // SAFETY: a register that programs may read.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!("mrs {}, tpidr_el0", out(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    }
    // SAFETY: as above.
    #[cfg(target_arch = "riscv64")]
    unsafe {
        std::arch::asm!("mv {}, tp", out(reg) pointer, options(pure, nomem, nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
    {
        pointer = ptr::null_mut();
    }
    pointer
}
