//! The lifetime cases: whose registration is it, and how long?
//!
//! A registration belongs to the address space. So a `fork` copies it, whoever
//! shares the address space shares it (in both directions), a new program image
//! starts without, and a thread's exit takes nothing away.

use core::fmt;

use bonfire_abi::{Command, Commands, Flavour, Registrations};

use crate::Start::{CloneVm, Fork, Thread, Vfork};
use crate::World;
use crate::kind::{Group, Kind, absent};
use crate::script::Script;
use crate::script::Step::{self, Ask, Exec, Gates, In, Register};

/// One history, and the clause that it rests on.
struct History {
    steps: &'static [Step],
    citation: &'static str,
}

const fn history(steps: &'static [Step], citation: &'static str) -> History {
    History { steps, citation }
}

const GATE: &str = "membarrier(2), ERRORS, EPERM: each private flavour has a registration of its own";
const MASK: &str =
    "membarrier(2), MEMBARRIER_CMD_GET_REGISTRATIONS; Linux also reports PRIVATE_EXPEDITED for the others";
const AGAIN: &str = "membarrier(2), MEMBARRIER_CMD_REGISTER_*: to register again changes nothing";
const FORK: &str =
    "Linux: a child inherits its parent's registrations with the address space, and shares none later";
const SHARED: &str = "Linux: registrations belong to the address space, so all who share it share them";
const EXIT: &str = "Linux: registrations belong to the address space, not to the thread that asked";
const EXEC: &str =
    "Linux: a new program image starts without registrations; another user of the old one keeps them";

/// Of a single process; they belong to the ABI.
const SINGLE: &[History] = &[
    history(&[Gates, Register, Gates], GATE),
    history(&[Ask, Register, Ask], MASK),
    history(&[Register, Register, Gates], AGAIN),
];

const LIVES: &[History] = &[
    history(&[Register, In(Fork, &[Gates, Ask])], FORK),
    history(&[In(Fork, &[Register]), Gates, Ask], FORK),
    history(&[Register, In(Fork, &[In(Fork, &[Gates, Ask])])], FORK),
    history(&[Register, In(CloneVm, &[Gates, Ask])], SHARED),
    history(&[In(CloneVm, &[Register]), Gates, Ask], SHARED),
    history(&[Register, In(Thread, &[Gates, Ask])], SHARED),
    history(&[In(Thread, &[Register]), Gates, Ask], EXIT),
    history(&[Register, In(Vfork, &[Gates, Ask])], SHARED),
    history(&[In(Vfork, &[Register]), Gates, Ask], SHARED),
    history(&[Register, Exec(&[Gates, Ask])], EXEC),
    history(&[Register, In(Fork, &[Exec(&[Gates, Ask])]), Gates, Ask], EXEC),
    history(&[Register, In(Vfork, &[Exec(&[Gates, Ask])]), Gates, Ask], EXEC),
];

/// A history of a single process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Single(pub(crate) Script);

/// A history with births.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life(pub(crate) Script);

/// The histories of a single process, for each flavour.
pub(crate) fn single() -> impl Iterator<Item = Single> {
    scripts(SINGLE).map(Single)
}

/// The histories with births, for each flavour.
pub(crate) fn lives() -> impl Iterator<Item = Life> {
    scripts(LIVES).map(Life)
}

macro_rules! histories {
    ($($kind:ident: $group:ident),*) => {$(
        impl Kind for $kind {
            fn group(&self) -> Group {
                Group::$group
            }

            fn citation(&self) -> &'static str {
                citation(self.0)
            }

            fn explain(&self, out: &mut dyn fmt::Write) -> fmt::Result {
                explain(self.0, out)
            }

            fn play(&self, world: &dyn World, number: u16, part: u16, data: u32) {
                self.0.play(world, number, part, Registrations::from_mask(data));
            }

            fn lacks(&self, commands: Commands) -> Option<Command> {
                absent(self.0.needs(), commands)
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
histories!(Single: Abi, Life: Lifetime);

/// The clause that `script` rests on.
fn citation(script: Script) -> &'static str {
    let known = SINGLE.iter().chain(LIVES).find(|history| history.steps == script.steps);
    known.map_or(GATE, |history| history.citation)
}

/// What it does, and what a failure means.
fn explain(script: Script, out: &mut dyn fmt::Write) -> fmt::Result {
    let registration = script.flavour.registration();
    write!(
        out,
        "A fresh process takes the steps that the id names: `register` is {registration}, `gates` issues "
    )?;
    write!(
        out,
        "each private command, which must be refused with EPERM unless its own flavour is registered, "
    )?;
    write!(out, "`ask` is GET_REGISTRATIONS, `back` returns to the parent. No barrier is involved.")?;
    write!(
        out,
        "\n\nWhat a failure means: the registration is not where it belongs, in the address space. A "
    )?;
    write!(out, "library that registered once is refused later, or believed too long.")
}

fn scripts(histories: &'static [History]) -> impl Iterator<Item = Script> {
    Flavour::ALL.into_iter().flat_map(move |flavour| {
        histories.iter().map(move |history| Script { flavour, steps: history.steps })
    })
}
