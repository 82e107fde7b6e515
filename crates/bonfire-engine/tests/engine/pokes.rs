//! Who is poked, and who is not: for every design, every situation.

use crate::inline::{Small, Space, Spawn, With, new_space};
use bonfire_engine::abi::{Call, Command, Cpu, FLAG_CPU, Flavour};
use bonfire_engine::{Everywhere, LockedMask, Mask, Occupant, Refused, Running, Threads, Users};

/// Four CPUs: 0 calls, 1 runs a sibling, 2 runs a stranger, 3 runs a kernel
/// thread on the page tables of the caller. Returns the caller's space.
fn situation<K: Spawn>() -> (&'static Small<K>, Space<K>) {
    let kernel = Small::<K>::boot();
    let (space, strangers) = (new_space(), new_space());
    kernel.switch(0, K::spawn(kernel, space));
    kernel.switch(1, K::spawn(kernel, space));
    kernel.switch(2, K::spawn(kernel, strangers));
    kernel.switch(3, K::spawn(kernel, space));
    kernel.switch(3, Occupant::Borrower(space));
    kernel.forget();
    (kernel, space)
}

/// Registers CPU 0's space for every flavour; returns how many CPUs each
/// registration poked.
fn register<K: Spawn>(kernel: &Small<K>) -> Vec<usize> {
    [Flavour::Private, Flavour::SyncCore, Flavour::Rseq, Flavour::Global]
        .map(|flavour| {
            assert_eq!(kernel.command(0, flavour.registration()), Ok(0));
            kernel.pokes().len()
        })
        .into()
}

struct Expected {
    private: &'static [u32],
    global: &'static [u32],
    /// CPUs poked by the registrations for private, core, rseq and global.
    registrations: [usize; 4],
}

fn check<K: Spawn>(expected: &Expected) {
    let (kernel, _) = situation::<K>();
    assert_eq!(register(kernel), expected.registrations, "registrations");
    for command in [Command::PrivateExpedited, Command::SyncCore, Command::Rseq] {
        assert_eq!(kernel.command(0, command), Ok(0));
        assert_eq!(kernel.pokes(), expected.private, "{command}");
    }
    // A call for one CPU asks that one, if a call for all would.
    for cpu_id in 1..4 {
        let one = Call { number: Command::Rseq.number(), flags: FLAG_CPU, cpu_id };
        assert_eq!(kernel.call(0, one), Ok(0));
        let is_asked = expected.private.contains(&(cpu_id as u32));
        assert_eq!(kernel.pokes(), if is_asked { vec![cpu_id as u32] } else { vec![] }, "CPU {cpu_id} alone");
    }
    // It asks no CPU that is offline.
    let offline = Call { number: Command::Rseq.number(), flags: FLAG_CPU, cpu_id: 4 };
    assert_eq!((kernel.call(0, offline), kernel.pokes()), (Ok(0), vec![]));
    // A stranger calls: whoever registered is poked.
    assert_eq!(kernel.command(2, Command::GlobalExpedited), Ok(0));
    assert_eq!(kernel.pokes(), expected.global, "GLOBAL_EXPEDITED");
    assert_eq!(kernel.command(2, Command::Global), Ok(0));
    assert_eq!(kernel.pokes(), [0, 1, 3], "GLOBAL");
}

#[test]
fn everywhere_pokes_all_that_are_online_and_registers_for_nothing() {
    check::<With<Everywhere>>(&Expected { private: &[1, 2, 3], global: &[0, 1, 3], registrations: [0; 4] });
}

#[test]
fn running_pokes_who_runs_the_address_space() {
    check::<With<Running>>(&Expected { private: &[1], global: &[0, 1], registrations: [3, 0, 0, 3] });
}

#[test]
fn mask_pokes_who_has_its_page_tables_loaded() {
    check::<With<Mask>>(&Expected { private: &[1, 3], global: &[0, 1, 3], registrations: [3, 0, 0, 0] });
}

#[test]
fn locked_mask_pokes_who_runs_the_address_space() {
    check::<With<LockedMask>>(&Expected { private: &[1], global: &[0, 1, 3], registrations: [0; 4] });
}

#[test]
fn threads_pokes_who_runs_its_threads() {
    check::<With<Threads>>(&Expected { private: &[1], global: &[0, 1, 3], registrations: [3, 0, 0, 0] });
}

#[test]
fn the_first_registration_does_the_work_whichever_flavour_it_is() {
    for first in [Flavour::Rseq, Flavour::SyncCore, Flavour::Global] {
        let (kernel, _) = situation::<With<Running>>();
        assert_eq!(kernel.command(0, first.registration()), Ok(0));
        assert_eq!(kernel.pokes().len(), 3, "{first:?}");
        assert_eq!(kernel.command(0, Command::RegisterPrivateExpedited), Ok(0));
        assert_eq!(kernel.pokes(), [], "PRIVATE after {first:?}");
        assert_eq!(kernel.command(0, first.registration()), Ok(0));
        assert_eq!(kernel.pokes(), [], "again");
    }
}

#[test]
fn a_process_of_one_thread_registers_without_disturbing_anybody() {
    let kernel = Small::<With<Running>>::boot();
    kernel.switch(0, <With<Running>>::spawn(kernel, new_space()));
    for flavour in Flavour::ALL {
        assert_eq!(kernel.call_as(0, Users::Sole, Call::new(flavour.registration())), Ok(0));
        assert_eq!(kernel.pokes(), []);
    }
    // It is a target at once, though no CPU was asked to publish anything.
    kernel.switch(1, <With<Running>>::spawn(kernel, new_space()));
    assert_eq!(kernel.command(1, Command::GlobalExpedited), Ok(0));
    assert_eq!(kernel.pokes(), [0]);
}

#[test]
fn a_named_cpu_is_poked_if_it_runs_the_address_space_and_else_nobody_is() {
    let (kernel, _) = situation::<With<Running>>();
    assert_eq!(kernel.command(0, Command::RegisterRseq), Ok(0));
    kernel.forget();
    let at = |cpu_id| Call { number: Command::Rseq.number(), flags: FLAG_CPU, cpu_id };
    for (cpu, poked, restarted) in [
        (1, vec![1], vec![1]),
        (0, vec![], vec![0]),
        (2, vec![], vec![]),
        (3, vec![], vec![]),
        (4, vec![], vec![]),
        (63, vec![], vec![]),
        (99_999, vec![], vec![]),
        (i32::MAX, vec![], vec![]),
        (-1, vec![1], vec![1]),
    ] {
        assert_eq!(kernel.call(0, at(cpu)), Ok(0));
        assert_eq!((kernel.pokes(), kernel.restarts()), (poked, restarted), "cpu_id {cpu}");
    }
}

#[test]
fn the_gates_are_in_linux_s_order() {
    let (kernel, _) = situation::<With<Running>>();
    let call = |number, flags| kernel.call(0, Call { number, flags, cpu_id: 0 });
    assert_eq!(call(8, 0), Err(Refused::NotRegistered));
    assert_eq!(call(8, 1), Err(Refused::InvalidArgument), "flags before registration");
    assert_eq!(call(1 << 10, 1), Err(Refused::InvalidArgument));
    assert_eq!(call(24, 0), Err(Refused::InvalidArgument), "two commands are none");
    assert_eq!(call(0, 0), Ok(0x3ff));
    assert_eq!(call(512, 0), Ok(0));
    assert_eq!(call(64, 0), Ok(0));
    assert_eq!(call(512, 0), Ok(0x50), "SYNC_CORE reports PRIVATE too");
    assert_eq!(call(8, 0), Err(Refused::NotRegistered), "whose gate is shut");
    assert_eq!(call(32, 0), Ok(0));
}

/// Linux caches the bit that makes a CPU a target, and drops it when a thread
/// exits; a sibling that follows on the same CPU is then missed.
#[test]
fn a_global_target_is_found_after_its_sibling_exited_on_that_cpu() {
    let (kernel, space) = situation::<With<Running>>();
    assert_eq!(kernel.command(0, Command::RegisterGlobalExpedited), Ok(0));
    let Occupant::User(task) = kernel.on(1) else { unreachable!() };
    kernel.engine.exit(Cpu(1), task);
    kernel.runs(1, Occupant::Borrower(space));
    kernel.forget();
    kernel.command(2, Command::GlobalExpedited).unwrap();
    assert_eq!(kernel.pokes(), [0]);
    kernel.switch(1, <With<Running>>::spawn(kernel, space));
    kernel.command(2, Command::GlobalExpedited).unwrap();
    assert_eq!(kernel.pokes(), [0, 1]);
}

/// In Linux, a process that registers while one of its threads is parked on a
/// CPU that then idles on its page tables misses that CPU.
#[test]
fn a_global_target_is_found_if_its_space_was_borrowed_when_it_registered() {
    let (kernel, space) = situation::<With<Running>>();
    assert_eq!(kernel.command(0, Command::RegisterGlobalExpedited), Ok(0));
    kernel.switch(3, <With<Running>>::spawn(kernel, space));
    kernel.forget();
    kernel.command(2, Command::GlobalExpedited).unwrap();
    assert_eq!(kernel.pokes(), [0, 1, 3]);
}

#[test]
fn an_exec_leaves_its_registrations_behind_and_a_fork_takes_them_along() {
    let (kernel, space) = situation::<With<Running>>();
    assert_eq!(kernel.command(0, Command::RegisterGlobalExpedited), Ok(0));
    assert_eq!(kernel.command(0, Command::RegisterPrivateExpedited), Ok(0));
    let child = new_space();
    kernel.engine.fork(space, child);
    let Occupant::User(task) = kernel.on(1) else { unreachable!() };
    let image = new_space();
    kernel.engine.exec(Cpu(1), task, image);
    kernel.runs(1, <With<Running>>::spawn(kernel, image));
    kernel.forget();
    assert_eq!(kernel.command(1, Command::PrivateExpedited), Err(Refused::NotRegistered));
    kernel.command(2, Command::GlobalExpedited).unwrap();
    assert_eq!(kernel.pokes(), [0], "the new image is no target");
    kernel.switch(1, <With<Running>>::spawn(kernel, child));
    assert_eq!(kernel.command(1, Command::PrivateExpedited), Ok(0));
    assert_eq!(kernel.command(1, Command::GetRegistrations), Ok(0x14));
    kernel.command(2, Command::GlobalExpedited).unwrap();
    assert_eq!(kernel.pokes(), [0, 1]);
}

#[test]
fn a_cpu_that_is_offline_is_neither_poked_nor_waited_for() {
    let (kernel, space) = situation::<With<Everywhere>>();
    kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
    kernel.switch(1, Occupant::Kernel);
    kernel.engine.offline(Cpu(1));
    kernel.command(0, Command::PrivateExpedited).unwrap();
    assert_eq!(kernel.pokes(), [2, 3]);
    // A poke that was on its way changes nothing.
    kernel.engine.handle_poke(Cpu(1));
    kernel.command(0, Command::PrivateExpedited).unwrap();
    assert_eq!(kernel.pokes(), [2, 3]);
    for cpu in [1, 4] {
        kernel.engine.online(Cpu(cpu)).unwrap();
        kernel.switch(cpu, <With<Everywhere>>::spawn(kernel, space));
    }
    kernel.command(0, Command::PrivateExpedited).unwrap();
    assert_eq!(kernel.pokes(), [1, 2, 3, 4]);
}

#[test]
fn a_cpu_beyond_the_capacity_is_refused_and_its_hooks_do_nothing() {
    let (kernel, space) = situation::<With<Running>>();
    for cpu in [Cpu(5), Cpu(64), Cpu(u32::MAX)] {
        assert_eq!(kernel.engine.online(cpu).map_err(|error| error.0), Err(cpu));
        kernel.engine.switch(cpu, Occupant::Kernel, <With<Running>>::spawn(kernel, space));
        kernel.engine.handle_poke(cpu);
        kernel.engine.offline(cpu);
    }
    kernel.command(0, Command::RegisterPrivateExpedited).unwrap();
    kernel.forget();
    kernel.command(0, Command::PrivateExpedited).unwrap();
    assert_eq!(kernel.pokes(), [1]);
}

/// A poke does what was asked for and no more: a barrier restarts no section, and
/// makes nobody a target of somebody else's command.
#[test]
fn a_barrier_is_a_barrier_and_nothing_else() {
    let (kernel, _) = situation::<With<Running>>();
    assert_eq!(kernel.command(0, Command::RegisterPrivateExpedited), Ok(0));
    kernel.forget();
    assert_eq!(kernel.command(0, Command::PrivateExpedited), Ok(0));
    assert_eq!((kernel.pokes(), kernel.restarts()), (vec![1], vec![]));
    assert_eq!(kernel.command(2, Command::GlobalExpedited), Ok(0));
    assert_eq!(kernel.pokes(), [], "nobody registered for it");
}

/// As a kernel may say it twice.
#[test]
fn a_cpu_that_is_offline_twice_is_offline() {
    let (kernel, _) = situation::<With<Everywhere>>();
    kernel.engine.offline(Cpu(3));
    kernel.engine.offline(Cpu(3));
    assert_eq!(kernel.command(0, Command::Global), Ok(0));
    assert_eq!(kernel.pokes(), [1, 2]);
}
