//! A way to a flaw, as something that a person can follow.

use super::op::{Barrier, Op, WordId};
use super::program::Programs;
use super::state::{Entry, Posted};
use super::step::{Step, What};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// On which CPU.
    pub cpu: usize,
    /// What.
    pub what: String,
    /// Where in the source it was asked for: a file and a line.
    pub at: Option<(&'static str, u32)>,
    /// Whether it happened only now, though it was asked for before.
    pub is_late: bool,
}

/// A way from the beginning to a flaw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// How many CPUs there are.
    pub cpus: usize,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl Trace {
    pub(crate) fn of(programs: &Programs, path: &[Step]) -> Self {
        let teller = Teller { programs };
        let events = path.iter().filter_map(|step| teller.tell(*step)).collect();
        Self { cpus: programs.cpus(), events }
    }
}

struct Teller<'a> {
    programs: &'a Programs,
}

impl Teller<'_> {
    fn tell(&self, Step { cpu, what }: Step) -> Option<Event> {
        match what {
            What::Operation(node, answer) => {
                let request = self.programs.at(node);
                let what = self.operation(request.op, request.name, self.programs.values.get(answer))?;
                let at = (request.at.file(), request.at.line());
                Some(Event { cpu, what, at: Some(at), is_late: false })
            }
            What::Left(entry) => Some(Event { cpu, what: self.left(entry)?, at: None, is_late: true }),
            What::Observed(word, register, value) => {
                let what =
                    format!("r{register} = {} reads {}", self.word(word), self.programs.values.get(value));
                Some(Event { cpu, what, at: None, is_late: true })
            }
            What::Missed(word) => {
                let what = format!("{} is no longer what it waits for", self.word(word));
                Some(Event { cpu, what, at: None, is_late: false })
            }
            What::Interrupt => Some(Event { cpu, what: "interrupt".into(), at: None, is_late: false }),
        }
    }

    /// What an operation did, unless it only began something that is told when
    /// it happens.
    fn operation(&self, op: Op, name: &str, answer: u64) -> Option<String> {
        let named = |what: &str| if name.is_empty() { what.to_owned() } else { format!("{what} {name}") };
        Some(match op {
            Op::Load { word, .. } => format!("{} reads {}", self.word(word), number(answer)),
            Op::Observe { word, register } => format!("(r{register} = {})", self.word(word)),
            Op::Fetch { word, register } => format!("r{register} = fetch {}", self.word(word)),
            Op::Store { word, value, .. } => format!("({} = {})", self.word(word), number(value)),
            Op::Modify { word, change, used: true, .. } => {
                format!("{}: {} to {}", self.word(word), number(answer), number(change.apply(answer)))
            }
            Op::Modify { word, change, .. } => {
                let (kind, operand) = Posted::of(change);
                format!("({} {} {})", self.word(word), verb(kind), number(operand))
            }
            Op::Fence(Barrier::Full) => named("fence"),
            Op::Fence(barrier) => format!("{} (only {barrier:?})", named("fence")),
            Op::CoreSync => named("core sync"),
            Op::Poke(cpus) => format!("(poke {})", cpu_list(cpus)),
            Op::Wait { word, at_least, .. } => {
                if answer == 0 {
                    format!("waited for {} >= {}", self.word(word), number(at_least))
                } else {
                    "waits, and is called itself".to_owned()
                }
            }
            Op::Lock { word } => format!("locks {}", self.word(word)),
            Op::Dead => "no more pokes".to_owned(),
            Op::Alive => "pokes again".to_owned(),
            Op::Gate | Op::End => return None,
        })
    }

    fn left(&self, entry: Entry) -> Option<String> {
        let value = |value| number(self.programs.values.get(value));
        Some(match entry {
            Entry::Store { word, value: stored, .. } => format!("{} = {}", self.word(word), value(stored)),
            Entry::Exclusive { .. } | Entry::Fence(_) | Entry::Observe { .. } => return None,
            Entry::Posted { word, change, bits, .. } => {
                format!("{} {} {}", self.word(word), verb(change), value(bits))
            }
            Entry::Poke(cpu) => format!("poke of {cpu} arrives"),
        })
    }

    fn word(&self, word: WordId) -> String {
        self.programs.initial.name(word)
    }
}

const fn verb(change: Posted) -> &'static str {
    match change {
        Posted::Swap => "becomes",
        Posted::Set => "gains",
        Posted::Clear => "loses",
        Posted::Add => "grows by",
    }
}

/// A number, with its top bit told apart.
fn number(value: u64) -> String {
    match (value >> 63, value & !(1 << 63)) {
        (0, small) if small < 1024 => small.to_string(),
        (0, large) => format!("{large:#x}"),
        (_, 0) => "top".to_owned(),
        (_, rest) => format!("top|{rest}"),
    }
}

fn cpu_list(cpus: u8) -> String {
    let listed: Vec<String> =
        (0..8).filter(|cpu| cpus >> cpu & 1 != 0).map(|cpu: u8| cpu.to_string()).collect();
    listed.join(",")
}
