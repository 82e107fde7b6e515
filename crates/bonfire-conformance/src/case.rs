//! A case: what is tried, why, and what it means if it goes wrong.

use core::fmt;

use bonfire_abi::{Command, Commands, Registrations};

use crate::answers::Answers;
use crate::arena::Arena;
use crate::budget::{Cost, SHORT_NS};
use crate::duel::{self, Race};
use crate::interrupts::{self, Counted};
use crate::lifetime;
use crate::litmus::{self, Litmus};
use crate::load::{self, Load};
use crate::rule::{self, Chance, Needs, Setting, chance};
use crate::script::{Player, Script};
use crate::verdict::Reason;
use crate::{MemoryOrder, Task, World, measure};

/// One thing that a kernel must do, or never do, and how to find out.
///
/// A case is data. It displays as its id, which is computed from what it does
/// and therefore cannot say something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case(What);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Answers(Answers),
    Single(Script),
    Life(Script),
    Litmus(Litmus),
    Race(Race),
    Load(Load),
    Counted(Counted),
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// The answers of the call.
    Abi,
    /// Whose a registration is, and how long.
    Lifetime,
    /// Memory barriers: outcomes that must never be seen.
    Ordering,
    /// Instruction streams: rewritten code that must never run in its old form.
    SyncCore,
    /// Restartable sequences that must not commit after the barrier.
    Rseq,
    /// Many callers at once.
    Load,
    /// Whom a barrier interrupts, where the kernel counts that.
    Interrupts,
    /// Known faults of real kernels that show in some runs only.
    Hunt,
}

impl Group {
    /// All groups, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::Abi,
        Self::Lifetime,
        Self::Ordering,
        Self::SyncCore,
        Self::Rseq,
        Self::Load,
        Self::Interrupts,
        Self::Hunt,
    ];

    /// Whether its cases run without being asked for: the others need something that a
    /// kernel is not bound to have, or show something in some runs only.
    #[must_use]
    pub const fn is_usual(self) -> bool {
        !matches!(self, Self::Interrupts | Self::Hunt)
    }

    /// The first part of the ids of its cases.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Abi => "abi",
            Self::Lifetime => "lifetime",
            Self::Ordering => "ordering",
            Self::SyncCore => "sync_core",
            Self::Rseq => "rseq",
            Self::Load => "load",
            Self::Interrupts => "interrupts",
            Self::Hunt => "hunt",
        }
    }
}

/// Every case, in the order in which they run. Last are those that a default run
/// leaves out.
pub fn cases() -> impl Iterator<Item = Case> {
    let abi = Answers::all().map(What::Answers).chain(lifetime::single().map(What::Single));
    let life = lifetime::lives().map(What::Life);
    let ordering = litmus::all().map(What::Litmus);
    let races = duel::all().map(What::Race);
    let loads = load::all().map(What::Load);
    let hunts = litmus::hunts().map(What::Litmus);
    let counted = interrupts::all().map(What::Counted);
    abi.chain(life).chain(ordering).chain(races).chain(loads).chain(counted).chain(hunts).map(Case)
}

impl Case {
    /// What it is about.
    #[must_use]
    pub fn group(&self) -> Group {
        match self.0 {
            What::Answers(_) | What::Single(_) => Group::Abi,
            What::Life(_) => Group::Lifetime,
            What::Litmus(litmus) if litmus.is_hunt() => Group::Hunt,
            What::Litmus(_) => Group::Ordering,
            What::Race(race) if race.is_of_instructions() => Group::SyncCore,
            What::Race(_) => Group::Rseq,
            What::Load(_) => Group::Load,
            What::Counted(_) => Group::Interrupts,
        }
    }

    /// The clause that it rests on.
    #[must_use]
    pub fn citation(&self) -> &'static str {
        match self.0 {
            What::Answers(answers) => answers.citation(),
            What::Single(script) | What::Life(script) => lifetime::citation(script),
            What::Litmus(litmus) => litmus.citation(),
            What::Race(race) => race.citation(),
            What::Load(_) => load::CITATION,
            What::Counted(_) => Counted::CITATION,
        }
    }

    /// The program as columns of threads, if it is a litmus.
    #[must_use]
    pub const fn diagram(&self) -> Option<Diagram> {
        match self.0 {
            What::Litmus(litmus) => Some(Diagram(litmus)),
            _ => None,
        }
    }

    /// What is tried, which barrier forbids the bad outcome, and what a failure
    /// means.
    #[must_use]
    pub const fn explanation(&self) -> Explanation {
        Explanation(*self)
    }

    /// A command that the kernel does not have, and without which there is nothing
    /// to judge.
    pub(crate) fn lacks(&self, commands: Commands) -> Option<Command> {
        let absent = |command| (!commands.contains(command)).then_some(command);
        match self.0 {
            What::Answers(_) => None,
            What::Load(load) => load.command().and_then(absent),
            What::Single(script) | What::Life(script) => script.needs().find_map(absent),
            What::Litmus(litmus) => absent(litmus.barrier),
            What::Race(race) => absent(race.command()),
            What::Counted(counted) => counted.needs().find_map(absent),
        }
    }

    /// How many CPUs it needs.
    pub(crate) fn cpus(&self) -> u32 {
        match self.0 {
            What::Litmus(litmus) => litmus.cpus(),
            What::Race(race) => race.cpus(),
            What::Counted(counted) => counted.cpus(),
            _ => 1,
        }
    }

    /// What must be possible for a missing barrier to show, on a machine of this
    /// memory order.
    pub(crate) fn needs(&self, order: MemoryOrder) -> Needs {
        match self.0 {
            What::Litmus(litmus) => litmus.shape.needs(order),
            What::Race(race) if race.is_of_instructions() => Needs::Stale,
            _ => Needs::Nothing,
        }
    }

    /// Whether it counts rounds, and needs a twin that shows the fault.
    pub(crate) const fn has_rounds(&self) -> bool {
        matches!(self.0, What::Litmus(_) | What::Race(_) | What::Counted(_))
    }

    /// Whether it takes as much time as it is given.
    pub(crate) const fn takes_long(&self) -> bool {
        self.has_rounds() || matches!(self.0, What::Load(_))
    }

    /// What it may cost on such a machine.
    pub(crate) fn cost(&self, setting: &Setting) -> Cost {
        let usual = match self.0 {
            What::Answers(_) | What::Single(_) | What::Life(_) => Cost::SMALL,
            What::Litmus(litmus) => litmus.cost(),
            What::Race(race) => race.cost(),
            What::Load(_) => Cost { weight: 60, ..Cost::SMALL },
            What::Counted(counted) => counted.cost(),
        };
        match chance(self.needs(setting.order), setting) {
            Chance::Fair | Chance::Doubtful(Reason::CallOutlasts | Reason::EmulatorHides, _) => usual,
            Chance::Never(_) => Cost { weight: 0, ..usual },
            Chance::Doubtful(Reason::Architecture, _) => Cost::GLANCE,
            Chance::Doubtful(..) => {
                Cost { weight: usual.weight / 4, most_ns: SHORT_NS, may_borrow: false, ..usual }
            }
        }
    }

    /// The rows of the rule by which a machine is found unable to show it, each a
    /// sentence; none for a case that any machine can show.
    pub fn conditions(&self) -> impl Iterator<Item = &'static str> {
        rule::rows(self.needs(MemoryOrder::NATIVE)).map(|row| row.says)
    }

    /// Whether its threads are processes that share one address space: nobody is
    /// bound to reach them who promises it for the threads of a process only.
    #[must_use]
    pub const fn lends_memory(&self) -> bool {
        matches!(self.0, What::Litmus(litmus) if litmus.lends_memory())
    }
}

/// Does what the task says. See [`enter`](crate::enter).
pub(crate) fn enter(world: &dyn World, task: Task) {
    if task == Task::PROBE {
        return probe(world);
    }
    if let Some(part) = measure::part(task) {
        return measure::enter(world, part);
    }
    let (number, part, data) = task.parts();
    let Some(case) = cases().nth(usize::from(number)) else { return };
    match case.0 {
        What::Answers(answers) => answers.play(&mut Player::new(world)),
        What::Single(script) | What::Life(script) => {
            script.play(world, number, part, Registrations::from_mask(data));
        }
        What::Litmus(litmus) => litmus.play(world, number, part, data),
        What::Race(race) => race.play(world, number, part),
        What::Load(load) => load.play(world, number, part),
        What::Counted(counted) => counted.play(world, number, part),
    }
}

fn probe(world: &dyn World) {
    let arena: &Arena = world.arena();
    arena.query.store(world.call([0; 3]) as i64, core::sync::atomic::Ordering::Relaxed);
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.group().name())?;
        match self.0 {
            What::Answers(answers) => answers.fmt(f),
            What::Single(script) | What::Life(script) => script.fmt(f),
            What::Litmus(litmus) => litmus.fmt(f),
            What::Race(race) => race.fmt(f),
            What::Load(load) => load.fmt(f),
            What::Counted(counted) => counted.fmt(f),
        }
    }
}

/// A litmus as columns, one per thread; displays as several lines.
#[derive(Clone, Copy, Debug)]
pub struct Diagram(Litmus);

impl fmt::Display for Diagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.draw(f)
    }
}

/// The explanation of a case; displays as paragraphs of prose, wrapped.
#[derive(Clone, Copy, Debug)]
pub struct Explanation(Case);

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let out = &mut Wrapped { f, column: 0 };
        match self.0.0 {
            What::Answers(answers) => answers.explain(out),
            What::Single(script) | What::Life(script) => lifetime::explain(script, out),
            What::Litmus(litmus) => litmus.explain(out),
            What::Race(race) => race.explain(out),
            What::Load(load) => load.explain(out),
            What::Counted(counted) => counted.explain(out),
        }
    }
}

/// Breaks lines at the first space after a column that leaves room for a word.
struct Wrapped<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    column: usize,
}

impl fmt::Write for Wrapped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const FULL: usize = 80;
        text.chars().try_for_each(|character| {
            let character = if character == ' ' && self.column >= FULL { '\n' } else { character };
            self.column = if character == '\n' { 0 } else { self.column + 1 };
            self.f.write_char(character)
        })
    }
}
