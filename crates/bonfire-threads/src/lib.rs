#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod cold;
mod counts;
mod design;
mod faults;
mod fetch;
mod kernel;
mod machine;
mod restartable;
mod scheduler;
pub mod storm;
mod subject;
#[expect(unsafe_code, reason = "signals, stacks and thread-local storage")]
mod sys;
mod system;
mod thread;
mod user;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use bonfire_engine as engine;

pub use counts::Counts;
pub use design::{On, OnThreads};
pub use faults::{Faults, Hook};
pub use fetch::Code;
pub use machine::{MOST_CPUS, Machine};
pub use restartable::Begun;
pub use subject::{Virtual, subject};
pub use system::{Options, Process, System};
pub use user::{KernelThread, Memory, SpaceHandle, User};

/// Locks, whoever panicked while holding it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
