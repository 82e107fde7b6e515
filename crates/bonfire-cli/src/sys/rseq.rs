//! Where the C library registered this thread's restartable sequences.

use bonfire_conformance::RseqArea;

/// The area of this thread, or `None` where there is no such registration: a C
/// library that has none (glibc has since 2.35), or was told to leave it, or an
/// architecture for which the suite has no critical section.
pub(crate) fn rseq_area() -> Option<RseqArea> {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    return x86_64::rseq_area();
    #[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
    None
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod x86_64 {
    use std::arch::asm;
    use std::ptr::NonNull;

    use bonfire_conformance::RseqArea;

    pub(super) fn rseq_area() -> Option<RseqArea> {
        let (offset, size) = glibc_says();
        // SAFETY: null or the address of one of the library's constants.
        let offset = unsafe { offset.as_ref() }?;
        // SAFETY: as above.
        let size = unsafe { size.as_ref() }?;
        if *size == 0 {
            return None;
        }
        let area = NonNull::new(thread_pointer().wrapping_offset(*offset))?;
        // SAFETY: a size that is not 0 says that glibc registered, for each
        // thread that it starts, the area at this offset, with its signature.
        unsafe { RseqArea::new(area) }
    }

    /// The addresses of `__rseq_offset` and `__rseq_size`, null in a library
    /// that does not have them: the references are weak, which Rust's own
    /// declarations cannot be.
    fn glibc_says() -> (*const isize, *const u32) {
        let (offset, size);
        // SAFETY: two loads from the table that the linker fills.
        unsafe {
            asm!(
                ".weak __rseq_offset",
                ".weak __rseq_size",
                "mov {}, [rip + __rseq_offset@GOTPCREL]",
                "mov {}, [rip + __rseq_size@GOTPCREL]",
                out(reg) offset,
                out(reg) size,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        (offset, size)
    }

    fn thread_pointer() -> *mut u8 {
        let pointer;
        // SAFETY: on this system `fs` points to a word that holds its own address.
        unsafe {
            asm!("mov {}, fs:[0]", out(reg) pointer, options(pure, readonly, nostack, preserves_flags))
        };
        pointer
    }
}
