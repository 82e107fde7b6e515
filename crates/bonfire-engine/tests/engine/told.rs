//! Hooks that a kernel forgets, each in turn, in every design: what is asked all
//! the same, and what is counted.

use crate::inline::{Small, Space, Spawn, With, new_space};
use bonfire_engine::abi::{Call, Command, Cpu};
use bonfire_engine::{Design, Engine, Occupant, Threads, Users, for_design};

/// Runs a check on each design that is told anything.
macro_rules! on_every_design_that_is_told {
    ($($check:ident),*) => {$(
        #[test]
        fn $check() {
            for design in Design::ALL.into_iter().filter(|&design| design != Design::Everywhere) {
                for_design!(design, D => checks::$check::<With<D>>());
            }
        }
    )*};
}

on_every_design_that_is_told!(
    right_hooks_are_never_counted,
    without_any_hook_every_call_asks_everybody_and_is_counted,
    a_cpu_that_came_online_is_asked_until_a_switch_says_what_it_runs,
    only_a_switch_says_what_an_unknown_cpu_runs,
    an_exec_that_is_not_told_is_found_out_by_the_first_call,
    a_kernel_thread_that_is_not_told_is_found_out_when_it_leaves,
    a_caller_that_is_told_of_elsewhere_asks_everybody,
    a_switch_that_is_not_told_is_found_out_by_the_next,
    a_thread_on_a_cpu_that_never_said_it_is_online_brings_it_online
);

/// CPU 0 runs a process that registered.
fn registered<K: Spawn>() -> (&'static Small<K>, Space<K>) {
    let (kernel, space) = (Small::<K>::boot(), new_space());
    kernel.switch(0, K::spawn(kernel, space));
    kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
    kernel.forget();
    (kernel, space)
}

/// Who is asked by a call from CPU 0.
fn asked<K: Spawn>(kernel: &Small<K>) -> Vec<u32> {
    kernel.command(0, Command::PrivateExpedited).unwrap();
    kernel.pokes()
}

mod checks {
    use super::*;

    pub(crate) fn right_hooks_are_never_counted<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        kernel.switch(1, K::spawn(kernel, space));
        kernel.switch(1, K::spawn(kernel, space));
        let Occupant::User(task) = kernel.on(1) else { unreachable!() };
        let image = new_space();
        kernel.engine.exec(Cpu(1), task, image);
        let exec = bonfire_engine::Task { space: image, thread: task.thread };
        kernel.engine.exit(Cpu(1), exec);
        kernel.engine.borrow_space(Cpu(1), Occupant::Borrower(image), task);
        assert!(asked(kernel).contains(&1), "{}", Engine::<K>::DESIGN);
        kernel.engine.return_space(Cpu(1), task);
        kernel.runs(1, Occupant::Borrower(space));
        kernel.switch(1, Occupant::Kernel);
        kernel.engine.offline(Cpu(1));
        kernel.engine.online(Cpu(1)).unwrap();
        kernel.switch(1, Occupant::Kernel);
        assert_eq!(asked(kernel), [], "{}", Engine::<K>::DESIGN);
        assert_eq!(kernel.engine.mismatches(), 0, "{}", Engine::<K>::DESIGN);
    }

    pub(crate) fn without_any_hook_every_call_asks_everybody_and_is_counted<K: Spawn>() {
        let (kernel, space) = (Small::<K>::boot_without_hooks(), new_space());
        for cpu in 0..4 {
            kernel.runs(cpu, K::spawn(kernel, space));
        }
        kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
        kernel.forget();
        for call in 1..=300 {
            assert_eq!(asked(kernel), [1, 2, 3], "{}", Engine::<K>::DESIGN);
            assert_eq!(kernel.engine.mismatches(), 1 + call, "the registration, and each call");
        }
        for (command, counted) in [(Command::Global, 302), (Command::GlobalExpedited, 303)] {
            kernel.command(0, command).unwrap();
            assert_eq!((kernel.pokes(), kernel.engine.mismatches()), (vec![1, 2, 3], counted));
        }
    }

    pub(crate) fn a_cpu_that_came_online_is_asked_until_a_switch_says_what_it_runs<K: Spawn>() {
        let (kernel, _) = registered::<K>();
        kernel.engine.online(Cpu(4)).unwrap();
        assert_eq!(asked(kernel), [4]);
        kernel.command(0, Command::GlobalExpedited).unwrap();
        assert!(kernel.pokes().contains(&4));
        kernel.switch(4, Occupant::Kernel);
        assert_eq!(asked(kernel), []);
        kernel.engine.offline(Cpu(4));
        kernel.engine.online(Cpu(4)).unwrap();
        assert_eq!(asked(kernel), [4], "it may run anything, again");
        kernel.engine.offline(Cpu(4));
        assert_eq!(asked(kernel), []);
        assert_eq!(kernel.engine.mismatches(), 0);
    }

    pub(crate) fn only_a_switch_says_what_an_unknown_cpu_runs<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        kernel.engine.online(Cpu(4)).unwrap();
        let Occupant::User(task) = K::spawn(kernel, space) else { unreachable!() };
        kernel.engine.exec(Cpu(4), task, new_space());
        kernel.engine.exit(Cpu(4), task);
        kernel.engine.borrow_space(Cpu(4), Occupant::Kernel, task);
        kernel.engine.return_space(Cpu(4), task);
        assert_eq!(asked(kernel), [4]);
        assert_eq!(kernel.engine.mismatches(), 0, "nothing was said that is not so");
    }

    pub(crate) fn an_exec_that_is_not_told_is_found_out_by_the_first_call<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        let image = new_space();
        kernel.switch(1, K::spawn(kernel, space));
        kernel.runs(1, K::spawn(kernel, image));
        kernel.command(1, Command::RegisterPrivateExpedited).unwrap();
        assert_eq!(kernel.engine.mismatches(), 1);
        // A sibling on a CPU whose hooks are right reaches it from then on.
        kernel.switch(2, K::spawn(kernel, image));
        kernel.forget();
        kernel.command(2, Command::PrivateExpedited).unwrap();
        assert!(kernel.pokes().contains(&1), "{}", Engine::<K>::DESIGN);
    }

    pub(crate) fn a_kernel_thread_that_is_not_told_is_found_out_when_it_leaves<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        let Occupant::User(task) = K::spawn(kernel, space) else { unreachable!() };
        kernel.engine.return_space(Cpu(1), task);
        assert_eq!(kernel.engine.mismatches(), 1);
        assert_eq!(asked(kernel), [1], "not believed any more, whatever it says");
    }

    pub(crate) fn a_caller_that_is_told_of_elsewhere_asks_everybody<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        kernel.switch(2, K::spawn(kernel, new_space()));
        let Occupant::User(caller) = kernel.on(0) else { unreachable!() };
        let _ = space;
        kernel.machine().me.set(Cpu(2));
        let call = Call::new(Command::PrivateExpedited);
        kernel.engine.membarrier(caller, Users::Several, call).unwrap();
        assert_eq!((kernel.pokes(), kernel.engine.mismatches()), (vec![0, 1, 3], 1));
        let call = Call::new(Command::GlobalExpedited);
        kernel.engine.membarrier(caller, Users::Several, call).unwrap();
        assert_eq!((kernel.pokes(), kernel.engine.mismatches()), (vec![0, 1, 3], 2));
    }

    pub(crate) fn a_switch_that_is_not_told_is_found_out_by_the_next<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        kernel.runs(1, K::spawn(kernel, space));
        kernel.switch(1, K::spawn(kernel, new_space()));
        assert_eq!(kernel.engine.mismatches(), 1);
        assert_eq!(asked(kernel), [1]);
    }

    pub(crate) fn a_thread_on_a_cpu_that_never_said_it_is_online_brings_it_online<K: Spawn>() {
        let (kernel, space) = registered::<K>();
        kernel.switch(4, Occupant::Kernel);
        assert_eq!((asked(kernel), kernel.engine.mismatches()), (vec![], 0), "nobody may run there");
        kernel.switch(4, K::spawn(kernel, space));
        assert_eq!((asked(kernel), kernel.engine.mismatches()), (vec![4], 1));
    }
}

/// `Everywhere` asks for no hook, and notices the one thing that it is told.
#[test]
fn everywhere_is_misled_by_no_hook() {
    use bonfire_engine::Everywhere;
    let (kernel, space) = (Small::<With<Everywhere>>::boot_without_hooks(), new_space());
    for cpu in 0..5 {
        kernel.runs(cpu, <With<Everywhere>>::spawn(kernel, space));
    }
    kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
    assert_eq!((asked(kernel), kernel.engine.mismatches()), (vec![1, 2, 3], 0));
    // CPU 4 never said that it is online, and then calls.
    kernel.command(4, Command::PrivateExpedited).unwrap();
    assert_eq!((kernel.pokes(), kernel.engine.mismatches()), (vec![0, 1, 2, 3], 1));
    assert_eq!(asked(kernel), [1, 2, 3, 4]);
}

/// Whatever it calls: a registration is the first that a process makes.
#[test]
fn everywhere_finds_a_cpu_by_its_first_call_of_any_kind() {
    use bonfire_engine::Everywhere;
    for command in Command::ALL.into_iter().filter(|&command| {
        !matches!(command, Command::Query | Command::GetRegistrations) && command.needs().is_none()
    }) {
        let (kernel, space) = (Small::<With<Everywhere>>::boot_without_hooks(), new_space());
        for cpu in 0..5 {
            kernel.runs(cpu, <With<Everywhere>>::spawn(kernel, space));
        }
        kernel.command(4, command).unwrap();
        assert_eq!(kernel.engine.mismatches(), 1, "{command}");
        kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
        kernel.forget();
        assert_eq!(asked(kernel), [1, 2, 3, 4], "{command}");
    }
}

/// The design that follows threads knows where each was last: one that leaves a CPU
/// after it was told of elsewhere was told of wrongly, though its process is right.
#[test]
fn a_thread_that_leaves_a_cpu_where_it_is_not_is_found_out() {
    let (kernel, space) = registered::<With<Threads>>();
    let thread = With::<Threads>::spawn(kernel, space);
    kernel.switch(1, thread);
    kernel.switch(2, thread);
    assert_eq!(kernel.engine.mismatches(), 0, "it entered there, and had left before, for all that is known");
    kernel.switch(1, Occupant::Kernel);
    assert_eq!(kernel.engine.mismatches(), 1);
    assert_eq!(asked(kernel), [1, 2]);
}
