//! The engine on this machine, as a subject of the conformance suite.
//!
//! | what a case asks for | what it gets |
//! |---|---|
//! | a fresh process | a new address space and a thread in it |
//! | a thread | a thread in the same address space |
//! | `clone(CLONE_VM)`, `vfork` | the same, as one of another process |
//! | `fork` | a thread in an address space that inherited the registrations |
//! | a new program image | a new address space for the thread |
//! | code to rewrite | what each CPU has fetched of it |
//! | a restartable section | one that commits by an instruction of this machine |
//!
//! Memory is that of the program that hosts it, so the arena is simply there.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bonfire_conformance::{Arena, Ending, Fetch, Page, Restartable, Start, Subject, Task, World, enter};
use bonfire_engine::abi::{Call, Cpu, to_return};
use bonfire_engine::{Design, for_design};

use crate::design::{On, OnThreads};
use crate::sys::{cold_memory, zeroed_arena};
use crate::{Memory, Options, System, User, lock};

/// A subject: virtual CPUs under the design `D`.
pub struct Virtual<K: OnThreads> {
    system: Mutex<System<K>>,
    outside: Arc<Outside>,
    options: Options,
}

/// What all processes see of the outside.
struct Outside {
    arena: Box<Arena>,
    /// Memory that nobody uses; the host fills it when somebody does.
    cold: Box<[Page]>,
    began: Instant,
}

/// One thread's view.
struct Inside<'a, K: OnThreads> {
    user: &'a User<K>,
    outside: &'a Arc<Outside>,
}

impl<K: OnThreads> Virtual<K> {
    /// Switches the machine on.
    ///
    /// # Errors
    /// If the host starts no more threads.
    pub fn new(options: Options) -> io::Result<Self> {
        let outside = Outside { arena: zeroed_arena(), cold: cold_memory(), began: Instant::now() };
        Ok(Self { system: Mutex::new(System::boot(options)?), outside: Arc::new(outside), options })
    }

    /// A thread that does `task`.
    fn body(outside: &Arc<Outside>, task: Task) -> impl Fn(&User<K>) + Send + 'static {
        let outside = Arc::clone(outside);
        move |user| enter(&Inside { user, outside: &outside }, task)
    }
}

/// A subject whose virtual CPUs run the engine in this design.
///
/// # Errors
/// If the host starts no more threads.
pub fn subject(design: Design, options: Options) -> io::Result<Box<dyn Subject>> {
    for_design!(design, D => Ok(Box::new(Virtual::<On<D>>::new(options)?)))
}

impl Outside {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl<K: OnThreads> Subject for Virtual<K> {
    fn arena(&self) -> &Arena {
        &self.outside.arena
    }

    fn cpus(&self) -> u32 {
        u32::try_from(self.options.cpus).unwrap_or(u32::MAX)
    }

    fn now_ns(&self) -> u64 {
        self.outside.now_ns()
    }

    fn process(&self, task: Task, limit_ns: u64) -> Ending {
        let mut system = lock(&self.system);
        let Ok(process) = system.process(None, Self::body(&self.outside, task)) else {
            return Ending::Missing;
        };
        if process.wait(Duration::from_nanos(limit_ns)) {
            return Ending::Ended;
        }
        if !process.stop() {
            // A call hangs. Its machine is left behind, and the next process
            // runs on another.
            match System::boot(self.options) {
                Ok(another) => *system = another,
                Err(_) => return Ending::Missing,
            }
        }
        Ending::Hung
    }
}

impl<K: OnThreads> World for Inside<'_, K> {
    fn arena(&self) -> &Arena {
        &self.outside.arena
    }

    fn call(&self, [cmd, flags, cpu_id]: [u64; 3]) -> isize {
        to_return(self.user.membarrier(Call::from_registers(cmd, flags, cpu_id)))
    }

    fn ordinary_call(&self) {
        self.user.ordinary_call();
    }

    fn start(&self, how: Start, tasks: &[Task]) -> Ending {
        let memory = match how {
            Start::Fork => Memory::Copied,
            Start::Thread => Memory::Shared,
            Start::CloneVm | Start::Vfork => Memory::Borrowed,
        };
        let mut ending = Ending::Ended;
        for &task in tasks {
            if self.user.start(memory, None, Virtual::<K>::body(self.outside, task)).is_err() {
                ending = Ending::Missing;
            }
        }
        self.user.join();
        ending
    }

    fn exec(&self, task: Task) -> Ending {
        self.user.exec();
        enter(self, task);
        self.user.exit()
    }

    fn place(&self, cpu: u32) -> bool {
        self.user.place(Some(Cpu(cpu)))
    }

    fn cpu_number(&self, cpu: u32) -> u32 {
        cpu
    }

    fn nap(&self) {
        self.user.nap(Duration::from_micros(20));
    }

    fn cold(&self) -> &[Page] {
        &self.outside.cold
    }

    fn now_ns(&self) -> u64 {
        self.outside.now_ns()
    }

    fn code(&self) -> Option<&dyn Fetch> {
        Some(self)
    }

    fn restartable(&self) -> Option<&dyn Restartable> {
        Some(self)
    }
}

impl<K: OnThreads> Fetch for Inside<'_, K> {
    fn patch(&self, value: u32) {
        self.user.patch(value);
    }

    fn execute(&self) -> u32 {
        self.user.execute()
    }

    fn serialise(&self) -> bool {
        self.user.serialise();
        true
    }
}

impl<K: OnThreads> Restartable for Inside<'_, K> {
    fn copy(&self, from: &AtomicU32, delay: u32, to: &[AtomicU32; 16]) -> bool {
        let begun = self.user.begin_section();
        let value = from.load(Relaxed);
        (0..delay).for_each(|_| std::hint::spin_loop());
        self.user.commit(begun, &to[value as usize % to.len()], value)
    }
}
