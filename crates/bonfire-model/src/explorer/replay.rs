//! How ordinary code becomes a program of the explorer: by replay.
//!
//! A program is a closure that calls [`perform`] whenever it touches what CPUs
//! share. To learn what it does after a certain past, it is run from its
//! beginning with the answers of that past; at the first operation whose answer
//! is not known yet it is unwound, and that operation is the result. So nothing
//! of the code under test is rewritten: no state machines, no async, no
//! coroutines.
//!
//! Replays happen on one thread, which has one *session*: the words that were
//! touched, and the replay that is going on. Before a session's programs start,
//! a set-up runs in it *directly*: each operation takes effect at once.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::op::{Op, WordId};

/// What a CPU is occupied by: a number that the programs give a meaning to. 0
/// is nothing.
pub type Occupant = u8;

/// What a poke makes a CPU run: which CPU, and what it was occupied by.
pub type Handler = Rc<dyn Fn(usize, Occupant)>;

/// Where a program stands: the operation that it wants next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) op: Op,
    /// What the operation is called, where it has a name.
    pub(crate) name: &'static str,
    pub(crate) at: &'static Location<'static>,
    /// Interrupts are on, so that one can arrive before the operation.
    pub(crate) open: bool,
    pub(crate) occupant: Occupant,
    /// All that the program goes on with, if it said so just before.
    pub(crate) milestone: Option<Milestone>,
}

/// All that a program goes on with from a place where it said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Milestone {
    number: u64,
    occupant: Occupant,
    interrupts_off: u32,
    dead: bool,
}

/// What a set-up left behind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Initial {
    /// The values of the words, by number.
    pub(crate) memory: Vec<u64>,
    /// Which words an outcome shows.
    pub(crate) observed: Vec<WordId>,
    /// Which words hold instructions.
    pub(crate) code: Vec<WordId>,
    /// Which CPUs drop their pokes, a bit for each.
    pub(crate) dead: u8,
}

/// Starts a session on this thread, with `cpus` CPUs, and runs its set-up.
pub(crate) fn start(cpus: usize, handler: Handler, set_up: &dyn Fn()) {
    SESSION.set(Session { direct: Some(handler), occupants: vec![0; cpus], ..Session::default() });
    set_up();
    with(|session| session.direct = None);
}

/// Runs `program` on `cpu` with the answers of its past, up to the first
/// operation that has none.
///
/// `interrupted` is what the CPU was occupied by if the program is a handler.
pub(crate) fn replay(program: &dyn Fn(), cpu: usize, interrupted: Option<Occupant>, past: &[u64]) -> Request {
    with(|session| session.rewind(cpu, interrupted, past));
    let ended = catch_unwind(AssertUnwindSafe(|| {
        program();
        perform(Op::End, "end");
    }));
    match ended {
        Err(payload) if payload.is::<Unwound>() => {
            with(|session| session.wants.take()).expect("it said what it wants")
        }
        Err(payload) => resume_unwind(payload),
        Ok(()) => unreachable!("nothing answers the end"),
    }
}

/// Asks the machine for one operation, and returns its answer.
#[track_caller]
pub(crate) fn perform(op: Op, name: &'static str) -> u64 {
    perform_at(op, name, Location::caller())
}

/// The same for a place of the source that is not the caller's.
pub(crate) fn perform_at(op: Op, name: &'static str, at: &'static Location<'static>) -> u64 {
    match with(|session| session.ask(op, name, at)) {
        Reply::Answer(value) => value,
        Reply::Unknown => resume_unwind(Box::new(Unwound)),
        Reply::Interrupt(handler, cpus) => {
            (0..8)
                .filter(|cpu| cpus >> cpu & 1 != 0)
                .for_each(|cpu| on_cpu(cpu, || handler(cpu, occupant())));
            0
        }
    }
}

/// Runs a part of a set-up on another CPU.
pub fn on_cpu<R>(cpu: usize, body: impl FnOnce() -> R) -> R {
    let before = go_to(cpu);
    let result = body();
    go_to(before);
    result
}

/// What follows is on another CPU; returns which it was. Not a part of [`on_cpu`], which is
/// compiled for each body.
fn go_to(cpu: usize) -> usize {
    with(|session| std::mem::replace(&mut session.cpu, cpu))
}

/// The CPU that the program runs on.
pub fn this_cpu() -> usize {
    with(|session| session.cpu)
}

/// What this CPU is occupied by.
pub fn occupant() -> Occupant {
    with(|session| session.occupants[session.cpu])
}

/// From here on this CPU is occupied by something else.
pub fn occupy(occupant: Occupant) {
    with(|session| {
        let cpu = session.cpu;
        session.occupants[cpu] = occupant;
    });
}

/// Says that what the program does from here on depends on `number`, on what its
/// CPU is occupied by, and on nothing else that it learned before.
pub fn milestone(number: u64) {
    with(|session| session.milestone = Some((session.given, number)));
}

/// Runs `body` with interrupts off.
#[track_caller]
pub fn without_interrupts<R>(body: impl FnOnce() -> R) -> R {
    turn_interrupts_off(Location::caller());
    let result = body();
    turn_interrupts_on();
    result
}

fn turn_interrupts_off(at: &'static Location<'static>) {
    if with(|session| session.interrupts_off == 0) {
        perform_at(Op::Gate, "interrupts off", at);
    }
    with(|session| session.interrupts_off += 1);
}

fn turn_interrupts_on() {
    with(|session| session.interrupts_off -= 1);
}

/// Gives a word a name.
pub fn name_word(word: &Shared, name: &str) {
    with(|session| {
        let number = word.number(session);
        session.names.words.push((number, name.to_owned()));
    });
}

/// Gives names to words that nothing has touched yet, and perhaps never will:
/// `name` says what the word at an address is called.
pub fn name_words_by(name: impl Fn(usize) -> Option<String> + 'static) {
    with(|session| session.names.by_address = Some(Box::new(name)));
}

/// Gives a number a name.
pub fn name_value(value: u64, name: &str) {
    with(|session| session.names.values.push((value, name.to_owned())));
}

/// What a word is called.
pub(crate) fn word_name(word: WordId) -> String {
    with(|session| {
        let given = session.names.words.iter().find(|(named, _)| *named == word);
        let by_address = || {
            let name = session.names.by_address.as_ref()?;
            name(*session.addresses.get(usize::from(word))?)
        };
        given.map(|(_, name)| name.clone()).or_else(by_address).unwrap_or_else(|| format!("word {word}"))
    })
}

/// The word of this name, if it has been touched. If not, the answer may be another once
/// somebody has, and [`takes_missed`] says so.
pub(crate) fn word_named(name: &str) -> Option<WordId> {
    let count = with(|session| session.initial.memory.len());
    let numbers = (0..count).filter_map(|number| WordId::try_from(number).ok());
    let found = numbers.into_iter().find(|&word| word_name(word) == name);
    with(|session| session.missed |= found.is_none());
    found
}

/// Whether a word was looked for that nobody had touched yet.
pub(crate) fn has_missed() -> bool {
    with(|session| session.missed)
}

/// Whether a word was looked for, since this was last asked, that nobody had touched yet.
pub(crate) fn takes_missed() -> bool {
    with(|session| std::mem::take(&mut session.missed))
}

/// Whether the set-up of a session runs: each operation takes effect at once.
pub(crate) fn in_set_up() -> bool {
    with(|session| session.direct.is_some())
}

/// What a number is called, if it has a name.
pub(crate) fn value_name(value: u64) -> Option<String> {
    with(|session| {
        let given = session.names.values.iter().find(|(named, _)| *named == value);
        given.map(|(_, name)| name.clone())
    })
}

/// A number by its name, if it has one.
pub(crate) fn told(value: u64) -> String {
    value_name(value).unwrap_or_else(|| value.to_string())
}

/// Makes an outcome show what `word` holds in the end.
pub fn observe_memory(word: &Shared) {
    with(|session| {
        let number = word.number(session);
        session.initial.observed.push(number);
    });
}

/// Makes `word` one that instructions are fetched from.
pub fn declare_code(word: &Shared) {
    with(|session| {
        let number = word.number(session);
        session.initial.code.push(number);
    });
}

/// What the set-up of this thread's session left behind.
pub(crate) fn initial() -> Initial {
    with(|session| session.initial.clone())
}

/// A word that CPUs share. It gets its number when a session first touches it.
#[derive(Debug)]
pub struct Shared {
    number: Cell<Option<WordId>>,
    first: u64,
}

impl Shared {
    /// A word that holds `first` in the beginning.
    #[must_use]
    pub const fn new(first: u64) -> Self {
        Self { number: Cell::new(None), first }
    }

    /// The word's number.
    pub(crate) fn id(&self) -> WordId {
        with(|session| self.number(session))
    }

    /// The same word once more.
    #[must_use]
    pub fn alias(&self) -> Self {
        Self { number: Cell::new(Some(self.id())), first: self.first }
    }

    /// Whether anything has touched the word yet.
    #[must_use]
    pub fn is_touched(&self) -> bool {
        self.number.get().is_some()
    }

    fn number(&self, session: &mut Session) -> WordId {
        self.number.get().unwrap_or_else(|| {
            let number = session.initial.memory.len();
            session.initial.memory.push(self.first);
            session.addresses.push(std::ptr::from_ref(self).addr());
            let number = WordId::try_from(number).expect("at most 256 words");
            self.number.set(Some(number));
            number
        })
    }
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

fn with<R>(body: impl FnOnce(&mut Session) -> R) -> R {
    SESSION.with_borrow_mut(body)
}

/// Unwinds a program that has said what it wants next.
struct Unwound;

enum Reply {
    Answer(u64),
    Unknown,
    /// In a set-up: run the handler on these CPUs.
    Interrupt(Handler, u8),
}

/// What words and numbers are called.
#[derive(Default)]
struct Names {
    words: Vec<(WordId, String)>,
    by_address: Option<NameByAddress>,
    values: Vec<(u64, String)>,
}

type NameByAddress = Box<dyn Fn(usize) -> Option<String>>;

/// What the replays of one thread share.
#[derive(Default)]
struct Session {
    initial: Initial,
    /// Where the words are, by number.
    addresses: Vec<usize>,
    names: Names,
    /// In a set-up: what pokes run.
    direct: Option<Handler>,
    cpu: usize,
    occupants: Vec<Occupant>,
    /// What the set-up left in `occupants`, which each replay begins with.
    first_occupants: Vec<Occupant>,
    interrupts_off: u32,
    dead: bool,
    past: Vec<u64>,
    given: usize,
    /// The last milestone, and how many answers came before it.
    milestone: Option<(usize, u64)>,
    wants: Option<Request>,
    /// A word was looked for by its name that nobody had touched.
    missed: bool,
}

impl Session {
    fn rewind(&mut self, cpu: usize, interrupted: Option<Occupant>, past: &[u64]) {
        if self.first_occupants.is_empty() {
            self.first_occupants = self.occupants.clone();
        }
        self.cpu = cpu;
        self.occupants.clone_from(&self.first_occupants);
        self.dead = self.initial.dead >> cpu & 1 != 0;
        self.interrupts_off = 0;
        if let Some(occupant) = interrupted {
            self.occupants[cpu] = occupant;
            self.interrupts_off = 1;
        }
        self.past.clear();
        self.past.extend_from_slice(past);
        self.given = 0;
        self.milestone = None;
        self.wants = None;
    }

    fn ask(&mut self, op: Op, name: &'static str, at: &'static Location<'static>) -> Reply {
        if let Some(handler) = &self.direct {
            let handler = Rc::clone(handler);
            return self.happen(op, handler);
        }
        let answered = self.past.get(self.given).copied();
        self.given += 1;
        let Some(answer) = answered else {
            let open = self.interrupts_off == 0 && !self.dead;
            let occupant = self.occupants[self.cpu];
            let (interrupts_off, dead) = (self.interrupts_off, self.dead);
            let milestone = self
                .milestone
                .filter(|&(given, _)| given + 1 == self.given)
                .map(|(_, number)| Milestone { number, occupant, interrupts_off, dead });
            self.wants = Some(Request { op, name, at, open, occupant, milestone });
            return Reply::Unknown;
        };
        match op {
            Op::Dead => self.dead = true,
            Op::Alive => self.dead = false,
            _ => {}
        }
        Reply::Answer(answer)
    }

    /// In a set-up: the operation takes effect at once.
    fn happen(&mut self, op: Op, handler: Handler) -> Reply {
        let memory = &mut self.initial.memory;
        match op {
            Op::Load { word, .. } => return Reply::Answer(memory[usize::from(word)]),
            Op::Store { word, value, .. } => memory[usize::from(word)] = value,
            Op::Modify { word, change, .. } => {
                let cell = &mut memory[usize::from(word)];
                let old = std::mem::replace(cell, change.apply(*cell));
                return Reply::Answer(old);
            }
            Op::Wait { word, at_least, .. } => {
                assert!(memory[usize::from(word)] >= at_least, "a set-up waits for nobody");
            }
            Op::Lock { word } => memory[usize::from(word)] = 1,
            Op::Poke(cpus) => return Reply::Interrupt(handler, cpus),
            Op::Dead => self.initial.dead |= 1 << self.cpu,
            Op::Alive => self.initial.dead &= !(1 << self.cpu),
            Op::Observe { .. } | Op::Fetch { .. } | Op::Fence(_) | Op::CoreSync | Op::Gate | Op::End => {}
        }
        Reply::Answer(0)
    }
}
