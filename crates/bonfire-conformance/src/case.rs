//! A case: what is tried, why, and what it means if it goes wrong.

use core::fmt;

use bonfire_abi::{Command, Commands};

use crate::answers::Answers;
use crate::arena::Arena;
use crate::budget::{Cost, SHORT_NS};
use crate::duel::{self, Race};
use crate::interrupts::{self, Counted};
use crate::kind::{Group, Kind};
use crate::lifetime::{self, Life, Single};
use crate::litmus::{self, Litmus};
use crate::load::{self, Load};
use crate::rule::{self, Chance, Needs, Setting, chance};
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
    Single(Single),
    Life(Life),
    Litmus(Litmus),
    Race(Race),
    Load(Load),
    Counted(Counted),
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
    fn kind(&self) -> &dyn Kind {
        match &self.0 {
            What::Answers(answers) => answers,
            What::Single(single) => single,
            What::Life(life) => life,
            What::Litmus(litmus) => litmus,
            What::Race(race) => race,
            What::Load(load) => load,
            What::Counted(counted) => counted,
        }
    }

    /// What it is about.
    #[must_use]
    pub fn group(&self) -> Group {
        self.kind().group()
    }

    /// The clause that it rests on.
    #[must_use]
    pub fn citation(&self) -> &'static str {
        self.kind().citation()
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
        self.kind().lacks(commands)
    }

    /// How many CPUs it needs.
    pub(crate) fn cpus(&self) -> u32 {
        self.kind().cpus()
    }

    /// What must be possible for a missing barrier to show, on a machine of this
    /// memory order.
    pub(crate) fn needs(&self, order: MemoryOrder) -> Needs {
        self.kind().needs(order)
    }

    /// Whether it counts rounds, and needs a twin that shows the fault.
    pub(crate) fn has_rounds(&self) -> bool {
        self.kind().has_rounds()
    }

    /// Whether it takes as much time as it is given.
    pub(crate) fn takes_long(&self) -> bool {
        self.kind().takes_long()
    }

    /// What it may cost on such a machine.
    pub(crate) fn cost(&self, setting: &Setting) -> Cost {
        let usual = self.kind().cost();
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
    pub fn lends_memory(&self) -> bool {
        self.kind().lends_memory()
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
    case.kind().play(world, number, part, data);
}

fn probe(world: &dyn World) {
    let arena: &Arena = world.arena();
    arena.query.store(world.call([0; 3]) as i64, core::sync::atomic::Ordering::Relaxed);
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.group().name(), self.kind())
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
        self.0.kind().explain(&mut Wrapped { f, column: 0 })
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
