//! How a boot ends.

use core::fmt;

/// What the kernel tells QEMU, and QEMU the host, when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Exit {
    /// The user program did what it was told to.
    Done = 0x10,
    /// The kernel found itself in a state that it must not be in.
    Panic,
    /// The user program faulted.
    UserFault,
    /// The user program ended with an error.
    InitFailed,
    /// There is too little memory to start.
    TooLittleMemory,
    /// The machine has more CPUs than the kernel serves.
    TooManyCpus,
    /// The command line has a word that the kernel does not know.
    BadOption,
}

impl Exit {
    const ALL: [Self; 7] = [
        Self::Done,
        Self::Panic,
        Self::UserFault,
        Self::InitFailed,
        Self::TooLittleMemory,
        Self::TooManyCpus,
        Self::BadOption,
    ];

    /// The status with which the kernel has QEMU exit: twice the number, and 1, which is
    /// what the device `isa-debug-exit` of a PC makes of the number by itself. So none is a
    /// status of QEMU's own.
    #[must_use]
    pub const fn status(self) -> u32 {
        (self as u32) << 1 | 1
    }

    /// The end that QEMU's exit status stands for. `None` if it was not the kernel
    /// that ended QEMU.
    ///
    /// ```
    /// use bonfire_testbed::Exit;
    /// assert_eq!(Exit::from_qemu(33), Some(Exit::Done));
    /// assert_eq!(Exit::from_qemu(0), None);
    /// ```
    #[must_use]
    pub fn from_qemu(status: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|&exit| u32::try_from(status) == Ok(exit.status()))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Panic => "the kernel panicked",
            Self::UserFault => "the user program faulted",
            Self::InitFailed => "the user program failed",
            Self::TooLittleMemory => "too little memory",
            Self::TooManyCpus => "more CPUs than the kernel serves",
            Self::BadOption => "an option that the kernel does not know",
        })
    }
}
