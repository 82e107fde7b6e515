//! Hooks that a kernel forgets: a CPU of which nothing is known, and one of which
//! what was told is not so. A call reaches both.

use bonfire_abi::Command::{PrivateExpedited, RegisterPrivateExpedited};

use super::shape::{MAIN, Shape, Told};
use super::situation::{CALLER, FAST, STRANGER};
use super::{Scenario, part};
use crate::vocabulary::{Act, On};

use Act::{Call, Forget, Online, Switch};

const CALL: Act = Call(PrivateExpedited);

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    MAIN.into_iter().flat_map(of_shape).collect()
}

fn of_shape(shape: Shape) -> Vec<Scenario> {
    let (mine, theirs) = shape.sides(0);
    let calls = || part(CALLER, &[mine[0], CALL, mine[1]]);
    let two = |name, about, caller, other| Scenario::of_shape(name, about, shape, vec![caller, other]);
    let of_nobody = [Online, Forget(FAST), theirs[0], theirs[1], Switch(On::Kernel)];
    let lazily = [theirs[0], theirs[1], Forget(On::Lazy(0)), Switch(STRANGER)];
    let borrow = Act::Borrow { space: 0, thread: 4 };
    let again = [Forget(FAST), Switch(On::Kernel), Forget(FAST), theirs[0], theirs[1]];
    let found_out = [Forget(FAST), CALL, theirs[0], theirs[1]];
    vec![
        two(
            "u1",
            "the fast side runs on a CPU that came online and was told nothing, and leaves it with the first hook",
            calls(),
            part(None, &of_nobody),
        ),
        two(
            "u2",
            "the fast side's CPU is not told that it is left to the kernel, and is then switched to a stranger",
            calls(),
            part(FAST, &lazily),
        ),
        two(
            "u2+both",
            "the fast side's CPU is not told that it is left to the kernel, and is then switched to a stranger, \
             which is registered, too",
            calls(),
            part(FAST, &lazily),
        )
        .registered(&[(0, RegisterPrivateExpedited), (1, RegisterPrivateExpedited)]),
        two(
            "u6",
            "both CPUs come online at once; the caller's is told who runs, and the fast side's is not",
            part(None, &[Online, Switch(CALLER), mine[0], CALL, mine[1]]),
            part(None, &[Online, Forget(FAST), theirs[0], theirs[1]]),
        ),
        two(
            "u7",
            "the fast side's CPU comes online and is told of a kernel thread, which then uses the address space",
            calls(),
            part(None, &[Online, Switch(On::Kernel), borrow, theirs[0], theirs[1]]),
        ),
        two(
            "u3",
            "the fast side's CPU is not told of it for a second time, after a hook found out the first",
            calls(),
            part(On::Kernel, &again),
        ),
        two(
            "u4",
            "the caller's CPU was not told of it",
            part(On::Kernel, &[Forget(CALLER), mine[0], CALL, mine[1]]),
            part(FAST, &[theirs[0], theirs[1]]),
        ),
        two(
            "u5",
            "the fast side's CPU was not told of it, which its own call finds out",
            calls(),
            part(On::Kernel, &found_out),
        ),
    ]
}
