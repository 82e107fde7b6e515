//! Scripts: what a process does, step by step, and what it must be told.
//!
//! A script is a tree of steps: calls, and births of processes and threads in
//! which further steps are taken. Nowhere does it say what the answers are:
//! [`spec`] says it, from the registrations that the address space
//! holds at that step, which the [`Player`] keeps track of across `fork`,
//! `clone` and `exec`.

use core::fmt;

use bonfire_abi::{Command, Flavour, Registrations, from_return};

use crate::verdict::{Finding, Means};
use crate::{Ending, Start, Task, World, spec};

/// A step of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Registers for the flavour of the case.
    Register,
    /// Issues each private command, whose gate must be open or shut.
    Gates,
    /// Asks `GET_REGISTRATIONS`.
    Ask,
    /// Takes these steps in a new process or thread, and waits for its end.
    In(Start, &'static [Self]),
    /// Goes on with these steps in a new program image. Always the last.
    Exec(&'static [Self]),
}

use Step::{Ask, Exec, Gates, In, Register};

/// A script and the flavour that its registrations are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) flavour: Flavour,
    pub(crate) steps: &'static [Step],
}

/// Takes steps in one thread, and compares what it is told.
pub(crate) struct Player<'a> {
    world: &'a dyn World,
    held: Registrations,
    step: u32,
}

impl Script {
    /// Takes the steps that follow position `from` (0: all), in a process that
    /// holds `held`.
    pub(crate) fn play(self, world: &dyn World, number: u16, from: u16, held: Registrations) {
        let mut player = Player { world, held, step: u32::from(from) };
        if let Some(steps) = nested(self.steps, from) {
            player.steps(steps, self.flavour, number);
        }
    }

    /// The commands without which it shows nothing: the flavour's own, and
    /// `GET_REGISTRATIONS` where no gate shows the same: a kernel that cannot be
    /// asked is judged by what it lets pass.
    pub(crate) fn needs(self) -> impl Iterator<Item = Command> {
        let asks = self.flavour.command().needs().is_none() || !has_gates(self.steps);
        let own = [self.flavour.command(), self.flavour.registration()];
        own.into_iter().chain(asks.then_some(Command::GetRegistrations))
    }
}

impl<'a> Player<'a> {
    pub(crate) fn new(world: &'a dyn World) -> Self {
        Self { world, held: Registrations::NONE, step: 0 }
    }

    /// A player in an address space that holds what `register_all` registers.
    pub(crate) fn registered(world: &'a dyn World) -> Self {
        let commands = world.arena().commands();
        let offered = Flavour::ALL.into_iter().filter(|flavour| commands.contains(flavour.registration()));
        Self { world, held: offered.fold(Registrations::NONE, Registrations::with), step: 0 }
    }

    /// Registers for every flavour that the kernel offers.
    pub(crate) fn register_all(&mut self) {
        for flavour in Flavour::ALL {
            if self.offers(flavour.registration()) {
                self.issue(flavour.registration());
            }
        }
    }

    /// Whether the kernel says that it has `command`.
    pub(crate) fn offers(&self, command: Command) -> bool {
        self.world.arena().commands().contains(command)
    }

    /// Issues `command` with no flags.
    pub(crate) fn issue(&mut self, command: Command) {
        self.call([u64::from(command.number().unsigned_abs()), 0, 0]);
    }

    /// Issues a call and compares the answer.
    pub(crate) fn call(&mut self, registers: [u64; 3]) {
        let arena = self.world.arena();
        let commands = arena.commands();
        let expected = spec::answer(commands, self.held, registers);
        self.held = spec::after(commands, self.held, registers);
        let got = from_return(self.world.call(registers));
        arena.compared();
        if got != expected {
            arena.wrong.report(Finding { registers, expected, got, step: self.step + 1 });
        }
    }

    fn steps(&mut self, steps: &'static [Step], flavour: Flavour, number: u16) {
        for step in steps {
            // What follows rests on what went before.
            if self.world.arena().missing().is_some() {
                return;
            }
            let position = self.step;
            match *step {
                Register => self.issue(flavour.registration()),
                Gates => self.gates(),
                Ask => self.ask(),
                In(how, inner) => self.within(how, inner, flavour, number),
                Exec(_) => {
                    self.world.exec(Task::step(number, position + 1, Registrations::NONE));
                    self.world.arena().lacks(Means::Exec);
                }
            }
            self.step = position + step.size();
        }
    }

    fn gates(&mut self) {
        for command in [Command::PrivateExpedited, Command::SyncCore, Command::Rseq] {
            if self.offers(command) {
                self.issue(command);
            }
        }
    }

    fn ask(&mut self) {
        if self.offers(Command::GetRegistrations) {
            self.issue(Command::GetRegistrations);
        }
    }

    fn within(&mut self, how: Start, inner: &'static [Step], flavour: Flavour, number: u16) {
        let task: Task = Task::step(number, self.step + 1, self.held);
        if self.world.start(how, &[task]) == Ending::Missing {
            self.world.arena().lacks(how.means());
        }
        if how != Start::Fork && registers(inner) {
            self.held = self.held.with(flavour);
        }
    }
}

impl Step {
    /// How many positions this step and those within it take.
    fn size(&self) -> u32 {
        match self {
            In(_, inner) | Exec(inner) => 1 + inner.iter().map(Self::size).sum::<u32>(),
            _ => 1,
        }
    }
}

/// The steps within the one at position `from`, counted from 1; all for 0.
fn nested(steps: &'static [Step], from: u16) -> Option<&'static [Step]> {
    if from == 0 {
        return Some(steps);
    }
    let mut position = 1;
    for step in steps {
        let next = position + step.size();
        if u32::from(from) < next {
            return match step {
                In(_, inner) | Exec(inner) => nested(inner, from - u16::try_from(position).ok()?),
                _ => None,
            };
        }
        position = next;
    }
    None
}

/// Whether a gate is tried among these steps.
fn has_gates(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Gates => true,
        In(_, inner) | Exec(inner) => has_gates(inner),
        Register | Ask => false,
    })
}

/// Whether these steps change what their address space holds. What happens
/// after an `exec` happens to another one.
fn registers(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Register => true,
        In(how, inner) => *how != Start::Fork && registers(inner),
        Gates | Ask | Exec(_) => false,
    })
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.flavour.command())?;
        write_steps(f, self.steps)
    }
}

fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step]) -> fmt::Result {
    for (index, step) in steps.iter().enumerate() {
        if index > 0 {
            f.write_str("-")?;
        }
        match step {
            Register => f.write_str("register")?,
            Gates => f.write_str("gates")?,
            Ask => f.write_str("ask")?,
            In(how, inner) => {
                f.write_str(name(*how))?;
                f.write_str("-")?;
                write_steps(f, inner)?;
                if index + 1 < steps.len() {
                    f.write_str("-back")?;
                }
            }
            Exec(inner) => {
                f.write_str("exec-")?;
                write_steps(f, inner)?;
            }
        }
    }
    Ok(())
}

const fn name(how: Start) -> &'static str {
    match how {
        Start::Thread => "thread",
        Start::Fork => "fork",
        Start::CloneVm => "clone_vm",
        Start::Vfork => "vfork",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &[Step] =
        &[Register, In(Start::Vfork, &[Gates, Exec(&[Ask, Ask])]), In(Start::Thread, &[Register])];

    #[test]
    fn a_position_finds_the_steps_within_it() {
        assert_eq!(nested(TREE, 0), Some(TREE));
        assert_eq!(nested(TREE, 1), None);
        assert_eq!(nested(TREE, 2), Some(&[Gates, Exec(&[Ask, Ask])][..]));
        assert_eq!(nested(TREE, 4), Some(&[Ask, Ask][..]));
        assert_eq!(nested(TREE, 7), Some(&[Register][..]));
    }

    #[test]
    fn only_what_no_gate_shows_must_be_asked() {
        let asks = |flavour, steps| {
            Script { flavour, steps }.needs().any(|command| command == Command::GetRegistrations)
        };
        assert!(!asks(Flavour::Private, TREE));
        assert!(asks(Flavour::Private, &[Ask, Register, Ask]));
        assert!(asks(Flavour::Global, TREE), "no gate tells whether this one is held");
    }

    #[test]
    fn what_a_fork_or_a_new_image_registers_stays_there() {
        assert!(!registers(&[Gates, In(Start::Fork, &[Register]), Exec(&[Register])]));
        assert!(registers(&[In(Start::CloneVm, &[In(Start::Thread, &[Register])])]));
    }
}
