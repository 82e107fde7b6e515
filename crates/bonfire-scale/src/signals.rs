//! What a program does where there is no such call: it sends a signal to every
//! one of its threads, running or asleep, and waits for the handlers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_engine::Word as _;

use crate::barriers::{Ask, Barriers, Occupied, Who, put};
use crate::clock::Clock;
use crate::machine::{fence, send};
use crate::word::{Alone, Word};

pub(crate) struct Signals {
    clock: Rc<Clock>,
    /// For each process, its threads and the CPU that each is on or would run on.
    threads: RefCell<Vec<Rc<RefCell<List>>>>,
    /// For each CPU, the rounds whose signals it has to deliver.
    due: Box<[RefCell<Vec<Rc<Round>>>]>,
}

/// Threads, and the CPU of each.
type List = Vec<(usize, usize)>;

/// A round of signals: the word that handlers write, and how many are to come.
struct Round {
    answers: Alone,
    left: Cell<usize>,
}

impl Signals {
    pub(crate) fn boxed(clock: &Rc<Clock>) -> Box<dyn Barriers> {
        let due = (0..clock.hardware.cpus).map(|_| RefCell::default()).collect();
        Box::new(Self { clock: Rc::clone(clock), threads: RefCell::default(), due })
    }

    /// Sends a signal to `thread` on `cpu`, and an interrupt if the CPU has no
    /// other to deliver.
    fn send(&self, cpu: usize, round: &Rc<Round>) {
        self.clock.spend(self.clock.hardware.system.call);
        let mut due = self.due[cpu].borrow_mut();
        due.push(Rc::clone(round));
        if due.len() == 1 && cpu != self.clock.here() {
            drop(due);
            send(&self.clock, std::iter::once(cpu));
        }
    }
}

impl Barriers for Signals {
    fn new_process(&self, process: usize) {
        if process == self.threads.borrow().len() {
            put(&mut self.threads.borrow_mut(), process, Rc::default());
        }
    }

    fn new_thread(&self, who: Who, cpu: usize) {
        self.threads.borrow()[who.process].borrow_mut().push((who.thread, cpu));
    }

    fn online(&self, _: usize) {}

    fn register(&self, _: Who, _: bool) {}

    fn call(&self, who: Who, _: Ask) {
        let threads = Rc::clone(&self.threads.borrow()[who.process]);
        let others = threads
            .borrow()
            .iter()
            .filter(|(thread, _)| *thread != who.thread)
            .map(|(_, cpu)| *cpu)
            .collect::<Vec<_>>();
        let round = Rc::new(Round { answers: Alone(Word::ZERO), left: Cell::new(others.len()) });
        self.clock.is_new(&*round);
        others.into_iter().for_each(|cpu| self.send(cpu, &round));
        loop {
            // Threads that share this CPU run while the caller waits.
            self.interrupt(self.clock.here());
            round.answers.0.load(Relaxed);
            self.clock.drain();
            if round.left.get() == 0 {
                break;
            }
            round.answers.0.wait_for_write(None);
            self.clock.take_interrupts();
        }
        fence();
    }

    fn switch(&self, _: usize, _: Occupied, _: Occupied) {}

    /// Delivers what is due: each with its handler, which answers.
    fn interrupt(&self, cpu: usize) {
        while let Some(round) = self.next(cpu) {
            self.clock.spend(self.clock.hardware.system.signal);
            fence();
            round.left.set(round.left.get() - 1);
            round.answers.0.swap(1, Relaxed);
        }
    }
}

impl Signals {
    fn next(&self, cpu: usize) -> Option<Rc<Round>> {
        self.due[cpu].borrow_mut().pop()
    }
}
