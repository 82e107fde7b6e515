//! The obvious way to make requests, and the seven ways in which it fails.
//!
//! For each CPU a count of what is wanted, a count of what is done, and a flag
//! that says that a poke is on its way. A caller adds one, and pokes unless the
//! flag was set; the handler clears the flag, reads what is wanted, passes a
//! barrier, and says it is done. It looks right, and each fault below was once
//! in a design that somebody had thought about.

use std::rc::Rc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use super::Planted;
use crate::explorer::{
    Barrier, Body, IsFlaw, Pokes, Shared, Test, core_sync, declare_code, drop_pokes, fence, name_word, poke,
    without_interrupts,
};

/// The seven faults.
pub(super) fn faults() -> Vec<Planted> {
    let fault = |name, about, test| Planted { name, about, cites: "the protocol of counts", test };
    vec![
        fault(
            "1: lost wake-up",
            "the flag is cleared by a store, which waits in the buffer while the count is read",
            |cured| hangs(Obvious { clears_by_swap: cured, ..Obvious::CURED }, TWO_CALLERS),
        ),
        fault("2: lost flavour", "the flavour is put in after the count", |cured| {
            stale_code(Obvious { flavour_first: cured, ..Obvious::CURED })
        }),
        fault(
            "3: late reading while going offline",
            "a caller waits for a request that came after the last serve, of somebody else",
            |cured| hangs(Obvious { own_number: cured, ..Obvious::CURED }, TWO_CALLERS_OFFLINE),
        ),
        fault(
            "4: no barrier before looking again",
            "between asking and looking whether the CPU is still online",
            |cured| hangs(Obvious { fences_reread: cured, ..Obvious::CURED }, ONE_CALLER_OFFLINE),
        ),
        fault(
            "5: silence on coming online",
            "a flag is still set for a poke that was lost, and nobody pokes again",
            |cured| hangs(Obvious { serves_online: cured, ..Obvious::CURED }, OFFLINE_ONLINE),
        ),
        fault(
            "6: offline without a barrier",
            "the online bit is cleared before what ran there is visible",
            |cured| unseen(Obvious { fences_offline: cured, ..Obvious::CURED }),
        ),
        fault(
            "7: polling with interrupts on",
            "a handler comes between reading and answering, and an answer is taken back",
            |cured| hangs(Obvious { polls_closed: cured, ..Obvious::CURED }, POLLED),
        ),
    ]
}

/// The protocol, with each of its faults cured or not.
#[derive(Clone, Copy)]
struct Obvious {
    clears_by_swap: bool,
    flavour_first: bool,
    own_number: bool,
    fences_reread: bool,
    serves_online: bool,
    fences_offline: bool,
    polls_closed: bool,
}

impl Obvious {
    const CURED: Self = Self {
        clears_by_swap: true,
        flavour_first: true,
        own_number: true,
        fences_reread: true,
        serves_online: true,
        fences_offline: true,
        polls_closed: true,
    };
}

/// What a CPU does.
#[derive(Clone, Copy)]
enum Do {
    /// Asks CPU 1 for a barrier.
    Call,
    /// Asks CPU 1 for a core serialisation.
    CallCore,
    Offline,
    Online,
    Poll,
    Write(usize),
    Read(usize, u8),
    WriteCode,
    Fetch(u8),
}
use Do::{Call, CallCore, Fetch, Offline, Online, Poll, Read, Write, WriteCode};

type Parts = &'static [&'static [Do]];

const TWO_CALLERS: Parts = &[&[Call], &[], &[Call]];
const ONE_CALLER_OFFLINE: Parts = &[&[Call], &[Offline]];
const TWO_CALLERS_OFFLINE: Parts = &[&[Call], &[Offline], &[Call]];
const OFFLINE_ONLINE: Parts = &[&[Call, Call], &[Offline, Online]];
const POLLED: Parts = &[&[Call], &[Poll], &[Call]];

/// Nothing is read: it must come to an end.
fn hangs(protocol: Obvious, parts: Parts) -> Test {
    test(protocol, parts, 0, Box::new(|_| false))
}

/// Code is replaced while another caller asks for a barrier.
fn stale_code(protocol: Obvious) -> Test {
    const PARTS: Parts = &[&[WriteCode, CallCore, Write(0)], &[Read(0, 0), Fetch(1)], &[Call]];
    test(protocol, PARTS, 2, Box::new(|outcome| outcome == [1, 0]))
}

/// Message passing from a CPU that then goes offline.
fn unseen(protocol: Obvious) -> Test {
    const PARTS: Parts = &[&[Read(1, 0), Call, Read(0, 1)], &[Write(0), Write(1), Offline]];
    test(protocol, PARTS, 2, Box::new(|outcome| outcome == [1, 0]))
}

fn test(protocol: Obvious, parts: Parts, registers: usize, is_flaw: IsFlaw) -> Test {
    let words = Rc::new(Words::new(protocol));
    let bodies = parts.iter().map(|part| {
        let words = Rc::clone(&words);
        Box::new(move || part.iter().for_each(|&act| words.act(act))) as Body
    });
    let bodies = bodies.collect();
    let handler = Rc::clone(&words);
    Test {
        set_up: Box::new(move || words.set_up()),
        bodies,
        handler: Rc::new(move |_, _| handler.serve()),
        registers,
        pokes: Pokes::Any,
        is_flaw,
    }
}

/// The words of CPU 1, the only target.
struct Words {
    protocol: Obvious,
    wanted: Shared,
    done: Shared,
    poked: Shared,
    flavours: Shared,
    online: Shared,
    vars: [Shared; 2],
    code: Shared,
}

impl Words {
    const fn new(protocol: Obvious) -> Self {
        Self {
            protocol,
            wanted: Shared::new(0),
            done: Shared::new(0),
            poked: Shared::new(0),
            flavours: Shared::new(0),
            online: Shared::new(1),
            vars: [const { Shared::new(0) }; 2],
            code: Shared::new(0),
        }
    }

    fn set_up(&self) {
        let words = [
            (&self.wanted, "wanted"),
            (&self.done, "done"),
            (&self.poked, "poked"),
            (&self.flavours, "flavours"),
            (&self.online, "online"),
            (&self.vars[0], "x"),
            (&self.vars[1], "y"),
            (&self.code, "code"),
        ];
        words.into_iter().for_each(|(word, name)| name_word(word, name));
        declare_code(&self.code);
    }

    fn act(&self, act: Do) {
        match act {
            Call => self.call(false),
            CallCore => self.call(true),
            Offline => self.offline(),
            Online => self.online(),
            Poll if self.protocol.polls_closed => without_interrupts(|| self.serve()),
            Poll => self.serve(),
            Write(var) => self.vars[var].store(1, Relaxed),
            Read(var, register) => self.vars[var].observe(register),
            WriteCode => self.code.store(1, Relaxed),
            Fetch(register) => self.code.fetch(register),
        }
    }

    fn call(&self, core: bool) {
        fence(Barrier::Full, "entry");
        if self.online.load(Relaxed) != 0 {
            self.ask_and_wait(core);
        }
        fence(Barrier::Full, "exit");
    }

    fn ask_and_wait(&self, core: bool) {
        let first = self.protocol.flavour_first;
        if core && first {
            self.flavours.set(1, Relaxed);
        }
        let own = self.wanted.fetch_add(1, Release) + 1;
        if core && !first {
            self.flavours.set(1, Relaxed);
        }
        if self.poked.swap(1, Release) == 0 {
            poke(0b10);
        }
        if self.protocol.fences_reread {
            fence(Barrier::Full, "look again");
        }
        if self.online.load(Relaxed) == 0 {
            return;
        }
        let needed = if self.protocol.own_number { own } else { self.wanted.load(Relaxed) };
        self.done.wait(needed, Relaxed);
    }

    /// What CPU 1 does when it is poked.
    fn serve(&self) {
        if self.protocol.clears_by_swap {
            self.poked.swap(0, Acquire);
        } else {
            self.poked.store(0, Relaxed);
        }
        let wanted = self.wanted.load(Acquire);
        let core = self.flavours.swap(0, Relaxed) != 0;
        fence(Barrier::Full, "handler");
        if core {
            core_sync("handler");
        }
        self.done.store(wanted, Relaxed);
    }

    fn offline(&self) {
        without_interrupts(|| {
            if self.protocol.fences_offline {
                fence(Barrier::Full, "offline");
            }
            self.online.store(0, Relaxed);
            fence(Barrier::Full, "offline, then serve");
            self.serve();
            drop_pokes(true);
        });
    }

    fn online(&self) {
        without_interrupts(|| {
            drop_pokes(false);
            self.online.store(1, Relaxed);
            fence(Barrier::Full, "online");
            if self.protocol.serves_online {
                self.serve();
            }
        });
    }
}
