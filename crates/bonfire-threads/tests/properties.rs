//! Properties of registration, through the system call: whatever a process does
//! and in whichever order, each gate is open exactly where it must be.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use bonfire_engine::abi::{Command, Error, Flavour, Registrations};
use bonfire_engine::{Design, Engine, for_design};
use bonfire_threads::{Memory, On, OnThreads, Options, System, User};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const LIMIT: Duration = Duration::from_secs(60);

/// What a process does next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Register(Flavour),
    /// Issues the command of the flavour.
    Issue(Flavour),
    Ask,
    /// Goes on in a child that inherits, or shares, the registrations.
    Child(Memory),
    Exec,
}

fn step() -> impl Strategy<Value = Step> {
    let flavour = || prop::sample::select(Flavour::ALL.to_vec());
    prop_oneof![
        3 => flavour().prop_map(Step::Register),
        5 => flavour().prop_map(Step::Issue),
        2 => Just(Step::Ask),
        1 => Just(Step::Child(Memory::Copied)),
        1 => Just(Step::Child(Memory::Shared)),
        1 => Just(Step::Exec),
    ]
}

/// Takes the steps, next to a model that is a set; counts what is wrong.
fn take<K: OnThreads>(
    user: &User<K>,
    steps: &Arc<[Step]>,
    from: usize,
    mut held: Registrations,
    wrong: &Arc<AtomicU32>,
) {
    let expect = |right: bool| {
        wrong.fetch_add(u32::from(!right), Relaxed);
    };
    for (at, step) in steps.iter().enumerate().skip(from) {
        match *step {
            Step::Register(flavour) => {
                expect(user.issue(flavour.registration()) == Ok(0));
                held = held.with(flavour);
            }
            Step::Issue(flavour) => {
                let open = flavour == Flavour::Global || held.contains(flavour);
                expect(user.issue(flavour.command()) == if open { Ok(0) } else { Err(Error::NotRegistered) });
            }
            Step::Ask => expect(user.issue(Command::GetRegistrations) == Ok(held.reported().mask())),
            Step::Child(memory) => {
                let (steps, counted) = (Arc::clone(steps), Arc::clone(wrong));
                let child = move |user: &User<K>| take(user, &steps, at + 1, held, &counted);
                expect(user.start(memory, None, child).is_ok());
                return user.join();
            }
            Step::Exec => {
                user.exec();
                held = Registrations::NONE;
            }
        }
    }
}

/// How many answers were wrong.
fn wrong_answers<K: OnThreads>(system: &System<K>, steps: &[Step]) -> u32 {
    let (wrong, steps) = (Arc::new(AtomicU32::new(0)), Arc::<[Step]>::from(steps));
    let count = Arc::clone(&wrong);
    let process = system.process(None, move |user: &User<K>| {
        take(user, &steps, 0, Registrations::NONE, &count);
    });
    assert!(process.expect("the host has memory").wait(LIMIT), "{}: hangs", Engine::<K>::DESIGN);
    wrong.load(Relaxed)
}

fn holds<K: OnThreads>() {
    let system = System::<K>::boot(Options::default()).expect("the host starts threads");
    let config = ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() };
    let steps = prop::collection::vec(step(), 1..20);
    let checked = TestRunner::new(config).run(&steps, |steps| {
        prop_assert_eq!(wrong_answers(&system, &steps), 0);
        Ok(())
    });
    assert!(checked.is_ok(), "{}: {checked:?}", Engine::<K>::DESIGN);
}

#[test]
fn gates_are_open_exactly_where_they_must_be() {
    for design in Design::ALL {
        for_design!(design, D => holds::<On<D>>());
    }
}
