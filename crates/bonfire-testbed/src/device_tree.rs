//! What a machine without firmware tables says of itself: a flattened device tree
//! (Devicetree Specification v0.4, chapters 3 and 5).
//!
//! QEMU hands one to the kernel on its `virt` machines. [`DeviceTree`] answers the few
//! questions that the kernel has: its command line, memory, CPUs, and where a device's
//! registers are. A node counts if it is the root's child or a child of one, which is as
//! deep as devices lie there.

use core::ops::Range;
use dtoolkit::fdt::{Fdt, FdtNode};
use dtoolkit::standard::{NodeStandard, Status};
use dtoolkit::{Node, Property};

/// A device tree, of which the reader has found out that it is one.
#[derive(Clone, Copy)]
pub struct DeviceTree<'a>(Fdt<'a>);

impl<'a> DeviceTree<'a> {
    /// The questions to this tree.
    #[must_use]
    pub const fn new(tree: Fdt<'a>) -> Self {
        Self(tree)
    }

    /// What the machine is called.
    #[must_use]
    pub fn machine(self) -> Option<&'a str> {
        self.0.root().compatible()?.next()
    }

    /// The text after QEMU's `-append`; empty without one.
    #[must_use]
    pub fn command_line(self) -> &'a str {
        let chosen = self.0.root().child("chosen");
        chosen.and_then(|chosen| text(chosen, "bootargs")).unwrap_or("")
    }

    /// Where QEMU put the file of its `-initrd`, if there is one.
    #[must_use]
    pub fn initial_disk(self) -> Option<Range<u64>> {
        let chosen = self.0.root().child("chosen")?;
        Some(number(chosen, "linux,initrd-start")?..number(chosen, "linux,initrd-end")?)
    }

    /// Physical memory.
    pub fn memory(self) -> impl Iterator<Item = Range<u64>> + 'a {
        let is_memory = |node: &FdtNode<'a>| text(*node, "device_type") == Some("memory");
        self.nodes().filter(is_memory).flat_map(registers)
    }

    /// What of it somebody else has: firmware that stays.
    pub fn reserved(self) -> impl Iterator<Item = Range<u64>> + 'a {
        let children = self.0.root().child("reserved-memory").into_iter().flat_map(|node| node.children());
        children.flat_map(registers)
    }

    /// The CPUs that can be started, by the numbers that firmware knows them by: on
    /// RISC-V the number of the hart, on Arm the affinity of `MPIDR`.
    pub fn cpus(self) -> impl Iterator<Item = u64> + 'a {
        let cpus = self.0.root().child("cpus").into_iter().flat_map(|cpus| cpus.children());
        cpus.filter(|cpu| text(*cpu, "device_type") == Some("cpu") && cpu.status() == Ok(Status::Okay))
            .flat_map(|cpu| cpu.reg().ok().flatten().into_iter().flatten())
            .filter_map(|number| number.address().ok())
    }

    /// How often a second the clock of all CPUs ticks, where the tree has to say it (RISC-V).
    #[must_use]
    pub fn clock_ticks_per_s(self) -> Option<u32> {
        self.0.root().child("cpus")?.property("timebase-frequency")?.value_as().ok()
    }

    /// The registers of that number of the first device that is `compatible`.
    #[must_use]
    pub fn registers(self, compatible: &str, number: usize) -> Option<Range<u64>> {
        registers(self.device(compatible)?).nth(number)
    }

    /// A text that the tree says of the first device that is `compatible`.
    #[must_use]
    pub fn text(self, compatible: &str, property: &str) -> Option<&'a str> {
        text(self.device(compatible)?, property)
    }

    fn device(self, compatible: &str) -> Option<FdtNode<'a>> {
        self.nodes()
            .find(|node| node.compatible().is_some_and(|mut names| names.any(|name| name == compatible)))
    }

    fn nodes(self) -> impl Iterator<Item = FdtNode<'a>> {
        self.0.root().children().flat_map(|node| core::iter::once(node).chain(node.children()))
    }
}

fn registers(node: FdtNode<'_>) -> impl Iterator<Item = Range<u64>> {
    node.reg().ok().flatten().into_iter().flatten().filter_map(|part| {
        let (start, length) = (part.address::<u64>().ok()?, part.size::<u64>().ok()?);
        Some(start..start.checked_add(length)?)
    })
}

/// A number of one cell or two.
fn number(node: FdtNode<'_>, property: &str) -> Option<u64> {
    let property = node.property(property)?;
    property.value_as::<u32>().map(u64::from).or_else(|_| property.value_as()).ok()
}

fn text<'a>(node: FdtNode<'a>, property: &str) -> Option<&'a str> {
    node.property(property)?.value_as().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// A blob that is being written.
    #[derive(Default)]
    struct Blob {
        structure: Vec<u8>,
        names: Vec<u8>,
    }

    impl Blob {
        fn words(&mut self, words: &[u32]) {
            self.structure.extend(words.iter().flat_map(|word| word.to_be_bytes()));
        }

        fn bytes(&mut self, bytes: &[u8]) {
            self.structure.extend(bytes);
            self.structure.resize(self.structure.len().next_multiple_of(4), 0);
        }

        fn node(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
            self.words(&[1]);
            self.bytes(&[name.as_bytes(), &[0]].concat());
            inside(self);
            self.words(&[2]);
        }

        fn property(&mut self, name: &str, value: &[u8]) {
            self.words(&[3, value.len() as u32, self.names.len() as u32]);
            self.bytes(value);
            self.names.extend([name.as_bytes(), &[0]].concat());
        }

        fn cells(&mut self, name: &str, cells: &[u32]) {
            let value: Vec<u8> = cells.iter().flat_map(|cell| cell.to_be_bytes()).collect();
            self.property(name, &value);
        }

        fn finish(mut self) -> Vec<u8> {
            const HEADER: u32 = 40;
            const NO_RESERVATION: u32 = 16;
            self.words(&[9]);
            let (structure, names) = (self.structure.len() as u32, self.names.len() as u32);
            let begin = HEADER + NO_RESERVATION;
            let (end, total) = (begin + structure, begin + structure + names);
            let mut header = Self::default();
            header.words(&[0xd00d_feed, total, begin, end, HEADER, 17, 16, 0, names, structure, 0, 0, 0, 0]);
            [header.structure, self.structure, self.names].concat()
        }
    }

    /// Shaped as QEMU's `virt` machines are.
    fn machine() -> Vec<u8> {
        let mut blob = Blob::default();
        blob.node("", |root| {
            let two = |node: &mut Blob| {
                node.cells("#address-cells", &[2]);
                node.cells("#size-cells", &[2]);
            };
            two(root);
            root.property("compatible", b"riscv-virtio\0");
            root.node("chosen", |chosen| {
                chosen.property("bootargs", b"design=mask\0");
                chosen.cells("linux,initrd-start", &[0x8820_0000]);
                chosen.cells("linux,initrd-end", &[0, 0x8830_0000]);
            });
            root.node("memory@80000000", |memory| {
                memory.property("device_type", b"memory\0");
                memory.cells("reg", &[0, 0x8000_0000, 1, 0]);
            });
            root.node("reserved-memory", |reserved| {
                two(reserved);
                reserved.node("mmode_resv0@80000000", |firmware| {
                    firmware.cells("reg", &[0, 0x8000_0000, 0, 0x8_0000]);
                });
            });
            root.node("cpus", |cpus| {
                cpus.cells("#address-cells", &[1]);
                cpus.cells("#size-cells", &[0]);
                cpus.cells("timebase-frequency", &[10_000_000]);
                for (number, status) in [(0, "okay\0"), (7, "okay\0"), (8, "disabled\0")] {
                    cpus.node("cpu", |cpu| {
                        cpu.property("device_type", b"cpu\0");
                        cpu.property("status", status.as_bytes());
                        cpu.cells("reg", &[number]);
                    });
                }
                cpus.node("cpu-map", |_| {});
            });
            root.node("psci", |psci| {
                psci.property("compatible", b"arm,psci-1.0\0arm,psci\0");
                psci.property("method", b"hvc\0");
            });
            root.node("soc", |soc| {
                two(soc);
                soc.node("serial@10000000", |serial| {
                    serial.property("compatible", b"ns16550a\0");
                    serial.cells("reg", &[0, 0x1000_0000, 0, 0x100, 0, 0x2000_0000, 0, 0x10]);
                });
            });
        });
        blob.finish()
    }

    fn with_tree(blob: &[u8], check: impl FnOnce(DeviceTree)) {
        check(DeviceTree::new(Fdt::new(blob).expect("a device tree")));
    }

    #[test]
    fn a_machine_says_what_it_has() {
        let blob = machine();
        with_tree(&blob, |tree| {
            assert_eq!(tree.machine(), Some("riscv-virtio"));
            assert_eq!(tree.command_line(), "design=mask");
            assert_eq!(tree.initial_disk(), Some(0x8820_0000..0x8830_0000));
            assert!(tree.memory().eq(core::iter::once(0x8000_0000..0x1_8000_0000)));
            assert!(tree.reserved().eq(core::iter::once(0x8000_0000..0x8008_0000)));
            assert_eq!(tree.cpus().collect::<Vec<_>>(), [0, 7]);
            assert_eq!(tree.clock_ticks_per_s(), Some(10_000_000));
        });
    }

    #[test]
    fn devices_are_found_by_any_of_their_names_on_the_first_two_levels() {
        with_tree(&machine(), |tree| {
            assert_eq!(tree.registers("ns16550a", 0), Some(0x1000_0000..0x1000_0100));
            assert_eq!(tree.registers("ns16550a", 1), Some(0x2000_0000..0x2000_0010));
            assert_eq!(tree.registers("ns16550a", 2), None);
            assert_eq!(tree.registers("arm,pl011", 0), None);
            assert_eq!(tree.text("arm,psci", "method"), Some("hvc"));
        });
    }

    #[test]
    fn what_a_tree_does_not_say_is_nothing() {
        let mut blob = Blob::default();
        blob.node("", |root| {
            root.node("memory", |memory| {
                memory.property("device_type", b"memory\0");
                // Not a pair of an address and a length, and one that ends nowhere.
                memory.cells("reg", &[1]);
            });
            root.node("chosen", |chosen| chosen.property("bootargs", b"no zero"));
        });
        with_tree(&blob.finish(), |tree| {
            assert_eq!(tree.command_line(), "");
            assert_eq!(tree.initial_disk(), None);
            assert_eq!(tree.memory().count(), 0);
            assert_eq!(tree.reserved().count(), 0);
            assert_eq!(tree.cpus().count(), 0);
            assert_eq!(tree.clock_ticks_per_s(), None);
        });
    }
}
