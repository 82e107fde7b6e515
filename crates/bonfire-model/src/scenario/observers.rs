//! One slow side and more than one fast, or a chain of them.

use bonfire_abi::Command::PrivateExpedited;
use bonfire_conformance::shape::{IRIW, ISA2, SB, WRC};

use super::shape::{Shape, Told};
use super::situation::{CALLER, FAST, ONE, OTHER, SIBLING, TWO};
use super::{Part, Scenario, outcomes, part};
use crate::vocabulary::{Act, On, Var::X};

use Act::{Call, Fence, Read, Switch};

const CALL: Act = Call(PrivateExpedited);

/// Those of three and four CPUs.
pub(super) fn more_cpus() -> Vec<Scenario> {
    let two_light = behind("two light", "with a light fence", None);
    let everything = two_light.expected.union(&two_light.forbidden).cloned().collect();
    vec![
        of_many(WRC, "one writes, the caller passes on what it saw, and the fast side reads both"),
        of_many(
            Shape { heavy: 2, ..WRC },
            "one writes, the fast side passes on what it saw, and the caller reads both",
        ),
        of_many(ISA2, "a publisher, a caller that passes it on, and a third that reads behind a full fence"),
        behind("two heavy", "behind a call of its own", Some(CALL)),
        Scenario {
            about: format!(
                "{}: a barrier at some time on each of two fast sides is none between them, so everything may \
                 be seen",
                two_light.about
            ),
            expected: everything,
            forbidden: Default::default(),
            ..two_light
        },
        of_many(IRIW, "two write, and the caller and the fast side read both words, each in another order"),
        beside_another(),
    ]
}

/// A shape of several threads: the caller first, then those with a light fence, then
/// those with one access, who are strangers.
fn of_many(shape: Shape, about: &str) -> Scenario {
    let others = || (0..shape.threads.len()).filter(|&thread| thread != shape.heavy);
    let (light, bare): (Vec<usize>, Vec<usize>) =
        others().partition(|&thread| shape.threads[thread].len() > 1);
    let on = |thread| shape.acts(thread, 0, None);
    let mut parts = vec![part(CALLER, &on_call(&shape))];
    parts.extend(light.into_iter().zip([FAST, OTHER]).map(|(thread, who)| part(who, &on(thread))));
    parts.extend(bare.into_iter().zip([ONE, TWO]).map(|(thread, who)| part(who, &on(thread))));
    forbids(&shape.to_string(), about, &shape, parts)
}

/// `ISA2`, its third thread with something else in place of its fence.
fn behind(name: &str, how: &str, fence: Option<Act>) -> Scenario {
    let last =
        ISA2.acts(2, 0, None).into_iter().filter_map(|act| if act == Fence { fence } else { Some(act) });
    let parts = vec![
        part(FAST, &ISA2.acts(0, 0, None)),
        part(CALLER, &on_call(&ISA2)),
        part(OTHER, &last.collect::<Vec<_>>()),
    ];
    let about = format!("a publisher, a caller that passes it on, and a third that reads {how}");
    forbids(&format!("{ISA2}/{name}"), &about, &ISA2, parts)
}

/// Store buffering beside a third CPU that reads one of the words and switches.
fn beside_another() -> Scenario {
    let third: [Act; 2] = [Read(X, 2), Switch(SIBLING)];
    let on: [(On, Vec<Act>); 3] =
        [(CALLER, on_call(&SB)), (FAST, SB.acts(1, 0, None)), (OTHER, third.to_vec())];
    let scenario = forbids(
        "K3",
        "store buffering with one caller and one fast side, beside another fast side that switches",
        &SB,
        on.map(|(who, acts)| part(who, &acts)).to_vec(),
    );
    let all = outcomes(&[0, 1], 3);
    let (forbidden, expected) = all.into_iter().partition(|outcome| outcome.starts_with(&SB.forbidden()));
    Scenario { registers: 3, forbidden, expected, ..scenario }
}

fn on_call(shape: &Shape) -> Vec<Act> {
    shape.acts(shape.heavy, 0, Some(CALL))
}

/// A scenario that must not end as a shape must not.
fn forbids(name: &str, about: &str, shape: &Shape, parts: Vec<Part>) -> Scenario {
    Scenario {
        registers: shape.registers(),
        forbidden: [shape.forbidden()].into(),
        expected: shape.expected(),
        shape: Some(*shape),
        ..Scenario::bare(name, about, parts)
    }
}
