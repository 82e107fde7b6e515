//! System calls, with Linux's numbers, arguments and errors for x86-64, as far
//! as the suite needs them; and the way back to ring 3.

use crate::arch::{self, TrapFrame};
use crate::process::{self, Process, Reaped, Spawn};
use crate::sched::{self, After};
use crate::thread::Thread;
use crate::user::{self, Fault};
use crate::wait::{self, Event};
use crate::{borrowers, membarrier, memory_files, rseq, serial};
use alloc::vec::Vec;
use bonfire_abi::{Call, Error};
use bonfire_engine::Site;
use bonfire_engine::core_sync::Return;
use bonfire_testbed::calls;
use core::sync::atomic::Ordering::Relaxed;

const EPERM: isize = -1;
const ESRCH: isize = -3;
const ECHILD: isize = -10;
const EAGAIN: isize = -11;
const ENOMEM: isize = -12;
const EFAULT: isize = -14;
const EBUSY: isize = -16;
const EINVAL: isize = -22;
const ENOSYS: isize = -38;
const ETIMEDOUT: isize = -110;

impl From<Fault> for isize {
    fn from(Fault: Fault) -> isize {
        EFAULT
    }
}

impl From<crate::space::OutOfMemory> for isize {
    fn from(crate::space::OutOfMemory: crate::space::OutOfMemory) -> isize {
        ENOMEM
    }
}

/// What a call returns: a value, or a negative error.
type Answer = Result<u64, isize>;

/// Every system call comes here, interrupts off, and leaves by `sysretq`, which
/// does not serialise the core.
pub(crate) extern "C" fn syscall(frame: &mut TrapFrame) {
    arch::set_enabled(true);
    let answer = sched::with_current(|thread| dispatch(thread, frame));
    if let Some(answer) = answer {
        frame.rax = answer.unwrap_or_else(|error| error as u64);
    }
    arch::set_enabled(false);
    before_user(frame, Return::SystemCall);
}

/// The last stop before ring 3: what became due meanwhile is done now.
/// Interrupts are off and stay off until the registers are back.
pub(crate) fn before_user(frame: &mut TrapFrame, way: Return) {
    loop {
        sched::with_current(|thread| {
            if thread.is_killed() {
                process::exit_thread(thread, 0);
            }
        });
        if !sched::is_due() {
            break;
        }
        sched::schedule(After::Ready);
    }
    sched::with_current(|thread| {
        if thread.rseq.is_registered() && thread.rseq.before_user(thread.own_space(), frame).is_err() {
            kill(thread, process::SIGSEGV);
            process::exit_thread(thread, 0);
        }
    });
    membarrier::before_user(way);
}

/// A fault in ring 3 ends the program; the first program's fault, the machine.
pub(crate) fn user_fault(frame: &TrapFrame, fault: u64, address: u64) {
    sched::with_current(|thread| {
        let owner = thread.process.as_ref().map_or(0, |process| process.id);
        crate::say!(
            "process {owner}, thread {}: fault {fault} at {:#x}, address {address:#x}, error {:#x}",
            thread.id,
            frame.rip,
            frame.error
        );
        if owner == process::INIT {
            crate::stop_machine(bonfire_testbed::Exit::UserFault);
        }
        kill(thread, process::SIGSEGV);
    });
}

fn kill(thread: &Thread, signal: i32) {
    thread.process.as_ref().expect("a program's thread").kill(signal);
}

/// One call. `None` where the frame is as it should be already.
fn dispatch(thread: &Thread, frame: &mut TrapFrame) -> Option<Answer> {
    let arguments = [frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9];
    let [a, b, c, d, _, _] = arguments;
    let space = thread.own_space();
    Some(match frame.rax {
        calls::WRITE => write(thread, a, b, c),
        calls::MMAP => mmap(thread, arguments),
        calls::SCHED_YIELD => yield_now(),
        calls::NANOSLEEP => sleep(thread, a),
        calls::GETPID => Ok(owner(thread).id.into()),
        calls::CLONE => clone(thread, frame, arguments),
        calls::FORK => fork(thread, Spawn::Fork, frame, 0),
        calls::VFORK => fork(thread, Spawn::Vfork, frame, 0),
        calls::EXECVE => match execve(thread, frame, b) {
            Ok(()) => return None,
            Err(error) => Err(error),
        },
        calls::EXIT => process::exit_thread(thread, status(a)),
        calls::WAIT4 => wait4(thread, a, b, c),
        calls::KILL => kill_process(a, b),
        calls::FTRUNCATE => memory_files::set_length(a, b).map(|()| 0).map_err(|_| EINVAL),
        calls::SETPGID => set_group(thread, a, b),
        calls::REBOOT => crate::power_off(0),
        calls::GETTID => Ok(thread.id.into()),
        calls::FUTEX => futex(thread, arguments),
        calls::SCHED_SETAFFINITY => set_affinity(thread, a, b, c),
        calls::SCHED_GETAFFINITY => get_affinity(thread, b, c),
        calls::CLOCK_GETTIME => clock(thread, b),
        calls::EXIT_GROUP => {
            owner(thread).kill(status(a));
            process::exit_thread(thread, status(a))
        }
        calls::GETCPU => getcpu(thread, a),
        calls::MEMFD_CREATE => Ok(memory_files::create()),
        calls::MEMBARRIER => membarrier::membarrier(thread, space, Call::from_registers(a, b, c))
            .map(u64::from)
            .map_err(|refused| -(Error::from(refused).errno() as isize)),
        calls::RSEQ => register_rseq(thread, a, b, c, d),
        calls::COUNTS => counts(thread, a, b, c),
        calls::SET_ONLINE => set_online(a, b),
        calls::BORROW => borrowers::start(space, a, b, c).map_err(|_| EINVAL),
        calls::STAY => borrowers::stay(space, a, b).map_err(|_| EINVAL),
        calls::MISMATCHES => Ok(membarrier::mismatches()),
        _ => Err(ENOSYS),
    })
}

fn owner(thread: &Thread) -> &Process {
    thread.process.as_ref().expect("a program's thread")
}

/// The status word of a process that ends by itself.
fn status(code: u64) -> i32 {
    (code as i32 & 0xff) << 8
}

/// To the serial line, whatever the descriptor. A line that fits the buffer
/// stays in one piece.
fn write(thread: &Thread, descriptor: u64, address: u64, length: u64) -> Answer {
    if !matches!(descriptor, 1 | 2) {
        return Err(EINVAL);
    }
    let mut buffer = [0; 512];
    for start in (0..length).step_by(buffer.len()) {
        let part = &mut buffer[..(length - start).min(512) as usize];
        user::read_bytes(thread.own_space(), address.wrapping_add(start), part)?;
        serial::send(part);
    }
    Ok(length)
}

/// Anonymous memory, private or shared with the children, or all of a memory
/// file. It is all executable.
fn mmap(thread: &Thread, [address, length, protection, flags, file, offset]: [u64; 6]) -> Answer {
    const WRITE: u64 = 2;
    const SHARED: u64 = 1;
    const FIXED: u64 = 0x10;
    const ANONYMOUS: u64 = 0x20;
    let (space, writable, shared) = (thread.own_space(), protection & WRITE != 0, flags & SHARED != 0);
    if length == 0 || length > 1 << 30 || offset != 0 {
        return Err(EINVAL);
    }
    if flags & ANONYMOUS == 0 {
        let frames = memory_files::frames(file).filter(|_| shared).ok_or(EINVAL)?;
        return Ok(space.map_frames(frames, writable)?);
    }
    let at = (flags & FIXED != 0).then_some(address);
    Ok(space.map(at, length, writable, shared)?)
}

fn yield_now() -> Answer {
    arch::without_interrupts(|| sched::schedule(After::Ready));
    Ok(0)
}

fn sleep(thread: &Thread, request: u64) -> Answer {
    let deadline = arch::clock() + ticks(thread, request)?;
    while arch::clock() < deadline && !thread.is_killed() {
        wait::wait(thread, Event::Time, Some(deadline), || arch::clock() < deadline);
    }
    Ok(0)
}

/// A `timespec` in ticks of the clock.
fn ticks(thread: &Thread, address: u64) -> Result<u64, isize> {
    let [seconds, nanoseconds]: [u64; 2] = user::read(thread.own_space(), address)?;
    let per_ms = arch::clock_ticks_per_ms();
    Ok(seconds.saturating_mul(1000 * per_ms).saturating_add(nanoseconds / 1000 * per_ms / 1000))
}

fn clock(thread: &Thread, address: u64) -> Answer {
    let ns = u128::from(arch::clock()) * 1_000_000 / u128::from(arch::clock_ticks_per_ms());
    let time = [(ns / 1_000_000_000) as u64, (ns % 1_000_000_000) as u64];
    user::write(thread.own_space(), address, time)?;
    Ok(0)
}

fn clone(thread: &Thread, frame: &TrapFrame, [flags, stack, _, child_id, _, _]: [u64; 6]) -> Answer {
    const VM: u64 = 0x100;
    const VFORK: u64 = 0x4000;
    const THREAD: u64 = 0x10000;
    const CHILD_CLEARTID: u64 = 0x20_0000;
    let kind = match (flags & VM != 0, flags & THREAD != 0) {
        (true, true) => Spawn::Thread,
        (true, false) if flags & VFORK != 0 => Spawn::Vfork,
        (true, false) => Spawn::Sharing,
        (false, false) => Spawn::Fork,
        (false, true) => return Err(EINVAL),
    };
    let clear = if flags & CHILD_CLEARTID != 0 { child_id } else { 0 };
    let child = TrapFrame { rsp: if stack == 0 { frame.rsp } else { stack }, ..*frame };
    fork(thread, kind, &child, clear)
}

fn fork(thread: &Thread, kind: Spawn, frame: &TrapFrame, clear: u64) -> Answer {
    let child = process::spawn(thread, kind, TrapFrame { rax: 0, ..*frame }, clear)?;
    if kind == Spawn::Vfork {
        let process = child.process.clone().expect("just made");
        while process.holds_parent() && !thread.is_killed() {
            wait::wait(thread, Event::Left(process.id), None, || process.holds_parent());
        }
    }
    Ok(child.id.into())
}

/// There is one program, so the path does not matter; the arguments do.
fn execve(thread: &Thread, frame: &mut TrapFrame, arguments: u64) -> Result<(), isize> {
    if !process::is_single(thread) {
        return Err(EBUSY);
    }
    let arguments = strings(thread, arguments)?;
    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
    Ok(process::exec(thread, frame, &arguments)?)
}

/// A list of C strings that ends with a null pointer.
fn strings(thread: &Thread, list: u64) -> Result<Vec<Vec<u8>>, isize> {
    let space = thread.own_space();
    let mut strings = Vec::new();
    for place in (list..).step_by(8).take(16) {
        let mut at: u64 = user::read(space, place)?;
        if at == 0 {
            break;
        }
        let mut string = Vec::new();
        while string.len() < 256 {
            let mut byte = [0];
            user::read_bytes(space, at, &mut byte)?;
            if byte == [0] {
                break;
            }
            string.extend(byte);
            at += 1;
        }
        strings.push(string);
    }
    Ok(strings)
}

fn wait4(thread: &Thread, id: u64, status_at: u64, options: u64) -> Answer {
    const NO_HANG: u64 = 1;
    let (parent, id) = (owner(thread).id, u32::try_from(id as i32).ok());
    loop {
        match process::reap(parent, id) {
            Reaped::Child { id, status } => {
                if status_at != 0 {
                    user::write(thread.own_space(), status_at, status as u32)?;
                }
                return Ok(id.into());
            }
            Reaped::NoChild => return Err(ECHILD),
            Reaped::NoneEnded if options & NO_HANG != 0 => return Ok(0),
            Reaped::NoneEnded if thread.is_killed() => return Err(EAGAIN),
            Reaped::NoneEnded => {
                wait::wait(thread, Event::Child(parent), None, || process::none_has_ended(parent, id));
            }
        }
    }
}

/// Makes the caller's process the first of a group of its own.
fn set_group(thread: &Thread, id: u64, group: u64) -> Answer {
    if (id, group) != (0, 0) {
        return Err(EINVAL);
    }
    owner(thread).group.store(owner(thread).id, Relaxed);
    Ok(0)
}

/// Only `SIGKILL`: there are no handlers.
fn kill_process(id: u64, signal: u64) -> Answer {
    if signal != process::SIGKILL as u64 {
        return Err(EINVAL);
    }
    if process::kill_all(id as i32, process::SIGKILL) { Ok(0) } else { Err(ESRCH) }
}

fn futex(thread: &Thread, [address, operation, value, timeout, _, _]: [u64; 6]) -> Answer {
    const WAIT: u64 = 0;
    const WAKE: u64 = 1;
    const PRIVATE: u64 = 128;
    let space = thread.own_space();
    let physical = space.physical(address).ok_or(EFAULT)?;
    match operation & !PRIVATE {
        WAIT => {
            let deadline = if timeout == 0 { None } else { Some(arch::clock() + ticks(thread, timeout)?) };
            let is_unchanged = || user::read::<u32>(space, address).is_ok_and(|now| now == value as u32);
            if !is_unchanged() {
                return Err(EAGAIN);
            }
            wait::wait(thread, Event::Word(physical), deadline, is_unchanged);
            match deadline {
                Some(deadline) if arch::clock() >= deadline => Err(ETIMEDOUT),
                _ => Ok(0),
            }
        }
        WAKE => Ok(wait::wake(Event::Word(physical), value as usize) as u64),
        _ => Err(ENOSYS),
    }
}

/// Of the calling thread only.
fn set_affinity(thread: &Thread, id: u64, length: u64, address: u64) -> Answer {
    if id != 0 && id != u64::from(thread.id) {
        return Err(EPERM);
    }
    if length < 8 {
        return Err(EINVAL);
    }
    let cpus: u64 = user::read(thread.own_space(), address)?;
    if !(0..sched::cpu_count()).any(|cpu| cpus & 1 << cpu != 0 && sched::is_online(cpu)) {
        return Err(EINVAL);
    }
    sched::set_affinity(thread, cpus);
    Ok(0)
}

fn get_affinity(thread: &Thread, length: u64, address: u64) -> Answer {
    if length < 8 {
        return Err(EINVAL);
    }
    let present = u64::MAX >> (64 - sched::cpu_count());
    user::write(thread.own_space(), address, thread.affinity.load(Relaxed) & present)?;
    Ok(8)
}

fn getcpu(thread: &Thread, address: u64) -> Answer {
    if address != 0 {
        user::write(thread.own_space(), address, arch::cpu_index() as u32)?;
    }
    Ok(0)
}

fn register_rseq(thread: &Thread, area: u64, length: u64, flags: u64, signature: u64) -> Answer {
    const UNREGISTER: u64 = 1;
    if flags == UNREGISTER {
        thread.rseq.register(0, 0);
        return Ok(0);
    }
    if flags != 0 || length != rseq::AREA || !area.is_multiple_of(rseq::AREA) {
        return Err(EINVAL);
    }
    if thread.rseq.is_registered() {
        return Err(EBUSY);
    }
    if !thread.own_space().covers(area, length, true) {
        return Err(EFAULT);
    }
    thread.rseq.register(area, signature as u32);
    Ok(0)
}

/// How often a CPU passed a site, and how often it owed to: three words.
fn counts(thread: &Thread, cpu: u64, site: u64, address: u64) -> Answer {
    let site = Site::ALL.get(site as usize).copied().ok_or(EINVAL)?;
    let cpu = cpu as usize;
    if cpu >= sched::cpu_count() {
        return Err(EINVAL);
    }
    let (done, owed) = (membarrier::count(cpu, site), membarrier::owed(cpu, site));
    user::write(thread.own_space(), address, [done, owed.least, owed.most])?;
    Ok(0)
}

fn set_online(cpu: u64, online: u64) -> Answer {
    if cpu >= sched::cpu_count() as u64 {
        return Err(EINVAL);
    }
    sched::set_online(cpu as usize, online != 0).map(|()| 0).map_err(|_| EBUSY)
}
