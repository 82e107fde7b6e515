//! What a kernel may leave out on an architecture, and what it may not.

use std::collections::BTreeSet;

use bonfire_engine::Site::{
    self, ExecMb, ExitMm, IpiCoreSync, IpiMb, MmDrop, OffPre, RegEntry, RegExit, SchedBefore, StaleMb,
    SwitchCoreSync, SwitchMm, SysExit, Untold, UnuseMm, UseMm,
};
use bonfire_model::architecture::Architecture;
use bonfire_model::excuse;
use bonfire_model::explorer::Rules;
use bonfire_model::machine::Change;
use bonfire_model::matrix::{self, Runner};
use bonfire_model::minimal::minimal;
use bonfire_model::run::Design;
use bonfire_model::scenario::{self, Needs};

/// Checks what `running` may leave out on an architecture; of the rest of what it
/// passes there, `others` apart, it needs each. The scenarios with most states, which
/// `docs/barriers.md` is made of besides, show nothing more here.
fn suffices(architecture: Architecture, spare: &[Site], others: impl Fn(Site) -> bool) {
    let scenarios: Vec<_> = scenario::two_cpus().into_iter().filter(|one| !one.is_long()).collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(4);
    let runner = Runner { scenarios: &scenarios, threads, limit_bytes: 2 << 30, progress: &|_, _| () };
    let found = minimal(&runner, Design::Running, architecture);
    let spare: BTreeSet<Site> = spare.iter().copied().collect();
    let is_needed = |site: &Site| {
        excuse::not_passed(Design::Running, *site).is_none() && !spare.contains(site) && !others(*site)
    };
    let needed: BTreeSet<Site> = Site::ALL.into_iter().filter(is_needed).collect();
    assert_eq!((found.needed, found.spare), (needed, spare), "{}", architecture.name());
}

/// No two barriers do each other's work.
#[test]
fn nothing_can_be_left_out_where_nothing_is_given() {
    suffices(Architecture::Bare, &[], |_| false);
}

/// Loads overtake stores and nothing else does; `CR3` and `iret` do the rest, and a
/// change of page tables serialises the core. Where nothing had been told of a CPU, one
/// of `SwitchMm` and `Untold` is enough. No kernel there asks for stale instructions.
#[test]
fn x86_gives_all_but_six() {
    let given = [
        SysExit,
        IpiMb,
        IpiCoreSync,
        SchedBefore,
        ExitMm,
        ExecMb,
        UseMm,
        UnuseMm,
        RegEntry,
        RegExit,
        OffPre,
        Untold,
    ];
    suffices(Architecture::X86, &given, |site| [SwitchCoreSync, StaleMb].contains(&site));
}

/// As Linux says of itself there: `__switch_to` has the barrier behind a switch.
/// Every exception return serialises the core, so that no site does.
#[test]
fn arm64_gives_the_barriers_behind_a_switch() {
    suffices(Architecture::Arm64, &[SwitchMm, MmDrop, OffPre], |site| site.is_core_sync() || site == StaleMb);
}

/// A kernel thread that borrows an address space loads its page tables without a switch of
/// threads, and so without the barrier that arm64 has there. Nothing else needs `MaskSet`
/// on a machine that serialises no core.
#[test]
fn on_arm64_a_mask_needs_its_barrier_only_where_no_thread_is_switched() {
    let scenarios = scenario::two_cpus();
    let runner = Runner { scenarios: &scenarios, threads: 2, limit_bytes: 2 << 30, progress: &|_, _| () };
    let mut runs = matrix::unchanged(&scenarios, &[Design::Mask], Rules::WEAK);
    runs.retain(|group| {
        group
            .iter()
            .all(|job| matches!(scenarios[job.scenario].needs, Needs::Nothing | Needs::Rseq | Needs::Grace))
    });
    for job in runs.iter_mut().flatten() {
        job.architecture = Architecture::Arm64;
        job.mutant = vec![(Site::MaskSet, Change::Deleted)];
    }
    let broken = runner.run(&runs).into_iter().filter(matrix::Record::breaks);
    let broken: BTreeSet<String> =
        broken.map(|record| scenarios[record.job.scenario].situation().to_owned()).collect();
    assert_eq!(broken, BTreeSet::from(["u7".to_owned()]));
}
