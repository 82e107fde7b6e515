//! What this kernel runs on, if not on the machine itself.
//!
//! On x86 a hypervisor tells its name through an instruction. Elsewhere firmware has
//! left files about the machine: a device tree, the tables of DMI, on s390x what the
//! machine says of itself. QEMU without hardware support is more than a hypervisor:
//! it *translates* code, so that an instruction need not do what the CPU's would.
//! Where nothing could be looked at, that is what is said.

use std::fs;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    /// A hypervisor of this name, which has the CPU execute instructions itself.
    Hypervisor(String),
    /// An emulator of this name, which translates them.
    Emulator(&'static str),
    /// What would show either was looked at, and shows none.
    NoSign,
    /// There was nothing to look at.
    Unknown,
}

use Platform::{Emulator, Hypervisor, NoSign, Unknown};

const TCG: &str = "QEMU's emulator (TCG)";
const TCG_PROBABLY: &str = "QEMU, without a sign of hardware support: its emulator (TCG)";
const USER: &str = "QEMU's emulator of programs (qemu-user), on its host's kernel";

impl Platform {
    /// Looks at this machine.
    pub(crate) fn read() -> Self {
        if is_program_emulated() {
            return Emulator(USER);
        }
        from_instruction().unwrap_or_else(|| Signs::read().judge())
    }

    /// For a report; `None` where it is not known.
    pub(crate) fn name(&self) -> Option<String> {
        match self {
            Hypervisor(name) => Some(name.clone()),
            Emulator(name) => Some((*name).to_owned()),
            NoSign => Some("no sign of it".to_owned()),
            Unknown => None,
        }
    }
}

/// Whether code is translated rather than run.
pub(crate) fn is_emulator() -> bool {
    matches!(Platform::read(), Emulator(_))
}

/// Whether only this program is emulated, and not a machine: such an emulator answers
/// for `/proc/self/exe` with the program, and leaves the kernel's other name for that
/// link to the kernel, which answers with the emulator.
pub(crate) fn is_program_emulated() -> bool {
    let [told, found] = ["/proc/self/exe", "/proc/thread-self/exe"].map(|link| fs::read_link(link).ok());
    told.zip(found).is_some_and(|(told, found)| told != found)
}

/// What x86 says by CPUID.
#[cfg(target_arch = "x86_64")]
fn from_instruction() -> Option<Platform> {
    use raw_cpuid::{CpuId, Hypervisor as Name};

    let cpu = CpuId::new();
    if !cpu.get_feature_info()?.has_hypervisor() {
        return Some(NoSign);
    }
    Some(match cpu.get_hypervisor_info()?.identify() {
        Name::QEMU => Emulator(TCG),
        Name::HyperV => Hypervisor("Hyper-V".into()),
        Name::Unknown(ebx, ecx, edx) => {
            let letters = [ebx, ecx, edx].map(u32::to_le_bytes).concat();
            let name = String::from_utf8_lossy(&letters).trim_end_matches('\0').to_owned();
            Hypervisor(format!("a hypervisor that signs as {name:?}"))
        }
        known => Hypervisor(format!("{known:?}")),
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn from_instruction() -> Option<Platform> {
    None
}

/// The files that tell, where they are.
#[derive(Default)]
struct Signs {
    architecture: &'static str,
    cpuinfo: Option<String>,
    /// `model` and `compatible` of the device tree.
    tree: Option<String>,
    /// The node that a hypervisor adds to it.
    tree_hypervisor: Option<String>,
    /// Vendor and product of DMI.
    dmi: Option<String>,
    /// Of s390x: machine, partition, and virtual machine.
    sysinfo: Option<String>,
    xen: Option<String>,
}

impl Signs {
    fn read() -> Self {
        let dmi = [read("/sys/class/dmi/id/sys_vendor"), read("/sys/class/dmi/id/product_name")];
        let tree = [read("/proc/device-tree/model"), read("/proc/device-tree/compatible")];
        let joined = |parts: [Option<String>; 2]| parts.into_iter().flatten().reduce(|a, b| a + " " + &b);
        Self {
            architecture: std::env::consts::ARCH,
            cpuinfo: read("/proc/cpuinfo"),
            tree: joined(tree),
            tree_hypervisor: read("/proc/device-tree/hypervisor/compatible"),
            dmi: joined(dmi),
            sysinfo: read("/proc/sysinfo"),
            xen: read("/sys/hypervisor/type"),
        }
    }

    fn judge(&self) -> Platform {
        let has = |file: &Option<String>, word: &str| file.as_ref().is_some_and(|text| text.contains(word));
        let is_foreign = ["GenuineIntel", "AuthenticAMD"].iter().any(|vendor| has(&self.cpuinfo, vendor));
        let is_kvm = has(&self.tree_hypervisor, "linux,kvm") || has(&self.dmi, "KVM");
        let is_qemu = ["qemu", "linux,dummy-virt", "riscv-virtio"].iter().any(|word| has(&self.tree, word));
        if is_foreign && self.architecture != "x86_64" {
            Emulator(USER)
        } else if is_kvm {
            Hypervisor("KVM".into())
        } else if let Some(name) = self.tree_hypervisor.as_ref().or(self.xen.as_ref()) {
            Hypervisor(name.clone())
        } else if let Some(sysinfo) = &self.sysinfo {
            s390x(sysinfo)
        } else if is_qemu || has(&self.dmi, "QEMU") {
            Emulator(TCG_PROBABLY)
        } else if let Some(cloud) = self.dmi.as_deref().and_then(cloud) {
            Hypervisor(cloud.to_owned())
        } else if self.tree.is_some() || self.dmi.is_some() {
            NoSign
        } else {
            Unknown
        }
    }
}

/// The emulator calls its machine by its own name; a hypervisor leaves the
/// machine's and has a line of its own.
fn s390x(sysinfo: &str) -> Platform {
    let field = |name: &str| {
        let mut values = sysinfo.lines().filter_map(|line| line.strip_prefix(name)?.trim().strip_prefix(':'));
        values.next().map(str::trim)
    };
    if field("Manufacturer") == Some("QEMU") {
        return Emulator(TCG);
    }
    field("VM00 Control Program").map_or(NoSign, |program| Hypervisor(program.to_owned()))
}

/// Virtual machines that say so in DMI alone.
fn cloud(dmi: &str) -> Option<&'static str> {
    const CLOUDS: [(&str, &str); 4] = [
        ("Google Compute Engine", "Google Compute Engine"),
        ("VMware", "VMware"),
        ("Virtual Machine", "a virtual machine, by DMI"),
        ("Alibaba Cloud ECS", "Alibaba Cloud"),
    ];
    CLOUDS.into_iter().find_map(|(word, name)| dmi.contains(word).then_some(name))
}

/// A file of firmware's, in which zeros part strings.
fn read(file: &str) -> Option<String> {
    let text = fs::read(file).ok()?;
    Some(String::from_utf8_lossy(&text).replace('\0', " ").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kernel shows the same bit in another way.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_kernel_sees_a_hypervisor_where_we_do() {
        let cpus = fs::read_to_string("/proc/cpuinfo").unwrap();
        let flagged = cpus.split_whitespace().any(|word| word == "hypervisor");
        assert_eq!(flagged, !matches!(Platform::read(), NoSign), "{:?}", Platform::read());
    }

    fn check(signs: Signs, expected: Platform) {
        assert_eq!(signs.judge(), expected);
    }

    #[test]
    fn machines_are_known_by_what_firmware_says() {
        let text = |text: &str| Some(text.to_owned());
        let tree = |tree: &str| Signs { tree: text(tree), ..Signs::default() };
        check(tree("linux,dummy-virt"), Emulator(TCG_PROBABLY));
        check(tree("riscv-virtio,qemu riscv-virtio"), Emulator(TCG_PROBABLY));
        check(tree("IBM pSeries (emulated by qemu)"), Emulator(TCG_PROBABLY));
        let kvm = Signs { tree_hypervisor: text("linux,kvm"), ..tree("IBM pSeries (emulated by qemu)") };
        check(kvm, Hypervisor("KVM".into()));
        check(tree("raspberrypi,4-model-b brcm,bcm2711"), NoSign);
        let dmi = |dmi: &str| Signs { dmi: text(dmi), ..Signs::default() };
        check(dmi("QEMU QEMU Virtual Machine"), Emulator(TCG_PROBABLY));
        check(dmi("QEMU KVM Virtual Machine"), Hypervisor("KVM".into()));
        check(dmi("Ampere Mt. Jade"), NoSign);
    }

    #[test]
    fn an_s390x_tells_by_its_manufacturer() {
        let machine = |lines: &str| Signs { sysinfo: Some(lines.to_owned()), ..Signs::default() };
        let vm = "VM00 Control Program: KVM/Linux       \n";
        check(machine(&format!("Manufacturer:         QEMU\n{vm}")), Emulator(TCG));
        check(machine(&format!("Manufacturer:         IBM\n{vm}")), Hypervisor("KVM/Linux".into()));
        check(machine("Manufacturer:         IBM\nLPAR Number: 1\n"), NoSign);
    }

    #[test]
    fn where_nobody_looked_nothing_is_said() {
        check(Signs::default(), Unknown);
        assert_eq!(Unknown.name(), None);
        let cpuinfo = Some("vendor_id : GenuineIntel".to_owned());
        check(Signs { architecture: "riscv64", cpuinfo, ..Signs::default() }, Emulator(USER));
    }
}
