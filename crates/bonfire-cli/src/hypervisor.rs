//! What this kernel runs on, if not on the machine itself.
//!
//! On x86 a hypervisor tells its signature through an instruction; elsewhere,
//! and where that says too little, the kernel has files about it. QEMU without
//! hardware support is more than that: it *translates* code, so that an
//! instruction need not do what the CPU's would.

use std::fs;

/// Its name, or at least that there is one; `None` where there is no sign of any.
pub(crate) fn name() -> Option<String> {
    let named = signature().map(|signature| match signature.as_str() {
        KVM => "KVM".to_owned(),
        TCG => "QEMU's emulator (TCG)".to_owned(),
        "XenVMMXenVMM" => "Xen".to_owned(),
        "Microsoft Hv" => "Hyper-V".to_owned(),
        "VMwareVMware" => "VMware".to_owned(),
        _ => format!("a hypervisor that signs as {signature:?}"),
    });
    const FILES: [&str; 2] = ["/sys/hypervisor/type", "/proc/device-tree/hypervisor/compatible"];
    let file = || FILES.iter().find_map(|file| fs::read_to_string(file).ok());
    named.or_else(|| file().map(|name| name.trim_end_matches(['\0', '\n']).to_owned()))
}

/// Whether code is translated rather than run.
pub(crate) fn is_emulator() -> bool {
    signature().is_some_and(|signature| signature == TCG)
}

const KVM: &str = "KVMKVMKVM";
const TCG: &str = "TCGTCGTCGTCG";

/// The twelve characters that hypervisors put in three registers (Intel SDM,
/// volume 2, CPUID: bit 31 of leaf 1 is theirs, and so are leaves from 0x4000_0000).
#[cfg(target_arch = "x86_64")]
fn signature() -> Option<String> {
    use std::arch::x86_64::__cpuid;

    const PRESENT: u32 = 1 << 31;
    if __cpuid(1).ecx & PRESENT == 0 {
        return None;
    }
    let leaf = __cpuid(0x4000_0000);
    let letters = [leaf.ebx, leaf.ecx, leaf.edx].map(u32::to_le_bytes).concat();
    Some(String::from_utf8_lossy(&letters).trim_end_matches('\0').to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn signature() -> Option<String> {
    None
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
        assert_eq!(signature().is_some(), flagged);
        assert!(flagged <= name().is_some());
    }
}
