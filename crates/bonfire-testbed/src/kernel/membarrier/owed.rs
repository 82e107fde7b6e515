//! What barriers are owed, from the rules and not from the engine.
//!
//! For each hook this module restates, in terms of who was registered, which
//! sites the chosen design owes there, and counts them beside the machine's
//! counts of what was done. Each is a range: while a registration is under way,
//! a switch on another CPU may see it or not. Outside of that the range is one
//! number, and `least == done == most` says both that what was owed was done and
//! that nothing more was.
//!
//! What a poke asks for beyond a barrier is the engine's secret, so for
//! `IpiCoreSync` there is only an upper bound here; the user program counts
//! those from outside, call by call.

use super::Occupant;
use super::designs::chosen;
use crate::arch::{self, MAX_CPUS};
use crate::lock::Lock;
use crate::space::Space;
use bonfire_abi::{Call, Command, Flavour};
use bonfire_engine::core_sync::{Return, Settle};
use bonfire_engine::{Design, Refused, Site};
use bonfire_testbed::CORE_SYNC;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// How often a site was owed on a CPU.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    /// At the least.
    pub(crate) least: u64,
    /// At the most.
    pub(crate) most: u64,
}

/// What this module knows of a space.
pub(crate) struct Registered {
    /// The flavours whose registration has begun, one bit each.
    begun: AtomicU32,
    /// Those whose registration has returned.
    done: AtomicU32,
    /// The CPUs that ever ran it.
    ran_on: AtomicU64,
    /// Looked at behind the engine's hook, so that its lock stands in for no barrier of that;
    /// it is a barrier before what the thread does next, and the counts do without litmus.
    stale: Lock<Stale>,
}

type Row = [[AtomicU64; 2]; Site::ALL.len()];
/// No CPU writes another's row.
static OWED: [Row; MAX_CPUS] =
    [const { [const { [const { AtomicU64::new(0) }; 2] }; Site::ALL.len()] }; MAX_CPUS];

/// Whether a core serialisation was put off on a CPU, which nobody else writes:
/// an [`Is`].
static PUT_OFF: [AtomicU32; MAX_CPUS] = [const { AtomicU32::new(Is::No as u32) }; MAX_CPUS];

/// How often the site was owed on that CPU.
pub(crate) fn owed(cpu: usize, site: Site) -> Owed {
    let [least, most] = &OWED[cpu][site as usize];
    Owed { least: least.load(Relaxed), most: most.load(Relaxed) }
}

/// Whether something is so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    No,
    Perhaps,
    Yes,
}

impl Is {
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Perhaps,
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, Self::Yes) => Self::Yes,
            (Self::No, _) | (_, Self::No) => Self::No,
            _ => Self::Perhaps,
        }
    }
}

/// Where the instructions of a space are stale: CPUs that a call for it has skipped,
/// and that have not entered it since. A bit for each CPU.
struct Stale {
    surely: u64,
    perhaps: u64,
    /// How many calls are under way, and whether there was one alone all the time.
    calls: u32,
    is_alone: bool,
    /// The CPUs that entered since the last call began.
    entered: u64,
}

impl Stale {
    const NOWHERE: Self = Self { surely: 0, perhaps: 0, calls: 0, is_alone: true, entered: 0 };

    fn begins(&mut self) {
        self.is_alone = self.calls == 0;
        self.calls += 1;
        self.entered = 0;
        self.perhaps = u64::MAX;
    }

    /// Of a CPU that entered meanwhile nobody knows whether that was before the call
    /// marked it or after.
    fn ends(&mut self, is_granted: bool) {
        self.calls -= 1;
        if is_granted && self.is_alone {
            self.surely |= !self.entered;
        }
    }

    /// A CPU has entered.
    fn enters(&mut self, cpu: usize) -> Is {
        let bit = 1 << cpu;
        let is = match (self.surely & bit, self.perhaps & bit) {
            (0, 0) => Is::No,
            (0, _) => Is::Perhaps,
            _ => Is::Yes,
        };
        self.entered |= bit;
        self.surely &= !bit;
        if self.calls == 0 {
            self.perhaps &= !bit;
        }
        is
    }
}

/// The site is owed once more on this CPU.
fn owe(cpu: usize, site: Site, is: Is) {
    let [least, most] = &OWED[cpu][site as usize];
    if is == Is::Yes {
        arch::count(least);
    }
    if is != Is::No {
        arch::count(most);
    }
}

/// A core serialisation is owed on this CPU, if the architecture's ways to user mode leave it to
/// the engine: at this site, or before user mode.
fn owe_sync(cpu: usize, site: Site, is: Is) {
    if !CORE_SYNC.owes(site) {
        return;
    }
    if chosen().is_late() {
        PUT_OFF[cpu].store(put_off(cpu).or(is) as u32, Relaxed);
    } else {
        owe(cpu, site, is);
    }
}

fn put_off(cpu: usize) -> Is {
    let put_off = PUT_OFF[cpu].load(Relaxed);
    [Is::No, Is::Perhaps, Is::Yes].into_iter().find(|&is| is as u32 == put_off).unwrap_or(Is::No)
}

/// Some ways serialise by themselves.
pub(super) fn before_user(cpu: usize, way: Return) {
    let owed = put_off(cpu);
    PUT_OFF[cpu].store(Is::No as u32, Relaxed);
    if !CORE_SYNC.serialises(way) {
        owe(cpu, Site::ExitCoreSync, owed);
    }
}

impl Registered {
    pub(super) const fn new() -> Self {
        Self {
            begun: AtomicU32::new(0),
            done: AtomicU32::new(0),
            ran_on: AtomicU64::new(0),
            stale: Lock::new(Stale::NOWHERE),
        }
    }

    fn has(&self, flavours: u32) -> Is {
        if self.done.load(Relaxed) & flavours != 0 {
            Is::Yes
        } else if self.begun.load(Relaxed) & flavours != 0 {
            Is::Perhaps
        } else {
            Is::No
        }
    }
}

const ANY: u32 = u32::MAX;
const SYNC_CORE: u32 = 1 << Flavour::SyncCore as u32;

fn registered(space: Option<&Space>, flavours: u32) -> Is {
    space.map_or(Is::No, |space| space.membarrier.registered.has(flavours))
}

/// Whether a CPU serialises on entry only where the space is stale.
fn asks_if_stale() -> bool {
    chosen().settle == Settle::IfStale
}

fn is_sync_core(call: Call) -> bool {
    matches!(call.command(), Ok((Command::SyncCore, _)))
}

/// A call is about to be made. Returns what `end` wants to know.
pub(super) fn begin(space: &Space, call: Call) -> Is {
    if asks_if_stale() && is_sync_core(call) {
        space.membarrier.registered.stale.lock().begins();
    }
    let Some(flavour) = registration(call) else { return Is::No };
    let (bit, state) = (1 << flavour as u32, &space.membarrier.registered);
    if state.done.load(Relaxed) & bit != 0 {
        return Is::No;
    }
    let other_has_begun = state.begun.fetch_or(bit, Relaxed) & bit != 0;
    if other_has_begun { Is::Perhaps } else { Is::Yes }
}

/// The call returned. `registers` is what `begin` said: whether this call is the
/// one that registers.
pub(super) fn end(space: &Space, call: Call, result: Result<u32, Refused>, registers: Is) {
    if asks_if_stale() && is_sync_core(call) {
        space.membarrier.registered.stale.lock().ends(result.is_ok());
    }
    let (cpu, Ok(_)) = (arch::cpu_index(), result) else { return };
    if let Some(flavour) = registration(call) {
        space.membarrier.registered.done.fetch_or(1 << flavour as u32, Relaxed);
        owe(cpu, Site::RegEntry, registers);
        owe(cpu, Site::RegExit, registers);
    }
    let Ok((command, _)) = call.command() else { return };
    use Command::{Global, GlobalExpedited, PrivateExpedited, Rseq, SyncCore};
    if let Global | GlobalExpedited | PrivateExpedited | SyncCore | Rseq = command {
        owe(cpu, Site::SysEntry, Is::Yes);
        owe(cpu, Site::SysExit, Is::Yes);
    }
    if command == SyncCore {
        owe_sync(cpu, Site::SelfCoreSync, Is::Yes);
    }
}

fn registration(call: Call) -> Option<Flavour> {
    call.command().ok()?.0.registers()
}

/// A fork: the child has what its parent has.
pub(super) fn forked(parent: &Space, child: &Space, inherit: impl FnOnce()) {
    let (from, to) = (&parent.membarrier.registered, &child.membarrier.registered);
    to.done.store(from.done.load(Relaxed), Relaxed);
    inherit();
    if asks_if_stale() {
        let mut stale = to.stale.lock();
        stale.perhaps = if from.has(SYNC_CORE) == Is::No { 0 } else { u64::MAX };
        stale.surely = if from.has(SYNC_CORE) == Is::Yes { u64::MAX } else { 0 };
    }
    to.begun.store(from.begun.load(Relaxed), Relaxed);
}

pub(super) fn poked(cpu: usize) {
    owe(cpu, Site::IpiMb, Is::Yes);
    owe_sync(cpu, Site::IpiCoreSync, Is::Perhaps);
}

pub(super) fn online(cpu: usize, idle: Occupant) {
    owe(cpu, Site::IpiMb, Is::Yes);
    if chosen().design == Design::Everywhere {
        // No switch will see to a serialisation that nobody asked of this CPU.
        return owe_sync(cpu, Site::IpiCoreSync, Is::Yes);
    }
    // The first hook of a CPU of which nothing is known: as if idle came from nowhere.
    owe(cpu, Site::Untold, Is::Yes);
    change(cpu, Occupant::Kernel, idle, Site::SchedBefore, Site::MmDrop);
    owe(cpu, Site::Untold, Is::Yes);
}

pub(super) fn offline(cpu: usize) {
    owe(cpu, Site::OffPre, Is::Yes);
}

pub(super) fn switch(cpu: usize, from: Occupant, to: Occupant) {
    let after = if matches!(from, Occupant::User(..)) { Site::SwitchMm } else { Site::MmDrop };
    change(cpu, from, to, Site::SchedBefore, after);
}

pub(super) fn exit(cpu: usize, task: Occupant, space: &Space) {
    change(cpu, task, Occupant::Borrower(space), Site::ExitMm, Site::ExitMm);
}

pub(super) fn exec(cpu: usize, old: Occupant, new: Occupant) {
    change(cpu, old, new, Site::ExecMb, Site::ExecMb);
}

pub(super) fn use_mm(cpu: usize, from: Occupant, task: Occupant) {
    change(cpu, from, task, Site::UseMm, Site::UseMm);
}

pub(super) fn unuse_mm(cpu: usize, task: Occupant, space: &Space) {
    change(cpu, task, Occupant::Borrower(space), Site::UnuseMm, Site::UnuseMm);
}

/// What each design owes when a CPU changes hands.
fn change(cpu: usize, from: Occupant, to: Occupant, before: Site, after: Site) {
    let (left, entered) = (from.accesses(), to.accesses());
    let (leaves, enters) = (registered(left, ANY), registered(entered, ANY));
    let moves = !same(left, entered);
    match chosen().design {
        Design::Everywhere => return,
        Design::Running => {
            if moves {
                owe(cpu, before, leaves);
                owe(cpu, after, enters);
            }
        }
        Design::Mask => {
            let (left, entered) = (from.space(), to.space());
            let site = match (left, entered) {
                _ if same(left, entered) => return,
                (Some(_), Some(_)) => Site::MaskSwitch,
                (None, _) => Site::MaskSet,
                (Some(_), None) => Site::MaskClear,
            };
            owe(cpu, site, registered(left, ANY).or(registered(entered, ANY)));
        }
        Design::LockedMask => {
            if let Some(space) = entered {
                let ran_on = &space.membarrier.registered.ran_on;
                if ran_on.fetch_or(1 << cpu, Relaxed) & 1 << cpu == 0 {
                    owe(cpu, Site::MaskSet, Is::Yes);
                }
            }
        }
        Design::Threads => {
            let site = match (left, entered) {
                (Some(_), Some(_)) if !moves => Site::SameSwitch,
                (_, Some(_)) => after,
                (_, None) => before,
            };
            owe(cpu, site, leaves.or(enters));
        }
    }
    // Whoever stays on the page tables that a kernel thread had borrowed finds that it answered
    // no poke of this space; whether new ones serialise is the architecture's.
    if moves || chosen().design == Design::Threads {
        let site = if same(from.space(), entered) { Site::RetCoreSync } else { Site::SwitchCoreSync };
        let mut is = registered(entered, SYNC_CORE);
        if let (true, Some(space)) = (asks_if_stale(), entered.filter(|_| is != Is::No)) {
            is = is.and(space.membarrier.registered.stale.lock().enters(cpu));
            owe(cpu, Site::StaleMb, is);
        }
        owe_sync(cpu, site, is);
    }
}

fn same(one: Option<&Space>, other: Option<&Space>) -> bool {
    one.map(core::ptr::from_ref) == other.map(core::ptr::from_ref)
}
