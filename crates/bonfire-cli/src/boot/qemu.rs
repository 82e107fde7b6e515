//! QEMU's emulators, and the machines of theirs that the kernel knows.

use bonfire_testbed::Architecture;

/// The emulator of an architecture, and its machine: with a way for the kernel to end it
/// with a status of its own.
pub(super) struct Emulator {
    pub(super) program: &'static str,
    /// What installs it on Debian and its kin.
    packages: &'static str,
    pub(super) machine: &'static [&'static str],
}

impl Emulator {
    pub(super) fn of(architecture: Architecture) -> Self {
        match architecture {
            Architecture::X86_64 => Self {
                program: "qemu-system-x86_64",
                packages: "qemu-system-x86",
                machine: &[
                    "-machine",
                    "q35",
                    "-cpu",
                    "qemu64",
                    "-device",
                    "isa-debug-exit,iobase=0xf4,iosize=4",
                ],
            },
            Architecture::Aarch64 => Self {
                program: "qemu-system-aarch64",
                packages: "qemu-system-arm",
                machine: &[
                    "-machine",
                    "virt,gic-version=3",
                    "-cpu",
                    "cortex-a76",
                    "-semihosting-config",
                    "enable=on,target=native",
                ],
            },
            Architecture::Riscv64 => Self {
                program: "qemu-system-riscv64",
                packages: "qemu-system-misc opensbi",
                machine: &["-machine", "virt"],
            },
        }
    }

    /// The line that installs it.
    pub(super) fn install(&self) -> String {
        format!("apt-get install --no-install-recommends {}", self.packages)
    }
}
