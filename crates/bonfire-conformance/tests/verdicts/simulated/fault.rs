//! The faults: one for each row of the list of what real kernels do wrong that
//! can be expressed at the call's face, with the cases that must fail for it.
//!
//! Rows that cannot be, and where they are tried instead: targets chosen before
//! the leading fence, acknowledgements that are counted, a caller that is not
//! pinned, CPUs that wait for each other with interrupts off: on the model,
//! interleaving by interleaving; the two-step interrupt command: in the
//! testbed; another CPU's translation flush taken for a barrier: by review, on
//! weakly ordered machines; a test suite that asks for the fault: here, since
//! every answer rests on one page and each row below must fail.

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Gates and answers are right, and the barrier does nothing.
    DoesNothing,
    /// The barrier is a fence in the caller.
    LocalFence,
    /// `GLOBAL` and `GLOBAL_EXPEDITED` reach no other process.
    GlobalIsPrivate,
    GlobalWantsRegistration,
    NeverRefuses,
    /// Any registration opens every gate.
    OneGate,
    CpuIdChecked,
    FlagsIgnored,
    /// `FLAG_CPU` is accepted with every command.
    FlagCpuForAll,
    /// Upper halves of registers count.
    WholeRegisters,
    /// A process that shares an address space does not share registrations.
    StatePerProcess,
    /// A thread's registrations are its own.
    StatePerThread,
    /// All processes share one state.
    OneStateForAll,
    ForkForgets,
    ExecKeeps,
    /// `QUERY` has `SYNC_CORE`, whose registration is refused.
    AdvertisesAbsent,
    /// `QUERY` lacks `RSEQ`, which works.
    Unadvertised,
    RefusesAgain,
    /// `GET_REGISTRATIONS` without the bit that Linux adds.
    ReportsExactly,
    AbsentCpuRefused,
    NegativeCpuRefused,
    /// Some calls time out.
    GivesUp,
    /// `SYNC_CORE` does not serialise.
    SyncCoreIsABarrier,
    /// `RSEQ` restarts nothing.
    NeverRestarts,
    /// `FLAG_CPU` interrupts a CPU of another numbering.
    WrongCpu,
    /// One abort of a restartable section in four is lost: the interrupt sets a bit
    /// between the read of a mask and its clearing (Linux before 6eb350a22331).
    LosesAborts,
    /// CPUs are interrupted that run nobody for whom the barrier is.
    InterruptsStrangers,
    /// CPUs are interrupted before the registration is looked for.
    InterruptsFirst,
    /// Only sections of programs that registered 32 bytes are restarted.
    ForgetsExtended,
    /// Targets are the threads of the caller's process, and not all users of its
    /// address space (a walk in Linux 6.19).
    WalksThreadGroup,
}

use Fault::*;

/// Each fault, and the ids of the cases that fail: those that match one of the
/// lines, which is to contain all of its words and none that begins with `!`.
pub(crate) const FAULTS: &[(Fault, &[&str])] = &[
    (DoesNothing, &["ordering/", "sync_core/", "rseq/", "interrupts/ /beside !-3-"]),
    // The light side of R+P1 only stores, and this machine keeps stores in order.
    (LocalFence, &["ordering/ !R+P1", "sync_core/", "rseq/", "interrupts/ /beside !-3-"]),
    (GlobalIsPrivate, &["ordering/ /GLOBAL", "interrupts/GLOBAL_EXPEDITED/"]),
    (
        GlobalWantsRegistration,
        &[
            "abi/GLOBAL_EXPEDITED/unregistered/ !/flags",
            "ordering/ /GLOBAL_EXPEDITED/",
            "load/ /unregistered",
            "interrupts/GLOBAL_EXPEDITED/",
        ],
    ),
    (
        NeverRefuses,
        &[
            "abi/PRIVATE_EXPEDITED/unregistered !/flags",
            "abi/SYNC_CORE/unregistered !/flags",
            "abi/RSEQ/unregistered !/flags",
            "abi/ -gates",
            "lifetime/",
            "load/ /unregistered",
            "interrupts/ /refused",
        ],
    ),
    (OneGate, &["abi/ -gates", "lifetime/ !/fork-register !/register-exec", "interrupts/ /refused"]),
    (CpuIdChecked, &["abi/ /cpu_id !/0x", "load/ !/targeted"]),
    (FlagsIgnored, &["abi/ /flags !/0x", "load/ !/targeted"]),
    (FlagCpuForAll, &["abi/ /flags !/0x !abi/RSEQ/", "load/ !/targeted"]),
    (WholeRegisters, &["abi/ /high-halves !/0x", "load/ !/targeted"]),
    (
        StatePerProcess,
        &[
            "lifetime/ /register-clone_vm",
            "lifetime/ /clone_vm-register",
            "lifetime/ /register-vfork-gates",
            "lifetime/ /vfork-register",
        ],
    ),
    (
        StatePerThread,
        &["lifetime/ /thread-register", "lifetime/ /clone_vm-register", "lifetime/ /vfork-register"],
    ),
    (OneStateForAll, &["lifetime/ /fork-register", "lifetime/ -exec"]),
    (ForkForgets, &["lifetime/ /register-fork-gates", "lifetime/ /register-fork-fork"]),
    (ExecKeeps, &["lifetime/ -exec"]),
    (
        AdvertisesAbsent,
        &[
            "SYNC_CORE !/unregistered",
            "abi/REGISTER_SYNC_CORE/unregistered !/flags",
            "sync_core/",
            "load/ /registered",
            "load/ /targeted",
            "interrupts/ /refused",
        ],
    ),
    (Unadvertised, &["abi/RSEQ/ registered/ !/flags", "load/ !/targeted"]),
    (
        RefusesAgain,
        &[
            "abi/REGISTER /registered !/flags",
            "abi/REGISTER /cpu_id",
            "abi/REGISTER /high-halves",
            "abi/ /register-register",
            "load/ /registered",
        ],
    ),
    (
        ReportsExactly,
        &[
            "abi/SYNC_CORE/ask",
            "abi/RSEQ/ask",
            "lifetime/SYNC_CORE/ !/fork-register !/register-exec",
            "lifetime/RSEQ/ !/fork-register !/register-exec",
        ],
    ),
    (AbsentCpuRefused, &["abi/RSEQ/registered/FLAG_CPU", "load/ /registered"]),
    (NegativeCpuRefused, &["abi/RSEQ/registered/FLAG_CPU", "rseq/ negative", "load/ /registered"]),
    (GivesUp, &["ordering/", "sync_core/", "rseq/", "load/"]),
    (SyncCoreIsABarrier, &["sync_core/"]),
    (NeverRestarts, &["rseq/"]),
    (WrongCpu, &["rseq/ /FLAG_CPU !negative"]),
    (InterruptsStrangers, &["interrupts/ /stranger"]),
    (InterruptsFirst, &["interrupts/ /refused"]),
    (ForgetsExtended, &["rseq/ /extended"]),
    (LosesAborts, &["rseq/"]),
    (WalksThreadGroup, &["ordering/SB/ /clone_vm", "ordering/SB/ /vfork"]),
];

/// Whether a case of this id must fail for a fault with these lines.
pub(crate) fn must_fail(id: &str, lines: &[&str]) -> bool {
    lines.iter().any(|line| {
        line.split_whitespace().all(|word| match word.strip_prefix('!') {
            Some(absent) => !id.contains(absent),
            None => id.contains(word),
        })
    })
}
