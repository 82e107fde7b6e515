//! Calls that are refused, and calls that only ask: what each answers, and that
//! they disturb nobody.

use std::collections::BTreeSet;

use bonfire_abi::Command::{
    self, GetRegistrations, Global, GlobalExpedited, PrivateExpedited, Query, RegisterGlobalExpedited,
    RegisterPrivateExpedited, RegisterRseq, RegisterSyncCore, Rseq, SyncCore,
};
use bonfire_abi::{Commands, Flavour, Registrations};
use bonfire_engine::Design;

use super::situation::{CALLER, FAST};
use super::{Needs, Scenario, outcomes, part};
use crate::vocabulary::{
    Act, INVALID, NOT_REGISTERED,
    Var::{X, Y, Z},
    user,
};

/// Those of two CPUs.
pub(super) fn two_cpus() -> Vec<Scenario> {
    use Needs::{CoreSyncAndRseq, Nothing};
    let unregistered =
        [(PrivateExpedited, NOT_REGISTERED), (SyncCore, NOT_REGISTERED), (Rseq, NOT_REGISTERED)];
    let core = [(RegisterSyncCore, INVALID), (SyncCore, INVALID)];
    let rseq = [(RegisterRseq, INVALID), (Rseq, INVALID)];
    let private = Registrations::NONE.with(Flavour::Private).reported().mask();
    vec![
        answers(
            "no gate",
            "nothing is registered, so every private call is refused",
            CoreSyncAndRseq,
            &unregistered,
        )
        .registered(&[]),
        answers(
            "other gates",
            "one flavour is registered, so the others are refused",
            CoreSyncAndRseq,
            &[(SyncCore, NOT_REGISTERED), (Rseq, NOT_REGISTERED)],
        ),
        answers("no core sync", "a machine that serialises no core knows no such command", Nothing, &core),
        answers("no rseq", "a machine that restarts no section knows no such command", Nothing, &rseq),
        answers(
            "asks",
            "a machine says what it knows and a process what it registered for",
            CoreSyncAndRseq,
            &[(GetRegistrations, u64::from(private)), (Query, u64::from(EVERYTHING.mask()))],
        ),
        answers(
            "asks less",
            "a machine with nothing more says so, and a process that registered for nothing",
            Nothing,
            &[(GetRegistrations, 0), (Query, u64::from(MINIMUM.mask()))],
        )
        .registered(&[]),
        answers(
            "again",
            "a process that has registered may do so again, at no cost to others",
            CoreSyncAndRseq,
            &[(RegisterPrivateExpedited, 0), (RegisterGlobalExpedited, 0)],
        )
        .registered(&[(0, RegisterPrivateExpedited), (0, RegisterGlobalExpedited)]),
        answers(
            "again, rest",
            "a process that has registered for everything may do so again, at no cost to others",
            CoreSyncAndRseq,
            &[(RegisterSyncCore, 0), (RegisterRseq, 0)],
        )
        .registered(&[(0, RegisterSyncCore), (0, RegisterRseq)]),
        child("registers", &[RegisterPrivateExpedited, RegisterGlobalExpedited]),
        child("registers the rest", &[RegisterSyncCore, RegisterRseq]),
        // Who chooses nobody pokes all.
        Scenario {
            designs: Design::ALL[1..].to_vec(),
            ..child("calls", &[PrivateExpedited, SyncCore, Rseq])
        },
        Scenario {
            designs: vec![Design::Everywhere],
            is_quiet: false,
            ..child("calls all", &[PrivateExpedited, SyncCore, Rseq])
        },
    ]
}

const MINIMUM: Commands = Commands::NONE
    .with(Global)
    .with(GlobalExpedited)
    .with(RegisterGlobalExpedited)
    .with(PrivateExpedited)
    .with(RegisterPrivateExpedited)
    .with(GetRegistrations);
const EVERYTHING: Commands = MINIMUM.with(SyncCore).with(RegisterSyncCore).with(Rseq).with(RegisterRseq);

/// A child has what its parent registered for: it may call, and register again,
/// and nobody else is concerned.
fn child(does: &str, asks: &[Command]) -> Scenario {
    let asked: Vec<(Command, u64)> = asks.iter().map(|&command| (command, 0)).collect();
    let about = format!("a child has what its parent registered for, and {does} without disturbing anybody");
    let mut scenario = answers(&format!("child/{does}"), &about, Needs::CoreSyncAndRseq, &asked);
    scenario.parts[0].acts.splice(0..0, [Act::Fork(1), Act::Switch(user(1, 4))]);
    let registrations = [RegisterPrivateExpedited, RegisterGlobalExpedited, RegisterSyncCore, RegisterRseq];
    scenario.registered(&registrations.map(|command| (0, command)))
}

/// A thread asks, one after the other, and nobody is interrupted.
fn answers(name: &str, about: &str, needs: Needs, asked: &[(Command, u64)]) -> Scenario {
    let acts: Vec<Act> =
        asked.iter().zip([X, Y, Z]).map(|(&(command, _), var)| Act::Answer(command, var)).collect();
    let right: Vec<u64> = asked.iter().map(|&(_, answer)| answer).collect();
    let mut values = vec![0, INVALID, NOT_REGISTERED];
    values.extend(&right);
    let mut forbidden = outcomes(&values, right.len());
    forbidden.remove(&right);
    Scenario {
        shown: [X, Y, Z][..asked.len()].to_vec(),
        forbidden,
        expected: BTreeSet::from([right]),
        is_quiet: true,
        needs,
        ..Scenario::bare(name, about, vec![part(CALLER, &acts), part(FAST, &[])])
    }
}
