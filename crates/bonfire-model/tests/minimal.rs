//! What a kernel may leave out on an architecture, and what it may not.

use bonfire_engine::Site::{
    self, ExecMb, ExitCoreSync, ExitMm, IpiCoreSync, IpiMb, MmDrop, OffPre, RegEntry, RegExit, RetCoreSync,
    SchedBefore, SelfCoreSync, SwitchCoreSync, SwitchMm, SysEntry, SysExit, UnuseMm, UseMm,
};
use bonfire_model::architecture::Architecture;
use bonfire_model::matrix::Runner;
use bonfire_model::minimal::minimal;
use bonfire_model::run::Design;
use bonfire_model::scenario;

/// Checks the sets of `running` on an architecture.
fn suffices(architecture: Architecture, needed: &[Site], spare: &[Site]) {
    let scenarios = scenario::two_cpus();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let runner = Runner { scenarios: &scenarios, threads, limit_bytes: 2 << 30, progress: &|_| () };
    let found = minimal(&runner, Design::Running, architecture);
    assert_eq!(found.needed, needed.iter().copied().collect(), "{}", architecture.name());
    assert_eq!(found.spare, spare.iter().copied().collect(), "{}", architecture.name());
}

/// All of them, where nothing is given: no two barriers do each other's work.
#[test]
fn nothing_can_be_left_out_where_nothing_is_given() {
    let all = [
        SysEntry,
        SysExit,
        IpiMb,
        IpiCoreSync,
        SelfCoreSync,
        SchedBefore,
        SwitchMm,
        MmDrop,
        SwitchCoreSync,
        RetCoreSync,
        ExitCoreSync,
        ExitMm,
        ExecMb,
        UseMm,
        UnuseMm,
        RegEntry,
        RegExit,
        OffPre,
    ];
    suffices(Architecture::Bare, &all, &[]);
}

/// Loads overtake stores and nothing else does; `CR3` and `iret` do the rest.
#[test]
fn x86_gives_all_but_five() {
    let given = [
        SysExit,
        IpiMb,
        IpiCoreSync,
        SchedBefore,
        SwitchMm,
        ExitMm,
        ExecMb,
        UseMm,
        UnuseMm,
        RegEntry,
        RegExit,
        OffPre,
    ];
    suffices(Architecture::X86, &[SysEntry, SelfCoreSync, MmDrop, RetCoreSync, ExitCoreSync], &given);
}

/// As Linux says of itself there: `__switch_to` has the barrier behind a switch.
#[test]
fn arm64_gives_the_barriers_behind_a_switch() {
    let needed = [SysEntry, SysExit, IpiMb, SchedBefore, ExitMm, ExecMb, UseMm, UnuseMm, RegEntry, RegExit];
    suffices(Architecture::Arm64, &needed, &[SwitchMm, MmDrop, OffPre]);
}
