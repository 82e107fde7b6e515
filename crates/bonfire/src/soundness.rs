#![doc = include_str!("../docs/soundness.md")]
