//! What goes wrong at each point: a slip for every way in which what happens there
//! can be done otherwise.

use std::collections::{BTreeMap, BTreeSet};

use super::interpose::Points;
use super::slip::{
    Access, FENCES, GATE, GLOBAL, Met, PRIVATE, Place, READY, REGISTRATION, SYNC_CORE, Slip, What, Wrong,
};

/// All that goes wrong at the points that a design passes.
#[must_use]
pub fn slips(points: &Points) -> Vec<Slip> {
    let mut places: BTreeMap<&What, BTreeSet<Place>> = BTreeMap::new();
    for point in points.keys() {
        places.entry(&point.what).or_default().insert(point.at);
    }
    let all = points.iter().flat_map(|(point, met)| {
        let wrongs = wrongs(&point.what, *met, places[&point.what].len() > 1);
        wrongs.into_iter().map(|wrong| Slip { point: point.clone(), wrong })
    });
    all.collect()
}

fn wrongs(what: &What, met: Met, is_elsewhere: bool) -> Vec<Wrong> {
    use Wrong::{BehindAccess, Early, GivesUp, GivesUpServed, IgnoresInbox, LeftOut, NotIfBoth, Off, Twice};
    match what {
        What::Word(word, access) => of_word(word, *access, met),
        What::Choice(context, _, _) => of_choice(context),
        What::Barrier(_) => {
            let and = |is_so: bool, wrong| is_so.then_some(wrong);
            let all = [Some(BehindAccess), and(is_elsewhere, LeftOut), and(met.of_two, NotIfBoth)];
            all.into_iter().flatten().collect()
        }
        What::Poke => vec![LeftOut, Twice, Early],
        What::Wait => vec![LeftOut, Off(1), Off(-1), IgnoresInbox, GivesUp, GivesUpServed],
        What::Closed | What::Lock | What::Restart => vec![LeftOut],
        What::Pin => vec![Early],
        What::Hook(hook) => of_hook(hook),
    }
}

fn of_word(word: &str, access: Access, met: Met) -> Vec<Wrong> {
    use Access::{Clear, FetchOr, Load, Set, Store, Swap};
    let mut all = Vec::new();
    if met.is_ordered {
        all.push(Wrong::Relaxed);
    }
    match access {
        Load => {}
        Store => all.extend([Wrong::LeftOut, Wrong::Late]),
        Set | Clear => all.extend([Wrong::LeftOut, Wrong::Late, Wrong::Split]),
        Swap | FetchOr => all.extend([Wrong::LeftOut, Wrong::Split]),
    }
    let without = |bits: u64| (0..64).filter(move |bit| bits >> bit & 1 != 0).map(Wrong::Without);
    match (word, access) {
        ("request", Load) => all.push(Wrong::IsEnough),
        ("request", FetchOr) => {
            all.push(Wrong::PokesAgain);
            all.extend(without(met.bits & 0b1111));
        }
        ("request", Swap) => {
            all.extend([Wrong::Off(1), Wrong::Off(-1)]);
            let flags = [1, 2, 3];
            let beside = |flag| flags.into_iter().filter(move |&other| other != flag);
            all.extend(
                flags.into_iter().flat_map(|flag| beside(flag).map(move |other| Wrong::Forgets(flag, other))),
            );
        }
        ("done", Store) => all.extend([Wrong::Off(1), Wrong::Off(-1)]),
        ("state", Set | Store) => all.extend(without(met.bits)),
        ("occupant", Store) => all.extend(without(met.bits & 1)),
        _ => {}
    }
    all
}

/// What a command or a hook can mistake an address space for.
fn of_choice(context: &str) -> Vec<Wrong> {
    match context {
        GATE => vec![Wrong::GateInverted, Wrong::TakesIntent],
        REGISTRATION => vec![
            Wrong::GateInverted,
            Wrong::Inverted(READY),
            Wrong::Inverted(GLOBAL),
            Wrong::TakesIntent,
            Wrong::TakesIntentBehindAnother,
        ],
        "GET_REGISTRATIONS" => vec![Wrong::Inverted(PRIVATE), Wrong::Inverted(GLOBAL)],
        _ => [FENCES, SYNC_CORE, GLOBAL].map(Wrong::Inverted).to_vec(),
    }
}

fn of_hook(hook: &str) -> Vec<Wrong> {
    use Wrong::{Exchanged, FromKernel, LeftOut, ToKernel, ToOther};
    match hook {
        "switch" => vec![LeftOut, Exchanged, FromKernel, ToKernel, ToOther],
        "exit" | "return_space" => vec![LeftOut, ToKernel, ToOther],
        "exec" | "fork" => vec![LeftOut, Exchanged, ToOther],
        "borrow_space" => vec![LeftOut, FromKernel, ToOther],
        "handle_poke" => vec![LeftOut],
        _ => vec![LeftOut],
    }
}
