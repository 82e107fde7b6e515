#![doc = include_str!("../docs/porting-a-library.md")]
