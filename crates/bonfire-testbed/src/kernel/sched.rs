//! The scheduler: round robin, a queue per CPU, idle CPUs take from the others.
//!
//! Threads in user mode are pre-empted at every tick at which another one waits.
//! The kernel is not: interrupts are taken there, but a switch waits for the way
//! back to user mode or for the thread to block. So the CPU's number is stable in
//! the kernel, which is what the engine's pin asks for.
//!
//! # Rules
//! 1. [`schedule`] and everything below it run with interrupts off.
//! 2. A thread in a queue is off the CPU: its registers are saved. The thread
//!    that runs next puts the last one back ([`finish_switch`]), and whoever wakes
//!    a blocked thread waits for its `on_cpu` to clear.
//! 3. A CPU's `active` space is loaded, and held, until another one is loaded
//!    there: a kernel thread borrows what it finds (Linux's lazy TLB).

use crate::arch::{self, Ipi, MAX_CPUS, TrapFrame};
use crate::given;
use crate::lock::Lock;
use crate::membarrier::{self, Occupant};
use crate::space::Space;
use crate::thread::Thread;
use crate::wait;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use bonfire_engine::core_sync::Return;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize};

/// What becomes of the thread that leaves a CPU.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It could go on, and waits for a CPU.
    Ready,
    /// It waits for somebody to wake it, who has been told already.
    Blocked,
    /// It is not needed any more.
    Gone,
}

struct PerCpu {
    /// Threads that wait for a CPU, this one by preference.
    queue: Lock<VecDeque<Arc<Thread>>>,
    /// A look at the queue is due before the next return to user mode.
    is_due: AtomicBool,
    is_idle: AtomicBool,
    /// The thread that runs; held by `running`.
    current: AtomicPtr<Thread>,
    running: Lock<Option<Arc<Thread>>>,
    idle: Lock<Option<Arc<Thread>>>,
    /// From a switch to its end on the other stack: who left, and what becomes of it.
    left: Lock<Option<(Arc<Thread>, After)>>,
    /// The space that is loaded.
    active: Lock<Option<Arc<Space>>>,
}

static CPUS: [PerCpu; MAX_CPUS] = [const {
    PerCpu {
        queue: Lock::new(VecDeque::new()),
        is_due: AtomicBool::new(false),
        is_idle: AtomicBool::new(false),
        current: AtomicPtr::new(core::ptr::null_mut()),
        running: Lock::new(None),
        idle: Lock::new(None),
        left: Lock::new(None),
        active: Lock::new(None),
    }
}; MAX_CPUS];

/// The CPUs that run threads, one bit each.
static ONLINE: AtomicU64 = AtomicU64::new(0);
/// The CPUs that should.
static WANTED: AtomicU64 = AtomicU64::new(0);
/// How many CPUs there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many CPUs there are, online or not.
pub(crate) fn cpu_count() -> usize {
    COUNT.load(Relaxed)
}

/// Whether the CPU runs threads.
pub(crate) fn is_online(cpu: usize) -> bool {
    ONLINE.load(Relaxed) & 1 << cpu != 0
}

/// Notes how many CPUs there are, before the first of them is online.
pub(crate) fn init(cpus: usize) {
    COUNT.store(cpus, Relaxed);
}

/// Makes this CPU's boot stack its idle thread. It has no space of its own and
/// has borrowed none yet.
pub(crate) fn init_cpu() {
    let cpu = arch::cpu_index();
    let idle = Thread::idle(cpu);
    CPUS[cpu].current.store(Arc::as_ptr(&idle).cast_mut(), Relaxed);
    *CPUS[cpu].running.lock() = Some(idle.clone());
    *CPUS[cpu].idle.lock() = Some(idle);
    WANTED.fetch_or(1 << cpu, Relaxed);
    come_online(cpu);
}

/// What a CPU does for ever: runs threads when there are any, else sleeps.
pub(crate) fn run() -> ! {
    let cpu = arch::cpu_index();
    arch::set_timer(None);
    loop {
        arch::set_enabled(false);
        if WANTED.load(Relaxed) & 1 << cpu == 0 {
            stay_offline(cpu);
        }
        // Not `Ready`: idle waits in no queue, `schedule` knows where to find it.
        schedule(After::Blocked);
        CPUS[cpu].is_idle.store(true, Relaxed);
        arch::enable_and_wait();
        CPUS[cpu].is_idle.store(false, Relaxed);
    }
}

/// Runs `f` with the thread that is running.
pub(crate) fn with_current<R>(f: impl FnOnce(&Thread) -> R) -> R {
    let current = CPUS[arch::cpu_index()].current.load(Relaxed);
    // SAFETY: set at every switch; the thread is held while it is on a CPU, and
    // as long as `f` runs, that is this thread.
    f(unsafe { &*current })
}

/// Lets another thread run, if one is waiting that may run here; the caller's
/// goes on when `after` allows and its turn comes.
pub(crate) fn schedule(after: After) {
    let cpu = arch::cpu_index();
    CPUS[cpu].is_due.store(false, Relaxed);
    let is_wanted = WANTED.load(Relaxed) & 1 << cpu != 0;
    let next = match is_wanted.then(|| next_thread(cpu)).flatten() {
        Some(next) => next,
        None if is_wanted && after == After::Ready && with_current(|thread| thread.may_run_on(cpu)) => return,
        None => CPUS[cpu].idle.lock().clone().expect("set at boot"),
    };
    if !with_current(|current| core::ptr::eq(current, &*next)) {
        switch_to(cpu, next, after);
        finish_switch();
    }
}

/// The switch itself. It returns when somebody switches back to the thread that
/// called it, perhaps on another CPU.
fn switch_to(cpu: usize, next: Arc<Thread>, after: After) {
    let me = &CPUS[cpu];
    let last = me.running.lock().replace(next.clone()).expect("somebody runs");
    change_space(cpu, &last, &next);
    me.current.store(Arc::as_ptr(&next).cast_mut(), Relaxed);
    arch::set_kernel_stack(next.stack_top());
    last.rseq.restart();
    if last.process.is_some() {
        last.state.lock().save();
    }
    if next.process.is_some() {
        next.state.lock().restore();
    }
    next.on_cpu.store(true, Relaxed);
    next.last_cpu.store(cpu, Relaxed);
    let (saved, resumed) = (last.saved.as_ptr(), next.saved.load(Relaxed));
    drop(next);
    *me.left.lock() = Some((last, after));
    // SAFETY: interrupts are off (rule 1), and `resumed` was saved (rule 2).
    unsafe { arch::switch_context(saved, resumed) };
}

/// The part of a switch that is about spaces: tells the engine, and loads the
/// page tables of the thread that comes. One that has none keeps, borrowed, what is loaded.
fn change_space(cpu: usize, last: &Thread, next: &Thread) {
    let mut active = CPUS[cpu].active.lock();
    let from = Occupant::new(last.space(), last, active.as_ref());
    let to = Occupant::new(next.space(), next, active.as_ref());
    membarrier::switch(cpu, from, to);
    if let Some(space) = next.space() {
        load(&mut active, space);
    }
}

/// Loads the space, if it is another than the one that is loaded. That one is
/// let go of, at last, when nobody can be running on it here.
fn load(active: &mut Option<Arc<Space>>, space: &Arc<Space>) {
    if !active.as_ref().is_some_and(|active| Arc::ptr_eq(active, space)) {
        space.use_here();
        *active = Some(space.clone());
    }
}

/// Whether the CPU has that space loaded.
#[cfg(not(target_arch = "aarch64"))]
pub(crate) fn has_loaded(cpu: usize, space: &Space) -> bool {
    CPUS[cpu].active.lock().as_ref().is_some_and(|active| core::ptr::eq(&**active, space))
}

/// Calls `f` with the CPU's run queue locked, as some designs of the engine ask.
pub(crate) fn with_run_queue<R>(cpu: usize, f: impl FnOnce() -> R) -> R {
    let _queue = CPUS[cpu].queue.lock();
    f()
}

/// The rest of a switch, on the stack of the thread that came: lets go of the
/// one that left.
fn finish_switch() {
    let left = CPUS[arch::cpu_index()].left.lock().take();
    let Some((last, after)) = left else { return };
    // Release. PAIRS(on_cpu): with the Acquire in `make_ready`: whoever sees it
    // clear sees the registers saved.
    last.on_cpu.store(false, Release);
    if after == After::Ready {
        let cpu = enqueue(last);
        // Here it has just had its turn; the next tick sees to it.
        if cpu != arch::cpu_index() {
            kick(cpu);
        }
    }
}

/// Where a thread's first switch ends, called by `first_frame`'s code. A kernel
/// thread runs its body here; any other goes on to user mode through `frame`.
pub(crate) extern "C" fn first_run(frame: &mut TrapFrame) {
    finish_switch();
    with_current(|thread| {
        given::starts(thread);
        if let Some(body) = thread.take_body() {
            arch::set_enabled(true);
            body(thread);
            arch::set_enabled(false);
            schedule(After::Gone);
        }
    });
    crate::syscalls::before_user(frame, Return::Interrupt);
}

/// The next thread that may run on this CPU: of its own queue, else of another's.
fn next_thread(cpu: usize) -> Option<Arc<Thread>> {
    let others = (1..cpu_count()).map(|step| (cpu + step) % cpu_count());
    core::iter::once(cpu).chain(others).find_map(|from| {
        let mut queue = CPUS[from].queue.lock();
        let position = queue.iter().position(|thread| thread.may_run_on(cpu))?;
        queue.remove(position)
    })
}

/// Puts a thread that is leaving its CPU, or has left it, into a queue, and has
/// that queue looked at.
pub(crate) fn make_ready(thread: Arc<Thread>) {
    // Acquire. PAIRS(on_cpu): with the Release in `finish_switch`.
    while thread.on_cpu.load(Acquire) {
        arch::relax();
    }
    kick(enqueue(thread));
}

fn enqueue(thread: Arc<Thread>) -> usize {
    let cpu = choose_cpu(&thread);
    CPUS[cpu].queue.lock().push_back(thread);
    cpu
}

/// Where a thread should wait: where it ran, or where nobody runs, or anywhere.
fn choose_cpu(thread: &Thread) -> usize {
    let last = thread.last_cpu.load(Relaxed);
    let online = ONLINE.load(Relaxed) & WANTED.load(Relaxed);
    let mut allowed = thread.affinity.load(Relaxed) & online;
    if allowed == 0 {
        // Its CPUs are all offline; as in Linux, they are forgotten.
        thread.affinity.store(u64::MAX, Relaxed);
        allowed = online;
    }
    let is_allowed = |cpu: &usize| allowed & 1 << cpu != 0;
    let idle = |cpu: &usize| CPUS[*cpu].is_idle.load(Relaxed);
    let mut cpus = core::iter::once(last).chain(0..cpu_count()).filter(is_allowed);
    cpus.clone().find(idle).or_else(|| cpus.next()).expect("a CPU is online")
}

/// Has the CPU look at its queue.
pub(crate) fn kick(cpu: usize) {
    if cpu == arch::cpu_index() {
        due();
    } else {
        arch::send_ipi(cpu, Ipi::Reschedule);
    }
}

/// Has this CPU look at its queue before it returns to user mode.
pub(crate) fn due() {
    CPUS[arch::cpu_index()].is_due.store(true, Relaxed);
}

/// Whether it has to.
pub(crate) fn is_due() -> bool {
    CPUS[arch::cpu_index()].is_due.load(Relaxed)
}

/// The timer's interrupt.
pub(crate) fn tick() {
    wait::expire(arch::clock());
    let cpu = arch::cpu_index();
    arch::set_timer(wait::next_deadline(cpu));
    with_current(|thread| thread.rseq.restart());
    if !CPUS[cpu].queue.lock().is_empty() {
        due();
    }
}

/// Limits a thread to these CPUs, and waits until it is off any other.
pub(crate) fn set_affinity(thread: &Thread, cpus: u64) {
    thread.affinity.store(cpus, Relaxed);
    if !with_current(|current| core::ptr::eq(current, thread)) {
        // It may be waiting for a turn on a CPU that it may not have any more.
        (0..cpu_count()).filter(|cpu| is_online(*cpu)).for_each(|cpu| arch::without_interrupts(|| kick(cpu)));
    }
    loop {
        arch::without_interrupts(|| schedule(After::Ready));
        let is_elsewhere = !thread.on_cpu.load(Relaxed) || thread.may_run_on(thread.last_cpu.load(Relaxed));
        if is_elsewhere || with_current(Thread::is_killed) {
            return;
        }
        arch::relax();
    }
}

/// Takes the calling kernel thread into a space: Linux's `kthread_use_mm`.
pub(crate) fn use_space(thread: &Thread, space: &Arc<Space>) {
    membarrier::joins(space, thread);
    arch::without_interrupts(|| {
        let cpu = arch::cpu_index();
        let mut active = CPUS[cpu].active.lock();
        let before = active.clone();
        load(&mut active, space);
        membarrier::use_mm(cpu, Occupant::new(None, thread, before.as_ref()), space, thread);
        thread.set_space(Some(space.clone()));
    });
}

/// And out of it: Linux's `kthread_unuse_mm`. It stays loaded, borrowed.
pub(crate) fn unuse_space(thread: &Thread) {
    leave_space(thread, membarrier::unuse_mm);
}

/// Takes the calling thread out of its space for ever: Linux's `exit_mm`.
pub(crate) fn exit_space(thread: &Thread) {
    leave_space(thread, membarrier::exit);
}

fn leave_space(thread: &Thread, hook: fn(usize, &Space, &Thread)) {
    let space = thread.own_space().clone();
    arch::without_interrupts(|| {
        hook(arch::cpu_index(), &space, thread);
        thread.set_space(None);
    });
    membarrier::leaves(&space, thread);
}

/// Puts the calling thread into a new space: Linux's `exec_mmap`.
pub(crate) fn exec_space(thread: &Thread, new: &Arc<Space>) {
    let old = thread.own_space().clone();
    membarrier::joins(new, thread);
    arch::without_interrupts(|| {
        let cpu = arch::cpu_index();
        membarrier::exec(cpu, &old, new, thread);
        load(&mut CPUS[cpu].active.lock(), new);
        thread.set_space(Some(new.clone()));
    });
    membarrier::leaves(&old, thread);
}

/// Takes a CPU offline, or online, and waits until it is. The last one stays.
pub(crate) fn set_online(cpu: usize, online: bool) -> Result<(), LastCpu> {
    let bit = 1 << cpu;
    if online {
        WANTED.fetch_or(bit, Relaxed);
    } else if ONLINE.load(Relaxed) == bit {
        return Err(LastCpu);
    } else {
        WANTED.fetch_and(!bit, Relaxed);
    }
    while is_online(cpu) != online {
        arch::without_interrupts(|| {
            kick(cpu);
            // We may be on it: then its idle thread takes it from here, and we
            // go on elsewhere.
            schedule(After::Ready);
        });
        arch::relax();
    }
    Ok(())
}

/// A machine without CPUs would not even say so.
pub(crate) struct LastCpu;

/// From here to the end, this CPU runs no thread but idle and answers no poke.
fn stay_offline(cpu: usize) {
    arch::stop_timer();
    ONLINE.fetch_and(!(1 << cpu), Relaxed);
    membarrier::offline(cpu);
    while WANTED.load(Relaxed) & 1 << cpu == 0 {
        let queued = core::mem::take(&mut *CPUS[cpu].queue.lock());
        queued.into_iter().for_each(make_ready);
        arch::enable_and_wait();
    }
    come_online(cpu);
    arch::set_timer(None);
}

fn come_online(cpu: usize) {
    // A CPU that was online before still has page tables loaded.
    let active = CPUS[cpu].active.lock();
    with_current(|idle| membarrier::online(cpu, Occupant::new(None, idle, active.as_ref())));
    drop(active);
    ONLINE.fetch_or(1 << cpu, Relaxed);
}
