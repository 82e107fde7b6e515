//! What stands between the engine and the explorer: it writes down the points
//! that the engine passes, and does one thing otherwise.
//!
//! A program is replayed from its beginning again and again, so all that is kept
//! here from one operation to the next is forgotten when a program begins, and
//! is done with when an act ends.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::Ordering;

use bonfire_engine::Site;

use super::slip::{Access, FENCES, Met, Place, Point, READY, Role, Slip, What, Wrong, context, gate};
use crate::explorer::{
    Barrier, Change, Op, Shared, WordId, acquires, in_set_up, perform_at, releases, word_name, word_named,
};

/// The points that were passed, and what was met there.
pub type Points = BTreeMap<Point, Met>;

thread_local! {
    static INTERPOSER: RefCell<Interposer> = RefCell::default();
}

#[derive(Default)]
struct Interposer {
    slip: Option<Slip>,
    points: Points,
    context: Context,
    /// How often each address space was looked at in this context.
    looked: [u8; 8],
    /// Stores that wait for a barrier.
    late: Vec<(Op, &'static Location<'static>)>,
    /// Whether one crossed a barrier, or a barrier an access.
    crossed: bool,
    /// A barrier that waits for an access.
    barrier: Option<(Op, Site, &'static Location<'static>)>,
    /// How many pins there are, and whether something was done without one.
    pins: u32,
    unpinned: bool,
    /// The CPU on which the caller began its call, if it is to move.
    moved_from: Option<usize>,
    has_served: bool,
}

/// What the kernel is about: which hook or command, and whom it concerns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context {
    pub(crate) name: &'static str,
    pub(crate) left: Option<usize>,
    pub(crate) entered: Option<usize>,
}

fn with<R>(body: impl FnOnce(&mut Interposer) -> R) -> R {
    INTERPOSER.with_borrow_mut(body)
}

/// Before a run: this goes otherwise in it.
pub(crate) fn start(slip: Option<Slip>) {
    with(|this| *this = Interposer { slip, ..Interposer::default() });
}

/// After a run.
pub(crate) struct Seen {
    /// The points that were passed.
    pub(crate) points: Points,
    /// Whether the engine did something unpinned for which it must be pinned.
    pub(crate) unpinned: bool,
    /// Whether what was to wait for a barrier or an access met one.
    pub(crate) crossed: bool,
}

/// What was seen since [`start`].
pub(crate) fn seen() -> Seen {
    with(|this| Seen {
        points: std::mem::take(&mut this.points),
        unpinned: this.unpinned,
        crossed: this.crossed,
    })
}

/// A program begins.
pub(crate) fn begin() {
    with(|this| {
        this.context = Context::default();
        this.late.clear();
        this.barrier = None;
        this.pins = 0;
        this.moved_from = None;
        this.has_served = false;
    });
}

/// Runs a part of the engine: what waits for something is done when it ends.
pub(crate) fn within<R>(context: Context, body: impl FnOnce() -> R) -> R {
    let before = enter(context);
    let result = body();
    leave(before);
    result
}

/// What goes before [`within`], which is compiled for each body.
fn enter(context: Context) -> Context {
    with(|this| {
        this.looked = [0; 8];
        std::mem::replace(&mut this.context, context)
    })
}

/// What goes after it.
fn leave(before: Context) {
    do_what_waits();
    with(|this| this.context = before);
}

/// What goes wrong where the kernel calls `hook`.
pub(crate) fn hook(hook: &'static str) -> Option<Wrong> {
    let point = Point { what: What::Hook(hook), at: Place::default() };
    note(point, Met::default())
}

/// The engine accesses a word of its own.
#[track_caller]
pub(crate) fn access(word: &Shared, access: Access, operand: u64, order: Ordering) -> u64 {
    let at = Location::caller();
    let id = word.id();
    if in_set_up() {
        return in_advance(id, access, operand, order, at);
    }
    if with(|this| this.late.iter().any(|(op, _)| op.writes() == Some(id))) {
        // Accesses of one word stay in order.
        let late = with(|this| std::mem::take(&mut this.late));
        late.into_iter().for_each(|(op, at)| {
            perform_at(op, "", at);
        });
    }
    let name = word_name(id);
    let answer = match choice(&name, access) {
        Some(what) => look(id, what, order, at),
        None => word_access(id, &name, access, operand, order, at),
    };
    if let Some((op, site, at)) = with(|this| this.barrier.take()) {
        with(|this| this.crossed = true);
        perform_at(op, site.name(), at);
    }
    answer
}

/// In a set-up all is as it should be, but for the bit of a state word that is
/// left out: what was registered long ago lacks it, too.
fn in_advance(
    id: WordId,
    access: Access,
    operand: u64,
    order: Ordering,
    at: &'static Location<'static>,
) -> u64 {
    if access != Access::Set || !word_name(id).ends_with(".state") {
        return plain(id, access, operand, order, at);
    }
    let point = Point { what: What::Word("state".to_owned(), access), at: Place::of(at) };
    match note(point, Met { bits: operand, ..Met::default() }) {
        Some(Wrong::Without(bit)) => plain(id, access, operand & !(1 << bit), order, at),
        _ => plain(id, access, operand, order, at),
    }
}

fn word_access(
    id: WordId,
    name: &str,
    access: Access,
    operand: u64,
    order: Ordering,
    at: &'static Location<'static>,
) -> u64 {
    let kind: String = name.chars().filter(|letter| letter.is_ascii_alphabetic() || *letter == '.').collect();
    let kind = kind.strip_prefix("space.").unwrap_or(&kind).to_owned();
    if access == Access::FetchOr && kind == "request" && pokes_early() {
        let cpu = name.chars().filter(char::is_ascii_digit).collect::<String>();
        perform_at(Op::Poke(1 << cpu.parse::<u8>().expect("a CPU's word")), "", at);
    }
    let met = Met { bits: operand, is_ordered: order != Ordering::Relaxed, of_two: false };
    let point = Point { what: What::Word(kind, access), at: Place::of(at) };
    let Some(wrong) = note(point, met) else { return plain(id, access, operand, order, at) };
    slipped(wrong, id, access, operand, order, at)
}

/// One access goes wrong.
fn slipped(
    wrong: Wrong,
    id: WordId,
    access: Access,
    operand: u64,
    order: Ordering,
    at: &'static Location<'static>,
) -> u64 {
    let changed = |operand| plain(id, access, operand, order, at);
    let load = || plain(id, Access::Load, 0, Ordering::Relaxed, at);
    match wrong {
        Wrong::LeftOut => {
            if matches!(access, Access::Swap | Access::FetchOr) {
                load()
            } else {
                0
            }
        }
        Wrong::Relaxed => plain(id, access, operand, Ordering::Relaxed, at),
        Wrong::Split => {
            let old = load();
            plain(id, Access::Store, change(access, operand).apply(old), order, at);
            old
        }
        Wrong::Late => {
            with(|this| this.late.push((op(id, access, operand, order), at)));
            0
        }
        Wrong::Without(bit) => changed(operand & !(1 << bit)),
        Wrong::Off(by) => {
            let unit = if access == Access::Swap { 1 << GENERATION } else { 1 };
            changed(operand.wrapping_add_signed(i64::from(by) * unit))
        }
        Wrong::Forgets(flag, beside) => {
            let answer = changed(operand);
            let both = answer >> flag & 1 != 0 && answer >> beside & 1 != 0;
            if both { answer & !(1 << flag) } else { answer }
        }
        Wrong::PokesAgain => {
            let old = changed(operand);
            if old & operand == operand {
                return old;
            }
            old & !1
        }
        Wrong::IsEnough => {
            let old = changed(operand);
            if old & 1 == 0 {
                return old;
            }
            old | 0b1111
        }
        _ => changed(operand),
    }
}

/// How many bits of a request are flags.
const GENERATION: u32 = 4;

/// What is decided, if the word is what an address space registered for.
fn choice(name: &str, access: Access) -> Option<What> {
    let space = name.strip_prefix("space")?.strip_suffix(".state")?.parse().ok()?;
    if access != Access::Load {
        return None;
    }
    with(|this| {
        let Context { name, left, entered } = this.context;
        let role = match (left == Some(space), entered == Some(space)) {
            (true, false) => Role::Left,
            (false, true) => Role::Entered,
            _ => Role::Own,
        };
        let nth = this.looked[space];
        this.looked[space] += 1;
        Some(What::Choice(context(name), role, nth))
    })
}

/// The engine looks at what an address space registered for.
fn look(id: WordId, what: What, order: Ordering, at: &'static Location<'static>) -> u64 {
    let value = plain(id, Access::Load, 0, order, at);
    let Some(wrong) = note(Point { what, at: Place::of(at) }, Met::default()) else { return value };
    let intents = u64::from(READY) << 1;
    let ready = value | (value & intents) >> 1;
    match wrong {
        Wrong::Inverted(bits) if value & u64::from(bits) == 0 => value | u64::from(bits),
        Wrong::Inverted(bits) => value & !u64::from(bits),
        Wrong::GateInverted => value ^ gate(with(|this| this.context.name)),
        Wrong::TakesIntent => ready,
        Wrong::TakesIntentBehindAnother if value & u64::from(READY) != 0 => ready,
        _ => value,
    }
}

/// The engine passes a barrier.
#[track_caller]
pub(crate) fn fence(barrier: Barrier, site: Site) {
    let at = Location::caller();
    let name = site.name();
    if in_set_up() {
        perform_at(Op::Fence(barrier), name, at);
        return;
    }
    let wrong = with(|this| {
        let Context { name, left, entered } = this.context;
        Met {
            of_two: name == "switch" && left.is_some() && entered.is_some() && left != entered,
            ..Met::default()
        }
    });
    match note(Point { what: What::Barrier(site), at: Place::of(at) }, wrong) {
        Some(Wrong::LeftOut) => {}
        Some(Wrong::NotIfBoth) if have_both_registered(at) => {}
        Some(Wrong::BehindAccess) => with(|this| this.barrier = Some((Op::Fence(barrier), site, at))),
        _ => {
            perform_at(Op::Fence(barrier), name, at);
        }
    }
    let late = with(|this| {
        this.crossed |= !this.late.is_empty();
        std::mem::take(&mut this.late)
    });
    for (op, at) in late {
        perform_at(op, "", at);
    }
}

/// Looks whether the address spaces of this context both want barriers.
fn have_both_registered(at: &'static Location<'static>) -> bool {
    let Context { left, entered, .. } = with(|this| this.context);
    let (Some(left), Some(entered)) = (left, entered) else { return false };
    let wants = |space: usize| {
        let word = word_named(&format!("space{space}.state"));
        word.is_some_and(|id| plain(id, Access::Load, 0, Ordering::Relaxed, at) & u64::from(FENCES) != 0)
    };
    left != entered && wants(left) && wants(entered)
}

/// The engine pokes CPUs.
#[track_caller]
pub(crate) fn poke(cpus: u8) {
    let at = Location::caller();
    if in_set_up() {
        perform_at(Op::Poke(cpus), "", at);
        return;
    }
    needs_pin();
    match note(Point { what: What::Poke, at: Place::of(at) }, Met::default()) {
        Some(Wrong::LeftOut | Wrong::Early) => {}
        Some(Wrong::Twice) => {
            perform_at(Op::Poke(cpus), "", at);
            perform_at(Op::Poke(cpus), "", at);
        }
        _ => {
            perform_at(Op::Poke(cpus), "", at);
        }
    }
}

fn pokes_early() -> bool {
    with(|this| {
        this.slip.as_ref().is_some_and(|slip| slip.point.what == What::Poke && slip.wrong == Wrong::Early)
    })
}

/// The engine waits for an answer; whether its own inbox ended that.
#[track_caller]
pub(crate) fn wait(word: &Shared, at_least: u64, inbox: &Shared, wanted: u64) -> bool {
    let at = Location::caller();
    let wait = |at_least, inbox| {
        perform_at(Op::Wait { word: word.id(), at_least, acquire: false, inbox }, "", at) != 0
    };
    let inbox = Some((inbox.id(), wanted));
    if in_set_up() {
        return wait(at_least, inbox);
    }
    needs_pin();
    match note(Point { what: What::Wait, at: Place::of(at) }, Met::default()) {
        Some(Wrong::LeftOut) => false,
        Some(Wrong::Off(by)) => wait(at_least.wrapping_add_signed(i64::from(by)), inbox),
        Some(Wrong::IgnoresInbox) => wait(at_least, None),
        Some(Wrong::GivesUp) => {
            wait(at_least, inbox);
            false
        }
        Some(Wrong::GivesUpServed) => {
            if with(|this| std::mem::take(&mut this.has_served)) {
                return false;
            }
            let served = wait(at_least, inbox);
            with(|this| this.has_served = served);
            served
        }
        _ => wait(at_least, inbox),
    }
}

/// Whether something that the engine does at this place is done at all.
#[track_caller]
pub(crate) fn is_done(what: What) -> bool {
    let point = Point { what, at: Place::of(Location::caller()) };
    if in_set_up() || note(point, Met::default()) != Some(Wrong::LeftOut) {
        return true;
    }
    false
}

/// A thread is pinned while this lives.
pub struct Pin {
    is_early: bool,
}

/// The engine pins its thread.
#[track_caller]
pub(crate) fn pin() -> Pin {
    let point = Point { what: What::Pin, at: Place::of(Location::caller()) };
    let is_early = !in_set_up() && note(point, Met::default()) == Some(Wrong::Early);
    if is_early {
    } else {
        with(|this| this.pins += 1);
    }
    Pin { is_early }
}

impl Pin {
    /// The CPU that the thread takes for its own: not the one on which it goes
    /// on, if it is moved when it is no longer pinned.
    pub(crate) fn cpu(&self, now: usize) -> usize {
        with(|this| this.moved_from.filter(|_| self.is_early)).unwrap_or(now)
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        if !self.is_early {
            // A program that is unwound has begun anew by then.
            with(|this| this.pins = this.pins.saturating_sub(1));
        }
    }
}

/// Runs a call that began on another CPU.
pub(crate) fn moved<R>(from: Option<usize>, call: impl FnOnce() -> R) -> R {
    with(|this| this.moved_from = from);
    let result = call();
    with(|this| this.moved_from = None);
    result
}

fn needs_pin() {
    with(|this| this.unpinned |= this.pins == 0);
}

/// Writes a point down; what goes wrong there.
fn note(point: Point, met: Met) -> Option<Wrong> {
    with(|this| {
        let wrong = this.slip.as_ref().filter(|slip| slip.point == point).map(|slip| slip.wrong);
        this.points.entry(point).or_default().add(met);
        wrong
    })
}

fn do_what_waits() {
    let (late, barrier) = with(|this| (std::mem::take(&mut this.late), this.barrier.take()));
    late.into_iter().for_each(|(op, at)| {
        perform_at(op, "", at);
    });
    if let Some((op, site, at)) = barrier {
        perform_at(op, site.name(), at);
    }
}

fn plain(id: WordId, access: Access, operand: u64, order: Ordering, at: &'static Location<'static>) -> u64 {
    perform_at(op(id, access, operand, order), "", at)
}

fn op(word: WordId, access: Access, operand: u64, order: Ordering) -> Op {
    let (acquire, release) = (acquires(order), releases(order));
    match access {
        Access::Load => Op::Load { word, acquire },
        Access::Store => Op::Store { word, value: operand, release },
        Access::Swap | Access::FetchOr => {
            Op::Modify { word, change: change(access, operand), acquire, release, used: true }
        }
        Access::Set | Access::Clear => {
            Op::Modify { word, change: change(access, operand), acquire, release, used: false }
        }
    }
}

fn change(access: Access, operand: u64) -> Change {
    match access {
        Access::Set | Access::FetchOr => Change::Set(operand),
        Access::Clear => Change::Clear(operand),
        Access::Swap | Access::Store | Access::Load => Change::Swap(operand),
    }
}
