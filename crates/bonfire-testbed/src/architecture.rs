//! The architectures that the testbed runs on.

use bonfire_engine::Site;
use bonfire_engine::core_sync::{ARM64, RISCV, Row, X86};
use core::fmt;

/// What the ways to user mode do for core serialisation, where this is compiled for.
pub const CORE_SYNC: Row = Architecture::OWN.core_sync();

/// An architecture with a folder of its own in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// x86-64, on QEMU's `q35` machine.
    X86_64,
    /// 64-bit Arm, on QEMU's `virt` machine.
    Aarch64,
    /// 64-bit RISC-V, on QEMU's `virt` machine.
    Riscv64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::X86_64, Self::Aarch64, Self::Riscv64];

    /// The one that this library is compiled for; on a host that is none of them, x86-64.
    pub const OWN: Self = if cfg!(target_arch = "aarch64") {
        Self::Aarch64
    } else if cfg!(target_arch = "riscv64") {
        Self::Riscv64
    } else {
        Self::X86_64
    };

    /// As Rust, QEMU and Linux's `uname` name it.
    ///
    /// ```
    /// use bonfire_testbed::Architecture;
    /// assert!(Architecture::ALL.iter().all(|&one| one.name().parse() == Ok(one)));
    /// assert!("vax".parse::<Architecture>().is_err());
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
            Self::Riscv64 => "riscv64",
        }
    }

    /// Rust's target for the kernel and its programs, which `rustup target add` installs.
    #[must_use]
    pub const fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Aarch64 => "aarch64-unknown-linux-gnu",
            Self::Riscv64 => "riscv64gc-unknown-linux-gnu",
        }
    }

    /// What its ways to user mode do for core serialisation.
    #[must_use]
    pub const fn core_sync(self) -> Row {
        match self {
            Self::X86_64 => X86,
            Self::Aarch64 => ARM64,
            Self::Riscv64 => RISCV,
        }
    }

    /// Whether some way to user mode owes a core serialisation that was put off.
    #[must_use]
    pub const fn owes_before_user(self) -> bool {
        self.core_sync().owes(Site::ExitCoreSync)
    }

    /// A compiler of C for programs of it, on a host that has another one.
    #[must_use]
    pub const fn cross_compiler(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-linux-gnu-gcc",
            Self::Aarch64 => "aarch64-linux-gnu-gcc",
            Self::Riscv64 => "riscv64-linux-gnu-gcc",
        }
    }

    /// The packages of Debian that have that compiler, and a library for it.
    #[must_use]
    pub const fn cross_compiler_packages(self) -> &'static str {
        match self {
            Self::X86_64 => "gcc-x86-64-linux-gnu libc6-dev-amd64-cross",
            Self::Aarch64 => "gcc-aarch64-linux-gnu libc6-dev-arm64-cross",
            Self::Riscv64 => "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross",
        }
    }

    /// QEMU's emulator of it.
    #[must_use]
    pub const fn emulator(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86_64",
            Self::Aarch64 => "qemu-system-aarch64",
            Self::Riscv64 => "qemu-system-riscv64",
        }
    }

    /// The packages of Debian that have the emulator and its firmware.
    #[must_use]
    pub const fn emulator_packages(self) -> &'static str {
        match self {
            Self::X86_64 => "qemu-system-x86",
            Self::Aarch64 => "qemu-system-arm",
            Self::Riscv64 => "qemu-system-misc opensbi",
        }
    }

    /// The emulator's options for the machine that the kernel knows, with a way to end it with a
    /// status of the kernel's own.
    #[must_use]
    pub const fn machine(self) -> &'static [&'static str] {
        match self {
            Self::X86_64 => {
                &["-machine", "q35", "-cpu", "qemu64", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
            }
            Self::Aarch64 => &[
                "-machine",
                "virt,gic-version=3",
                "-cpu",
                "cortex-a76",
                "-semihosting-config",
                "enable=on,target=native",
            ],
            Self::Riscv64 => &["-machine", "virt"],
        }
    }

    /// Whether QEMU's `-fw_cfg` reaches the machine. On RISC-V, QEMU 7.2 looks for that device
    /// before it has made it.
    #[must_use]
    pub const fn has_named_files(self) -> bool {
        !matches!(self, Self::Riscv64)
    }

    /// The number of its machines in ELF files.
    #[must_use]
    pub const fn elf_machine(self) -> u16 {
        match self {
            Self::X86_64 => 62,
            Self::Aarch64 => 183,
            Self::Riscv64 => 243,
        }
    }
}

/// There is no folder for an architecture of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchArchitecture;

impl fmt::Display for NoSuchArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no such architecture; there are")?;
        Architecture::ALL.iter().try_for_each(|architecture| write!(f, " {architecture}"))
    }
}

impl core::error::Error for NoSuchArchitecture {}

impl core::str::FromStr for Architecture {
    type Err = NoSuchArchitecture;

    fn from_str(name: &str) -> Result<Self, NoSuchArchitecture> {
        let found = Self::ALL.into_iter().find(|architecture| architecture.name() == name);
        found.ok_or(NoSuchArchitecture)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
