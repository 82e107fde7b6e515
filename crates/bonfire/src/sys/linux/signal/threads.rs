//! The threads of this process, as `/proc/self/task` lists them.
//!
//! The kernel's listing is not made in one instant. It goes from thread to thread,
//! and ends early if the one it has come to has ended (`next_tid` in the
//! kernel's `fs/proc/base.c`). So a listing counts only if its last thread is
//! alive after it: then it was the last of all, and every thread that was there
//! before the listing began, and still is, was listed.

use std::ffi::CString;
use std::format;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::string::String;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::vec::Vec;

use bonfire_abi::Error;
use libc::pid_t;

use crate::{SignalFault, Silence};

/// The folder that lists the threads of one process.
pub(super) struct Threads {
    folder: RawFd,
    process: pid_t,
    /// The thread that asks.
    pub(super) this: pid_t,
}

/// The open folder, whose process it lists, and which file it is. Changed in a turn
/// only, which also orders the changes.
static FOLDER: AtomicI32 = AtomicI32::new(-1);
static PROCESS: AtomicU32 = AtomicU32::new(0);
static DEVICE: AtomicU64 = AtomicU64::new(0);
static INODE: AtomicU64 = AtomicU64::new(0);

impl Threads {
    /// Opens the folder, unless it is open. It then stays so, for good: a later
    /// `chroot`, or a want of descriptors, shall not be in the way.
    pub(super) fn of_this_process() -> Result<Self, SignalFault> {
        let process = std::process::id();
        let kept = FOLDER.load(Relaxed);
        let is_kept = PROCESS.load(Relaxed) == process && is_the_same(kept) && is_of_this_process(kept);
        let folder = if is_kept { kept } else { open(process)? };
        // SAFETY: takes nothing and cannot fail.
        let this = unsafe { libc::gettid() };
        Ok(Self { folder, process: process as pid_t, this })
    }

    /// Every thread that lived before and lives still, and some of the others.
    pub(super) fn list(&self) -> Result<Vec<pid_t>, SignalFault> {
        let mut space = 32 << 10;
        loop {
            match self.list_within(space)? {
                // A listing that was interrupted, for want of space, may go on at
                // the wrong thread.
                None => space *= 2,
                Some(listed) if listed.last().is_some_and(|&last| self.is_there(last)) => {
                    return if listed.contains(&self.this) {
                        Ok(listed)
                    } else {
                        Err(SignalFault::OtherNamespace)
                    };
                }
                Some(_) => {}
            }
        }
    }

    /// One listing; `None` if it does not fit into `space` bytes.
    fn list_within(&self, space: usize) -> Result<Option<Vec<pid_t>>, SignalFault> {
        /// More than an entry takes.
        const ENTRY: usize = 300;
        // SAFETY: the descriptor is ours.
        unsafe { libc::lseek(self.folder, 0, libc::SEEK_SET) };
        let mut buffer: Vec<u64> = std::vec![0; space / 8];
        // SAFETY: the buffer is ours and as long as said.
        let length = unsafe {
            libc::syscall(libc::SYS_getdents64, self.folder, buffer.as_mut_ptr(), buffer.len() * 8)
        };
        let Ok(length) = usize::try_from(length) else { return Err(SignalFault::Hidden(last_error())) };
        let bytes: Vec<u8> = buffer.iter().flat_map(|word| word.to_ne_bytes()).take(length).collect();
        Ok((length + ENTRY < space).then(|| numbers(&bytes)))
    }

    /// Whether a thread of this process has this number.
    fn is_there(&self, thread: pid_t) -> bool {
        // SAFETY: signal 0 only asks.
        unsafe { libc::syscall(libc::SYS_tgkill, self.process, thread, 0) == 0 }
    }

    /// What there is to be seen of `thread`.
    pub(super) fn status(&self, thread: pid_t) -> Status {
        if !self.is_there(thread) {
            return Status(None);
        }
        let name = CString::new(format!("{thread}/status")).expect("a number has no zero byte");
        // SAFETY: the folder is open, the name a live C string.
        let file = unsafe { libc::openat(self.folder, name.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        if file < 0 {
            // No descriptor left; or it ended meanwhile, which is seen the next time.
            return Status(Some(String::new()));
        }
        let mut text = String::new();
        // SAFETY: the descriptor is ours and nobody else's.
        let _ = unsafe { File::from_raw_fd(file) }.read_to_string(&mut text);
        Status(Some(text))
    }
}

/// Opens the folder of `process`, which is this one, and keeps it.
///
/// What was kept before stays open: it may be anybody's by now.
fn open(process: u32) -> Result<RawFd, SignalFault> {
    let hidden = |error: std::io::Error| {
        SignalFault::Hidden(Error::from_errno(error.raw_os_error().unwrap_or(libc::ENOENT)))
    };
    let folder = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open("/proc/self/task")
        .map_err(hidden)?;
    if !is_of_this_process(folder.as_raw_fd()) {
        return Err(SignalFault::OtherNamespace);
    }
    let file = folder.metadata().map_err(hidden)?;
    PROCESS.store(process, Relaxed);
    DEVICE.store(file.dev(), Relaxed);
    INODE.store(file.ino(), Relaxed);
    FOLDER.store(folder.into_raw_fd(), Relaxed);
    Ok(FOLDER.load(Relaxed))
}

/// Whether `/proc` knows this process by the number that the process knows.
///
/// It does not if it is another PID namespace's; and a child in a namespace of
/// its own may have its parent's number, but not in its parent's `/proc`.
fn is_of_this_process(folder: RawFd) -> bool {
    let mut name = [0_u8; 16];
    // From the folder, which may be out of reach of any path.
    // SAFETY: the path is a C string, the buffer is ours and as long as said.
    let length =
        unsafe { libc::readlinkat(folder, c"../../self".as_ptr(), name.as_mut_ptr().cast(), name.len()) };
    let length = usize::try_from(length).unwrap_or(0);
    name[..length] == *format!("{}", std::process::id()).as_bytes()
}

/// Whether the program left our descriptor alone: some close all there are.
fn is_the_same(folder: RawFd) -> bool {
    // SAFETY: all zeros is a value of the structure.
    let mut file: libc::stat64 = unsafe { core::mem::zeroed() };
    // SAFETY: the structure is ours; that the descriptor is not open is told.
    let asked = unsafe { libc::fstat64(folder, &raw mut file) };
    let known = (DEVICE.load(Relaxed), INODE.load(Relaxed));
    let found = (file.st_dev as u64, file.st_ino as u64);
    asked == 0 && found == known
}

fn last_error() -> Error {
    Error::from_errno(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// The entries of a folder that are numbers (`struct linux_dirent64` in getdents(2)).
fn numbers(mut entries: &[u8]) -> Vec<pid_t> {
    const LENGTH: usize = 16;
    const NAME: usize = 19;
    let mut found = Vec::new();
    while let Some(&[low, high]) = entries.get(LENGTH..LENGTH + 2) {
        let length = usize::from(u16::from_ne_bytes([low, high]));
        let Some((entry, rest)) = entries.split_at_checked(length).filter(|_| length > NAME) else { break };
        let name = entry[NAME..].split(|&byte| byte == 0).next().unwrap_or_default();
        found.extend(core::str::from_utf8(name).ok().and_then(|name| name.parse::<pid_t>().ok()));
        entries = rest;
    }
    found
}

/// The status of a thread; nothing if it is gone, empty if it cannot be read.
pub(super) struct Status(Option<String>);

impl Status {
    /// What its status says after `key`.
    fn line(&self, key: &str) -> Option<&str> {
        self.0.as_ref()?.lines().find_map(|line| line.strip_prefix(key)).map(str::trim)
    }

    fn is_in(&self, states: &[char]) -> bool {
        self.line("State:").is_some_and(|state| state.starts_with(states))
    }

    /// Whether it has ended, or is a leader that waits for the others to.
    pub(super) fn is_gone(&self) -> bool {
        self.0.is_none() || self.is_in(&['Z', 'X'])
    }

    /// Whether it waits for something in the kernel.
    pub(super) fn sleeps(&self) -> bool {
        self.is_in(&['S'])
    }

    /// Whether it blocks signal `number`, or took it by other means than a handler:
    /// while it waits for it, `sigwait` has it unblocked.
    pub(super) fn evades(&self, number: i32) -> bool {
        let has = |key| {
            let mask = self.line(key).and_then(|mask| u64::from_str_radix(mask, 16).ok());
            mask.map(|mask| mask & 1 << (number - 1) != 0)
        };
        has("SigBlk:") == Some(true) || has("SigPnd:") == Some(false)
    }

    /// Why it does not answer signal `number`, as far as can be seen.
    pub(super) fn silence(&self, number: i32) -> Silence {
        let is_traced = self.line("TracerPid:").is_some_and(|tracer| tracer != "0");
        match () {
            () if self.is_in(&['D']) => Silence::Uninterruptible,
            () if self.is_in(&['t']) || self.is_in(&['T']) && is_traced => Silence::Traced,
            () if self.is_in(&['T']) => Silence::Stopped,
            () if self.is_in(&['R']) => Silence::NotRun,
            () if self.evades(number) => Silence::Blocks,
            () => Silence::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_is_listed_and_strangers_are_not() {
        let threads = Threads::of_this_process().expect("a machine with /proc");
        let listed = threads.list().expect("it can be read");
        assert!(listed.contains(&threads.this) && !listed.contains(&1));
        // Too little space is told from no threads.
        assert_eq!(threads.list_within(64).ok(), Some(None));
    }

    fn check(status: &str, silence: Silence) {
        assert_eq!(Status(Some(status.into())).silence(34), silence, "{status}");
    }

    #[test]
    fn why_a_thread_is_silent_is_read_from_its_status() {
        let blocks = "SigPnd:\t0000000200000000\nSigBlk:\t0000000200000000";
        check(&format!("State:\tS (sleeping)\n{blocks}"), Silence::Blocks);
        check(&format!("State:\tD (disk sleep)\n{blocks}"), Silence::Uninterruptible);
        check("State:\tT (stopped)\nTracerPid:\t0", Silence::Stopped);
        check("State:\tT (stopped)\nTracerPid:\t7", Silence::Traced);
        check("State:\tt (tracing stop)\nTracerPid:\t7", Silence::Traced);
        check("State:\tR (running)\nSigBlk:\t0000000100000000", Silence::NotRun);
        check("State:\tS (sleeping)\nSigPnd:\t0000000000000000\nSigBlk:\t0000000000000000", Silence::Blocks);
        check("State:\tS (sleeping)\nSigPnd:\t0000000200000000\nSigBlk:\t0000000000000000", Silence::Unknown);
        assert!(Status(None).is_gone() && !Status(Some(String::new())).is_gone());
    }
}
