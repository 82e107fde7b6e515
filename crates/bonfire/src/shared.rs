//! Fences across processes, for memory that they share.
//!
//! The fences of [`Memory`](crate::Memory) end at the border of a process. Where
//! readers in one process and writers in another share memory (`MAP_SHARED`),
//! there are two that do not:
//!
//! | heavy fence | reaches | costs | sure |
//! |---|---|---|---|
//! | [`heavy_everywhere`] | every thread of the machine | a grace period: 5 to 20 ms | yes |
//! | [`Caller::heavy_expedited`] | threads of processes that are a [`Target`] | some microseconds | **not always**: see there |
//!
//! The light fence for both is [`light`]. It is no instruction, but it must not
//! be one that is *left out*: a process with full fences in place of light ones
//! (Miri, another system) has them here, too.
//!
//! # What Linux loses
//!
//! For the expedited fence each CPU keeps a copy of whether what it runs is a
//! target. The kernel renews the copy when the CPU changes to *another* address
//! space, and in two situations it then does not (read in 6.12 to 7.3, seen on
//! 6.18):
//!
//! - **A thread of the target has ended** on the CPU, and the next to run there is
//!   another thread of the same process. Its end cleared the copy.
//! - **The target has just registered**, while a CPU on which it ran before was
//!   idle. The copy there is from before.
//!
//! Such a CPU is passed over, silently, until it has run another process. No
//! answer of the kernel tells; registering again does not help. `bonfire check`
//! has the cases (`--filter sibling`). So:
//!
//! - Where a lost fence is a fault, use [`heavy_everywhere`].
//! - The expedited fence is for targets that register first thing in `main`, then
//!   run something else on each of their CPUs (start a program, say), and whose
//!   threads do not end before the process does; or for where a lost fence costs
//!   time only, because something else will notice: a reader that polls.

use bonfire_abi::{Call, Command, Commands};

use crate::issue::issue;
use crate::registration::refusal;
use crate::{Refusal, raw, sys};

/// A light fence for memory that is shared with other processes.
///
/// Orders as [`light`](crate::light) does, with the heavy fences of this module,
/// of any process.
#[inline(always)]
pub fn light() {
    // PAIRS(heavy): with the calls in `heavy_everywhere` and `heavy_expedited`.
    sys::light();
}

/// A heavy fence in every thread of *every process*, which needs no registration.
///
/// Under Linux it waits for a grace period: 5 to 20 milliseconds. Every thread
/// that runs meanwhile passes a full fence before it returns.
///
/// ```
/// match bonfire::shared::heavy_everywhere() {
///     Ok(()) => {} // what others stored before their light fences is seen now
///     Err(refusal) => eprintln!("no fence across processes: {refusal}"),
/// }
/// ```
///
/// # Errors
/// [`Refusal::NohzFull`] on a kernel that was booted so, which does not have
/// the command, or why there is no call at all. *Nothing is ordered then.*
pub fn heavy_everywhere() -> Result<(), Refusal> {
    lack_of_global(raw::commands()?).map_or(Ok(()), Err)?;
    // PAIRS(heavy): with `light`, of any process.
    call_once(Command::Global)
}

/// That this process is one that expedited fences of others reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target(());

impl Target {
    /// Registers this process as one that expedited fences reach. It is what a
    /// *reader* does; see [the module](self) for when, and what is lost.
    ///
    /// Takes microseconds in a process of one thread and a grace period in one of
    /// several, as every registration does.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn register() -> Result<Self, Refusal> {
        call_once(Command::RegisterGlobalExpedited)?;
        Ok(Self(()))
    }
}

/// The token of expedited fences across processes. The caller needs no
/// registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller(());

impl Caller {
    /// Sees whether there are such fences, by issuing one.
    ///
    /// # Errors
    /// Why there are none.
    pub fn new() -> Result<Self, Refusal> {
        call_once(Command::GlobalExpedited)?;
        Ok(Self(()))
    }

    /// A heavy fence in every running thread of every process that is a
    /// [`Target`], **but for those that Linux loses**: see [the module](self).
    ///
    /// Costs and late failure are as for [`Memory::heavy`](crate::Memory::heavy).
    #[inline]
    pub fn heavy_expedited(self) {
        // PAIRS(heavy): with `light`, of any process that is a target.
        issue(Call::new(Command::GlobalExpedited));
    }
}

/// Makes the call, after it was made sure that this does not kill.
fn call_once(command: Command) -> Result<(), Refusal> {
    sys::may_call(&[command])?;
    sys::call(Call::new(command)).map(drop).map_err(|error| refusal(command, error))
}

/// Why a kernel that has these commands lacks [`Command::Global`], if it does.
/// Linux leaves it out of its answer for one reason only: `nohz_full`.
fn lack_of_global(commands: Commands) -> Option<Refusal> {
    let is_linux = cfg!(any(target_os = "linux", target_os = "android"));
    match commands.contains(Command::Global) {
        true => None,
        false if is_linux && commands.contains(Command::PrivateExpedited) => Some(Refusal::NohzFull),
        false => Some(Refusal::NoSuchCommand(Command::Global)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn global_is_lacking_for_a_cause() {
        let query = |commands: &[Command]| commands.iter().copied().fold(Commands::NONE, Commands::with);
        let private = [Command::RegisterPrivateExpedited, Command::PrivateExpedited];
        let all = query(&private).with(Command::Global);
        assert_eq!(lack_of_global(all), None);
        // What Linux answers with a CPU in `nohz_full`, and what one before 4.14 would.
        let lack = if cfg!(target_os = "linux") {
            Refusal::NohzFull
        } else {
            Refusal::NoSuchCommand(Command::Global)
        };
        assert_eq!(lack_of_global(query(&private)), Some(lack));
        assert_eq!(lack_of_global(Commands::NONE), Some(Refusal::NoSuchCommand(Command::Global)));
    }
}
