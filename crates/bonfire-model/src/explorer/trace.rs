//! A way to a flaw, as something that a person can follow.

use super::op::{Barrier, Op, Register, WordId};
use super::program::Programs;
use super::replay::{value_name, word_name};
use super::state::{Entry, Posted};
use super::step::{Step, What};

/// A place in the source: a file and a line.
type Place = (&'static str, u32);

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// On which CPU.
    pub cpu: usize,
    /// What.
    pub what: String,
    /// Where in the source it was asked for; `None` where nobody asked, as for an
    /// interrupt.
    pub at: Option<Place>,
    /// Whether it happened only now, though it was asked for before.
    pub is_late: bool,
    /// The other CPU that it reaches, for a poke that arrives.
    pub to: Option<usize>,
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
        let mut teller = Teller { programs, pending: Vec::new() };
        let events = path.iter().filter_map(|step| teller.tell(*step)).collect();
        Self { cpus: programs.cpus(), events }
    }
}

struct Teller<'a> {
    programs: &'a Programs,
    /// What was asked for and has not happened yet: on which CPU, what, where.
    pending: Vec<(usize, Pending, Place)>,
}

/// What happens later than it was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pending {
    Write(WordId),
    Read(Register),
    Poke,
}

impl Teller<'_> {
    fn tell(&mut self, Step { cpu, what }: Step) -> Option<Event> {
        let event = |what, at, is_late| Event { cpu, what, at, is_late, to: None };
        match what {
            What::Operation(node, answer) => {
                let request = self.programs.at(node);
                let at = (request.at.file(), request.at.line());
                if let Some(later) = Pending::of(request.op) {
                    self.pending.push((cpu, later, at));
                }
                let what = self.operation(request.op, request.name, self.programs.values.get(answer))?;
                Some(event(what, Some(at), false))
            }
            What::Left(entry) => {
                let at = Pending::left(entry).and_then(|pending| self.asked_at(cpu, pending));
                let to = if let Entry::Poke(cpu) = entry { Some(usize::from(cpu)) } else { None };
                Some(Event { to, ..event(self.left(entry)?, at, true) })
            }
            What::Observed(word, register, value) => {
                let value = self.programs.values.get(value);
                let what = format!("r{register} = {} reads {}", word_name(word), number(value));
                Some(event(what, self.asked_at(cpu, Pending::Read(register)), true))
            }
            What::Missed(word) => {
                Some(event(format!("{} is no longer what it waits for", word_name(word)), None, false))
            }
            What::Interrupt => Some(event("interrupt".to_owned(), None, false)),
        }
    }

    /// Where what happens now was asked for: what is written to one word leaves
    /// in the order in which it was asked for.
    fn asked_at(&mut self, cpu: usize, what: Pending) -> Option<Place> {
        let place = self.pending.iter().position(|&(by, pending, _)| (by, pending) == (cpu, what))?;
        // One poke arrives on each CPU that it goes to.
        let (.., at) = if what == Pending::Poke { self.pending[place] } else { self.pending.remove(place) };
        Some(at)
    }

    /// What an operation did, unless it only began something that is told when
    /// it happens.
    fn operation(&self, op: Op, name: &str, answer: u64) -> Option<String> {
        let named = |what: &str| if name.is_empty() { what.to_owned() } else { format!("{what} {name}") };
        Some(match op {
            Op::Load { word, .. } => format!("{} reads {}", word_name(word), number(answer)),
            Op::Observe { word, register } => format!("(r{register} = {})", word_name(word)),
            Op::Fetch { word, register } => format!("r{register} = fetch {}", word_name(word)),
            Op::Store { word, value, .. } => format!("({} = {})", word_name(word), number(value)),
            Op::Modify { word, change, used: true, .. } => {
                format!("{}: {} to {}", word_name(word), number(answer), number(change.apply(answer)))
            }
            Op::Modify { word, change, .. } => {
                let (kind, operand) = Posted::of(change);
                format!("({} {} {})", word_name(word), verb(kind), number(operand))
            }
            Op::Fence(Barrier::Full) => named("fence"),
            Op::Fence(barrier) => format!("{} (only {barrier:?})", named("fence")),
            Op::CoreSync => named("core sync"),
            Op::Poke(cpus) => format!("(poke {})", cpu_list(cpus)),
            Op::Wait { word, at_least, .. } => {
                if answer == 0 {
                    format!("waited for {} >= {}", word_name(word), number(at_least))
                } else {
                    "waits, and is called itself".to_owned()
                }
            }
            Op::Lock { word } => format!("locks {}", word_name(word)),
            Op::Dead => "no more pokes".to_owned(),
            Op::Alive => "pokes again".to_owned(),
            Op::Gate | Op::End => return None,
        })
    }

    fn left(&self, entry: Entry) -> Option<String> {
        let value = |value| number(self.programs.values.get(value));
        Some(match entry {
            Entry::Store { word, value: stored, .. } => format!("{} = {}", word_name(word), value(stored)),
            Entry::Exclusive { .. } | Entry::Fence(_) | Entry::Observe { .. } => return None,
            Entry::Posted { word, change, bits, .. } => {
                format!("{} {} {}", word_name(word), verb(change), value(bits))
            }
            Entry::Poke(cpu) => format!("poke of {cpu} arrives"),
        })
    }
}

impl Pending {
    /// What an operation leaves for later.
    const fn of(op: Op) -> Option<Self> {
        match op {
            Op::Store { word, .. } | Op::Modify { word, used: false, .. } => Some(Self::Write(word)),
            Op::Observe { register, .. } => Some(Self::Read(register)),
            Op::Poke(_) => Some(Self::Poke),
            _ => None,
        }
    }

    const fn left(entry: Entry) -> Option<Self> {
        match entry {
            Entry::Store { word, .. } | Entry::Posted { word, .. } => Some(Self::Write(word)),
            Entry::Poke(_) => Some(Self::Poke),
            Entry::Exclusive { .. } | Entry::Fence(_) | Entry::Observe { .. } => None,
        }
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

/// A number by its name, or with its top bit told apart.
fn number(value: u64) -> String {
    if let Some(name) = value_name(value) {
        return name;
    }
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
