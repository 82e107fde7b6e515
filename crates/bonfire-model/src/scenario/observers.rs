//! One slow side and more than one fast, or a chain of them.

use bonfire_abi::Command::PrivateExpedited;

use super::situation::{CALLER, FAST, ONE, OTHER, SIBLING, TWO};
use super::{Part, Scenario, outcomes, part};
use crate::explorer::Outcome;
use crate::vocabulary::{
    Act,
    Var::{X, Y, Z},
};

use Act::{Call, Fence, Read, Switch, Write};

const CALL: Act = Call(PrivateExpedited);

/// Those of three and four CPUs.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let publisher = part(FAST, &[Write(X, 1), Write(Y, 1)]);
    let middle = part(CALLER, &[Read(Y, 0), CALL, Write(Z, 1)]);
    let last = |on, acts: &[Act]| vec![publisher.clone(), middle.clone(), part(on, acts)];
    let chain = |name: &str, about: &str, parts| forbids(name, about, 3, vec![1, 1, 0], parts);
    let two_light = chain(
        "ISA2/two light",
        "a publisher, a caller, and a third that reads with a light fence: a barrier at some time on each of \
         two fast sides is none between them, so everything may be seen",
        last(OTHER, &[Read(Z, 1), Read(X, 2)]),
    );
    let everything = two_light.expected.union(&two_light.forbidden).cloned().collect();
    vec![
        forbids(
            "WRC",
            "the fast side reads what a third wrote and passes it on; who reads that, calls, and reads what \
             the third wrote",
            3,
            vec![1, 1, 0],
            vec![
                part(CALLER, &[Read(Y, 1), CALL, Read(X, 2)]),
                part(FAST, &[Read(X, 0), Write(Y, 1)]),
                part(ONE, &[Write(X, 1)]),
            ],
        ),
        chain(
            "ISA2",
            "a publisher, a caller that passes it on, and a third that reads behind a full fence of its own",
            last(OTHER, &[Read(Z, 1), Fence, Read(X, 2)]),
        ),
        chain(
            "ISA2/two heavy",
            "a publisher, a caller that passes it on, and a third that reads behind a call of its own",
            last(OTHER, &[Read(Z, 1), CALL, Read(X, 2)]),
        ),
        Scenario { expected: everything, forbidden: Default::default(), ..two_light },
        forbids(
            "IRIW",
            "two write, and the caller and the fast side read both words, each in another order",
            4,
            vec![1, 0, 1, 0],
            vec![
                part(CALLER, &[Read(X, 0), CALL, Read(Y, 1)]),
                part(FAST, &[Read(Y, 2), Read(X, 3)]),
                part(ONE, &[Write(X, 1)]),
                part(TWO, &[Write(Y, 1)]),
            ],
        ),
        forbids(
            "K3",
            "store buffering with one caller and one fast side, beside another fast side that switches",
            3,
            vec![0, 0],
            vec![
                part(CALLER, &[Write(X, 1), CALL, Read(Y, 0)]),
                part(FAST, &[Write(Y, 1), Read(X, 1)]),
                part(OTHER, &[Read(X, 2), Switch(SIBLING)]),
            ],
        ),
    ]
}

/// A scenario that must not end with registers that begin with `bad`.
fn forbids(name: &str, about: &str, registers: usize, bad: Outcome, parts: Vec<Part>) -> Scenario {
    let all = outcomes(&[0, 1], registers);
    let (forbidden, expected) = all.into_iter().partition(|outcome| outcome.starts_with(&bad));
    Scenario { registers, forbidden, expected, ..Scenario::bare(name, about, parts) }
}
