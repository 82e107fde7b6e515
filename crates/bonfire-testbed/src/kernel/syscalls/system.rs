//! What a program is told of the system: its name, limits, random numbers.

use super::{Answer, EPERM};
use crate::space::Space;
use crate::{random, user};
use bonfire_testbed::{Architecture, calls::Address};

/// Linux's `struct utsname`: six names of 65 bytes.
pub(super) fn names(space: &Space, names: Address) -> Answer {
    const LENGTH: usize = 65;
    let mut bytes = [0; 6 * LENGTH];
    let texts = ["Linux", "bonfire", crate::RELEASE, crate::VERSION, Architecture::OWN.name(), ""];
    for (place, text) in bytes.chunks_exact_mut(LENGTH).zip(texts) {
        place[..text.len()].copy_from_slice(text.as_bytes());
    }
    user::write_bytes(space, names.0, &bytes)?;
    Ok(0)
}

/// Limits are told and not changed.
pub(super) fn limits(space: &Space, resource: u32, new: Address, old: Address) -> Answer {
    const STACK: u32 = 3;
    const UNLIMITED: u64 = u64::MAX;
    if new.0 != 0 {
        return Err(EPERM);
    }
    if old.0 != 0 {
        let limit = if resource == STACK { 8 << 20 } else { UNLIMITED };
        user::write(space, old.0, [limit, UNLIMITED])?;
    }
    Ok(0)
}

pub(super) fn random(space: &Space, to: Address, length: u64) -> Answer {
    const MOST: u64 = 256;
    let length = length.min(MOST);
    let bytes = random::bytes::<{ MOST as usize }>();
    user::write_bytes(space, to.0, &bytes[..length as usize])?;
    Ok(length)
}
