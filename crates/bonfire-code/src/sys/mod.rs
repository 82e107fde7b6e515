//! What needs unsafe code: memory, function pointers, the handler of traps.
#![expect(unsafe_code, reason = "each file says why")]

mod memory;
pub(crate) use memory::page_size;
pub use memory::{Memory, Patchable};

mod mapping;

mod dual;
pub use dual::DualMapping;

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
mod trap;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub(crate) use trap::Watch;
