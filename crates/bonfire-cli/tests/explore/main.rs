//! `bonfire explore` from the outside: the real binary, and the pages that are
//! kept of what it finds.
//!
//! These keep every CPU busy, so they are not among the tests of `bonfire check`,
//! whose litmus loops want CPUs of their own.

mod history;
mod verb;
