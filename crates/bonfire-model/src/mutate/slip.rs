//! A slip: one small change of what the engine does, told as data.
//!
//! The engine is not copied. It runs as it ships, on a machine that does one
//! thing otherwise at one *point*: a word accessed at one place of the source, a
//! choice that one hook makes, a barrier, a poke, a wait.

use std::fmt;
use std::panic::Location;

use bonfire_abi::{Command, Flavour};
use bonfire_engine::Site;

/// What the engine does with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Access {
    /// Reads it.
    Load,
    /// Writes it.
    Store,
    /// Exchanges it.
    Swap,
    /// Sets bits, and looks at what was there.
    FetchOr,
    /// Sets bits.
    Set,
    /// Clears bits.
    Clear,
}

/// Which address space of a hook a choice looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The one that is left.
    Left,
    /// The one that is entered.
    Entered,
    /// Both are one; or the caller's, in a call.
    Own,
}

/// What happens at a point.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum What {
    /// A word of this kind is accessed.
    Word(String, Access),
    /// A hook or a command looks at what an address space registered for, and
    /// this is the how manieth time in it.
    Choice(&'static str, Role, u8),
    /// A barrier or a core serialisation is passed.
    Barrier(Site),
    /// CPUs are poked.
    Poke,
    /// An answer is waited for.
    Wait,
    /// Interrupts are off for a while.
    Closed,
    /// A run queue is locked.
    Lock,
    /// A critical section is restarted.
    Restart,
    /// A thread is pinned.
    Pin,
    /// The kernel calls a hook.
    Hook(&'static str),
}

/// A place in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: &'static str,
    /// The line and the column.
    pub line: (u32, u32),
}

impl Place {
    pub(super) const fn of(at: &'static Location<'static>) -> Self {
        Self { file: at.file(), line: (at.line(), at.column()) }
    }
}

/// Something that the engine does at one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    /// What.
    pub what: What,
    /// Where; nowhere, for what the kernel calls.
    pub at: Place,
}

/// What was met at a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// All bits of the numbers that were written.
    pub bits: u64,
    /// The access had an order.
    pub is_ordered: bool,
    /// Two address spaces took part.
    pub of_two: bool,
}

impl Met {
    pub(super) fn add(&mut self, other: Self) {
        self.bits |= other.bits;
        self.is_ordered |= other.is_ordered;
        self.of_two |= other.of_two;
    }
}

/// What goes otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrong {
    /// It is not done.
    LeftOut,
    /// It is done without an order.
    Relaxed,
    /// A read-modify-write becomes a load and a store.
    Split,
    /// A store is done behind the next barrier.
    Late,
    /// A barrier is passed behind the next access.
    BehindAccess,
    /// A barrier is left out where both address spaces have registered.
    NotIfBoth,
    /// It is done twice.
    Twice,
    /// A poke is sent before the word that says what for.
    Early,
    /// A number is written without this bit.
    Without(u8),
    /// A generation is so much too large.
    Off(i8),
    /// A flag that was taken is forgotten beside another.
    Forgets(u8, u8),
    /// A CPU is poked again for what its request did not ask yet.
    PokesAgain,
    /// Whatever a request asks for is taken for all that is asked.
    IsEnough,
    /// A condition on these bits is inverted.
    Inverted(u8),
    /// A closed gate is taken for open, and an open one for closed.
    GateInverted,
    /// The intent is taken for the gate.
    TakesIntent,
    /// The same in a process that has registered for something.
    TakesIntentBehindAnother,
    /// The wait does not look at the inbox.
    IgnoresInbox,
    /// Woken by the inbox, the wait ends.
    GivesUp,
    /// The same when the inbox has been served.
    GivesUpServed,
    /// Who leaves and who enters are exchanged.
    Exchanged,
    /// Who leaves is taken for a kernel thread.
    FromKernel,
    /// Who enters is taken for a kernel thread.
    ToKernel,
    /// Who enters is taken for a thread of another address space.
    ToOther,
}

impl Wrong {
    /// What kind of change it is.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::LeftOut => "left out",
            Self::Relaxed => "an order weakened",
            Self::Split => "a read-modify-write split into load and store",
            Self::Late => "a store moved behind the next barrier",
            Self::BehindAccess => "a barrier moved behind the next access",
            Self::Twice | Self::Early | Self::PokesAgain => "a poke doubled, or sent before its word",
            Self::Without(_) | Self::Forgets(..) | Self::IsEnough => "a flag left out",
            Self::Off(_) => "a generation off by one",
            Self::Inverted(_)
            | Self::GateInverted
            | Self::TakesIntent
            | Self::TakesIntentBehindAnother
            | Self::NotIfBoth => "a condition on a registration turned",
            Self::IgnoresInbox | Self::GivesUp | Self::GivesUpServed => "a wait that ends wrongly",
            Self::Exchanged | Self::FromKernel | Self::ToKernel | Self::ToOther => {
                "a hook's occupant exchanged"
            }
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LeftOut => f.write_str("left out"),
            Self::Relaxed => f.write_str("relaxed"),
            Self::Split => f.write_str("as load and store"),
            Self::Late => f.write_str("behind the next barrier"),
            Self::BehindAccess => f.write_str("behind the next access"),
            Self::NotIfBoth => f.write_str("not if both registered"),
            Self::Twice => f.write_str("twice"),
            Self::Early => f.write_str("before its word"),
            Self::Without(bit) => write!(f, "without bit {bit}"),
            Self::Off(by) => write!(f, "generation {by:+}"),
            Self::Forgets(flag, beside) => write!(f, "forgets bit {flag} beside bit {beside}"),
            Self::PokesAgain => f.write_str("pokes again for another flavour"),
            Self::IsEnough => f.write_str("takes any request for enough"),
            Self::Inverted(bits) => write!(f, "inverted ({})", registered(*bits)),
            Self::GateInverted => f.write_str("inverted (is ready)"),
            Self::TakesIntent => f.write_str("takes the intent for the gate"),
            Self::TakesIntentBehindAnother => f.write_str("takes the intent for the gate behind another"),
            Self::IgnoresInbox => f.write_str("ignores the inbox"),
            Self::GivesUp => f.write_str("gives up when the inbox calls"),
            Self::GivesUpServed => f.write_str("gives up when it has served"),
            Self::Exchanged => f.write_str("from and to exchanged"),
            Self::FromKernel => f.write_str("from a kernel thread"),
            Self::ToKernel => f.write_str("to a kernel thread"),
            Self::ToOther => f.write_str("to another address space"),
        }
    }
}

/// The condition that looks at these bits of a state word.
fn registered(bits: u8) -> &'static str {
    match bits {
        FENCES => "wants fences",
        SYNC_CORE => "wants core sync",
        GLOBAL => "is global",
        PRIVATE => "is private",
        READY => "fences established",
        _ => "something",
    }
}

/// What all private commands choose by, and all registrations.
pub(super) const GATE: &str = "gate";
pub(super) const REGISTRATION: &str = "registration";

/// The context of a choice that a hook or a command makes: commands that are one
/// place in the source are one.
pub(super) fn context(name: &'static str) -> &'static str {
    match command(name) {
        Some(command) if command.registers().is_some() => REGISTRATION,
        Some(command) if command.needs().is_some() => GATE,
        _ => name,
    }
}

fn command(name: &str) -> Option<Command> {
    (0..32).map(|bit| 1 << bit).filter_map(Command::from_number).find(|command| command.name() == name)
}

/// The bit of a state word that is the gate of what a command registers or needs.
pub(super) fn gate(name: &str) -> u64 {
    let flavour = command(name).and_then(|command| command.registers().or(command.needs()));
    match flavour {
        None => 0,
        Some(Flavour::Private) => 1 << 0,
        Some(Flavour::Global) => 1 << 2,
        Some(Flavour::SyncCore) => 1 << 4,
        Some(Flavour::Rseq) => 1 << 6,
    }
}

/// Bits of a state word, which are those of Linux.
pub(super) const PRIVATE: u8 = 1 << 1;
pub(super) const GLOBAL: u8 = 1 << 3;
pub(super) const SYNC_CORE: u8 = 1 << 5;
pub(super) const FENCES: u8 = PRIVATE | GLOBAL;
/// The gates; the intent of each is the bit above.
pub(super) const READY: u8 = 0b0101_0101;

/// One small change of the engine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slip {
    /// Where.
    pub point: Point,
    /// What goes otherwise there.
    pub wrong: Wrong,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Load => "load",
            Self::Store => "store",
            Self::Swap => "swap",
            Self::FetchOr => "fetch_or",
            Self::Set => "set",
            Self::Clear => "clear",
        })
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word, access) => write!(f, "{word}.{access}"),
            Self::Choice(context, role, nth) => {
                let role = match role {
                    Role::Left => " left",
                    Role::Entered => " entered",
                    Role::Own => "",
                };
                write!(f, "{context}: choice {}{role}", nth + 1)
            }
            Self::Barrier(site) => f.write_str(site.name()),
            Self::Poke => f.write_str("poke"),
            Self::Wait => f.write_str("wait"),
            Self::Closed => f.write_str("interrupts off"),
            Self::Lock => f.write_str("run queue locked"),
            Self::Restart => f.write_str("section restarted"),
            Self::Pin => f.write_str("pin"),
            Self::Hook(hook) => write!(f, "hook {hook}"),
        }
    }
}
