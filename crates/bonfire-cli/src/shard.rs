//! Shards: parts of a whole that are run anywhere, and put together.
//!
//! A run belongs to a shard by its name and by nothing else: `1 + hash % N`, the
//! hash being FNV-1a (64 bits). So neither the number of threads nor what else
//! is asked moves a run from one to another.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The part of this number, from 1, of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) number: u32,
    pub(crate) of: u32,
}

impl Shard {
    /// Whether the run of this name belongs to it.
    pub(crate) fn has(self, name: &str) -> bool {
        1 + fnv1a(name) % u64::from(self.of) == u64::from(self.number)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers =
            text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            Some((_, of)) if of > 0 => Err(format!("there is no such shard: they are 1/{of} to {of}/{of}")),
            _ => Err("a shard is I/N, such as 2/4 for the second of four".to_owned()),
        }
    }
}

/// A number that is the same everywhere and always.
pub(crate) fn fnv1a(text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_one_of_those_that_there_are() {
        assert_eq!("2/4".parse(), Ok(Shard { number: 2, of: 4 }));
        for wrong in ["0/4", "5/4"] {
            assert!(wrong.parse::<Shard>().is_err_and(|error| error.contains("1/4 to 4/4")), "{wrong}");
        }
        for wrong in ["", "4", "1/0", "0/0", "-1/4", "1/2/3", "one/4"] {
            assert!(wrong.parse::<Shard>().is_err_and(|error| error.contains("such as 2/4")), "{wrong}");
        }
    }

    /// Were it to change, shards of one version could not be put together.
    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }
}
