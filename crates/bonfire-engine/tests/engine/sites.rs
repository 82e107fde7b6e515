//! Which barriers a hook passes: those it owes, and no others.

use crate::inline::{BEFORE_USER, IF_STALE, On, Small, Space, Spawn, With, new_space};
use bonfire_engine::abi::{Call, Command, Cpu, Flavour};
use bonfire_engine::core_sync::Return;
use bonfire_engine::{LockedMask, Mask, Occupant, Running, Site, Task, Thread, Threads, Users};

/// A kernel whose CPU 0 runs a process registered for `flavours`, and a stranger.
fn registered<K: Spawn>(flavours: &[Flavour]) -> (&'static Small<K>, Space<K>, On<K>) {
    let kernel = Small::<K>::boot();
    let space = new_space();
    kernel.switch(0, K::spawn(kernel, space));
    for flavour in flavours {
        kernel.command(0, flavour.registration()).unwrap();
    }
    kernel.forget();
    (kernel, space, K::spawn(kernel, new_space()))
}

/// Takes CPU 1 through every change of occupant and says what each passed.
fn tour<K: Spawn>(flavours: &[Flavour]) -> Vec<(&'static str, Vec<Site>)> {
    let (kernel, space, stranger) = registered::<K>(flavours);
    let mut tour = Vec::new();
    let mut step = |name, to| {
        kernel.switch(1, to);
        tour.push((name, kernel.sites()));
    };
    step("kernel to process", K::spawn(kernel, space));
    step("thread to thread", K::spawn(kernel, space));
    step("process to stranger", stranger);
    step("stranger to process", K::spawn(kernel, space));
    step("process to kernel thread", Occupant::Borrower(space));
    step("kernel thread to process", K::spawn(kernel, space));
    let Occupant::User(task) = kernel.on(1) else { unreachable!() };
    kernel.engine.exit(Cpu(1), task);
    tour.push(("exit", kernel.sites()));
    kernel.engine.borrow_space(Cpu(1), Occupant::Borrower(space), task);
    tour.push(("use", kernel.sites()));
    kernel.engine.return_space(Cpu(1), task);
    tour.push(("unuse", kernel.sites()));
    kernel.runs(1, Occupant::Borrower(space));
    kernel.switch(1, K::spawn(kernel, space));
    let Occupant::User(task) = kernel.on(1) else { unreachable!() };
    let _ = kernel.sites();
    let image = new_space();
    kernel.engine.exec(Cpu(1), task, image);
    tour.push(("exec", kernel.sites()));
    tour
}

use Site::{
    ExecMb, ExitMm, IpiCoreSync, IpiMb, MaskSet, MaskSwitch, MmDrop, RegEntry, RegExit, RetCoreSync,
    SameSwitch, SchedBefore, SelfCoreSync, StaleMb, SwitchCoreSync, SwitchMm, SysEntry, SysExit, UnuseMm,
    UseMm,
};

#[test]
fn who_never_registered_passes_no_barrier() {
    for tour in [tour::<With<Running>>(&[]), tour::<With<Mask>>(&[]), tour::<With<Threads>>(&[])] {
        assert!(tour.iter().all(|(_, sites)| sites.is_empty()), "{tour:?}");
    }
}

#[test]
fn running_pays_on_either_side_of_a_switch() {
    assert_eq!(
        tour::<With<Running>>(&[Flavour::Private]),
        [
            ("kernel to process", vec![MmDrop]),
            ("thread to thread", vec![]),
            ("process to stranger", vec![SchedBefore]),
            ("stranger to process", vec![SwitchMm]),
            ("process to kernel thread", vec![SchedBefore]),
            ("kernel thread to process", vec![MmDrop]),
            ("exit", vec![ExitMm]),
            ("use", vec![UseMm]),
            ("unuse", vec![UnuseMm]),
            ("exec", vec![ExecMb]),
        ]
    );
}

/// Both of two that change places pay, though either alone would make it.
#[test]
fn between_two_that_registered_no_barrier_is_left_out() {
    fn between<K: Spawn>() -> Vec<Site> {
        let (kernel, space, stranger) = registered::<K>(&[Flavour::Private]);
        kernel.switch(1, stranger);
        kernel.command(1, Command::RegisterPrivateExpedited).unwrap();
        kernel.forget();
        kernel.switch(1, K::spawn(kernel, space));
        kernel.switch(1, stranger);
        kernel.sites()
    }
    assert_eq!(between::<With<Running>>(), [SchedBefore, SwitchMm, SchedBefore, SwitchMm]);
    assert_eq!(between::<With<Mask>>(), [MaskSwitch, MaskSwitch]);
    assert_eq!(between::<With<Threads>>(), [SwitchMm, SwitchMm]);
}

#[test]
fn mask_pays_once_and_nothing_while_a_kernel_thread_borrows() {
    assert_eq!(
        tour::<With<Mask>>(&[Flavour::Private]),
        [
            ("kernel to process", vec![MaskSet]),
            ("thread to thread", vec![]),
            ("process to stranger", vec![MaskSwitch]),
            ("stranger to process", vec![MaskSwitch]),
            ("process to kernel thread", vec![]),
            ("kernel thread to process", vec![]),
            ("exit", vec![]),
            ("use", vec![]),
            ("unuse", vec![]),
            ("exec", vec![MaskSwitch]),
        ]
    );
}

/// A stranger and an image have CPUs that they had not visited, too; nobody comes twice.
#[test]
fn locked_mask_pays_on_the_first_visit() {
    let paid: Vec<_> = tour::<With<LockedMask>>(&[Flavour::Private])
        .into_iter()
        .filter(|(_, sites)| !sites.is_empty())
        .collect();
    let visit = || vec![MaskSet];
    assert_eq!(paid, [("kernel to process", visit()), ("process to stranger", visit()), ("exec", visit())]);
}

#[test]
fn threads_pays_between_threads_of_one_address_space_too() {
    assert_eq!(
        tour::<With<Threads>>(&[Flavour::Private]),
        [
            ("kernel to process", vec![MmDrop]),
            ("thread to thread", vec![SameSwitch]),
            ("process to stranger", vec![SwitchMm]),
            ("stranger to process", vec![SwitchMm]),
            ("process to kernel thread", vec![SchedBefore]),
            ("kernel thread to process", vec![MmDrop]),
            ("exit", vec![ExitMm]),
            ("use", vec![UseMm]),
            ("unuse", vec![UnuseMm]),
            ("exec", vec![ExecMb]),
        ]
    );
}

#[test]
fn a_core_serialisation_is_owed_where_neither_page_tables_nor_return_serialise() {
    fn owed<K: Spawn>() -> Vec<&'static str> {
        let tour = tour::<K>(&[Flavour::SyncCore]);
        let owes = |sites: &[Site]| sites.iter().any(|site| site.is_core_sync());
        tour.into_iter().filter(|(_, sites)| owes(sites)).map(|(name, _)| name).collect()
    }
    let enters = ["kernel thread to process", "use"];
    assert_eq!(owed::<With<Running>>(), enters);
    assert!(owed::<With<Mask>>().is_empty(), "a CPU that borrows it is asked");
    assert_eq!(owed::<With<LockedMask>>(), enters);
    let [thread, process] = enters;
    assert_eq!(owed::<With<Threads>>(), ["thread to thread", thread, process][..]);
    let tour = tour::<With<Running>>(&[Flavour::SyncCore]);
    assert!(tour.contains(&("kernel thread to process", vec![MmDrop, RetCoreSync])));
    assert!(tour.contains(&("use", vec![UseMm, RetCoreSync])));
}

#[test]
fn the_caller_and_its_targets_serialise_behind_their_barriers() {
    let (kernel, space, _) = registered::<With<Running>>(&[Flavour::SyncCore]);
    kernel.switch(1, <With<Running>>::spawn(kernel, space));
    kernel.forget();
    kernel.command(0, Command::SyncCore).unwrap();
    assert_eq!(kernel.sites(), [SysEntry, IpiMb, IpiCoreSync, SelfCoreSync, SysExit]);
}

/// Linux skips both where it counts one user.
#[test]
fn a_process_of_one_thread_passes_both_barriers_of_a_call() {
    let (kernel, _, _) = registered::<With<Running>>(&[Flavour::Private]);
    kernel.call_as(0, Users::Sole, Call::new(Command::PrivateExpedited)).unwrap();
    assert_eq!(kernel.sites(), [SysEntry, SysExit]);
}

#[test]
fn a_registration_stands_between_its_two_barriers() {
    let (kernel, _, _) = registered::<With<Running>>(&[]);
    kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
    assert_eq!(kernel.sites(), [RegEntry, IpiMb, IpiMb, IpiMb, RegExit]);
    kernel.command(0, Command::RegisterRseq).unwrap();
    assert_eq!(kernel.sites(), [RegEntry, RegExit]);
}

#[test]
fn what_is_put_off_is_settled_once_on_the_first_return_that_does_not_serialise() {
    let kernel = Small::<With<Running, BEFORE_USER>>::boot();
    let space = new_space();
    let user = || Occupant::User(Task { space, thread: Box::leak(Box::new(Thread::new())) });
    for cpu in [0, 1] {
        kernel.switch(cpu, user());
    }
    kernel.command(0, Command::RegisterSyncCore).unwrap();
    let syncs = || kernel.sites().into_iter().filter(|site| site.is_core_sync()).collect::<Vec<_>>();
    let _ = syncs();
    kernel.command(0, Command::SyncCore).unwrap();
    assert_eq!(syncs(), [], "put off");
    for (cpu, way, expected) in [
        (0, Return::SystemCall, vec![Site::ExitCoreSync]),
        (0, Return::SystemCall, vec![]),
        (1, Return::Interrupt, vec![]),
        (1, Return::SystemCall, vec![]),
        (2, Return::SystemCall, vec![]),
    ] {
        kernel.engine.before_user(Cpu(cpu), way);
        assert_eq!(syncs(), expected, "CPU {cpu} by {way:?}");
    }
}

#[test]
fn where_it_is_asked_who_enters_serialises_once_after_each_call_that_skipped_it() {
    let kernel = Small::<With<Running, IF_STALE>>::boot();
    let space = new_space();
    let user = || Occupant::User(Task { space, thread: Box::leak(Box::new(Thread::new())) });
    kernel.switch(0, user());
    kernel.command(0, Command::RegisterSyncCore).unwrap();
    kernel.forget();
    let enters = |cpu, to| {
        kernel.switch(cpu, to);
        let sites = kernel.sites();
        kernel.switch(cpu, Occupant::Borrower(space));
        kernel.forget();
        sites
    };
    assert_eq!(enters(1, user()), [MmDrop], "no code was replaced yet");
    kernel.command(0, Command::SyncCore).unwrap();
    assert_eq!(kernel.sites(), [SysEntry, SelfCoreSync, SysExit]);
    assert_eq!(enters(1, user()), [MmDrop, StaleMb, RetCoreSync]);
    assert_eq!(enters(1, user()), [MmDrop], "it has serialised");
    assert_eq!(enters(2, user()), [MmDrop, StaleMb, SwitchCoreSync], "each CPU for itself");

    let child = new_space();
    kernel.engine.fork(space, child);
    let its_thread = || Occupant::User(Task { space: child, thread: Box::leak(Box::new(Thread::new())) });
    kernel.switch(1, Occupant::Kernel);
    kernel.forget();
    assert_eq!(enters(1, its_thread()), [MmDrop, StaleMb, SwitchCoreSync], "a child has its parent's code");
}
