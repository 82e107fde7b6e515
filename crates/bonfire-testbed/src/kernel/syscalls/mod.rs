//! System calls, with Linux's numbers, arguments and errors, as far
//! as `bonfire_testbed::calls` lists them; and the way back to user mode.
//!
//! [`dispatch`] is that table once more, each call beside the function that serves it.

mod descriptors;
mod files;
mod futex;
mod memory;
mod own;
mod paths;
mod poll;
mod priority;
mod processes;
mod signals;
mod system;
mod threads;
mod time;

use crate::arch::{self, TrapFrame};
use crate::limits;
use crate::membarrier;
use crate::process::{self, Own, Process, Spawn};
use crate::restart::Restart;
use crate::sched::{self, After};
use crate::thread::Thread;
use crate::trace;
use crate::unserved;
use crate::user::Fault;
use bonfire_abi::{Call, Error};
use bonfire_engine::core_sync::Return;
use bonfire_testbed::calls::{HERE, Request};
use core::sync::atomic::Ordering::Relaxed;

const EPERM: isize = -1;
const ENOENT: isize = -2;
const ESRCH: isize = -3;
const EINTR: isize = -4;
const EIO: isize = -5;
const E2BIG: isize = -7;
const EBADF: isize = -9;
const ECHILD: isize = -10;
const EAGAIN: isize = -11;
const ENOMEM: isize = -12;
const EACCES: isize = -13;
const EFAULT: isize = -14;
const EBUSY: isize = -16;
const EEXIST: isize = -17;
const ENODEV: isize = -19;
const ENOTDIR: isize = -20;
const EINVAL: isize = -22;
const EMFILE: isize = -24;
const ENOTTY: isize = -25;
const ESPIPE: isize = -29;
const EROFS: isize = -30;
const EPIPE: isize = -32;
const ENAMETOOLONG: isize = -36;
const ENOSYS: isize = -38;
const ETIMEDOUT: isize = -110;

impl From<Fault> for isize {
    fn from(Fault: Fault) -> isize {
        EFAULT
    }
}

impl From<crate::space::Untouchable> for isize {
    fn from(_: crate::space::Untouchable) -> isize {
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

/// Every system call comes here, interrupts off.
pub(crate) extern "C" fn syscall(frame: &mut TrapFrame) {
    arch::set_enabled(true);
    let (number, registers) = frame.call();
    frame.begin_call();
    let answer = sched::with_current(|thread| match Request::decode(number, registers) {
        Some(request) if !limits::allows(&request) => Some(Err(ENOMEM)),
        Some(request) => {
            trace::before(thread, &request);
            let answer = dispatch(thread, frame, request);
            answer.iter().for_each(|&answer| trace::after(thread, &request, answer));
            answer
        }
        None => {
            unserved::note(number);
            Some(Err(ENOSYS))
        }
    });
    if let Some(answer) = answer {
        frame.set_answer(answer.unwrap_or_else(|error| error as u64));
    }
    arch::set_enabled(false);
    let way = if frame.is_of_call() { Return::SystemCall } else { Return::Interrupt };
    before_user(frame, way);
}

/// The last stop before user mode: what became due meanwhile is done now.
/// Interrupts are off and stay off until the registers are back.
pub(crate) fn before_user(frame: &mut TrapFrame, way: Return) {
    loop {
        sched::with_current(|thread| {
            take_signals(thread, frame);
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

/// A handler must not find the thread in a restartable section.
fn take_signals(thread: &Thread, frame: &mut TrapFrame) {
    if crate::signals::is_due(thread) {
        thread.rseq.restart();
        if thread.rseq.before_user(thread.own_space(), frame).is_err() {
            owner(thread).kill(process::SIGSEGV);
        }
    }
    crate::signals::before_user(thread, frame);
}

/// One call. `None` where the frame is as it should be already.
fn dispatch(thread: &Thread, frame: &mut TrapFrame, request: Request) -> Option<Answer> {
    let space = thread.own_space();
    Some(match request {
        Request::Read { descriptor, to, length } => files::read(thread, descriptor, to, length, None),
        Request::Write { descriptor, from, length } => files::write(thread, descriptor, from, length, None),
        Request::Stat { path, status } | Request::Lstat { path, status } => {
            paths::status_of(thread, HERE, path, status, 0)
        }
        Request::Mmap { at, length, protection, flags, file, offset } => {
            memory::map(thread, &memory::Wish { at, length, protection, flags, file, offset })
        }
        Request::Close { descriptor } => descriptors::close(thread, descriptor),
        Request::Fstat { descriptor, status } => paths::status(thread, descriptor, status),
        Request::Poll { descriptors, count, timeout } => poll::poll(thread, descriptors, count, timeout),
        Request::Ppoll { descriptors, count, timeout, mask } => {
            poll::poll_within(thread, descriptors, count, timeout, mask)
        }
        Request::Lseek { descriptor, offset, from } => descriptors::seek(thread, descriptor, offset, from),
        Request::Mprotect { at, length, protection } => memory::protect(space, at, length, protection),
        Request::Munmap { at, length } => space.unmap(at.0, length).map(|()| 0).map_err(|_| EINVAL),
        Request::Brk { end } => Ok(space.set_heap_end(end.0)),
        Request::RtSigaction { signal, action, old, length } => {
            signals::set_action(thread, signal, action, old, length)
        }
        Request::RtSigprocmask { how, set, old, length } => signals::set_mask(thread, how, set, old, length),
        Request::RtSigreturn {} => {
            if crate::signals::go_back(thread, frame).is_err() {
                owner(thread).kill(process::SIGSEGV);
            }
            return None;
        }
        Request::Ioctl { descriptor: _, request: _, argument: _ } => Err(ENOTTY),
        Request::Pread64 { descriptor, to, length, offset } => {
            files::read(thread, descriptor, to, length, Some(offset))
        }
        Request::Pwrite64 { descriptor, from, length, offset } => {
            files::write(thread, descriptor, from, length, Some(offset))
        }
        Request::Readv { descriptor, parts, count } => {
            files::each_part(thread, parts, count, |to, length| {
                files::read(thread, descriptor, to, length, None)
            })
        }
        Request::Writev { descriptor, parts, count } => {
            files::each_part(thread, parts, count, |from, length| {
                files::write(thread, descriptor, from, length, None)
            })
        }
        Request::Access { path, how } => paths::may(thread, HERE, path, how),
        Request::Faccessat { folder, path, how } => paths::may(thread, folder, path, how),
        Request::Pipe { descriptors } => descriptors::pipe(thread, descriptors, 0),
        Request::Pipe2 { descriptors, flags } => descriptors::pipe(thread, descriptors, flags),
        Request::Eventfd2 { value, flags } => descriptors::counter(thread, value, flags),
        Request::Dup { descriptor } => descriptors::copy(thread, descriptor),
        Request::Dup2 { from, to } => descriptors::copy_to(thread, from, to, None),
        Request::Dup3 { from, to, flags } => descriptors::copy_to(thread, from, to, Some(flags)),
        Request::Madvise { at, length, advice } => memory::advise(space, at, length, advice),
        Request::SchedYield {} => threads::yield_now(),
        Request::Pause {} => time::pause(thread),
        Request::Nanosleep { time, left } => time::sleep(thread, time, left),
        Request::ClockNanosleep { clock, flags, time, left } => {
            time::clock_sleep(thread, clock, flags, time, left)
        }
        Request::ClockGetres { clock, time } => time::resolution(space, clock, time),
        Request::RestartSyscall {} => restart(thread),
        Request::Getpid {} => Ok(owner(thread).id.into()),
        Request::Clone { flags, stack, parent_id, child_id, thread_pointer }
        | Request::CloneBackwards { flags, stack, parent_id, thread_pointer, child_id } => {
            let wish = processes::Wish { flags, stack: stack.0, parent_id, child_id, thread_pointer };
            processes::clone(thread, frame, &wish)
        }
        Request::Clone3 { arguments, length } => processes::clone3(thread, frame, arguments, length),
        Request::Fork {} => processes::fork(thread, Spawn::Fork, frame, Own::default()),
        Request::Vfork {} => processes::fork(thread, Spawn::Vfork, frame, Own::default()),
        Request::Execve { path, arguments, environment } => {
            match processes::exec(thread, frame, path, arguments, environment) {
                Ok(()) => {
                    trace::after(thread, &request, Ok(0));
                    return None;
                }
                Err(error) => Err(error),
            }
        }
        Request::Exit { status } => process::exit_thread(thread, processes::status(status)),
        Request::Wait4 { process, status, options } => processes::wait(thread, process, status, options),
        Request::Kill { process, signal } => signals::kill(thread, process, signal),
        Request::Tkill { thread: id, signal } => signals::kill_thread(None, id, signal),
        Request::Tgkill { process, thread: id, signal } => signals::kill_thread(Some(process), id, signal),
        Request::Sigaltstack { stack, old } => signals::set_stack(thread, stack, old),
        Request::Uname { names } => system::names(space, names),
        Request::Fcntl { descriptor, command, argument } => {
            descriptors::control(thread, descriptor, command, argument)
        }
        Request::Ftruncate { file, length } => descriptors::set_length(thread, file, length),
        Request::Readlink { path, to, length } => paths::link(thread, HERE, path, to, length),
        Request::Readlinkat { folder, path, to, length } => paths::link(thread, folder, path, to, length),
        Request::Getuid {} | Request::Getgid {} | Request::Geteuid {} | Request::Getegid {} => Ok(0),
        Request::Getppid {} => Ok(owner(thread).parent.load(Relaxed).into()),
        Request::Getpriority { which, who } => priority::get(thread, which, who),
        Request::Setpriority { which, who, nice } => priority::set(thread, which, who, nice),
        Request::SchedSetscheduler { thread: id, policy, parameter } => {
            priority::set_policy(thread, id, policy, parameter)
        }
        Request::SchedGetscheduler { thread: id } => priority::policy(thread, id),
        Request::SchedSetattr { thread: id, attributes, flags } => {
            priority::set_attributes(thread, id, attributes, flags)
        }
        Request::Prctl { option, argument } => processes::control(thread, option, argument),
        Request::ArchPrctl { what, address } => threads::set_pointer(thread, frame, what, address),
        Request::SetTidAddress { word } => threads::clear_at_exit(thread, word),
        Request::SetRobustList { list, length } => threads::set_robust_list(thread, list, length),
        Request::Open { path, flags } => descriptors::open(thread, HERE, path, flags),
        Request::Openat { folder, path, flags } => descriptors::open(thread, folder, path, flags),
        Request::Newfstatat { folder, path, status, flags } => {
            paths::status_of(thread, folder, path, status, flags)
        }
        Request::Statx { folder, path, flags, mask: _, status } => {
            paths::long_status_of(thread, folder, path, flags, status)
        }
        Request::Prlimit64 { process: _, resource, new, old } => system::limits(space, resource, new, old),
        Request::Getrandom { to, length, flags: _ } => system::random(space, to, length),
        Request::Setpgid { process, group } => processes::set_group(thread, process, group),
        Request::Getpgid { process } => processes::group(thread, process),
        Request::Getpgrp {} => processes::group(thread, 0),
        Request::Reboot {} => crate::power_off(0),
        Request::Gettid {} => Ok(thread.id().into()),
        Request::Futex { word, operation, value, timeout, second, third } => {
            futex::futex(thread, &futex::Wish { word, operation, value, timeout, second, third })
        }
        Request::SchedSetaffinity { thread: id, length, cpus } => {
            threads::set_affinity(thread, id, length, cpus)
        }
        Request::SchedGetaffinity { thread: id, length, cpus } => threads::affinity(thread, id, length, cpus),
        Request::ClockGettime { clock, time } => time::clock(space, clock, time),
        Request::ExitGroup { status } => processes::exit(thread, status),
        Request::Getcpu { cpu, node } => threads::cpu(space, cpu, node),
        Request::MemfdCreate { name, flags } => descriptors::memory_file(thread, name, flags),
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

/// Goes on with what a signal ended early; what a handler came in between is over.
fn restart(thread: &Thread) -> Answer {
    let noted = thread.restart.lock().take();
    match noted {
        Some(Restart::Sleep { deadline, left }) => time::sleep_until(thread, deadline, left),
        Some(Restart::Word { word, value, bits, deadline }) => {
            futex::wait(thread, word, value, bits, Some(deadline))
        }
        Some(Restart::Ready { list, count, deadline }) => poll::until(thread, list, count, deadline),
        None => Err(EINTR),
    }
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
