//! Rows of the table as programs of the explorer.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_model::explorer::{
    Barrier, Body, Memory, Plan, Pokes, Rules, Shared, Test, Verdict, explore, fence, name_word,
    observe_memory,
};

/// A row of the table.
pub(crate) struct Row {
    pub(crate) name: String,
    threads: Vec<Vec<Step>>,
    condition: Vec<(Place, u64)>,
    tso: Option<bool>,
    weak: Option<bool>,
}

/// Where a number is in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Word(usize),
    /// A thread's register.
    Register(usize, usize),
}

#[derive(Clone, Copy)]
enum Step {
    Write(usize, u64),
    /// Into which register; and whether a later store depends on it.
    Read(usize, usize, bool),
    /// An exchange, or setting bits.
    Modify(usize, u64, usize, bool),
    Fence(Barrier),
}

/// What the names of words are.
const WORDS: [&str; 8] = ["x", "y", "z", "w", "f", "a", "b", "c"];
const REGISTERS: usize = 3;

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    include_str!("table.tsv").lines().skip(1).map(Row::read).collect()
}

impl Row {
    fn read(line: &str) -> Self {
        let [name, program, condition, tso, weak] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}")
        };
        Self {
            name: name.to_owned(),
            threads: program.split(" || ").map(thread).collect(),
            condition: condition.split(" & ").map(clause).collect(),
            tso: verdict(tso),
            weak: verdict(weak),
        }
    }

    /// What the table says.
    pub(crate) fn is_allowed(&self, memory: Memory) -> bool {
        self.told(memory) == Some(true)
    }

    /// Whether it says anything: the machine has all the instructions.
    pub(crate) fn is_told(&self, memory: Memory) -> bool {
        self.told(memory).is_some()
    }

    fn told(&self, memory: Memory) -> Option<bool> {
        match memory {
            Memory::Tso => self.tso,
            _ => self.weak,
        }
    }

    /// What the explorer says.
    pub(crate) fn is_reached(&self, rules: Rules) -> bool {
        let words = Rc::new([const { Shared::new(0) }; WORDS.len()]);
        // What the program itself gets to know is shown by a word of its own.
        let told = Rc::new([const { [const { Shared::new(0) }; REGISTERS] }; 4]);
        let shown: Vec<Place> = self.condition.iter().map(|(place, _)| *place).collect();
        let bodies = self.threads.iter().enumerate().map(|(number, steps)| {
            let (words, told, steps) = (Rc::clone(&words), Rc::clone(&told), steps.clone());
            Box::new(move || run(&steps, words.as_slice(), &told[number], number)) as Body
        });
        let (named, read, looked) = (Rc::clone(&words), Rc::clone(&told), shown.clone());
        let threads = self.threads.clone();
        let test = Test {
            set_up: Box::new(move || {
                named.iter().zip(WORDS).for_each(|(word, name)| name_word(word, name));
                for &place in &looked {
                    match place {
                        Place::Word(word) => observe_memory(&named[word]),
                        Place::Register(thread, register) if knows(&threads[thread], register) => {
                            observe_memory(&read[thread][register]);
                        }
                        Place::Register(..) => {}
                    }
                }
            }),
            bodies: bodies.collect(),
            handler: Rc::new(|_, _| ()),
            registers: 3 * self.threads.len(),
            pokes: Pokes::Any,
            is_flaw: Box::new(|_| false),
        };
        let registers = test.registers;
        let found = explore(test, rules, Plan::within(1 << 30));
        assert!(matches!(found.verdict, Verdict::Holds), "{}: {:?}", self.name, found.verdict);
        found.outcomes.iter().any(|outcome| self.holds(outcome, registers))
    }

    fn holds(&self, outcome: &[u64], registers: usize) -> bool {
        let mut memory = outcome[registers..].iter();
        self.condition.iter().all(|&(place, wanted)| match place {
            Place::Register(thread, register) if !knows(&self.threads[thread], register) => {
                outcome[number(thread, register)] == wanted
            }
            _ => memory.next() == Some(&wanted),
        })
    }
}

fn verdict(text: &str) -> Option<bool> {
    match text {
        "Allowed" => Some(true),
        "Forbidden" => Some(false),
        _ => None,
    }
}

/// The explorer's register for one of a thread's.
const fn number(thread: usize, register: usize) -> usize {
    thread * 3 + register
}

/// Whether the program itself gets to know what is in the register.
fn knows(steps: &[Step], register: usize) -> bool {
    steps.iter().any(
        |step| matches!(*step, Step::Read(_, into, true) | Step::Modify(_, _, into, _) if into == register),
    )
}

fn run(steps: &[Step], words: &[Shared], told: &[Shared; REGISTERS], thread: usize) {
    let mut known = [None; REGISTERS];
    for &step in steps {
        match step {
            Step::Write(word, value) => words[word].store(value, Relaxed),
            Step::Read(word, register, true) => known[register] = Some(words[word].load(Relaxed)),
            Step::Read(word, register, false) => words[word].observe(number(thread, register) as u8),
            Step::Modify(word, value, register, true) => {
                known[register] = Some(words[word].swap(value, Relaxed));
            }
            Step::Modify(word, bits, register, false) => {
                known[register] = Some(words[word].fetch_or(bits, Relaxed));
            }
            Step::Fence(barrier) => fence(barrier, ""),
        }
    }
    for (value, word) in known.into_iter().zip(told) {
        value.into_iter().for_each(|value| word.store(value, Relaxed));
    }
}

fn thread(text: &str) -> Vec<Step> {
    let texts: Vec<&str> = text.split(';').map(str::trim).collect();
    let depends = |register: &str| {
        let ways = ["addr", "data", "ctrl"].map(|way| format!("{way}({register})"));
        texts.iter().any(|step| ways.iter().any(|way| step.ends_with(way.as_str())))
    };
    texts.iter().flat_map(|text| step(text, depends)).collect()
}

fn step(text: &str, depends: impl Fn(&str) -> bool) -> Vec<Step> {
    let lightweight = || [Step::Fence(Barrier::Acquire), Step::Fence(Barrier::Release)];
    let parts: Vec<&str> = text.split_whitespace().collect();
    let (kind, order) = parts[0].split_once('.').unwrap_or((parts[0], ""));
    let value = |place: usize| parts[place].parse().expect("a number");
    let access = match kind {
        "F" => {
            return match order {
                "full" => vec![Step::Fence(Barrier::Full)],
                "w" => vec![Step::Fence(Barrier::Write)],
                // `F.r` is `lwsync` there, too.
                "lw" | "r" => lightweight().to_vec(),
                other => panic!("no barrier is called {other}"),
            };
        }
        "W" => Step::Write(word(parts[1]), value(2)),
        "R" => Step::Read(word(parts[1]), register(parts[2]), depends(parts[2])),
        "X" | "O" => Step::Modify(word(parts[1]), value(2), register(parts[3]), kind == "X"),
        other => panic!("no step is called {other}"),
    };
    let (before, after) = (order.contains("rel"), order.contains("acq"));
    let some = |is_there: bool| lightweight().into_iter().filter(move |_| is_there);
    some(before).chain([access]).chain(some(after)).collect()
}

fn clause(text: &str) -> (Place, u64) {
    let (place, value) = text.split_once('=').expect("a clause");
    let place = match place.split_once(':') {
        Some((thread, name)) => Place::Register(thread[1..].parse().expect("a thread"), register(name)),
        None => Place::Word(word(place)),
    };
    (place, value.parse().expect("a number"))
}

fn word(name: &str) -> usize {
    WORDS.iter().position(|word| *word == name).unwrap_or_else(|| panic!("no word is called {name}"))
}

fn register(name: &str) -> usize {
    name.strip_prefix('r').and_then(|number| number.parse().ok()).expect("a register")
}
