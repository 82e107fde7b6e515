//! What the CPUs share: the engine and the run queues.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use bonfire_engine::Engine;
use bonfire_engine::abi::Cpu;

use crate::design::OnThreads;
use crate::lock;
use crate::machine::Machine;
use crate::sys::context::Context;
use crate::thread::{Runnable, Space, Thread};

pub(crate) struct Kernel<K: OnThreads> {
    pub(crate) engine: Engine<K>,
    queues: Box<[Queue<K>]>,
    stopping: AtomicBool,
    /// Held around each call, where somebody wants to know what that costs.
    pub(crate) one_lock: Option<Mutex<()>>,
}

/// The threads that were sent to a CPU and that it has not yet taken.
struct Queue<K: OnThreads> {
    sent: Mutex<VecDeque<Runnable<K>>>,
    /// How many there are: a CPU with none does not take the lock.
    waiting: AtomicUsize,
    wake: Condvar,
    online: AtomicBool,
    wanted_online: AtomicBool,
}

impl<K: OnThreads> Kernel<K> {
    pub(crate) fn new(machine: Machine, one_lock: bool) -> Self {
        let queues = (0..machine.cpus.len()).map(|_| Queue::new()).collect();
        Self {
            engine: Engine::<K>::new(machine),
            queues,
            stopping: AtomicBool::new(false),
            one_lock: one_lock.then(Mutex::default),
        }
    }

    pub(crate) fn machine(&self) -> &Machine {
        self.engine.machine()
    }

    pub(crate) fn cpus(&self) -> u32 {
        u32::try_from(self.queues.len()).expect("a machine has few CPUs")
    }

    /// Makes a thread that runs `body` and sends it to a CPU.
    pub(crate) fn start(
        &self,
        thread: Arc<Thread<K>>,
        space: Option<Arc<Space<K>>>,
        first: Cpu,
        body: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let context = Context::new(Arc::clone(&thread.anchor), body).inspect_err(|_| thread.job.ends())?;
        if let Some(space) = &space {
            space.join();
            self.machine().enlist(&space.engine, &thread.engine, !thread.borrows_memory());
        }
        let cpu = thread.place().unwrap_or(first);
        self.send(cpu, Runnable { context, thread, space });
        Ok(())
    }

    /// Hands a thread to a CPU.
    pub(crate) fn send(&self, cpu: Cpu, runnable: Runnable<K>) {
        let queue = self.queue(cpu);
        let mut sent = lock(&queue.sent);
        sent.push_back(runnable);
        queue.waiting.store(sent.len(), Relaxed);
        drop(sent);
        queue.wake.notify_one();
    }

    /// Takes the threads that were sent to `cpu`.
    pub(crate) fn receive(&self, cpu: Cpu, into: &mut VecDeque<Runnable<K>>) {
        let queue = self.queue(cpu);
        if queue.waiting.load(Relaxed) != 0 {
            // Held until both are done: a thread that is sent in between would be forgotten.
            let mut sent = lock(&queue.sent);
            into.append(&mut sent);
            queue.waiting.store(0, Relaxed);
        }
    }

    /// Waits until something was sent to `cpu`, or for this long.
    pub(crate) fn wait(&self, cpu: Cpu, limit: Duration) {
        let queue = self.queue(cpu);
        let sent = lock(&queue.sent);
        let waited = queue.wake.wait_timeout_while(sent, limit, |sent| {
            sent.is_empty() && !self.is_stopping() && self.is_wanted_online(cpu) == self.is_online(cpu)
        });
        drop(waited);
    }

    pub(crate) fn is_online(&self, cpu: Cpu) -> bool {
        self.queue(cpu).online.load(Relaxed)
    }

    pub(crate) fn set_online(&self, cpu: Cpu, online: bool) {
        self.queue(cpu).online.store(online, Relaxed);
    }

    pub(crate) fn is_wanted_online(&self, cpu: Cpu) -> bool {
        self.queue(cpu).wanted_online.load(Relaxed)
    }

    /// Wants `cpu` online or offline. CPU 0 stays.
    pub(crate) fn want_online(&self, cpu: Cpu, online: bool) {
        if cpu != Cpu(0) {
            self.queue(cpu).wanted_online.store(online, Relaxed);
            self.queue(cpu).wake.notify_one();
        }
    }

    /// One of the CPUs that are online.
    pub(crate) fn any_online(&self, random: &mut fastrand::Rng) -> Cpu {
        let cpu = Cpu(random.u32(0..self.cpus()));
        if self.is_online(cpu) { cpu } else { Cpu(0) }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
        for queue in &self.queues {
            drop(lock(&queue.sent));
            queue.wake.notify_one();
        }
    }

    fn queue(&self, cpu: Cpu) -> &Queue<K> {
        &self.queues[cpu.0 as usize]
    }
}

impl<K: OnThreads> Queue<K> {
    fn new() -> Self {
        Self {
            sent: Mutex::new(VecDeque::new()),
            waiting: AtomicUsize::new(0),
            wake: Condvar::new(),
            online: AtomicBool::new(false),
            wanted_online: AtomicBool::new(true),
        }
    }
}
