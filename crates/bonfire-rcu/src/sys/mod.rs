//! What needs unsafe code: system calls, memory that grows, pointers.
#![expect(unsafe_code, reason = "each file says why")]

#[cfg(all(feature = "std", any(target_os = "linux", target_os = "android"), not(miri)))]
#[path = "futex.rs"]
mod wait;
#[cfg(all(feature = "std", any(miri, not(any(target_os = "linux", target_os = "android")))))]
#[path = "doze.rs"]
mod wait;
#[cfg(not(feature = "std"))]
#[path = "spin.rs"]
mod wait;
pub(crate) use wait::{give_way, sleep, wake};

mod own;
pub(crate) use own::load_own;

#[cfg(feature = "std")]
mod fork;
#[cfg(feature = "std")]
mod home;
#[cfg(feature = "std")]
mod local;
#[cfg(feature = "std")]
mod place;
#[cfg(feature = "std")]
mod pointer;
#[cfg(feature = "std")]
mod renew;
#[cfg(feature = "std")]
mod retired;
#[cfg(feature = "std")]
mod segments;
#[cfg(feature = "std")]
mod shared;
#[cfg(feature = "std")]
mod thread;

#[cfg(feature = "where")]
pub(crate) use self::thread::to_number;
#[cfg(feature = "std")]
pub(crate) use self::{
    fork::forks,
    home::Home,
    local::{Local, at_thread_exit, global_domain, local},
    place::Place,
    renew::Lock,
    retired::Retired,
    segments::Segments,
    shared::{Hold, Shared, SharedBorrow},
    thread::to_place,
};
#[cfg(feature = "std")]
pub use pointer::Pointer;
