//! What is right only if the caller is: the bytes are a function, and it is there when it is
//! called.

use std::ops::Range;

use crate::code::Draft;
use crate::program::Program;
use crate::sys::{self, Memory, Patchable};
use crate::{Arena, Checked, Executor, Fault, Function, Published, Publisher, arch, patch};

impl<M: Memory> Arena<M> {
    /// Places `code`, which is not to be executed yet.
    ///
    /// ```
    /// # #[cfg(target_arch = "x86_64")]
    /// # fn main() -> Result<(), bonfire_code::Fault> {
    /// use bonfire_code::{Arena, Publisher};
    ///
    /// let arena = Arena::new()?;
    /// // lea eax, [rdi + 1]; ret
    /// let draft = unsafe { arena.place::<extern "C" fn(i32) -> i32>(&[0x8d, 0x47, 0x01, 0xc3])? };
    /// let add_one = Publisher::register()?.publish(draft)?;
    /// assert_eq!(add_one.call((41,)), 42);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_arch = "x86_64"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`Fault::Exhausted`], [`Fault::Memory`] and [`Fault::Forked`].
    ///
    /// # Safety
    /// At the address where it is placed `code` must be a function of the type `F`, for as long
    /// as the [`Code`](crate::Code) exists, wherever it branches to. If `F` is safe to call, so
    /// must it be.
    pub unsafe fn place<F: Function>(&self, code: &[u8]) -> Result<Draft<F, M>, Fault> {
        let write = |_: usize, place: &mut [u8]| place.copy_from_slice(code);
        // SAFETY: the caller vouches for the code, and it is what is written.
        unsafe { self.place_with(code.len(), write) }
    }

    /// Places `length` bytes, which `write` writes. It is told the address at which they will
    /// be executed, and where to write them: all zeros, or what was there before.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    ///
    /// # Safety
    /// As for [`place`](Self::place), of what `write` leaves.
    pub unsafe fn place_with<F: Function>(
        &self,
        length: usize,
        write: impl FnOnce(usize, &mut [u8]),
    ) -> Result<Draft<F, M>, Fault> {
        let space = self.take(length)?;
        space.write(0..length, write)?;
        Ok(Draft::new(space))
    }
}

impl<F: Function, M: Memory> Published<F, M> {
    /// The function, to be called by code that is not Rust, or with arguments that live for a
    /// while only.
    ///
    /// # Safety
    /// It is not called after this is dropped, also where `F` is safe to call.
    #[must_use]
    #[inline(always)]
    pub unsafe fn function(&self) -> F {
        sys::to_function(self.space())
    }
}

impl Executor {
    /// The function, for a call that is not Rust's. What is announced later may not be called
    /// through it, nor may it be called by another thread.
    ///
    /// # Safety
    /// It is called by this thread, and not after `code` is dropped, also where `F` is safe to
    /// call.
    #[must_use]
    #[inline(always)]
    pub unsafe fn function<F: Function, M: Memory>(&self, code: &Checked<F, M>) -> F {
        self.catch_up();
        code.function_when_checked()
    }
}

impl Publisher {
    /// Replaces one instruction of `code`, at `offset` bytes from its beginning, while threads
    /// execute it. They execute the old instruction or the new one; after the return, the new.
    ///
    /// | architecture | what can be replaced | how, and where it is allowed |
    /// |---|---|---|
    /// | x86-64 | any instruction of up to 15 bytes | a trap on its first byte, the rest, the first byte, and all threads serialise after each: Intel SDM volume 3, 10.1.3 (9.1.3 before 2023), "cross-modifying code". Threads that meet the trap wait in a handler of `SIGTRAP`, which passes on other traps |
    /// | aarch64 | `B`, `BL`, `BRK`, `HVC`, `ISB`, `NOP`, `SMC`, `SVC`, by another of these | one aligned store: Arm ARM (DDI 0487), B2.2.5, "Concurrent modification and execution of instructions" |
    /// | riscv64 with Ziccif | an instruction that is aligned to its length | one aligned store: RISC-V profiles, RVA20 and later, Ziccif; then `riscv_flush_icache` |
    /// | others | nothing | [`Fault::NotPatchable`] |
    ///
    /// ```
    /// # #[cfg(target_arch = "x86_64")]
    /// # fn main() -> Result<(), bonfire_code::Fault> {
    /// # let arena = bonfire_code::Arena::new()?;
    /// # let publisher = bonfire_code::Publisher::register()?;
    /// // mov eax, 1; ret
    /// let draft = unsafe { arena.place::<extern "C" fn() -> i32>(&[0xb8, 1, 0, 0, 0, 0xc3])? };
    /// let number = publisher.publish(draft)?;
    /// assert_eq!(number.call(()), 1);
    /// unsafe { publisher.patch(&number, 0, &[0xb8, 2, 0, 0, 0])? };
    /// assert_eq!(number.call(()), 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(target_arch = "x86_64"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`Fault::NotPatchable`], with the rule that is broken; [`Fault::Forked`]; and
    /// [`Fault::Caches`], after which other threads may execute the old instruction.
    ///
    /// # Safety
    /// - At `offset` there begins one instruction, as long as `new`, which is one instruction;
    ///   nobody branches into it.
    /// - The code is a function of its type with either.
    /// - On x86-64 no thread executes it with `SIGTRAP` blocked (the kernel ends the process
    ///   then), nor in a handler that interrupts a call of `patch`, and the process does not
    ///   replace the handler of `SIGTRAP` meanwhile.
    pub unsafe fn patch<F: Function, M: Patchable>(
        self,
        code: &Published<F, M>,
        offset: usize,
        new: &[u8],
    ) -> Result<(), Fault> {
        patch::patch(&Program(Some(self.0)), code.space(), offset, new)
    }
}

/// Has instruction fetch see what was written to `length` bytes at `address`, on all CPUs.
/// The address is the one at which they are executed.
///
/// # Errors
/// [`Fault::Caches`].
///
/// # Safety
/// The bytes are mapped, and readable at `address`.
pub unsafe fn clear_cache(address: *const u8, length: usize) -> Result<(), Fault> {
    let first = address.addr();
    let span: Range<usize> = first..first.saturating_add(length);
    arch::maintain(&[span])
}
