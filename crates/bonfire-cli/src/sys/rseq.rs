//! Where this thread's restartable sequences are registered.
//!
//! A C library that knows of them has registered each thread that it starts, and
//! says where; where it does not, this thread registers an area of its own.

use std::ptr::{self, NonNull};

use bonfire_conformance::RseqArea;

/// The area of this thread, or `None` where the kernel has no restartable sequences
/// or the suite no critical section for this architecture.
pub(crate) fn rseq_area() -> Option<RseqArea> {
    SIGNATURE?;
    let area = library_area().or_else(own_area)?;
    // SAFETY: the thread registered it, or the library did for each thread that it
    // starts, with this signature; it stays for as long as the thread lives.
    unsafe { RseqArea::new(area) }
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

/// `struct rseq` as the first kernels had it.
#[repr(C, align(32))]
struct Area([u32; 8]);

/// Registers an area of our own. It is never given back: the kernel writes to it
/// until the thread has ended.
fn own_area() -> Option<NonNull<u8>> {
    /// The kernel has yet to say on which CPU the thread runs.
    const UNINITIALISED: u32 = u32::MAX;
    let area = Box::leak(Box::new(Area([0, UNINITIALISED, 0, 0, 0, 0, 0, 0])));
    let area = ptr::from_mut(area);
    // SAFETY: the area is as large as is said, aligned, and lives for ever.
    let refused = unsafe { libc::syscall(libc::SYS_rseq, area, size_of::<Area>(), 0, SIGNATURE?) } != 0;
    NonNull::new(area.cast()).filter(|_| !refused)
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
