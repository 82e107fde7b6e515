//! The call as it is.
//!
//! For what the tokens do not cover: other commands, exact error numbers,
//! probing a kernel. No registration is kept, no failure is met, no filter is
//! looked out for: a call through here may kill the process where
//! [`register`](crate::register) would have said [`Filter::Kills`](crate::Filter).

use bonfire_abi::{Call, Commands, Error};

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

/// Which commands there are, asked in the order that is safe where filters
/// kill: API level, kernel release, filter, a child, `QUERY`.
///
/// # Errors
/// Why there are none for this process.
pub fn commands() -> Result<Commands, Refusal> {
    sys::probe()
}
