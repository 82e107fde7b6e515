//! What needs `unsafe`: stacks that are suspended half-way.

mod context;

pub(crate) use context::{Context, WayBack};
