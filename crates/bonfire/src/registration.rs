//! Registering, and the tokens that it returns.
//!
//! A token is a proof: the kernel opened this address space's gate for one
//! flavour of barrier, and gates do not shut. So what a token offers has
//! nothing to report. It takes no space, may be copied into every
//! data structure, and stays true in a forked child (the registration is
//! inherited, or made again by the first fence) and in every thread. `execve` ends
//! the program that held it.

use core::fmt;
use core::sync::atomic::Ordering::Relaxed;

use bonfire_abi::{Call, Command, Cpu, Error, FLAG_CPU, Flavour, Registrations};

use crate::issue::{issue, issue_once};
use crate::remembered::REFUSALS;
use crate::state::STATE;
use crate::{Filter, Refusal, sys};

/// What a process that registered has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tokens {
    /// Memory fences.
    pub memory: Memory,
    /// Core serialisation, or why not. Never replaced by anything weaker.
    pub sync_core: Result<SyncCore, Refusal>,
    /// Fences that restart rseq critical sections, or why not.
    pub rseq: Result<Rseq, Refusal>,
}

/// Registers for all three flavours.
///
/// Under Linux the first registration takes some tens of microseconds in a process of
/// one thread (for a child that asks; a few for [`register_allowed`]), and *waits for a
/// grace period* in a process of several: 5 to 15 milliseconds for each flavour. Do it before threads are
/// started, or early, or in the background (see [`process`](crate::process)).
/// Later ones return at once, refused or not. Any number of threads may register
/// concurrently.
///
/// Before that it makes sure that no filter kills for it, with a child that makes
/// the calls in this process's place: see
/// [what that may do](crate#asking-harms-nobody), and [`register_allowed`] for a
/// caller who knows that the calls are allowed.
///
/// # Errors
/// Why there are no memory fences. That there is no core serialisation or no
/// restart is told in its place in the [`Tokens`].
///
/// ```
/// # fn main() -> Result<(), bonfire::Refusal> {
/// let tokens = bonfire::register()?;
/// tokens.memory.heavy();
/// if let Ok(core) = tokens.sync_core {
///     core.serialise();
/// }
/// # Ok(())
/// # }
/// ```
pub fn register() -> Result<Tokens, Refusal> {
    ask_at_once();
    tokens(Proof::of)
}

/// [`register`] for a caller who vouches that the calls are allowed: nothing is asked
/// first, no child made, no other call made than `membarrier`.
///
/// It is for programs that know their sandbox: the filter lists `membarrier`, or it
/// refuses what it does not list and does not kill, as those of Docker, Podman and
/// Kubernetes do. **A filter that kills for `membarrier` kills the caller.** What was
/// refused before is asked again.
///
/// # Errors
/// As [`register`].
///
/// ```
/// // This program runs in a container that refuses and never kills.
/// match bonfire::register_allowed() {
///     Ok(tokens) => tokens.memory.heavy(),
///     Err(refusal) => eprintln!("full fences, then: {refusal}"),
/// }
/// ```
pub fn register_allowed() -> Result<Tokens, Refusal> {
    tokens(Proof::of_allowed)
}

fn tokens(proof: fn(Flavour) -> Result<Proof, Refusal>) -> Result<Tokens, Refusal> {
    Ok(Tokens {
        memory: proof(Flavour::Private).map(Memory)?,
        sync_core: proof(Flavour::SyncCore).map(SyncCore),
        rseq: proof(Flavour::Rseq).map(Rseq),
    })
}

/// Has all flavours asked for by one child. What came of it is remembered.
fn ask_at_once() {
    let flavours = [Flavour::Private, Flavour::SyncCore, Flavour::Rseq];
    if flavours.iter().any(|&flavour| !STATE.holds(flavour) && REFUSALS.get(flavour).is_none()) {
        let [a, b, c] = flavours.map(calls_of);
        let _ = sys::may_call(&[a[0], a[1], b[0], b[1], c[0], c[1]]);
    }
}

/// The calls that a registration makes.
fn calls_of(flavour: Flavour) -> [Command; 2] {
    [flavour.registration(), flavour.command()]
}

/// The registrations that the kernel says this address space holds.
///
/// Linux says more than it holds: whoever registered for
/// [`Flavour::SyncCore`] or [`Flavour::Rseq`] is also said to have registered
/// for [`Flavour::Private`], whose gate may be shut
/// ([`Registrations::reported`]). So this is for reports; a proof is a token.
///
/// # Errors
/// [`Refusal::NoSuchCommand`] before Linux 6.3 and on other systems, or why
/// there is no call at all.
pub fn registrations() -> Result<Registrations, Refusal> {
    let command = Command::GetRegistrations;
    sys::may_call(&[command])?;
    let held = sys::call(Call::new(command)).map(Registrations::from_mask);
    held.map_err(|error| refusal(command, error))
}

/// The token of memory fences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(Proof);

/// The token of core serialisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncCore(Proof);

/// The token of fences that restart rseq critical sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rseq(Proof);

impl Memory {
    /// Registers for memory fences; see [`register`] for what it costs.
    ///
    /// # Errors
    /// Why there are none.
    pub fn register() -> Result<Self, Refusal> {
        Proof::of(Flavour::Private).map(Self)
    }

    /// Registers without asking first: the caller knows that the calls are allowed. See
    /// [`register_allowed`].
    ///
    /// # Errors
    /// Why there are none.
    pub fn register_allowed() -> Result<Self, Refusal> {
        Proof::of_allowed(Flavour::Private).map(Self)
    }

    /// The token, if this process is registered: one load. Never registers, never waits.
    #[inline]
    #[must_use]
    pub fn get() -> Option<Self> {
        Proof::get(Flavour::Private).map(Self)
    }

    /// A heavy fence: a `fence(SeqCst)` here and, before it returns, in every
    /// other thread of the process.
    ///
    /// It pairs with [`light`](crate::light) of any thread, with other heavy
    /// fences, and with `fence(SeqCst)`. Always the system call: 0.1 to 0.2
    /// microseconds when no other thread runs, and an interrupt of each CPU that
    /// runs one otherwise (11 to 16 microseconds for one on virtual machines; less
    /// is expected without one), whatever the number of threads.
    ///
    /// Safe in a signal handler and in a forked child: no lock, no memory, no
    /// state but counters. Never in a rseq critical section: it is a system
    /// call.
    ///
    /// # Late failure
    /// A call that finds no memory in the kernel is repeated up to 1,000 times.
    /// A kernel that says that this process is not registered, as some do in a forked
    /// child or after a restore from a checkpoint, is registered with once more. If
    /// that does not help, or if the call fails otherwise, which takes a filter
    /// installed after registering, the process ends with a message: light
    /// fences rely on this, and nothing else would pair with them.
    #[inline]
    pub fn heavy(self) {
        // PAIRS(heavy): with `light`, of any thread of this process.
        issue(Call::new(Command::PrivateExpedited));
    }

    /// A heavy fence, if it can be had without waiting for another.
    ///
    /// Under Linux 6.8 and later one heavy fence at a time runs in the whole
    /// system; a thread that must not sleep does better to come again. While one
    /// `try_heavy` of this process is in the kernel, others are told
    /// [`NotNow::Busy`]. Two that come in the same instant may both go there: the
    /// turn is a courtesy and costs less than a lock. (What other processes do
    /// cannot be seen from here. Where no word can be had that a forked child does
    /// not inherit, as after [`register_allowed`] alone, there are no turns.)
    ///
    /// # Errors
    /// Why there was no fence. Nothing is ordered then.
    #[inline]
    pub fn try_heavy(self) -> Result<(), NotNow> {
        let turn = sys::word();
        // Relaxed: turns order nothing, the fence does.
        if turn.is_some_and(|turn| turn.load(Relaxed) != 0) {
            return Err(NotNow::Busy);
        }
        let take = |value| turn.into_iter().for_each(|turn| turn.store(value, Relaxed));
        take(1);
        // PAIRS(heavy): with `light`, of any thread of this process.
        let issued = issue_once(Call::new(Command::PrivateExpedited));
        take(0);
        issued.then_some(()).ok_or(NotNow::OutOfMemory)
    }
}

impl SyncCore {
    /// Registers for core serialisation; see [`register`] for what it costs.
    ///
    /// # Errors
    /// Why there is none.
    pub fn register() -> Result<Self, Refusal> {
        Proof::of(Flavour::SyncCore).map(Self)
    }

    /// Registers without asking first: the caller knows that the calls are allowed. See
    /// [`register_allowed`].
    ///
    /// # Errors
    /// Why there is none.
    pub fn register_allowed() -> Result<Self, Refusal> {
        Proof::of_allowed(Flavour::SyncCore).map(Self)
    }

    /// The token, if this process is registered: one load. Never registers, never waits.
    #[inline]
    #[must_use]
    pub fn get() -> Option<Self> {
        Proof::get(Flavour::SyncCore).map(Self)
    }

    /// Every thread of the process, this one included, passes a full fence and
    /// serialises its instruction stream before it next runs in user mode.
    ///
    /// No thread executes stale instructions after it, of code that was
    /// written before it *and made visible to instruction fetch*: on Arm,
    /// AArch64 and POWER that takes cache maintenance first; on x86, RISC-V
    /// and s390x nothing. Costs and late failure are as for
    /// [`Memory::heavy`].
    #[inline]
    pub fn serialise(self) {
        issue(Call::new(Command::SyncCore));
    }
}

impl Rseq {
    /// Registers for rseq fences; see [`register`] for what it costs.
    ///
    /// # Errors
    /// Why there are none.
    pub fn register() -> Result<Self, Refusal> {
        Proof::of(Flavour::Rseq).map(Self)
    }

    /// Registers without asking first: the caller knows that the calls are allowed. See
    /// [`register_allowed`].
    ///
    /// # Errors
    /// Why there are none.
    pub fn register_allowed() -> Result<Self, Refusal> {
        Proof::of_allowed(Flavour::Rseq).map(Self)
    }

    /// The token, if this process is registered: one load. Never registers, never waits.
    #[inline]
    #[must_use]
    pub fn get() -> Option<Self> {
        Proof::get(Flavour::Rseq).map(Self)
    }

    /// Every other running thread of the process passes a full fence, and
    /// restarts the rseq critical section that it is in.
    ///
    /// Costs and late failure are as for [`Memory::heavy`].
    #[inline]
    pub fn restart(self) {
        issue(Call::new(Command::Rseq));
    }

    /// The same on one CPU: only what runs there is interrupted.
    ///
    /// If no thread of this process runs there, or there is no such CPU, there
    /// is nothing to do and nothing is done: the kernel reports neither.
    #[inline]
    pub fn restart_on(self, cpu: Cpu) {
        // A negative number would mean every CPU.
        let cpu_id = i32::try_from(cpu.0).unwrap_or(i32::MAX);
        issue(Call { number: Command::Rseq.number(), flags: FLAG_CPU, cpu_id });
    }
}

/// Why [`Memory::try_heavy`] did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotNow {
    /// Another thread of this process is at it.
    Busy,
    /// The kernel found no memory for the call.
    OutOfMemory,
}

impl fmt::Display for NotNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Busy => "another thread issues a heavy fence; come again later",
            Self::OutOfMemory => "the kernel found no memory for the fence; come again later",
        })
    }
}

impl core::error::Error for NotNow {}

/// That the kernel registered this address space for a flavour.
///
/// # Invariants
/// Made by [`Proof::of`] and [`Proof::get`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Proof(());

impl Proof {
    #[inline]
    fn get(flavour: Flavour) -> Option<Self> {
        // INVARIANT: registered, by whoever set the bit.
        STATE.holds(flavour).then_some(Self(()))
    }

    /// Registers for `flavour`, unless that was done or refused before.
    fn of(flavour: Flavour) -> Result<Self, Refusal> {
        if let Some(proof) = Self::get(flavour) {
            return Ok(proof);
        }
        if let Some(refusal) = REFUSALS.get(flavour) {
            return Err(refusal);
        }
        sys::may_call(&calls_of(flavour)).inspect_err(|&refusal| REFUSALS.note(flavour, refusal))?;
        let proof = Self::of_allowed(flavour)?;
        sys::prepare();
        Ok(proof)
    }

    /// Registers for `flavour`, unless that was done.
    fn of_allowed(flavour: Flavour) -> Result<Self, Refusal> {
        if !STATE.holds(flavour) {
            let registered = sys::register(flavour).map_err(|error| refusal(flavour.command(), error));
            registered.inspect_err(|&refusal| REFUSALS.note(flavour, refusal))?;
            STATE.hold(flavour);
        }
        // INVARIANT: registered just now, or by whoever set the bit.
        Ok(Self(()))
    }
}

/// What an error means of a command that whoever makes it survives.
pub(crate) fn refusal(command: Command, error: Error) -> Refusal {
    match error {
        Error::OutOfMemory => Refusal::OutOfMemory,
        Error::InvalidArgument => Refusal::NoSuchCommand(command),
        Error::NotSupported if !sys::may_be_filtered() => Refusal::NoSuchCall,
        error => Refusal::Filtered(Filter::Refuses(error)),
    }
}
