//! What needs unsafe code: memory, function pointers, the handler of traps.
#![expect(unsafe_code, reason = "each file says why")]

mod memory;
pub use memory::{Memory, Patchable};
pub(crate) use memory::{page_size, write_own};

mod mapping;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod dual;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use dual::DualMapping;
/// The memory that an arena has if none is named: what costs least to write.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub type Usual = DualMapping;

#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
mod per_thread;
#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
pub use per_thread::PerThread;
/// The memory that an arena has if none is named: what costs least to write.
#[cfg(all(target_vendor = "apple", target_arch = "aarch64"))]
pub type Usual = PerThread;

/// The memory that an arena has if none is named: what there is.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    all(target_vendor = "apple", target_arch = "aarch64")
)))]
pub type Usual = Protection;

#[cfg(feature = "cranelift")]
mod provider;
#[cfg(feature = "cranelift")]
pub use provider::Provider;

mod protection;
pub use protection::Protection;

mod pointer;
pub use pointer::Function;
pub(crate) use pointer::sealed::Safe;

mod function;
pub(crate) use function::{Address, to_function};

mod vouched;
pub use vouched::clear_cache;

mod store;
pub(crate) use store::store;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod addresses;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod trap;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use trap::Watch;
