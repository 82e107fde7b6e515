//! Registers, and sees whether the kernel's barrier orders anything.
//!
//! ```sh
//! cargo run -p bonfire --example verify
//! ```

use bonfire::{Memory, verify};

fn main() -> Result<(), bonfire::Refusal> {
    let memory = Memory::register()?;
    let verdict = verify(memory);
    println!("{verdict:?}");
    verdict.trust().map(drop)
}
