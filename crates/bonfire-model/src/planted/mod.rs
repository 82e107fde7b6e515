//! Planted faults: small wrong engines, each with its cure, which the explorer
//! must tell apart.
//!
//! [`protocol`] has the seven faults of the obvious way to make requests.
//! [`linux`] has faults that Linux had, or has, in this very code, where they
//! are not simply a site of ours taken out.

pub mod linux;
pub mod protocol;
mod stale_mark;

use std::rc::Rc;

use crate::explorer::{Body, Pokes, Test};

/// A fault and its cure.
pub struct Planted {
    /// What it is called.
    pub name: &'static str,
    /// What is wrong.
    pub about: &'static str,
    /// Where it is known from.
    pub cites: &'static str,
    /// The wrong program, or, if the argument is `true`, the cured one.
    pub test: fn(cured: bool) -> Test,
}

/// All of them.
#[must_use]
pub fn all() -> Vec<Planted> {
    protocol::faults().into_iter().chain(linux::faults()).collect()
}

/// A program of two CPUs that share `it`, with two registers, which must not end as
/// `flaw`.
fn of_two<T: 'static>(it: T, set_up: fn(&T), bodies: [fn(&T); 2], handler: fn(&T), flaw: [u64; 2]) -> Test {
    let it = Rc::new(it);
    let on_it = |part: fn(&T)| {
        let it = Rc::clone(&it);
        move || part(&it)
    };
    let handler = on_it(handler);
    Test {
        set_up: Box::new(on_it(set_up)),
        bodies: bodies.into_iter().map(|body| Box::new(on_it(body)) as Body).collect(),
        handler: Rc::new(move |_, _| handler()),
        registers: 2,
        pokes: Pokes::Any,
        is_flaw: Box::new(move |outcome| outcome == flaw),
    }
}
