//! Sums arrays around heavy fences, and counts how often the sums are right.
//!
//! `cargo xtask registers` compiles it for processors with vectors, and runs it under
//! kernels that destroy vector registers in a system call. The last line is the twin's,
//! which makes the call where it stands.

#![deny(unsafe_code)]

#[expect(unreachable_pub, reason = "it is a part of a library, too")]
#[path = "../../../../crates/bonfire/examples/sys/around.rs"]
mod around;

use std::cell::Cell;
use std::hint::black_box;

use around::Array;
use bonfire::{Call, Command, Memory};

const ROUNDS: u32 = 2_000;

fn main() {
    let memory = match Memory::register() {
        Ok(memory) => memory,
        Err(refusal) => return println!("no membarrier: {refusal}"),
    };
    let call = Call::new(Command::PrivateExpedited);
    count("heavy", |a, b, out| around::around_heavy(memory, a, b, out));
    count("try_heavy", |a, b, out| around::around_try_heavy(memory, a, b, out));
    count("process::heavy", around::around_process);
    count("raw", |a, b, out| around::around_raw(call, a, b, out));
    count("inlined", around::around_inlined);
}

fn count(name: &str, caller: impl Fn(&Array, &Array, &Array)) {
    let right = (0..ROUNDS).filter(|&round| is_right(round, &caller)).count();
    println!("{name}: {right} of {ROUNDS}");
}

fn is_right(round: u32, caller: &impl Fn(&Array, &Array, &Array)) -> bool {
    let [a, b]: [Array; 2] = [3, 7].map(|factor| {
        Cell::new(core::array::from_fn(|at| (round + 1).wrapping_mul(factor).wrapping_add(at as u32)))
    });
    let out = Array::default();
    caller(&a, &b, &out);
    // One by one, so that no vector is in it.
    (0..32).all(|at| {
        let (x, y) = (black_box(a.get()[at]), black_box(b.get()[at]));
        out.get()[at] == x.wrapping_add(y).wrapping_mul(x)
    })
}
