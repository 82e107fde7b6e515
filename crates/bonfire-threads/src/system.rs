//! The whole: a machine that was switched on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use bonfire_engine::abi::Cpu;

use crate::design::OnThreads;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::scheduler::VirtualCpu;
use crate::sys::signal;
use crate::thread::Job;
use crate::user::{self, KernelThread, SpaceHandle, User};
use crate::{Counts, Faults};

/// What a machine is like.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many virtual CPUs, 1 to 64.
    pub cpus: usize,
    /// From where time slices, placement and migration come.
    pub seed: u64,
    /// The mean time between two interrupts of the timer, on one CPU or another.
    pub tick: Duration,
    /// What the machine lacks.
    pub faults: Faults,
    /// Whether one lock is held around each call, from scan to answer: what a
    /// kernel does that serialises its callers.
    pub one_lock: bool,
    /// Whether the CPUs have real-time priority on the host, if that is allowed:
    /// so a measurement holds on a busy host, which does nothing else meanwhile.
    pub realtime: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cpus: 2,
            seed: 0,
            tick: Duration::from_micros(500),
            faults: Faults::NONE,
            one_lock: false,
            realtime: false,
        }
    }
}

/// A machine of threads and signals, switched on; switched off when dropped.
pub struct System<K: OnThreads> {
    kernel: Arc<Kernel<K>>,
    all: Arc<Job>,
    cpus: Vec<JoinHandle<()>>,
    timer: Option<JoinHandle<()>>,
    stop_timer: Arc<AtomicBool>,
}

/// A process, or a kernel thread, seen from outside.
pub struct Process(Arc<Job>);

impl<K: OnThreads> System<K> {
    /// Switches a machine on, and returns when its CPUs are online.
    ///
    /// # Errors
    /// If the host starts no more threads.
    pub fn boot(options: Options) -> io::Result<Self> {
        let kernel = Arc::new(Kernel::<K>::new(Machine::new(options.cpus, options.faults), options.one_lock));
        let mut seeds = fastrand::Rng::with_seed(options.seed);
        let mut system =
            Self { kernel, all: Arc::default(), cpus: Vec::new(), timer: None, stop_timer: Arc::default() };
        for cpu in (0..).map(Cpu).take(options.cpus) {
            system.cpus.push(system.start_cpu(cpu, options.realtime, seeds.u64(..))?);
        }
        system.timer = Some(system.start_timer(options.tick, options.realtime, seeds.u64(..))?);
        while !(0..system.kernel.cpus()).all(|cpu| system.kernel.is_online(Cpu(cpu))) {
            signal::relax();
        }
        Ok(system)
    }

    fn start_cpu(&self, cpu: Cpu, realtime: bool, seed: u64) -> io::Result<JoinHandle<()>> {
        let kernel = Arc::clone(&self.kernel);
        std::thread::Builder::new().name(format!("cpu{}", cpu.0)).spawn(move || {
            signal::bind(cpu.0 as usize);
            if realtime {
                signal::prioritise(1);
            }
            VirtualCpu::new(kernel, cpu, seed).run();
        })
    }

    /// A time slice ends on one CPU or another, all the time.
    fn start_timer(&self, mean: Duration, realtime: bool, seed: u64) -> io::Result<JoinHandle<()>> {
        let (kernel, stop) = (Arc::clone(&self.kernel), Arc::clone(&self.stop_timer));
        let mut random = fastrand::Rng::with_seed(seed);
        std::thread::Builder::new().name("timer".into()).spawn(move || {
            if realtime {
                signal::prioritise(2);
            }
            while !stop.load(Relaxed) {
                std::thread::sleep(mean.mul_f64(2.0 * random.f64()));
                kernel.machine().tick(Cpu(random.u32(..kernel.cpus())));
            }
        })
    }

    /// Starts a process in a new address space, with one thread that runs `body`
    /// on the CPU `place`, or anywhere.
    ///
    /// # Errors
    /// If the host has no memory for its stack.
    pub fn process(
        &self,
        place: Option<Cpu>,
        body: impl Fn(&User<K>) + Send + 'static,
    ) -> io::Result<Process> {
        self.process_in(&SpaceHandle::new(), place, body)
    }

    /// As [`process`](Self::process), in an address space that others can be told
    /// of beforehand.
    ///
    /// # Errors
    /// If the host has no memory for its stack.
    pub fn process_in(
        &self,
        space: &SpaceHandle<K>,
        place: Option<Cpu>,
        body: impl Fn(&User<K>) + Send + 'static,
    ) -> io::Result<Process> {
        let job = self.all.part();
        user::start(&self.kernel, Arc::clone(&space.0), false, Arc::clone(&job), place, body)?;
        Ok(Process(job))
    }

    /// Starts a kernel thread.
    ///
    /// # Errors
    /// If the host has no memory for its stack.
    pub fn kernel_thread(
        &self,
        place: Option<Cpu>,
        body: impl FnOnce(&KernelThread<K>) + Send + 'static,
    ) -> io::Result<Process> {
        let job = self.all.part();
        user::start_kernel_thread(&self.kernel, Arc::clone(&job), place, body)?;
        Ok(Process(job))
    }

    /// Wants `cpu` online or offline, soon. CPU 0 stays online.
    pub fn want_online(&self, cpu: Cpu, online: bool) {
        self.kernel.want_online(cpu, online);
    }

    /// Whether `cpu` is online.
    #[must_use]
    pub fn is_online(&self, cpu: Cpu) -> bool {
        self.kernel.is_online(cpu)
    }

    /// How often the engine found that a hook had not told the truth.
    #[must_use]
    pub fn mismatches(&self) -> u64 {
        self.kernel.engine.mismatches()
    }

    /// What was counted on `cpu`.
    #[must_use]
    pub fn counts(&self, cpu: Cpu) -> &Counts {
        self.kernel.machine().counts(cpu)
    }
}

impl<K: OnThreads> Drop for System<K> {
    /// Stops what still runs: first the processes, then the timer, then the CPUs.
    /// CPUs that cannot be stopped, because a call on one of them hangs, are left
    /// behind.
    fn drop(&mut self) {
        self.all.kill();
        let stopped = self.all.wait(Duration::from_secs(5));
        self.stop_timer.store(true, Relaxed);
        let _ = self.timer.take().map(JoinHandle::join);
        if !stopped {
            return;
        }
        self.kernel.stop();
        for cpu in self.cpus.drain(..) {
            let _ = cpu.join();
        }
    }
}

impl Process {
    /// Waits until it and all that it started have ended; false if they have not
    /// within `limit`.
    #[must_use]
    pub fn wait(&self, limit: Duration) -> bool {
        self.0.wait(limit)
    }

    /// Stops it and all that it started, wherever they are, and waits until they
    /// are gone; false if one could not be stopped, because it does not come out
    /// of a call.
    pub fn stop(&self) -> bool {
        self.0.kill();
        self.0.wait(Duration::from_secs(5))
    }
}
