//! System calls, with Linux's numbers, arguments and errors for x86-64, as far
//! as `bonfire_testbed::calls` lists them; and the way back to ring 3.
//!
//! [`dispatch`] is that table once more, each call beside the function that serves it.

mod files;
mod memory;
mod own;
mod processes;
mod threads;
mod time;

use crate::arch::{self, TrapFrame};
use crate::membarrier;
use crate::process::{self, Process, Spawn};
use crate::sched::{self, After};
use crate::thread::Thread;
use crate::user::Fault;
use bonfire_abi::{Call, Error};
use bonfire_engine::core_sync::Return;
use bonfire_testbed::calls::Request;

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
    let registers = [frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9];
    let answer = sched::with_current(|thread| match Request::decode(frame.rax, registers) {
        Some(request) => dispatch(thread, frame, request),
        None => Some(Err(ENOSYS)),
    });
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
            owner(thread).kill(process::SIGSEGV);
            process::exit_thread(thread, 0);
        }
    });
    membarrier::before_user(way);
}

/// A fault in ring 3 ends the program; the first program's fault, the machine.
pub(crate) fn user_fault(frame: &TrapFrame, fault: u64, address: u64) {
    sched::with_current(|thread| {
        let process = owner(thread);
        crate::say!(
            "process {}, thread {}: fault {fault} at {:#x}, address {address:#x}, error {:#x}",
            process.id,
            thread.id,
            frame.rip,
            frame.error
        );
        if process.id == process::INIT {
            crate::stop_machine(bonfire_testbed::Exit::UserFault);
        }
        process.kill(process::SIGSEGV);
    });
}

/// One call. `None` where the frame is as it should be already.
fn dispatch(thread: &Thread, frame: &mut TrapFrame, request: Request) -> Option<Answer> {
    let space = thread.own_space();
    Some(match request {
        Request::Write { descriptor, from, length } => files::write(thread, descriptor, from, length),
        Request::Mmap { at, length, protection, flags, file, offset } => {
            memory::map(space, at, length, protection, flags, file, offset)
        }
        Request::SchedYield {} => threads::yield_now(),
        Request::Nanosleep { time } => time::sleep(thread, time),
        Request::Getpid {} => Ok(owner(thread).id.into()),
        Request::Clone { flags, stack, parent_id: _, child_id } => {
            processes::clone(thread, frame, flags, stack, child_id)
        }
        Request::Fork {} => processes::fork(thread, Spawn::Fork, frame, 0),
        Request::Vfork {} => processes::fork(thread, Spawn::Vfork, frame, 0),
        Request::Execve { path: _, arguments, environment: _ } => {
            match processes::exec(thread, frame, arguments) {
                Ok(()) => return None,
                Err(error) => Err(error),
            }
        }
        Request::Exit { status } => process::exit_thread(thread, processes::status(status)),
        Request::Wait4 { process, status, options } => processes::wait(thread, process, status, options),
        Request::Kill { process, signal } => processes::kill(process, signal),
        Request::Ftruncate { file, length } => files::set_length(file, length),
        Request::Setpgid { process, group } => processes::set_group(thread, process, group),
        Request::Reboot {} => crate::power_off(0),
        Request::Gettid {} => Ok(thread.id.into()),
        Request::Futex { word, operation, value, timeout } => {
            threads::futex(thread, word, operation, value, timeout)
        }
        Request::SchedSetaffinity { thread: id, length, cpus } => {
            threads::set_affinity(thread, id, length, cpus)
        }
        Request::SchedGetaffinity { thread: _, length, cpus } => threads::affinity(thread, length, cpus),
        Request::ClockGettime { clock: _, time } => time::clock(space, time),
        Request::ExitGroup { status } => processes::exit(thread, status),
        Request::Getcpu { cpu } => threads::cpu(space, cpu),
        Request::MemfdCreate { name: _, flags: _ } => files::create(),
        Request::Membarrier { command, flags, cpu } => barrier(thread, command, flags, cpu),
        Request::Rseq { area, length, flags, signature } => {
            threads::register_rseq(thread, area, length, flags, signature)
        }
        Request::Counts { cpu, site, counts } => own::counts(space, cpu, site, counts),
        Request::SetOnline { cpu, online } => own::set_online(cpu, online),
        Request::Borrow { cpu, turns, word } => own::borrow(space, cpu, turns, word),
        Request::Stay { cpu, word } => own::stay(space, cpu, word),
        Request::Mismatches {} => Ok(membarrier::mismatches()),
    })
}

fn owner(thread: &Thread) -> &Process {
    thread.process.as_ref().expect("a program's thread")
}

/// `membarrier(2)`: the engine's.
fn barrier(thread: &Thread, command: u64, flags: u64, cpu: u64) -> Answer {
    membarrier::membarrier(thread, thread.own_space(), Call::from_registers(command, flags, cpu))
        .map(u64::from)
        .map_err(|refused| -(Error::from(refused).errno() as isize))
}
