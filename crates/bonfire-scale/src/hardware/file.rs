//! The file of a machine: how it is written, and what is wrong with it.

use std::fmt;

use serde::Deserialize;
use toml::Spanned;

use super::{Hardware, InterruptCosts, LineCosts, MOST_CPUS, OffCosts, Ps, SystemCosts};
use crate::recorded::Recorded;

/// Reads the machine file `text`, called `file` in errors.
pub(super) fn read(file: &str, text: &str) -> Result<Hardware, BadFile> {
    let written: Written = toml::from_str(text).map_err(|error| BadFile::of_toml(file, text, &error))?;
    Reader { file, text }.hardware(written)
}

/// A file that cannot be used: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadFile {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
    /// What was expected, or what is wrong.
    pub problem: String,
}

impl fmt::Display for BadFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, key, problem } = self;
        if key.is_empty() {
            write!(f, "{file}:{line}: {problem}")
        } else {
            write!(f, "{file}:{line}: {key}: {problem}")
        }
    }
}

impl std::error::Error for BadFile {}

impl BadFile {
    /// What the parser says, with the key that it is about.
    pub(crate) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        Self::at(file, text, at, error.message().to_owned())
    }

    /// A problem at a byte of the text.
    pub(crate) fn at(file: &str, text: &str, at: usize, problem: String) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let words = text.lines().nth(line - 1).unwrap_or_default();
        let key = words.split(['=', ']']).next().unwrap_or_default().trim_matches(['[', ' ']);
        Self { file: file.to_owned(), line, key: key.to_owned(), problem }
    }
}

/// A value as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "{ value = NUMBER, unit = \"UNIT\", source = \"SOURCE\" }")]
struct Quantity {
    value: f64,
    unit: String,
    source: String,
}

type Value = Spanned<Quantity>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    says: String,
    #[serde(default)]
    extrapolated: bool,
    #[serde(default)]
    lazy: bool,
    cpus: Cpus,
    line: Line,
    interrupt: Interrupt,
    lock: Lock,
    system: System,
    off: Option<Off>,
    measured: Option<Measured>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cpus {
    count: Value,
    cluster: Value,
    socket: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    hit: Value,
    cluster: Value,
    socket: Value,
    far: Value,
    atomic: Value,
    fence: Value,
    overlap: Value,
    reader: Value,
    kept: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Interrupt {
    message: Value,
    target: Value,
    multicast: Value,
    deliver: Value,
    deliver_far: Value,
    entry: Value,
    exit: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    hand_over: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct System {
    call: Value,
    switch: Value,
    signal: Value,
    grace: Value,
    switches: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Off {
    rate: Value,
    median: Value,
    p99: Value,
}

/// What was measured beside the costs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    alone: Value,
    one_running: Value,
    signals_to_1: Value,
    signals_to_10: Value,
    signals_to_100: Value,
    signals_to_1000: Value,
}

/// Reads values, and knows where they stand.
struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn hardware(&self, written: Written) -> Result<Hardware, BadFile> {
        let Written { cpus, line, interrupt, lock, system, off, measured, .. } = written;
        let hardware = Hardware {
            name: written.name,
            says: written.says,
            extrapolated: written.extrapolated,
            lazy: written.lazy,
            cpus: self.count(&cpus.count, "CPUs", MOST_CPUS)?,
            cluster: self.count(&cpus.cluster, "CPUs", MOST_CPUS)?,
            socket: self.count(&cpus.socket, "CPUs", MOST_CPUS)?,
            line: self.line(&line)?,
            interrupt: self.interrupt(&interrupt)?,
            hand_over: self.time(&lock.hand_over)?,
            system: SystemCosts {
                call: self.time(&system.call)?,
                switch: self.time(&system.switch)?,
                signal: self.time(&system.signal)?,
                grace: self.time(&system.grace)?,
                switches: self.rate(&system.switches)?,
            },
            off: off.map(|off| self.off(&off)).transpose()?,
            recorded: measured.map(|measured| self.recorded(&measured)).transpose()?,
        };
        if !hardware.socket.is_multiple_of(hardware.cluster) {
            return Err(self.bad(&cpus.cluster, "a socket is a whole number of clusters".to_owned()));
        }
        Ok(hardware)
    }

    fn line(&self, line: &Line) -> Result<LineCosts, BadFile> {
        let from = [self.time(&line.cluster)?, self.time(&line.socket)?, self.time(&line.far)?];
        for (nearer, further, value) in [(from[0], from[1], &line.socket), (from[1], from[2], &line.far)] {
            if further < nearer {
                return Err(self.bad(
                    value,
                    "expected at least the time above: lines come from further away".to_owned(),
                ));
            }
        }
        Ok(LineCosts {
            hit: self.time(&line.hit)?,
            from,
            atomic: self.time(&line.atomic)?,
            fence: self.time(&line.fence)?,
            overlap: self.count(&line.overlap, "loads", 64)?,
            reader: self.time(&line.reader)?,
            kept: self.count(&line.kept, "lines", 1 << 24)?,
        })
    }

    fn interrupt(&self, interrupt: &Interrupt) -> Result<InterruptCosts, BadFile> {
        Ok(InterruptCosts {
            message: self.time(&interrupt.message)?,
            target: self.time(&interrupt.target)?,
            multicast: self.count(&interrupt.multicast, "CPUs", MOST_CPUS)?,
            deliver: [self.time(&interrupt.deliver)?, self.time(&interrupt.deliver_far)?],
            entry: self.time(&interrupt.entry)?,
            exit: self.time(&interrupt.exit)?,
        })
    }

    fn off(&self, off: &Off) -> Result<OffCosts, BadFile> {
        let (median, p99) = (self.time(&off.median)?, self.time(&off.p99)?);
        if median == 0 || p99 < median {
            return Err(self.bad(&off.p99, "at least the median, which is more than 0".to_owned()));
        }
        Ok(OffCosts { rate: self.rate(&off.rate)?, median, p99 })
    }

    fn recorded(&self, measured: &Measured) -> Result<Recorded, BadFile> {
        let Measured { alone, one_running, .. } = measured;
        let signals = [
            (1, &measured.signals_to_1),
            (10, &measured.signals_to_10),
            (100, &measured.signals_to_100),
            (1_000, &measured.signals_to_1000),
        ];
        let mut read = [(0, 0); 4];
        for (read, (threads, value)) in read.iter_mut().zip(signals) {
            *read = (threads, self.time(value)?);
        }
        Ok(Recorded { alone: self.time(alone)?, one_running: self.time(one_running)?, signals: read })
    }

    fn time(&self, value: &Value) -> Result<Ps, BadFile> {
        let Quantity { value: number, unit, .. } = self.sourced(value)?;
        let scale = match unit.as_str() {
            "ns" => 1.0e3,
            "us" => 1.0e6,
            "ms" => 1.0e9,
            other => {
                return Err(self.bad(value, format!("expected a unit of time (ns, us, ms), not \"{other}\"")));
            }
        };
        if !(0.0..=1.0e12).contains(&(number * scale)) {
            return Err(self.bad(value, format!("expected a time from 0 to 1 s, not {number} {unit}")));
        }
        // CAST: checked above; a fraction of a picosecond is nothing.
        Ok((number * scale) as Ps)
    }

    fn count(&self, value: &Value, of: &str, most: usize) -> Result<usize, BadFile> {
        let Quantity { value: number, unit, .. } = self.sourced(value)?;
        if unit != of {
            return Err(self.bad(value, format!("expected the unit \"{of}\", not \"{unit}\"")));
        }
        if number.fract() != 0.0 || !(1.0..=most as f64).contains(number) {
            return Err(self.bad(value, format!("expected a whole number from 1 to {most}, not {number}")));
        }
        Ok(*number as usize)
    }

    fn rate(&self, value: &Value) -> Result<f64, BadFile> {
        let Quantity { value: number, unit, .. } = self.sourced(value)?;
        if unit != "per second" {
            return Err(self.bad(value, format!("expected the unit \"per second\", not \"{unit}\"")));
        }
        if !(0.0..=1.0e6).contains(number) {
            return Err(self.bad(value, format!("expected a rate from 0 to 1000000, not {number}")));
        }
        Ok(*number)
    }

    fn sourced<'a>(&self, value: &'a Value) -> Result<&'a Quantity, BadFile> {
        let quantity = value.get_ref();
        if quantity.source.trim().is_empty() {
            return Err(self.bad(value, "expected a source, or \"assumed: \" and why".to_owned()));
        }
        Ok(quantity)
    }

    fn bad(&self, value: &Value, problem: String) -> BadFile {
        BadFile::at(self.file, self.text, value.span().start, problem)
    }
}
