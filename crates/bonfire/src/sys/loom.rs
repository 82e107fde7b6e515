//! Loom: a heavy fence is a letter to every thread, and a light fence looks
//! into its own thread's mailbox.
//!
//! A model in which both were full fences would order light fences with each
//! other, and so hide the very mistake that asymmetric fences invite. Here
//! each thread has a box of its own, one word:
//!
//! - a light fence is a read-modify-write of its own box: it takes the letters
//!   that came before it, and the next letter finds what it left;
//! - a heavy fence is a full fence, a read-modify-write of *every* box, and a
//!   full fence.
//!
//! So of a light and a heavy fence one is always first, and the second has
//! synchronised with it, which is the contract; two light fences touch
//! different words and order nothing. What it shows too much of: nothing
//! known. What it cannot show: a thread that issues no light fence passes no
//! fence at all here, so that accesses without one are as unordered as can be.

use std::format;

use bonfire_abi::{Call, Command, Commands, Error, Flavour};
use loom::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, SeqCst},
    fence,
};

use crate::Refusal;

#[cfg(feature = "signal")]
#[path = "no_signal.rs"]
pub(crate) mod signal;

// One static a box, not an array of boxes: initialising a static synchronises
// with everyone who reads it later, so light fences must not share one.
loom::lazy_static! {
    static ref BOX_0: AtomicUsize = AtomicUsize::new(0);
    static ref BOX_1: AtomicUsize = AtomicUsize::new(0);
    static ref BOX_2: AtomicUsize = AtomicUsize::new(0);
    static ref BOX_3: AtomicUsize = AtomicUsize::new(0);
    static ref BOX_4: AtomicUsize = AtomicUsize::new(0);
}

/// The box of a thread, by its number in this execution.
fn letters(thread: usize) -> &'static AtomicUsize {
    match thread {
        0 => &BOX_0,
        1 => &BOX_1,
        2 => &BOX_2,
        3 => &BOX_3,
        4 => &BOX_4,
        _ => unreachable!("loom models {} threads", loom::MAX_THREADS),
    }
}

/// The number of this thread in this execution. Loom prints it and has no
/// other way to tell it.
fn this_thread() -> usize {
    let printed = format!("{:?}", loom::thread::current().id());
    let digits = printed.trim_matches(|character: char| !character.is_ascii_digit());
    digits.parse().expect("loom numbers its threads")
}

/// PAIRS(heavy): with the read-modify-write of this thread's box in `call`.
pub(crate) fn light() {
    letters(this_thread()).fetch_add(0, AcqRel);
}

/// What a kernel would be asked for, done with letters.
pub(crate) fn call(call: Call) -> Result<u32, Error> {
    match call.command()?.0 {
        Command::RegisterPrivateExpedited => Ok(0),
        Command::Query => Ok(commands().mask()),
        Command::PrivateExpedited => {
            fence(SeqCst);
            for thread in 0..loom::MAX_THREADS {
                // PAIRS(heavy): with `light` of the box's owner.
                letters(thread).fetch_add(1, AcqRel);
            }
            fence(SeqCst);
            Ok(0)
        }
        _ => Err(Error::InvalidArgument),
    }
}

/// Nothing to register with. No trial either: the state of registrations is
/// not the model's, so only the first execution would make it.
pub(crate) fn register(flavour: Flavour) -> Result<(), Error> {
    call(Call::new(flavour.registration())).map(drop)
}

/// Nobody stands before these calls.
#[expect(clippy::unnecessary_wraps, reason = "platforms with a kernel can refuse")]
pub(crate) fn may_call(_commands: &[Command]) -> Result<(), Refusal> {
    Ok(())
}

/// There are no filters.
pub(crate) fn may_be_filtered() -> bool {
    false
}

/// Nothing forks here that this crate could know of.
pub(crate) fn prepare() {}

/// No word is emptied on the way to a child.
pub(crate) fn word() -> Option<&'static core::sync::atomic::AtomicU32> {
    None
}

fn commands() -> Commands {
    Commands::NONE.with(Command::PrivateExpedited).with(Command::RegisterPrivateExpedited)
}

/// Nobody to tell it to: the abort that follows ends the model.
pub(crate) fn complain(_text: &str) {}

/// One number: nothing forks in a model.
#[cfg(feature = "std")]
pub(crate) fn process_id() -> u32 {
    1
}

pub(crate) fn is_single_threaded() -> bool {
    // Registration waits for nothing here.
    true
}

/// Left to the scheduler here.
pub(crate) fn settler() -> fn(usize) {
    |_| ()
}

/// Left to the scheduler here.
#[cfg(feature = "std")]
pub(crate) fn cpus() -> Option<usize> {
    std::thread::available_parallelism().ok().map(usize::from)
}
