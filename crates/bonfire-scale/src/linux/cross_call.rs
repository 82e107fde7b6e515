//! Linux's cross-call: a queue of requests for each CPU, and for each caller a
//! request for each target that is free again when it was answered.

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use bonfire_engine::Word as _;

use crate::clock::Clock;
use crate::machine::{fence, send};
use crate::word::{Alone, Word};

pub(crate) struct CrossCall {
    clock: Rc<Clock>,
    queues: Box<[Queue]>,
    /// For each caller, one for each target. 1 while it waits for an answer.
    requests: Box<[OnceCell<Rc<[Alone]>>]>,
}

/// The requests that a CPU has to serve. The word stands for the cost of the
/// queue's head.
struct Queue {
    head: Alone,
    waiting: RefCell<Vec<Rc<[Alone]>>>,
}

impl CrossCall {
    pub(crate) fn new(clock: Rc<Clock>) -> Self {
        let cpus = clock.hardware.cpus;
        let queue = |_| Queue { head: Alone(Word::ZERO), waiting: RefCell::default() };
        Self { clock, queues: (0..cpus).map(queue).collect(), requests: vec![OnceCell::new(); cpus].into() }
    }

    /// Makes each target pass a barrier, and waits until all have.
    pub(crate) fn call(&self, targets: &[usize]) {
        let requests = self.of(self.clock.here());
        let mut idle = Vec::new();
        for &cpu in targets {
            requests[cpu].0.store(1, Relaxed);
            let queue = &self.queues[cpu];
            queue.head.0.swap(1, Relaxed);
            let mut waiting = queue.waiting.borrow_mut();
            if waiting.is_empty() {
                idle.push(cpu);
            }
            waiting.push(Rc::clone(&requests));
        }
        send(&self.clock, idle.into_iter());
        for &cpu in targets {
            self.wait(&requests[cpu].0);
        }
    }

    /// Takes what is in the queue of `cpu`, in its handler, and answers.
    pub(crate) fn serve(&self, cpu: usize) {
        let queue = &self.queues[cpu];
        queue.head.0.swap(0, Relaxed);
        let taken = queue.waiting.take();
        for requests in taken {
            let request = &requests[cpu].0;
            // What to do is in the request, and has to come here first.
            request.load(Relaxed);
            fence();
            request.store(0, Relaxed);
        }
    }

    fn wait(&self, request: &Word) {
        while request.load(Relaxed) != 0 {
            self.clock.drain();
            if request.peek() != 0 {
                request.wait_for_write(None);
            }
            self.clock.take_interrupts();
        }
    }

    fn of(&self, caller: usize) -> Rc<[Alone]> {
        let made = || self.queues.iter().map(|_| Alone(Word::ZERO)).collect();
        Rc::clone(self.requests[caller].get_or_init(made))
    }
}
