//! The call as it is.
//!
//! For what the tokens do not cover: other commands, exact error numbers,
//! probing a kernel. No registration is kept, no failure is met, no filter is
//! looked out for: a call through here may kill the process where
//! [`register`](crate::register) would have said [`Filter::Kills`](crate::Filter).

use bonfire_abi::{Call, Command, Commands, Error};

use crate::registration::refusal;
use crate::{Refusal, sys};

/// Issues `call`.
///
/// ```
/// use bonfire::{Call, Command, Commands, raw};
/// if let Ok(mask) = raw::membarrier(Call::new(Command::Query)) {
///     // Whoever may be a target may be registered.
///     let commands = Commands::from_mask(mask);
///     assert_eq!(
///         commands.contains(Command::PrivateExpedited),
///         commands.contains(Command::RegisterPrivateExpedited),
///     );
/// }
/// ```
///
/// # Errors
/// What the kernel says, or what a filter says in its name. On a platform
/// without the call, [`Error::InvalidArgument`] for all but the private memory
/// fence, which is a full fence there.
#[inline]
pub fn membarrier(call: Call) -> Result<u32, Error> {
    sys::call(call)
}

/// Which commands the kernel says that there are: `QUERY`, after it was made sure
/// that asking does not kill (see [the README](crate#asking-harms-nobody)).
///
/// # Errors
/// Why there are none for this process.
pub fn commands() -> Result<Commands, Refusal> {
    sys::may_call(&[Command::Query])?;
    let answer = sys::call(Call::new(Command::Query)).map(Commands::from_mask);
    answer.map_err(|error| refusal(Command::Query, error))
}
