//! Cache lines: who holds one, what it costs to get it, and how long those wait
//! who want it at the same time.
//!
//! A line is held by nobody, by one CPU that may write it, or by several that
//! may read it. Getting one takes the time from the nearest holder; writing
//! one, that from the furthest, whose copy must go first. A line is busy while
//! it moves to a writer, and for a shorter time with each reader, and whoever
//! comes meanwhile waits.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::hardware::{Hardware, Ps};

/// How many bytes a line has.
const LINE_BYTES: usize = 64;

/// All lines that were ever touched.
pub(crate) struct Lines {
    places: FxHashMap<usize, usize>,
    lines: Vec<Line>,
}

/// A line.
struct Line {
    holders: Holders,
    busy_until: Ps,
    /// The CPUs that wait for a write, and how they were suspended.
    waiting: Vec<(usize, u64)>,
}

/// Who has a copy.
enum Holders {
    Nobody,
    /// The only one: it may write.
    One(usize),
    /// Several: they may read.
    Few(Few),
    Many(Box<[u64]>),
}

/// Up to so many readers are listed before they are kept as a set.
const FEW: usize = 6;

#[derive(Clone, Copy)]
struct Few {
    cpus: [u32; FEW],
    count: usize,
}

/// When an access is done, and whether the line moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) done: Ps,
    pub(crate) moved: bool,
}

impl Lines {
    pub(crate) fn new() -> Self {
        Self { places: FxHashMap::default(), lines: Vec::new() }
    }

    /// The place of the line that `address` is in.
    pub(crate) fn place(&mut self, address: usize) -> usize {
        let lines = &mut self.lines;
        *self.places.entry(address / LINE_BYTES).or_insert_with(|| {
            lines.push(Line { holders: Holders::Nobody, busy_until: 0, waiting: Vec::new() });
            lines.len() - 1
        })
    }

    /// Forgets the lines of memory that is used for something else from now on.
    pub(crate) fn forget(&mut self, bytes: Range<usize>) {
        for line in bytes.start / LINE_BYTES..bytes.end.div_ceil(LINE_BYTES) {
            self.places.remove(&line);
        }
    }

    /// `cpu` reads the line, from `now` on.
    pub(crate) fn read(&mut self, hardware: &Hardware, place: usize, cpu: usize, now: Ps) -> Access {
        let line = &mut self.lines[place];
        if line.holders.holds(cpu) {
            return Access { done: now + hardware.line.hit, moved: false };
        }
        let start = now.max(line.busy_until);
        line.busy_until = start + hardware.line.reader;
        let done = start + hardware.line.from[line.holders.nearest(hardware, cpu)];
        line.holders.add(cpu, hardware.cpus);
        Access { done, moved: true }
    }

    /// `cpu` gets the line for itself, from `now` on.
    pub(crate) fn write(&mut self, hardware: &Hardware, place: usize, cpu: usize, now: Ps) -> Access {
        let line = &mut self.lines[place];
        if matches!(line.holders, Holders::One(holder) if holder == cpu) {
            return Access { done: now + hardware.line.hit, moved: false };
        }
        let start = now.max(line.busy_until);
        let done = start + hardware.line.from[line.holders.furthest(hardware, cpu)];
        line.busy_until = done;
        line.holders = Holders::One(cpu);
        Access { done, moved: true }
    }

    /// `cpu`, suspended as told, is to be woken when the line is written.
    pub(crate) fn wait(&mut self, place: usize, cpu: usize, suspension: u64) {
        self.lines[place].waiting.push((cpu, suspension));
    }

    /// Who waited for the line to be written: nobody from now on.
    pub(crate) fn written(&mut self, place: usize) -> Vec<(usize, u64)> {
        std::mem::take(&mut self.lines[place].waiting)
    }
}

impl Holders {
    fn holds(&self, cpu: usize) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(holder) => *holder == cpu,
            Self::Few(few) => few.list().any(|holder| holder == cpu),
            Self::Many(set) => set[cpu / 64] >> (cpu % 64) & 1 != 0,
        }
    }

    /// Adds a reader.
    fn add(&mut self, cpu: usize, cpus: usize) {
        match self {
            Self::Nobody => *self = Self::One(cpu),
            Self::One(holder) => *self = Self::Few(Few::of(*holder, cpu)),
            Self::Few(few) if few.count < FEW => few.push(cpu),
            Self::Few(few) => {
                let mut set = vec![0; cpus.div_ceil(64)].into_boxed_slice();
                few.list().chain([cpu]).for_each(|holder| set[holder / 64] |= 1 << (holder % 64));
                *self = Self::Many(set);
            }
            Self::Many(set) => set[cpu / 64] |= 1 << (cpu % 64),
        }
    }

    /// How far away the nearest copy is. A line that nobody holds is in the
    /// memory of the socket.
    fn nearest(&self, hardware: &Hardware, cpu: usize) -> usize {
        match self {
            Self::Nobody => 1,
            Self::One(holder) => hardware.distance(*holder, cpu),
            Self::Few(few) => few.list().map(|holder| hardware.distance(holder, cpu)).min().unwrap_or(1),
            Self::Many(set) => {
                let near = hardware.neighbours(cpu);
                near.iter().position(|cpus| count(set, cpus) != 0).unwrap_or(2)
            }
        }
    }

    /// How far away the furthest copy is.
    fn furthest(&self, hardware: &Hardware, cpu: usize) -> usize {
        match self {
            Self::Nobody => 1,
            Self::One(holder) => hardware.distance(*holder, cpu),
            Self::Few(few) => few.list().map(|holder| hardware.distance(holder, cpu)).max().unwrap_or(1),
            Self::Many(set) => {
                let all = count(set, &(0..hardware.cpus));
                let near = hardware.neighbours(cpu);
                near.iter().position(|cpus| count(set, cpus) == all).unwrap_or(2)
            }
        }
    }
}

impl Few {
    fn of(one: usize, other: usize) -> Self {
        let mut few = Self { cpus: [0; FEW], count: 0 };
        few.push(one);
        few.push(other);
        few
    }

    fn push(&mut self, cpu: usize) {
        // CAST: there are at most 4,096 CPUs.
        self.cpus[self.count] = cpu as u32;
        self.count += 1;
    }

    fn list(&self) -> impl Iterator<Item = usize> + '_ {
        self.cpus[..self.count].iter().map(|&cpu| cpu as usize)
    }
}

/// How many of `cpus` are in the set.
fn count(set: &[u64], cpus: &Range<usize>) -> u32 {
    let (first, last) = (cpus.start / 64, cpus.end.div_ceil(64));
    (first..last.min(set.len()))
        .map(|word| {
            let from = cpus.start.saturating_sub(word * 64);
            let to = (cpus.end - word * 64).min(64);
            let mask = (u64::MAX >> (64 - (to - from))) << from;
            (set[word] & mask).count_ones()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> Hardware {
        Hardware::named("epyc-256").expect("it comes with the crate")
    }

    #[test]
    fn a_line_comes_from_as_far_away_as_its_holders_are() {
        let hardware = machine();
        let from = hardware.line.from;
        // The holders, the CPU that reads, that writes, and how far for each.
        for (holders, cpu, read, write) in [
            (&[][..], 0, 1, 1),
            (&[1][..], 0, 0, 0),
            (&[100][..], 0, 1, 1),
            (&[200][..], 0, 2, 2),
            (&[1, 100, 200][..], 0, 0, 2),
            (&[1, 2, 3, 4, 5, 6, 7][..], 0, 0, 0),
            (&[1, 2, 3, 4, 5, 6, 100][..], 0, 0, 1),
            (&[9, 10, 11, 12, 13, 14, 15, 16, 255][..], 0, 1, 2),
            (&[128, 129, 130, 131, 132, 133, 134, 135][..], 0, 2, 2),
        ] {
            for (far, writes) in [(read, false), (write, true)] {
                let mut lines = Lines::new();
                let place = lines.place(0x1000);
                for &holder in holders {
                    lines.read(&hardware, place, holder, 0);
                }
                let late = 1_000_000_000;
                let access = if writes { Lines::write } else { Lines::read };
                let took = access(&mut lines, &hardware, place, cpu, late).done - late;
                assert_eq!(took, from[far], "{holders:?} to {cpu}, writes: {writes}");
                assert!(!access(&mut lines, &hardware, place, cpu, late).moved, "it is here now");
            }
        }
    }

    #[test]
    fn who_wants_a_line_at_the_same_time_waits() {
        let hardware = machine();
        let mut lines = Lines::new();
        let place = lines.place(0x1000);
        let done = (0..8).map(|cpu| lines.write(&hardware, place, cpu, 0).done).collect::<Vec<_>>();
        let step = hardware.line.from[0];
        assert!(done.windows(2).all(|pair| pair[1] - pair[0] == step), "writers one by one: {done:?}");
        let reads = (0..7).map(|cpu| lines.read(&hardware, place, cpu, 0).done).collect::<Vec<_>>();
        assert!(reads.is_sorted() && reads[0] < reads[6], "readers, too, but faster: {reads:?}");
        assert!(reads[6] - reads[0] < 6 * step);
    }

    #[test]
    fn addresses_of_one_line_have_one_place_until_it_is_forgotten() {
        let mut lines = Lines::new();
        let place = lines.place(0x1000);
        assert_eq!(lines.place(0x103f), place);
        assert_ne!(lines.place(0x1040), place);
        lines.forget(0x1000..0x1008);
        assert_ne!(lines.place(0x1000), place);
    }
}
