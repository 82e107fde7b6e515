//! What the host put into the machine: QEMU's `fw_cfg` device, which is named files.

use super::boot::DIRECT_MAP;
use x86_64::instructions::port::Port;

const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;
const DMA_HIGH: u16 = 0x514;
const DMA_LOW: u16 = 0x518;

const NUMBER_OF_CPUS: u16 = 5;
const DIRECTORY: u16 = 0x19;
const NAME: usize = 56;

/// How many CPUs the machine has.
pub(crate) fn machine_cpus() -> usize {
    select(NUMBER_OF_CPUS);
    u16::from_le_bytes(next()).into()
}

/// A file of the host's.
#[derive(Clone, Copy)]
pub(crate) struct HostFile {
    selector: u16,
    /// Its length in bytes.
    pub(crate) length: u32,
}

impl HostFile {
    /// The file of that name. For one CPU at a time.
    pub(crate) fn find(name: &str) -> Option<Self> {
        select(DIRECTORY);
        let count = u32::from_be_bytes(next());
        (0..count).find_map(|_| {
            let length = u32::from_be_bytes(next());
            let selector = u16::from_be_bytes(next());
            let [_, _] = next();
            let bytes: [u8; NAME] = next();
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(NAME);
            (&bytes[..end] == name.as_bytes()).then_some(Self { selector, length })
        })
    }

    /// Copies it to physical memory; whether the device could.
    ///
    /// # Safety
    /// Its length of bytes at `to` is memory that nobody uses.
    pub(crate) unsafe fn copy_to(self, to: u64) -> bool {
        const ERROR: u32 = 1;
        const READ: u32 = 2;
        const SELECT: u32 = 8;
        // One page of the direct map's, so that we know where it is: the end of what
        // low memory the trampoline leaves.
        let request = (DIRECT_MAP + REQUEST) as *mut [u32; 4];
        let control = u32::from(self.selector) << 16 | SELECT | READ;
        let words = [control, self.length, (to >> 32) as u32, to as u32].map(u32::to_be);
        // SAFETY: low memory that is nobody's, and one CPU at a time comes here.
        unsafe { request.write_volatile(words) };
        // SAFETY: the device's ports: it reads the request and does it, before the
        // second write is done.
        unsafe { Port::<u32>::new(DMA_HIGH).write(0) };
        // SAFETY: as above, and the memory at `to` is nobody's.
        unsafe { Port::<u32>::new(DMA_LOW).write((REQUEST as u32).to_be()) };
        loop {
            // SAFETY: as above.
            let [control, ..] = unsafe { request.read_volatile() };
            match u32::from_be(control) {
                0 => return true,
                control if control & ERROR != 0 => return false,
                _ => super::relax(),
            }
        }
    }
}

/// Where a request is laid out: low memory, behind the trampoline.
const REQUEST: u64 = super::boot::TRAMPOLINE + 0x1000;

fn select(selector: u16) {
    // SAFETY: the selector port; it moves the device's read position.
    unsafe { Port::new(SELECTOR).write(selector) };
}

/// The next bytes of what is selected.
fn next<const N: usize>() -> [u8; N] {
    core::array::from_fn(|_| {
        // SAFETY: the data port; it moves the device's read position.
        unsafe { Port::new(DATA).read() }
    })
}
