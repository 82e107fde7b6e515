//! The system call: its gates, its commands, and registration.

use core::fmt;

use bonfire_abi::{Call, Command, Commands, Cpu, Error, Flavour, Target};

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::request::Asked;
use crate::space::Task;
use crate::state::{Begin, Registered};
use crate::targets::Choose;
use crate::{CpuSet, Engine, Site};

/// How many threads, as the kernel counts them, share the caller's address
/// space: kernel threads that use it count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Users {
    /// The caller alone.
    Sole,
    /// Several, or the kernel does not know.
    Several,
}

/// Why a call was refused: it had no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// `EINVAL`: no such command, flags that it does not take, or a command that
    /// this machine does not have.
    InvalidArgument,
    /// `EPERM`: the caller's address space did not register for this flavour.
    NotRegistered,
}

impl<K: Kernel> Engine<K> {
    /// The commands of this machine: what `QUERY` returns. Computed from what
    /// the machine declares; what is not in it is refused.
    pub const COMMANDS: Commands = {
        let mut commands = Commands::NONE
            .with(Command::Global)
            .with(Command::GlobalExpedited)
            .with(Command::RegisterGlobalExpedited)
            .with(Command::PrivateExpedited)
            .with(Command::RegisterPrivateExpedited)
            .with(Command::GetRegistrations);
        if K::Machine::CORE_SYNC.is_some() {
            commands = commands.with(Command::SyncCore).with(Command::RegisterSyncCore);
        }
        if K::Machine::RESTART_RSEQ.is_some() {
            commands = commands.with(Command::Rseq).with(Command::RegisterRseq);
        }
        commands
    };

    /// `membarrier(2)`, called by `caller`.
    ///
    /// In the caller's context, where it may be made to wait for other CPUs:
    /// pre-emption on or off, interrupts on or off (with interrupts off, this
    /// CPU serves its own inbox while it waits), and no lock held that an
    /// interrupt handler or another CPU's hook may want.
    ///
    /// `caller` is what the last hook on this CPU was told, not what the thread
    /// would say of itself: where an exec replaces the memory of a whole thread
    /// group, its siblings run on in the old address space until they are
    /// stopped. A call by anybody else is a mismatch: it asks every CPU that is
    /// online, and [`mismatches`](Engine::mismatches) counts it.
    ///
    /// # Errors
    /// In Linux's order: [`Refused::InvalidArgument`] for flags that the command
    /// does not take, for an unknown command, and for one that this machine does
    /// not have; then [`Refused::NotRegistered`] for a private command whose
    /// registration is missing. Nothing else, and nothing once registered.
    pub fn membarrier(&self, caller: Task<'_, K>, users: Users, call: Call) -> Result<u32, Refused> {
        if !Self::may_have(call.number) {
            return Err(Refused::InvalidArgument);
        }
        if call.flags != 0 {
            return self.flagged(caller, call);
        }
        // Nothing stands between the number and the choice, so that it is looked at once.
        let Some(command) = Command::from_number(call.number) else { return Err(Refused::InvalidArgument) };
        match command {
            Command::Query => return Ok(Self::COMMANDS.mask()),
            Command::GetRegistrations => return Ok(caller.space.state.read().report().mask()),
            Command::Global => self.global(caller),
            Command::GlobalExpedited => self.global_expedited(caller),
            Command::PrivateExpedited => {
                gate(caller, Flavour::Private)?;
                self.private_expedited(caller);
            }
            Command::SyncCore => {
                gate(caller, Flavour::SyncCore)?;
                self.sync_core(caller);
            }
            Command::Rseq => {
                gate(caller, Flavour::Rseq)?;
                self.rseq(caller, None);
            }
            Command::RegisterGlobalExpedited => self.register(caller, users, Flavour::Global),
            Command::RegisterPrivateExpedited => self.register(caller, users, Flavour::Private),
            Command::RegisterSyncCore => self.register(caller, users, Flavour::SyncCore),
            Command::RegisterRseq => self.register(caller, users, Flavour::Rseq),
        }
        Ok(0)
    }

    /// A call with flags: only one command takes any.
    #[inline]
    fn flagged(&self, caller: Task<'_, K>, call: Call) -> Result<u32, Refused> {
        let Ok((Command::Rseq, target)) = call.command() else { return Err(Refused::InvalidArgument) };
        gate(caller, Flavour::Rseq)?;
        self.rseq(caller, target);
        Ok(0)
    }

    /// Whether this machine has the command of this number, if that is one.
    const fn may_have(number: i32) -> bool {
        // CAST: bit by bit; a negative number has bits that no command has.
        number as u32 & !Self::COMMANDS.mask() == 0
    }

    /// A barrier on every CPU that runs the caller's address space.
    fn private_expedited(&self, caller: Task<'_, K>) {
        self.bracketed(|me| self.request(me, &self.private_targets(me, caller), Asked::BARRIER));
    }

    /// Pins the caller, and calls `body` between the two barriers of a call.
    #[inline]
    fn bracketed(&self, body: impl FnOnce(Cpu)) {
        let pin = self.machine.pin();
        let me = self.machine.this_cpu(&pin);
        // PAIRS(A): with the first barrier of whoever enters a CPU, or serves it.
        // Entering a system call is not a barrier: without this one, a CPU that
        // is found to run something else, or that has already served, may go on
        // to read what was there before the caller's last stores.
        // PAIRS(G): the gate was found open before this.
        self.machine.fence(Site::SysEntry);
        body(me);
        // PAIRS(B): with the last barrier of whoever left a CPU, or served it.
        // Leaving a system call is not a barrier either: without this one, the
        // caller may have read early what other threads were still to write.
        self.machine.fence(Site::SysExit);
        drop(pin);
    }

    /// The other CPUs that a private call must reach. Behind `SysEntry`.
    #[inline]
    fn private_targets(&self, me: Cpu, caller: Task<'_, K>) -> CpuSet<K> {
        let mut targets = if self.is_placed(me, caller) {
            K::Design::private(self, me, caller)
        } else {
            self.is_misplaced(me)
        };
        targets.remove(me);
        self.and_the_doubted(me, targets)
    }

    /// A barrier on every CPU of the system.
    fn global(&self, caller: Task<'_, K>) {
        let Some(grace_period) = K::Machine::GRACE_PERIOD else {
            return self.bracketed(|me| {
                if !self.is_placed(me, caller) {
                    self.is_misplaced(me);
                }
                let mut targets = self.online_cpus();
                targets.remove(me);
                self.request(me, &targets, Asked::BARRIER);
            });
        };
        // PAIRS(A), PAIRS(B): with what the machine's grace period waits for.
        // Not pinned: a grace period may sleep.
        self.machine.fence(Site::SysEntry);
        grace_period(&self.machine);
        self.machine.fence(Site::SysExit);
    }

    /// A barrier on every CPU that runs an address space which registered for it.
    fn global_expedited(&self, caller: Task<'_, K>) {
        self.bracketed(|me| {
            let mut targets =
                if self.is_placed(me, caller) { K::Design::global(self) } else { self.is_misplaced(me) };
            targets.remove(me);
            self.request(me, &self.and_the_doubted(me, targets), Asked::BARRIER);
        });
    }

    /// A barrier and a core serialisation on every CPU that runs the caller's
    /// address space, this one included.
    fn sync_core(&self, caller: Task<'_, K>) {
        // PAIRS(A): before SysEntry, so that a CPU which enters the address space unseen
        // finds this.
        Self::mark_stale(caller.space);
        self.bracketed(|me| {
            self.request(me, &self.private_targets(me, caller), Asked::CORE_SYNC);
            // PAIRS(S): this CPU was not poked. Pinned until here, so the CPU that
            // was left out of the request is the one that serialises; whoever is
            // switched in next in this address space needs no more.
            self.machine.without_interrupts(|| self.owe_core_sync(me, Site::SelfCoreSync));
        });
    }

    /// A barrier and a restart of rseq critical sections: on every CPU that runs
    /// the caller's address space, or on the one that is named, if it does.
    ///
    /// A CPU that is skipped has switched since, and every switch restarts.
    fn rseq(&self, caller: Task<'_, K>, target: Option<Target>) {
        self.bracketed(|me| {
            let targets = match target {
                Some(Target::One(cpu)) if cpu == me => {
                    return self.machine.without_interrupts(|| self.restart_rseq());
                }
                Some(Target::One(cpu)) => self.one_target(me, caller, cpu),
                Some(Target::Every) | None => self.private_targets(me, caller),
            };
            self.request(me, &targets, Asked::RSEQ);
        });
    }

    /// `cpu`, if a private call must reach it: what [`private_targets`] has of it,
    /// without a look at the others. Behind `SysEntry`.
    ///
    /// [`private_targets`]: Self::private_targets
    fn one_target(&self, me: Cpu, caller: Task<'_, K>, cpu: Cpu) -> CpuSet<K> {
        let mut targets = CpuSet::EMPTY;
        if !self.is_placed(me, caller) {
            targets = self.is_misplaced(me);
        } else if K::Design::runs(self, me, caller, cpu) {
            targets.add(cpu);
        }
        self.and_the_doubted(me, targets).only(cpu)
    }

    /// Restarts the rseq critical section that was interrupted here, if any.
    ///
    /// Interrupts are off.
    pub(crate) fn restart_rseq(&self) {
        if let Some(restart) = K::Machine::RESTART_RSEQ {
            restart(&self.machine);
        }
    }

    /// Opens the gate of `flavour` for the caller's address space.
    ///
    /// The hooks pay for address spaces that registered, so the gate may open
    /// only when each CPU is known to pay. One poke of every online CPU makes it
    /// so, because hooks and handlers both run with interrupts off:
    /// - a switch that comes after the poke was served reads the intent, which was
    ///   set before `RegEntry`, and pays;
    /// - a switch that came before is complete, and what it published is visible
    ///   to whoever calls after the gate opened.
    ///
    /// A CPU that is offline, or comes online meanwhile, reads the intent behind
    /// the barrier of its own `online`. Two registrations at once each poke and
    /// wait for themselves. A second flavour needs no poke where the first has
    /// done the work: its ready bit was set behind `RegExit`.
    fn register(&self, caller: Task<'_, K>, users: Users, flavour: Flavour) {
        let state = &caller.space.state;
        let Begin::Started(before) = state.begin(flavour) else { return };
        let pin = self.machine.pin();
        let me = self.machine.this_cpu(&pin);
        // PAIRS(R): the intent comes before the choice of CPUs and before the
        // requests, which the handlers read before they pass IpiMb.
        self.machine.fence(Site::RegEntry);
        let mut users = users;
        if !self.is_placed(me, caller) {
            self.is_misplaced(me);
            users = Users::Several;
        }
        if let Some(asked) = Self::asked_by_registration(before, flavour) {
            if users == Users::Several {
                let mut others = self.online_cpus();
                others.remove(me);
                self.request(me, &others, asked);
            }
        }
        if let (Flavour::Global, Some(slot)) = (flavour, self.slot(me)) {
            self.machine.without_interrupts(|| K::Design::publish(slot));
        }
        // PAIRS(G): with SysEntry of whoever finds the gate open.
        // PAIRS(P): behind the last answer, so what the handlers published is
        // seen by whoever finds the gate open.
        self.machine.fence(Site::RegExit);
        if !before.fences_established() {
            K::Design::registered(self, me, caller.space, users);
        }
        drop(pin);
        state.finish(flavour);
    }

    /// What a registration must ask of every CPU, if anything.
    ///
    /// `SYNC_CORE` asks for nothing of its own. A switch reads whether it owes a
    /// core serialisation *behind* the barrier that it pays for any flavour, so a
    /// CPU that a later call skips sees the intent by edge A.
    fn asked_by_registration(before: Registered, flavour: Flavour) -> Option<Asked> {
        match flavour {
            Flavour::Global if K::Design::PUBLISHES_GLOBAL => Some(Asked::PUBLISH),
            _ if K::Design::PAYS_IF_REGISTERED && !before.fences_established() => Some(Asked::BARRIER),
            _ => None,
        }
    }
}

/// Whether the caller's address space registered for `flavour`.
#[inline]
fn gate<K: Kernel>(caller: Task<'_, K>, flavour: Flavour) -> Result<(), Refused> {
    // Relaxed, in `read`. PAIRS(G): SysEntry follows, and RegExit came before
    // the gate was opened.
    if caller.space.state.read().is_ready(flavour) { Ok(()) } else { Err(Refused::NotRegistered) }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::InvalidArgument => Self::InvalidArgument,
            Refused::NotRegistered => Self::NotRegistered,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Error::from(*self).fmt(f)
    }
}

impl core::error::Error for Refused {}
