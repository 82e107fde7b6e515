//! `membarrier(2)`: the engine, wired to this kernel.
//!
//! [`machine`] is what the engine asks of a machine; this module is what the
//! engine asks of a kernel: one engine in a static, a word or two in every
//! address space and thread, the hooks where Linux has its barriers, and the
//! system call. A kernel with one design would stop there; this one picks among
//! all of them at boot, in [`designs`], and can be told to forget hooks
//! ([`forgetful`]).
//!
//! Every hook also notes in [`owed`] what barriers it owes, from the rules and
//! not from the engine, so that the counts can be compared: an emulator delivers
//! interrupts in order and never runs stale instructions, so a litmus cannot
//! see most of the barriers that are missing. The counts can. It is noted behind the
//! engine's hook: a call or a registration that the engine saw has begun by then, and one
//! that it did not see waits for this CPU, whose interrupts are off.

mod designs;
mod forgetful;
mod machine;
mod owed;

pub(crate) use designs::{PerSpace, PerThread};
pub(crate) use machine::count;
pub(crate) use owed::owed;

use crate::arch;
use crate::lock::Lock;
use crate::space::Space;
use crate::thread::Thread;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bonfire_abi::{Call, Cpu};
use bonfire_engine::core_sync::Return;
use bonfire_engine::{Refused, Users};
use bonfire_testbed::Options;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use designs::Hooks;
use forgetful::Forgetful;

/// What occupies a CPU; the engine's type of this name says more.
#[derive(Clone, Copy)]
pub(crate) enum Occupant<'a> {
    /// A thread that accesses the memory of a space.
    User(&'a Space, &'a Thread),
    /// A thread of the kernel, on the page tables of this space.
    Borrower(&'a Space),
    /// A thread of the kernel, on the kernel's own.
    Kernel,
}

impl<'a> Occupant<'a> {
    /// A thread with this space of its own, if any, where `active` is loaded.
    pub(crate) fn new(
        space: Option<&'a Arc<Space>>,
        thread: &'a Thread,
        active: Option<&'a Arc<Space>>,
    ) -> Self {
        match (space, active) {
            (Some(space), _) => Self::User(space, thread),
            (None, Some(active)) => Self::Borrower(active),
            (None, None) => Self::Kernel,
        }
    }

    /// The space whose memory is accessed.
    fn accesses(self) -> Option<&'a Space> {
        if let Self::User(space, _) = self { Some(space) } else { None }
    }

    /// The space that is loaded.
    fn space(self) -> Option<&'a Space> {
        if let Self::User(space, _) | Self::Borrower(space) = self { Some(space) } else { None }
    }
}

/// Chooses the engine, and plants the faults that were asked for: before the
/// first CPU is online.
pub(crate) fn init(options: &Options) {
    designs::choose(options.variant);
    machine::set_faults(options.deleted(), options.drops_pokes);
    forgetful::forget(options.forgotten);
}

/// The engine, as the hooks below see it.
fn engine() -> &'static dyn Hooks {
    if forgetful::is_forgetful() { &Forgetful } else { designs::engine() }
}

/// The system call. Interrupts are on: it may have to wait for other CPUs.
pub(crate) fn membarrier(thread: &Thread, space: &Space, call: Call) -> Result<u32, Refused> {
    // Only a thread that is in a space can bring another one in, so if it is
    // alone it stays alone while it asks.
    let users = if space.membarrier.users.load(Relaxed) == 1 { Users::Sole } else { Users::Several };
    let registers = owed::begin(space, call);
    let result = engine().membarrier(space, thread, users, call);
    owed::end(space, call, result, registers);
    result
}

/// The threads of every space, for the design that walks them.
static MEMBERS: Lock<Vec<(Arc<Space>, Arc<Thread>)>> = Lock::new(Vec::new());

/// A thread comes to run in a space: before it first does.
pub(crate) fn joins(space: &Arc<Space>, thread: &Thread) {
    MEMBERS.lock().push((space.clone(), thread.keep()));
    space.membarrier.users.fetch_add(1, Relaxed);
}

/// A thread will not run in a space again: after it last did.
pub(crate) fn leaves(space: &Arc<Space>, thread: &Thread) {
    space.membarrier.users.fetch_sub(1, Relaxed);
    let left = {
        let mut members = MEMBERS.lock();
        let member =
            members.iter().position(|(of, who)| Arc::ptr_eq(of, space) && core::ptr::eq(&**who, thread));
        member.map(|member| members.swap_remove(member))
    };
    drop(left);
}

/// Calls `visit` with every thread in a space.
fn for_each_member(mut visit: impl FnMut(&Space, &Thread)) {
    MEMBERS.lock().iter().for_each(|(space, thread)| visit(space, thread));
}

/// A fork made `child` from `parent`.
pub(crate) fn forked(parent: &Space, child: &Space) {
    owed::forked(parent, child, || engine().fork(parent, child));
}

/// The CPU is about to switch. Linux: around the store to `rq->curr`.
pub(crate) fn switch(cpu: usize, from: Occupant, to: Occupant) {
    engine().switch(number(cpu), from, to);
    owed::switch(cpu, from, to);
}

/// The thread is about to leave its space. Linux: `exit_mm`.
pub(crate) fn exit(cpu: usize, space: &Space, thread: &Thread) {
    engine().exit(number(cpu), space, thread);
    owed::exit(cpu, Occupant::User(space, thread), space);
}

/// The thread is about to go from one space to a new one. Linux: `exec_mmap`.
pub(crate) fn exec(cpu: usize, old: &Space, new: &Space, thread: &Thread) {
    engine().exec(number(cpu), old, new, thread);
    owed::exec(cpu, Occupant::User(old, thread), Occupant::User(new, thread));
}

/// A kernel thread, on the page tables of `space` by now, is about to use it.
/// Linux: `kthread_use_mm`.
pub(crate) fn use_mm(cpu: usize, from: Occupant, space: &Space, thread: &Thread) {
    engine().use_mm(number(cpu), from, space, thread);
    owed::use_mm(cpu, from, Occupant::User(space, thread));
}

/// A kernel thread is about to give its space back. Linux: `kthread_unuse_mm`.
pub(crate) fn unuse_mm(cpu: usize, space: &Space, thread: &Thread) {
    engine().unuse_mm(number(cpu), space, thread);
    owed::unuse_mm(cpu, Occupant::User(space, thread), space);
}

/// A poke arrived on this CPU.
pub(crate) fn poked() {
    let cpu = arch::cpu_index();
    arch::count(&POKES[cpu]);
    owed::poked(cpu);
    engine().handle_poke(number(cpu));
}

/// How many pokes each CPU has got.
static POKES: [AtomicU64; arch::MAX_CPUS] = [const { AtomicU64::new(0) }; arch::MAX_CPUS];

/// How many pokes that CPU has got.
pub(crate) fn pokes(cpu: usize) -> u64 {
    POKES[cpu].load(Relaxed)
}

/// This CPU is about to return to user mode, for good this time: interrupts are off.
pub(crate) fn before_user(way: Return) {
    let cpu = arch::cpu_index();
    owed::before_user(cpu, way);
    engine().before_user(number(cpu), way);
}

/// This CPU comes online, occupied by its idle thread.
pub(crate) fn online(cpu: usize, idle: Occupant) {
    owed::online(cpu, idle);
    engine().online(number(cpu));
    // Or this CPU would be asked by everybody, until it first ran a thread.
    engine().switch(number(cpu), idle, idle);
}

/// This CPU goes offline.
pub(crate) fn offline(cpu: usize) {
    owed::offline(cpu);
    engine().offline(number(cpu));
}

/// How often the engine found that the hooks above had not told it the truth.
pub(crate) fn mismatches() -> u64 {
    engine().mismatches()
}

fn number(cpu: usize) -> Cpu {
    Cpu(cpu as u32)
}
