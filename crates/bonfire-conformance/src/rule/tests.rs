//! The rule, row by row, on machines as they were met and as they might be.

use super::*;

/// A quiet machine on which everything shows that stores can show.
const INTEL: Abilities = Abilities {
    handovers: 2000,
    handover_ns: 200,
    spinning_ns: 400_000,
    spun_ns: 800_000,
    kept_ns: 100,
    thrown_out_ns: 900,
    call_ns: 90,
    query_ns: 150,
    wait_rounds: 1000,
    waits_seen: 700,
    wait_ns: 3000,
    own_call_rounds: 500,
    own_call_seen: 200,
    own_wait_rounds: 500,
    own_wait_seen: 300,
    order_rounds: 0,
    order_seen: 0,
    stale_rounds: 500,
    stale_seen: 0,
    helped_rounds: 0,
    helped_seen: 0,
};
/// A call empties its caller's store buffer there.
const AMD: Abilities = Abilities { own_call_seen: 0, ..INTEL };
/// An emulator whose calls take longer than its stores wait.
const SLOW_CALLS: Abilities = Abilities {
    kept_ns: 100,
    thrown_out_ns: 100,
    call_ns: 2300,
    query_ns: 2700,
    wait_ns: 400,
    own_call_seen: 0,
    stale_seen: 7,
    ..INTEL
};
const QUICK_CALLS: Abilities = Abilities { call_ns: 180, query_ns: 200, wait_ns: 500, ..SLOW_CALLS };
const TURNS: Abilities = Abilities {
    handovers: 3,
    handover_ns: 0,
    spinning_ns: 200_000_000,
    spun_ns: 199_000_000,
    wait_ns: 0,
    waits_seen: 0,
    ..SLOW_CALLS
};
/// The same where the emulator's host had other things to do.
const BUSY: Abilities = Abilities { spun_ns: 40_000_000, wait_rounds: 4, ..TURNS };
const NOTHING: Abilities = Abilities::from_words([0; crate::abilities::WORDS]);

fn check(order: MemoryOrder, emulated: bool, measured: Abilities, expected: [(Needs, Chance); 5]) {
    for (needs, expected) in expected {
        let got = chance(needs, &Setting { order, emulated, measured });
        assert_eq!(got, expected, "{needs:?} with {order:?}, emulated: {emulated}, {measured:?}");
    }
}

use MemoryOrder::{StoreBuffer, Weak};
use Needs::Nothing;
use Reason::{
    Architecture, CallEmpties, CallOutlasts, EmulatorHides, HostOrder, NoStaleInstruction, OneAtATime,
    Translated,
};

#[test]
fn hardware_that_buffers_stores() {
    let usual = [
        (Nothing, Fair),
        (Light, Fair),
        (Caller, Fair),
        (Others, Doubtful(Architecture, 0)),
        (Stale, Doubtful(NoStaleInstruction, 1)),
    ];
    check(StoreBuffer, false, INTEL, usual);
    let [nothing, light, _, others, stale] = usual;
    let unsure = (Stale, Doubtful(NoStaleInstruction, 100));
    check(
        StoreBuffer,
        false,
        NOTHING,
        [nothing, light, (Caller, Doubtful(CallEmpties, 2000)), others, unsure],
    );
    check(StoreBuffer, false, AMD, [nothing, light, (Caller, Never(CallEmpties)), others, stale]);
}

#[test]
fn hardware_whose_calls_are_slow() {
    let traced = Abilities { call_ns: 9000, query_ns: 7000, ..INTEL };
    assert_eq!(
        chance(Light, &Setting { order: StoreBuffer, emulated: false, measured: traced }),
        Never(CallOutlasts)
    );
    let watched = Abilities { call_ns: 9000, query_ns: 2000, ..INTEL };
    let setting = Setting { order: StoreBuffer, emulated: false, measured: watched };
    assert_eq!(chance(Light, &setting), Doubtful(CallOutlasts, 100));
}

/// No doubt there: what is silent may yet be told.
#[test]
fn hardware_that_orders_little() {
    let all = [Nothing, Light, Caller, Others].map(|needs| (needs, Fair));
    let [a, b, c, d] = all;
    check(Weak, false, Abilities { stale_seen: 1, ..AMD }, [a, b, c, d, (Stale, Fair)]);
}

#[test]
fn emulators() {
    let stale = (Stale, Never(Translated));
    let others = (Others, Never(Architecture));
    let slow = [(Nothing, Fair), (Light, Never(CallOutlasts)), (Caller, Never(CallEmpties)), others, stale];
    check(StoreBuffer, true, SLOW_CALLS, slow);
    let quick =
        [(Nothing, Fair), (Light, Doubtful(EmulatorHides, 100)), (Caller, Never(CallEmpties)), others, stale];
    check(StoreBuffer, true, QUICK_CALLS, quick);
    let turns = [(Nothing, Fair), (Light, Never(OneAtATime)), (Caller, Never(OneAtATime)), others, stale];
    check(StoreBuffer, true, TURNS, turns);
    let busy = [(Nothing, Fair), (Light, Fair), (Caller, Fair), others, stale];
    check(StoreBuffer, true, BUSY, busy);
    // Of a weak architecture, on a host that keeps all but stores and loads in order.
    let measured = Abilities { order_rounds: 1000, ..QUICK_CALLS };
    let weak = [
        (Nothing, Fair),
        (Light, Doubtful(EmulatorHides, 100)),
        (Caller, Never(CallEmpties)),
        (Others, Never(HostOrder)),
        stale,
    ];
    check(Weak, true, measured, weak);
}

#[test]
fn where_code_stays_stale_nothing_can_be_said() {
    let measured = Abilities { stale_seen: 90, helped_rounds: 100, helped_seen: 80, ..INTEL };
    let setting = Setting { order: Weak, emulated: false, measured };
    assert_eq!(chance(Stale, &setting), Never(Reason::StaleAnyway));
}

#[test]
fn every_row_decides_somewhere() {
    let machines = [INTEL, AMD, SLOW_CALLS, QUICK_CALLS, TURNS, BUSY, NOTHING];
    let more = [
        Abilities { helped_seen: 1, ..INTEL },
        Abilities { order_rounds: 1000, ..QUICK_CALLS },
        Abilities { query_ns: 2000, call_ns: 2000, ..INTEL },
    ];
    for (index, row) in RULE.iter().enumerate() {
        let decides = |needs: &Needs, setting: &Setting| {
            rows(*needs).find(|row| (row.when)(setting)).is_some_and(|first| core::ptr::eq(first, row))
        };
        let settings = machines.iter().chain(&more).flat_map(|&measured| {
            [(StoreBuffer, false), (StoreBuffer, true), (Weak, false), (Weak, true)]
                .map(|(order, emulated)| Setting { order, emulated, measured })
        });
        let anywhere =
            settings.into_iter().any(|setting| row.needs.iter().any(|needs| decides(needs, &setting)));
        assert!(anywhere, "row {index}: {}", row.says);
    }
}
