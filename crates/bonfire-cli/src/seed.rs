//! Where the random choices of a run start: a number that a user gives, or that is
//! drawn and shown.

use rand::TryRng;
use rand::rngs::SysRng;

use crate::sys;

/// A number as reports show it (`0x…`), or in decimal.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "not a number below 2^64, in decimal or in hexadecimal with 0x".into())
}

/// The seed that was given, or one that is drawn. A system without random numbers
/// still has a clock and has started other processes: enough for delays to differ.
pub(crate) fn given_or_drawn(given: Option<u64>) -> u64 {
    given.or_else(from_system).unwrap_or_else(|| sys::now_ns() ^ u64::from(std::process::id()) << 32)
}

/// Whether the system has random numbers: what hashes anything needs some.
pub(crate) fn is_random() -> bool {
    from_system().is_some()
}

fn from_system() -> Option<u64> {
    SysRng.try_next_u64().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_read_as_it_is_shown() {
        assert_eq!(parse("17"), Ok(17));
        assert_eq!(parse("0xffffffffffffffff"), Ok(u64::MAX));
        assert!(parse("ff").is_err());
        assert!(parse("18446744073709551616").is_err());
    }
}
