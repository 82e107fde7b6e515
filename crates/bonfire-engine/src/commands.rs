//! The system call: its gates, its commands, and registration.

use bonfire_abi::{Call, Command, Commands, Cpu, Error, Flavour, Result, Target};

use crate::machine::Machine;
use crate::request::Asked;
use crate::space::{Occupant, Task};
use crate::state::{Begin, Registered};
use crate::targets::Targets;
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

impl<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize> Engine<M, T, GROUPS> {
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
        if M::CORE_SYNC.is_some() {
            commands = commands.with(Command::SyncCore).with(Command::RegisterSyncCore);
        }
        if M::RESTART_RSEQ.is_some() {
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
    /// # Errors
    /// In Linux's order: [`Error::InvalidArgument`] for flags that the command
    /// does not take, for an unknown command, and for one that this machine does
    /// not have; then [`Error::NotRegistered`] for a private command whose
    /// registration is missing. Nothing else, and nothing once registered.
    pub fn membarrier(&self, caller: Task<'_, M, T, GROUPS>, users: Users, call: Call) -> Result<u32> {
        let (command, target) = call.command()?;
        if !Self::COMMANDS.contains(command) {
            return Err(Error::InvalidArgument);
        }
        match command {
            Command::Query => return Ok(Self::COMMANDS.mask()),
            Command::GetRegistrations => return Ok(caller.space.state.read().report().mask()),
            Command::Global => self.global(caller),
            Command::GlobalExpedited => self.barrier(caller, T::global),
            Command::PrivateExpedited => {
                gate(caller, Flavour::Private)?;
                self.barrier(caller, |engine| T::private(engine, caller.space));
            }
            Command::SyncCore => {
                gate(caller, Flavour::SyncCore)?;
                self.sync_core(caller);
            }
            Command::Rseq => {
                gate(caller, Flavour::Rseq)?;
                self.rseq(caller, target);
            }
            Command::RegisterGlobalExpedited => self.register(caller, users, Flavour::Global),
            Command::RegisterPrivateExpedited => self.register(caller, users, Flavour::Private),
            Command::RegisterSyncCore => self.register(caller, users, Flavour::SyncCore),
            Command::RegisterRseq => self.register(caller, users, Flavour::Rseq),
        }
        Ok(0)
    }

    /// A barrier on every CPU that `choose` finds, behind the entry barrier.
    fn barrier(&self, caller: Task<'_, M, T, GROUPS>, choose: impl FnOnce(&Self) -> CpuSet<GROUPS>) {
        self.bracketed(|me| self.request(me, Occupant::User(caller), choose(self), Asked::BARRIER));
    }

    /// Pins the caller, and calls `body` between the two barriers of a call.
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

    /// A barrier on every CPU of the system.
    fn global(&self, caller: Task<'_, M, T, GROUPS>) {
        let Some(grace_period) = M::GRACE_PERIOD else {
            return self.barrier(caller, Self::online_cpus);
        };
        // PAIRS(A), PAIRS(B): with what the machine's grace period waits for.
        // Not pinned: a grace period may sleep.
        self.machine.fence(Site::SysEntry);
        grace_period(&self.machine);
        self.machine.fence(Site::SysExit);
    }

    /// A barrier and a core serialisation on every CPU that runs the caller's
    /// address space, this one included.
    fn sync_core(&self, caller: Task<'_, M, T, GROUPS>) {
        self.bracketed(|me| {
            let targets = T::private(self, caller.space);
            self.request(me, Occupant::User(caller), targets, Asked::CORE_SYNC);
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
    fn rseq(&self, caller: Task<'_, M, T, GROUPS>, target: Option<Target>) {
        self.bracketed(|me| {
            let mut targets = T::private(self, caller.space);
            match target {
                Some(Target::One(cpu)) if cpu == me => {
                    return self.machine.without_interrupts(|| self.restart_rseq());
                }
                Some(Target::One(cpu)) => {
                    let runs = targets.contains(cpu);
                    targets = CpuSet::EMPTY;
                    if runs {
                        targets.add(cpu);
                    }
                }
                Some(Target::Every) | None => {}
            }
            self.request(me, Occupant::User(caller), targets, Asked::RSEQ);
        });
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
    fn register(&self, caller: Task<'_, M, T, GROUPS>, users: Users, flavour: Flavour) {
        let state = &caller.space.state;
        let Begin::Started(before) = state.begin(flavour) else { return };
        let occupant = Occupant::User(caller);
        let pin = self.machine.pin();
        let me = self.machine.this_cpu(&pin);
        // PAIRS(R): the intent comes before the choice of CPUs and before the
        // requests, which the handlers read before they pass IpiMb.
        self.machine.fence(Site::RegEntry);
        if let (Some(asked), Users::Several) = (Self::work(before, flavour), users) {
            self.request(me, occupant, self.online_cpus(), asked);
        }
        self.machine.without_interrupts(|| T::publish(self, me, occupant));
        // PAIRS(G): with SysEntry of whoever finds the gate open.
        // PAIRS(P): behind the last answer, so the occupants that the handlers
        // published are seen by whoever finds the gate open.
        self.machine.fence(Site::RegExit);
        drop(pin);
        state.finish(flavour);
    }

    /// What a registration must ask of every CPU, if anything.
    fn work(before: Registered, flavour: Flavour) -> Option<Asked> {
        let pays_core_sync = T::SKIPS
            && M::CORE_SYNC
                .is_some_and(|core| core.row.owes(Site::SwitchCoreSync) || core.row.owes(Site::RetCoreSync));
        match flavour {
            Flavour::Global if T::PUBLISHES => Some(Asked::PUBLISH),
            Flavour::SyncCore if pays_core_sync => Some(Asked::BARRIER),
            _ if T::CONDITIONAL && !before.fences_established() => Some(Asked::BARRIER),
            _ => None,
        }
    }
}

/// Whether the caller's address space registered for `flavour`.
#[inline]
fn gate<M: Machine, T: Targets<M, GROUPS>, const GROUPS: usize>(
    caller: Task<'_, M, T, GROUPS>,
    flavour: Flavour,
) -> Result<()> {
    // Relaxed, in `read`. PAIRS(G): SysEntry follows, and RegExit came before
    // the gate was opened.
    if caller.space.state.read().is_ready(flavour) { Ok(()) } else { Err(Error::NotRegistered) }
}
