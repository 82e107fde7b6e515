//! Counts: which CPUs were interrupted and which were not, and whether each CPU passed the
//! barriers that it owed and no others.
//!
//! An emulator delivers interrupts in order and never runs stale instructions,
//! so most barriers can be left out there and no litmus notices. The machine
//! counts the barriers that it passes, and the kernel notes at each hook what is
//! owed. Here both are compared: in scenes with one caller, where the number is
//! known from outside; and over everything that happened since boot, where the
//! kernel's ledger says what it must be.

use crate::threads::{self, Running};
use crate::{Arguments, forgotten, say, sys};
use bonfire_abi::{Command, FLAG_CPU};
use bonfire_engine::core_sync::Return;
use bonfire_engine::{Design, Site};
use bonfire_testbed::wire::{Count, Event};
use bonfire_testbed::{CORE_SYNC, Line, Variant, calls::Sysnum};
use core::fmt::Write;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicU32, AtomicU64};

/// Calls in a scene.
pub(crate) const CALLS: u64 = 100;

/// The caller's CPU, that of its other thread (or of the registered process),
/// that of a stranger, and one where nobody runs.
pub(crate) const CALLER: u32 = 0;
pub(crate) const TARGET: u32 = 1;
const STRANGER: u32 = 2;
const NOBODY: u32 = 3;

/// Plays all scenes and reports.
pub(crate) fn run(arguments: &Arguments) {
    let variant = arguments.value("design").and_then(Variant::from_name).unwrap_or_default();
    let cpus = sys::affinity().count_ones();
    sys::stay_on(CALLER);
    if cpus > TARGET {
        SCENES.iter().for_each(|scene| scene.play(variant, cpus));
        stir(cpus);
        forgotten::run(arguments);
    }
    ledger(cpus);
    // Where this thread ran does not matter to what comes next.
    sys::stay_anywhere();
}

/// One caller, and CPUs with known occupants.
struct Scene {
    name: &'static str,
    command: Command,
    flags: u32,
    /// How many threads the caller's process has on other CPUs: on the target's,
    /// and then on the stranger's.
    siblings: u32,
    /// Whether a process that registered runs on the target's CPU instead.
    registers_other: bool,
    owes: &'static [Owed],
}

/// On which CPU which barrier is owed, and how often for each call.
type Owed = (u32, Site, fn(Variant) -> Often);

/// How often something is owed for each call.
struct Often {
    least: u64,
    most: u64,
}

const ONCE: Often = Often { least: 1, most: 1 };
const NEVER: Often = Often { least: 0, most: 0 };

fn once(_: Variant) -> Often {
    ONCE
}

fn never(_: Variant) -> Often {
    NEVER
}

/// Only the design that looks at nobody interrupts those who run something else.
fn if_everywhere(variant: Variant) -> Often {
    if variant.design == Design::Everywhere { ONCE } else { NEVER }
}

/// As above; and a mask may still hold the CPUs where the space is borrowed.
fn if_everywhere_or_borrowed(variant: Variant) -> Often {
    match variant.design {
        Design::Mask => Often { least: 0, most: 1 },
        _ => if_everywhere(variant),
    }
}

/// Only one design knows who registered for `GLOBAL_EXPEDITED`.
fn unless_running(variant: Variant) -> Often {
    if variant.design == Design::Running { NEVER } else { ONCE }
}

/// Where it becomes owed, if it is not put off, and if it is owed on this architecture.
fn at_once(variant: Variant) -> Often {
    if variant.is_late() || !CORE_SYNC.owes(Site::SelfCoreSync) { NEVER } else { ONCE }
}

/// As above, where only the design that looks at nobody interrupts those who run something else.
fn at_once_if_everywhere(variant: Variant) -> Often {
    if variant.design == Design::Everywhere { at_once(variant) } else { NEVER }
}

/// On the way back from the call, if it was put off until then and is not done by the way.
fn late(variant: Variant) -> Often {
    if variant.is_late() && !CORE_SYNC.serialises(Return::SystemCall) { ONCE } else { NEVER }
}

/// On the way back from the interrupt to user mode, likewise.
fn late_in_interrupt(variant: Variant) -> Often {
    if variant.is_late() && !CORE_SYNC.serialises(Return::Interrupt) { ONCE } else { NEVER }
}

const SCENES: &[Scene] = &[
    Scene {
        name: "private",
        command: Command::PrivateExpedited,
        flags: 0,
        siblings: 1,
        registers_other: false,
        owes: &[
            (CALLER, Site::SysEntry, once),
            (CALLER, Site::SysExit, once),
            (CALLER, Site::IpiMb, never),
            (TARGET, Site::IpiMb, once),
            (TARGET, Site::IpiCoreSync, never),
            (STRANGER, Site::IpiMb, if_everywhere),
            (NOBODY, Site::IpiMb, if_everywhere_or_borrowed),
        ],
    },
    Scene {
        name: "sync-core",
        command: Command::SyncCore,
        flags: 0,
        siblings: 1,
        registers_other: false,
        owes: &[
            (CALLER, Site::SysEntry, once),
            (CALLER, Site::SysExit, once),
            (CALLER, Site::SelfCoreSync, at_once),
            (CALLER, Site::ExitCoreSync, late),
            (TARGET, Site::IpiMb, once),
            (TARGET, Site::IpiCoreSync, at_once),
            (TARGET, Site::ExitCoreSync, late_in_interrupt),
            (STRANGER, Site::IpiMb, if_everywhere),
            (STRANGER, Site::IpiCoreSync, at_once_if_everywhere),
        ],
    },
    Scene {
        name: "rseq",
        command: Command::Rseq,
        flags: 0,
        siblings: 2,
        registers_other: false,
        owes: &[(CALLER, Site::SysExit, once), (TARGET, Site::IpiMb, once), (STRANGER, Site::IpiMb, once)],
    },
    Scene {
        name: "rseq-one-cpu",
        command: Command::Rseq,
        flags: FLAG_CPU,
        siblings: 2,
        registers_other: false,
        owes: &[(CALLER, Site::SysExit, once), (TARGET, Site::IpiMb, once), (STRANGER, Site::IpiMb, never)],
    },
    Scene {
        name: "global-expedited",
        command: Command::GlobalExpedited,
        flags: 0,
        siblings: 0,
        registers_other: true,
        owes: &[
            (CALLER, Site::SysEntry, once),
            (TARGET, Site::IpiMb, once),
            (STRANGER, Site::IpiMb, unless_running),
            (NOBODY, Site::IpiMb, unless_running),
        ],
    },
    Scene {
        name: "global",
        command: Command::Global,
        flags: 0,
        siblings: 0,
        registers_other: false,
        owes: &[(CALLER, Site::SysEntry, once), (TARGET, Site::IpiMb, once), (STRANGER, Site::IpiMb, once)],
    },
];

impl Scene {
    fn play(&self, variant: Variant, cpus: u32) {
        let other = self.registers_other.then(|| occupy(TARGET, true));
        let stranger = (self.siblings < 2 && STRANGER < cpus).then(|| occupy(STRANGER, false));
        sys::in_a_process(|| self.call(variant, cpus));
        for child in other.into_iter().chain(stranger) {
            sys::kill(child);
            sys::wait(child, false);
        }
    }

    fn call(&self, variant: Variant, cpus: u32) {
        self.command.needs().into_iter().for_each(|flavour| issue(flavour.registration()));
        let words = [const { AtomicU32::new(0) }; 2];
        let mut siblings: [Option<Running>; 2] = [const { None }; 2];
        for ((place, word), cpu) in
            siblings.iter_mut().zip(&words).zip((1..=self.siblings).take_while(|&cpu| cpu < cpus))
        {
            *place = threads::start(word, spin_on, cpu.into());
            wait_until(&SPINNING, cpu);
        }
        let counts = |owe: &Owed| counts(owe.0, owe.1).map_or(0, |[done, ..]| done);
        let mut before = [0; 16];
        before.iter_mut().zip(self.owes).for_each(|(place, owe)| *place = counts(owe));
        for _ in 0..CALLS {
            sys::call3(Sysnum::Membarrier, self.command as u64, self.flags.into(), TARGET.into());
        }
        for (owe, before) in self.owes.iter().zip(before).filter(|(owe, _)| owe.0 < cpus) {
            let Often { least, most } = (owe.2)(variant);
            let who = ["caller", "target", "stranger", "nobody"][owe.0 as usize];
            report(
                format_args!("{}/{who}/{:?}", self.name, owe.1),
                counts(owe) - before,
                least * CALLS,
                most * CALLS,
            );
        }
        sys::exit(0);
    }
}

/// A process that spins on that CPU, and is known to when this returns.
fn occupy(cpu: u32, registers: bool) -> isize {
    let Some(word) = shared_word() else { return -1 };
    let child = sys::fork();
    if child == 0 {
        sys::stay_on(cpu);
        if registers {
            issue(Command::RegisterGlobalExpedited);
        }
        // Release. PAIRS(there): with the acquire in `wait_until`.
        word.store(1, Release);
        spin();
    }
    wait_until(word, 1);
    child
}

pub(crate) static SPINNING: AtomicU32 = AtomicU32::new(0);

pub(crate) extern "C" fn spin_on(cpu: u64) -> ! {
    sys::stay_on(cpu as u32);
    // Release. PAIRS(there): with the acquire in `wait_until`.
    SPINNING.fetch_add(1, Release);
    spin()
}

fn spin() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

pub(crate) fn wait_until(word: &AtomicU32, value: u32) {
    // Acquire. PAIRS(there): with the releases in `occupy` and `spin_on`.
    while word.load(Acquire) < value {
        sys::sleep_ns(100_000);
    }
}

fn shared_word() -> Option<&'static AtomicU32> {
    let page = sys::memory_file(4096).and_then(|file| sys::shared_memory(file, 4096))?;
    // SAFETY: a page of zeros that stays mapped.
    Some(unsafe { &*page.cast() })
}

pub(crate) fn issue(command: Command) {
    sys::call3(Sysnum::Membarrier, command as u64, 0, 0);
}

/// Turns in each part of the stirring.
const TURNS: u64 = 100;

/// Lets CPUs change hands in every way that there is, between registered spaces.
fn stir(cpus: u32) {
    for others_threads in [false, true] {
        let Some(present) = shared_word() else { return };
        let child = start(|| {
            register_all();
            alternate(present, others_threads);
        });
        sys::in_a_process(|| {
            register_all();
            alternate(present, false);
        });
        sys::wait(child, false);
    }
    sys::in_a_process(|| {
        register_all();
        sys::exec(&[c"/init".as_ptr().cast(), core::ptr::null()]);
    });
    sys::in_a_process(|| {
        register_all();
        lend();
    });
    for online in [0, 1] {
        sys::call3(Sysnum::SetOnline, u64::from(cpus) - 1, online, 0);
    }
}

fn start(f: impl FnOnce()) -> isize {
    let child = sys::fork();
    if child == 0 {
        f();
        sys::exit(0);
    }
    child
}

fn register_all() {
    Command::ALL.into_iter().filter(|command| command.registers().is_some()).for_each(issue);
}

/// Gives the target's CPU to whoever else is there, again and again: another
/// process, and a thread of this one.
fn alternate(present: &AtomicU32, with_thread: bool) {
    sys::stay_on(TARGET);
    present.fetch_add(1, Relaxed);
    while present.load(Relaxed) < 2 {
        sys::yield_now();
    }
    let word = AtomicU32::new(0);
    let _thread = with_thread.then(|| threads::start(&word, yield_often, 0));
    for turn in 0..TURNS {
        // Whoever comes back behind this finds its instructions stale.
        if turn % 10 == 0 {
            issue(Command::SyncCore);
        }
        sys::yield_now();
    }
}

extern "C" fn yield_often(_: u64) -> ! {
    sys::stay_on(TARGET);
    (0..TURNS).for_each(|_| sys::yield_now());
    sys::exit_thread()
}

/// Has kernel threads borrow this space, and use it.
fn lend() {
    sys::stay_on(TARGET);
    static USES: AtomicU64 = AtomicU64::new(0);
    sys::call3(Sysnum::Borrow, TARGET.into(), TURNS, 0);
    sys::call3(Sysnum::Borrow, TARGET.into(), TURNS, USES.as_ptr() as u64);
    let (mut seen, mut since) = (0, sys::now_ns());
    // On a busy host a use may take long: only that no other comes tells that one was lost.
    while seen < TURNS && sys::now_ns() - since < 5_000_000_000 {
        sys::yield_now();
        if USES.load(Relaxed) > seen {
            (seen, since) = (USES.load(Relaxed), sys::now_ns());
        }
    }
    report(format_args!("kernel-thread/uses"), USES.load(Relaxed), TURNS, TURNS);
}

/// Compares, for each CPU and barrier, what was done since boot with what was owed.
fn ledger(cpus: u32) {
    for cpu in 0..cpus {
        for site in Site::ALL {
            let Some([done, least, most]) = settled(cpu, site) else { return };
            if most > 0 || done > 0 {
                report(format_args!("owed/cpu{cpu}/{site:?}"), done, least, most);
            }
        }
    }
}

/// The numbers, when they agree; or after a while as they are: a CPU that is in
/// the middle of a switch has noted one and not yet counted the other.
fn settled(cpu: u32, site: Site) -> Option<[u64; 3]> {
    let mut numbers = counts(cpu, site)?;
    for _ in 0..20 {
        let [done, least, most] = numbers;
        if (least..=most).contains(&done) {
            break;
        }
        sys::sleep_ns(1_000_000);
        numbers = counts(cpu, site)?;
    }
    Some(numbers)
}

/// What the kernel counted: done, and owed at the least and the most. `None` on
/// another kernel.
pub(crate) fn counts(cpu: u32, site: Site) -> Option<[u64; 3]> {
    let mut numbers = [0u64; 3];
    let result = sys::call3(Sysnum::Counts, cpu.into(), site as u64, (&raw mut numbers) as u64);
    (result == 0).then_some(numbers)
}

pub(crate) fn report(name: core::fmt::Arguments, counted: u64, least: u64, most: u64) {
    let mut line = Line::new();
    let _ = line.write_fmt(name);
    say(Event::Counted(Count { name: line.text(), counted, least, most }));
}
