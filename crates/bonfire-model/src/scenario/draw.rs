//! A scenario as a diagram: a column for each CPU, and below them what must
//! never come of it.

use std::fmt;

use super::{Needs, Part, Scenario};
use crate::explorer::Outcome;
use crate::vocabulary::{Act, INVALID, NOT_REGISTERED, On, Var};

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.name, self.about)?;
        let columns: Vec<Vec<String>> = self.parts.iter().enumerate().map(lines).collect();
        let height = columns.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = columns.iter().map(|lines| width(lines)).collect();
        for row in 0..height {
            let cells = columns.iter().zip(&widths).map(|(lines, width)| {
                let cell = lines.get(row).map_or("", String::as_str);
                format!("{cell:width$}")
            });
            writeln!(f, "  {}", cells.collect::<String>().trim_end())?;
        }
        for (space, command) in &self.registered {
            writeln!(f, "  before it begins: space {space} calls {command}")?;
        }
        if self.needs != Needs::Nothing {
            writeln!(f, "  the machine has {}", self.needs)?;
        }
        match self.expected.first() {
            Some(only) if self.expected.len() == 1 && !only.is_empty() => {
                writeln!(f, "  always: {}", self.told(only))?;
            }
            _ => {
                for outcome in &self.forbidden {
                    writeln!(f, "  never: {}", self.told(outcome))?;
                }
            }
        }
        if self.is_quiet {
            writeln!(f, "  never: that a CPU is interrupted")?;
        }
        if self.is_free {
            writeln!(f, "  never: that the engine passes a barrier")?;
        }
        if self.forbidden.is_empty() && self.registers == 0 {
            writeln!(f, "  never: that it does not end")?;
        }
        Ok(())
    }
}

impl Scenario {
    /// An outcome in words.
    #[must_use]
    pub fn told(&self, outcome: &Outcome) -> String {
        let registers = (0..self.registers).map(|register| format!("r{register}"));
        let shown = self.shown.iter().map(|var| format!("{var} in the end"));
        let told =
            registers.chain(shown).zip(outcome).map(|(name, value)| format!("{name} = {}", spoken(*value)));
        told.collect::<Vec<_>>().join(", ")
    }
}

fn spoken(value: u64) -> String {
    match value {
        INVALID => "EINVAL".to_owned(),
        NOT_REGISTERED => "EPERM".to_owned(),
        value => value.to_string(),
    }
}

fn lines((cpu, part): (usize, &Part)) -> Vec<String> {
    let head = part.on.map_or_else(|| "offline".to_owned(), |on| on.to_string());
    let acts = part.acts.iter().filter(|act| **act != Act::Rejoin).map(ToString::to_string);
    [format!("CPU {cpu}: {head}")].into_iter().chain(acts).collect()
}

fn width(lines: &[String]) -> usize {
    lines.iter().map(|line| line.len() + 3).max().unwrap_or(0)
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(var, value) => write!(f, "{var} = {value}"),
            Self::Read(var, register) => write!(f, "r{register} = {var}"),
            Self::Fetch(register) => write!(f, "r{register} = the instruction"),
            Self::Fence => f.write_str("full fence"),
            Self::Call(command) => write!(f, "membarrier({command})"),
            Self::CallOne(cpu) => write!(f, "membarrier(RSEQ, CPU {cpu})"),
            Self::Answer(command, var) => write!(f, "{var} = membarrier({command})"),
            Self::CallMoved { from, command } => write!(f, "membarrier({command}), begun on CPU {from}"),
            Self::CallAlone(command) => write!(f, "membarrier({command}), as the only thread"),
            Self::CallClosed(command) => write!(f, "membarrier({command}), interrupts off"),
            Self::Rejoin => Ok(()),
            Self::Switch(on) => write!(f, "switch to {on}"),
            Self::Forget(on) => write!(f, "switch to {on}, without the hook"),
            Self::Exit => f.write_str("exit"),
            Self::Exec(space) => write!(f, "exec into space {space}"),
            Self::Fork(space) => write!(f, "fork into space {space}"),
            Self::Borrow { space, .. } => write!(f, "a kernel thread uses space {space}"),
            Self::Return => f.write_str("it uses it no more"),
            Self::Offline => f.write_str("offline"),
            Self::Online => f.write_str("online"),
            Self::Begin => f.write_str("an rseq section begins"),
            Self::Commit(var, value) => write!(f, "and commits {var} = {value}"),
            Self::Signal(number) => write!(f, "release {number}"),
            Self::Await(number) => write!(f, "acquire {number}"),
            Self::Tell(number) => write!(f, "tell {number}"),
            Self::Hear(number) => write!(f, "hear {number}"),
            Self::Poll => f.write_str("serve the inbox"),
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel => f.write_str("idle"),
            Self::Lazy(space) => write!(f, "a kernel thread on the tables of space {space}"),
            Self::User { space, thread } => write!(f, "thread {thread} of space {space}"),
        }
    }
}

impl fmt::Display for Var {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X => "x",
            Self::Y => "y",
            Self::Z => "z",
            Self::Code => "the instruction",
        })
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing more",
            Self::CoreSync => "core serialisation, which no way to user mode gives (RISC-V)",
            Self::CoreSyncLate => "core serialisation, put off to the way to user mode (RISC-V)",
            Self::CoreSyncIfStale => {
                "core serialisation, on entry to an address space that replaced code (RISC-V)"
            }
            Self::CoreSyncX86 => "core serialisation, which iret gives and sysret does not (x86)",
            Self::CoreSyncX86Late => "core serialisation, put off to the way to user mode (x86)",
            Self::Rseq => "rseq sections",
            Self::CoreSyncAndRseq => "rseq sections, and core serialisation as on RISC-V",
            Self::Grace => "a grace period",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario;

    #[test]
    fn every_scenario_has_a_diagram_with_a_column_for_each_cpu() {
        for scenario in scenario::two_cpus().iter().chain(&scenario::more_cpus()) {
            let drawn = scenario.to_string();
            let head = drawn.lines().nth(1).expect("a line of CPUs");
            let columns = head.matches("CPU ").count();
            assert_eq!(columns, scenario.parts.len(), "{drawn}");
            let says = drawn.contains("never: ") || drawn.contains("always: ");
            assert!(says || scenario.forbidden.is_empty(), "{drawn}");
        }
    }

    #[test]
    fn a_diagram_says_who_does_what_and_what_must_not_come_of_it() {
        let all = scenario::two_cpus();
        let exits = all.iter().find(|scenario| scenario.name == "D/MP+P1").expect("in the suite");
        let drawn = "\
D/MP+P1: the thread exits; the caller loads y, then x; the fast side stores x, then y
  CPU 0: thread 0 of space 0      CPU 1: thread 1 of space 0
  r0 = y                          x = 1
  membarrier(PRIVATE_EXPEDITED)   y = 1
  r1 = x                          exit
  before it begins: space 0 calls REGISTER_PRIVATE_EXPEDITED
  never: r0 = 1, r1 = 0
";
        assert_eq!(exits.to_string(), drawn);
    }
}
