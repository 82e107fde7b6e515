//! Code on this machine: placed, published, called, replaced, patched and freed.

#[path = "../../examples/expressions/expression.rs"]
mod expression;
#[path = "../../examples/expressions/machine.rs"]
mod machine;

mod refusals;
mod sys;

use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use bonfire_code::{Announcer, Arena, Checked, Executor, Fault, Options, Protection, Published, Publisher};
use bonfire_rcu::Cell;
use bonfire_skip::{Cause, skip};
use expression::Expression;
use machine::number;

type Number = extern "C" fn(i64) -> i64;

/// The right to publish, unless this kernel gives none.
fn publisher() -> Option<Publisher> {
    Publisher::register().ok()
}

fn announcer() -> Option<Announcer> {
    Announcer::enable().ok()
}

const NO_SYNC_CORE: Cause = Cause::Kernel("has no core serialisation");
const NO_CHECK: Cause = Cause::Kernel("lets no thread serialise itself");

#[test]
fn a_thread_can_be_reached_in_one_way_at_least() {
    assert!(publisher().is_some() || announcer().is_some());
}

#[test]
fn what_is_published_is_called() {
    let Some(publisher) = publisher() else { skip!(NO_SYNC_CORE) };
    let arena = Arena::new().expect("memory");
    let drafts: Vec<_> = (0..1_000).map(|n| sys::place(&arena, &number(n)).expect("place")).collect();
    let numbers: Vec<Published<Number>> = publisher.publish(drafts).expect("published");
    for (expected, number) in (0..).zip(&numbers) {
        assert_eq!(number.call((0,)), expected);
    }
    let (one, two) = publisher
        .publish((
            sys::place(&arena, &number(1)).expect("place"),
            sys::place(&arena, &number(2)).expect("place"),
        ))
        .expect("published");
    assert_eq!((one.call((0,)), two.call((0,))), (1, 2));
}

#[test]
fn what_is_announced_is_called_by_executors() {
    let Some(announcer) = announcer() else { skip!(NO_CHECK) };
    let arena = Arena::new().expect("memory");
    let drafts = [3, 4].map(|n| sys::place(&arena, &number(n)).expect("place"));
    let [three, four] = announcer.announce(drafts).expect("announced");
    let executor = announcer.executor();
    assert_eq!((executor.call(&three, (0,)), executor.call(&four, (0,))), (3, 4));
}

#[test]
fn expressions_are_what_their_interpretation_is() {
    let Some(announcer) = announcer() else { skip!(NO_CHECK) };
    let arena = Arena::new().expect("memory");
    let executor = announcer.executor();
    for text in [
        "x",
        "7",
        "x + 1",
        "x - 2 * x",
        "2 * (x + 3) * (4 - x)",
        "(x - 9223372036854775807) * 3",
        " x*x ",
        "1-(2-(3-x))",
    ] {
        let expression = Expression::parse(text).expect("an expression");
        let code = expression.compile().expect("few values at once");
        let function = announcer.announce(sys::place(&arena, &code).expect("place")).expect("announced");
        for x in [0, 1, -1, 12_345, i64::MIN, i64::MAX] {
            assert_eq!(executor.call(&function, (x,)), expression.interpret(x), "{text} for {x}");
        }
    }
    let deep = "x-(".repeat(20) + "x" + &")".repeat(20);
    let too_deep = Expression::parse(&deep).expect("an expression").compile().expect_err("too deep");
    assert!(too_deep.contains("use fewer brackets"), "{too_deep}");
    for (text, says) in [
        ("", "byte 0"),
        ("x +", "byte 3"),
        ("(x", "not closed"),
        ("x y", "byte 2"),
        ("99999999999999999999", "too large"),
    ] {
        assert!(Expression::parse(text).expect_err("refused").contains(says), "{text}");
    }
}

#[test]
fn memory_that_changes_what_it_is_serves_as_well() {
    let arena = Arena::<Protection>::of(Options::default()).expect("memory");
    let announced = announcer().map(|announcer| {
        let draft = sys::place(&arena, &number(5)).expect("place");
        (announcer.executor(), announcer.announce(draft).expect("announced"))
    });
    let published = publisher().map(|publisher| {
        publisher.publish(sys::place(&arena, &number(6)).expect("place")).expect("published")
    });
    assert!(announced.is_none_or(|(executor, five)| executor.call(&five, (0,)) == 5));
    assert!(published.is_none_or(|six| six.call((0,)) == 6));
}

#[test]
#[cfg(target_os = "linux")]
fn nothing_is_writable_and_executable() {
    let dual = Arena::new().expect("memory");
    let protected = Arena::<Protection>::of(Options::default()).expect("memory");
    let _drafts =
        (sys::place(&dual, &number(1)).expect("place"), sys::place(&protected, &number(1)).expect("place"));
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc");
    let both: Vec<_> =
        maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|p| p.contains("wx"))).collect();
    assert_eq!(both, [""; 0]);
    // The arenas are there to be looked at.
    for (arena, executable) in [(dual.addresses(), "r-xs"), (protected.addresses(), "r-xp")] {
        let line = maps.lines().find(|line| line.starts_with(&format!("{:x}-", arena.start)));
        assert!(line.is_some_and(|line| line.contains(executable)), "{line:?}");
    }
}

#[test]
fn what_is_freed_is_used_again() {
    let arena = Arena::with(Options::default().length(1)).expect("memory");
    let Some(announcer) = announcer() else { skip!(NO_CHECK) };
    let executor = announcer.executor();
    for n in 0..10_000 {
        let code = announcer.announce(sys::place(&arena, &number(n)).expect("place")).expect("announced");
        assert_eq!(executor.call(&code, (0,)), n);
    }
    assert_eq!(arena.taken(), 0);
}

#[test]
fn a_full_arena_says_so() {
    let arena = Arena::with(Options::default().length(1)).expect("memory");
    let mut drafts = Vec::new();
    let fault = loop {
        match sys::place(&arena, &number(1)) {
            Ok(draft) => drafts.push(draft),
            Err(fault) => break fault,
        }
    };
    assert!(
        matches!(fault, Fault::Exhausted { wanted, length } if wanted == number(1).len() && length >= 4096),
        "{fault}"
    );
    assert!(fault.to_string().contains("free functions, or make another arena"), "{fault}");
    drafts.pop();
    drop(sys::place(&arena, &number(1)).expect("what was dropped is free"));
    let huge = sys::place(&arena, &vec![0; 1 << 20]).map(drop).expect_err("no place");
    assert!(matches!(huge, Fault::Exhausted { wanted, .. } if wanted == 1 << 20), "{huge}");
}

#[test]
fn an_arena_of_no_size_or_beyond_a_branch_is_refused() {
    for length in [0, usize::MAX] {
        let fault = Arena::<Protection>::of(Options::default().length(length)).expect_err("refused");
        assert!(matches!(fault, Fault::Exhausted { .. }), "{fault}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_arena_lies_near_what_it_is_to_reach() {
    let near = number as *const () as usize;
    let arena = Arena::<Protection>::of(Options::default().near(near)).expect("a place");
    let addresses = arena.addresses();
    let far = addresses.start.abs_diff(near).max(addresses.end.abs_diff(near));
    // The shortest branch of the architectures here.
    let reach =
        if cfg!(any(target_arch = "aarch64", target_arch = "powerpc64")) { 32 << 20 } else { 2 << 30 };
    assert!(far <= reach.max(128 << 20), "{far} bytes away");
}

/// Replaces a function while two threads call it, in a small arena: places are used again at
/// once. Nobody gets what was there before what he knows of.
fn replaces(
    rounds: i64,
    publish: impl Fn(i64) -> Result<(), Fault>,
    call: impl Fn() -> Box<dyn Fn() -> i64> + Sync,
) {
    let newest = AtomicI64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let call = call();
                loop {
                    // PAIRS(newest): with the store below.
                    let known = newest.load(Acquire);
                    let called = call();
                    assert!(called >= known, "version {known} is known, and {called} executed");
                    if known == rounds {
                        break;
                    }
                }
            });
        }
        for version in 1..=rounds {
            publish(version).expect("published");
            newest.store(version, Release);
        }
    });
}

/// Places code, after waiting for readers where the arena is full.
fn place(arena: &Arena, code: &[u8]) -> Result<bonfire_code::Draft<Number>, Fault> {
    sys::place(arena, code).or_else(|_| {
        bonfire_rcu::Global.barrier();
        sys::place(arena, code)
    })
}

#[test]
fn a_function_is_replaced_while_threads_call_it() {
    let Some(publisher) = publisher() else { skip!(NO_SYNC_CORE) };
    let arena = Arena::with(Options::default().length(1)).expect("memory");
    let first = publisher.publish(place(&arena, &number(0)).expect("place")).expect("published");
    let slot: &'static Cell<Published<Number>> = Box::leak(Box::new(Cell::from_pointee(first)));
    let publish = |version| {
        slot.store(publisher.publish(place(&arena, &number(version))?)?.into());
        Ok(())
    };
    replaces(5_000, publish, || Box::new(|| slot.load().call((0,))));
}

#[test]
fn a_function_is_replaced_while_threads_check() {
    let Some(announcer) = announcer() else { skip!(NO_CHECK) };
    let arena = Arena::with(Options::default().length(1)).expect("memory");
    let first = announcer.announce(place(&arena, &number(0)).expect("place")).expect("announced");
    let slot: &'static Cell<Checked<Number>> = Box::leak(Box::new(Cell::from_pointee(first)));
    let publish = |version| {
        slot.store(announcer.announce(place(&arena, &number(version))?)?.into());
        Ok(())
    };
    let call = || -> Box<dyn Fn() -> i64> {
        let executor: Executor = announcer.executor();
        Box::new(move || executor.call(&slot.load(), (0,)))
    };
    replaces(5_000, publish, call);
}

#[test]
fn an_instruction_is_replaced_while_threads_execute_it() {
    let Some(publisher) = publisher() else { skip!(NO_SYNC_CORE) };
    let arena = Arena::new().expect("memory");
    let function =
        publisher.publish(sys::place(&arena, &machine::switched(1, 2)).expect("place")).expect("published");
    let done = AtomicI64::new(0);
    let switches = |to: [u8; machine::SWITCH]| sys::patch(publisher, &function, 0, &to);
    if let Err(Fault::NotPatchable(reason)) = switches(machine::skip_first()) {
        let is_refused_rightly = !matches!(std::env::consts::ARCH, "x86_64" | "aarch64");
        assert!(is_refused_rightly, "{reason}");
        return;
    }
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while done.load(Relaxed) == 0 {
                    assert!(matches!(function.call((0,)), 1 | 2));
                }
            });
        }
        for _ in 0..2_000 {
            switches(machine::pass()).expect("patched");
            assert_eq!(function.call((0,)), 1);
            switches(machine::skip_first()).expect("patched");
            assert_eq!(function.call((0,)), 2);
        }
        done.store(1, Relaxed);
    });
}

#[test]
fn what_may_not_be_patched_is_refused() {
    let Some(publisher) = publisher() else { skip!(NO_SYNC_CORE) };
    let arena = Arena::new().expect("memory");
    let function =
        publisher.publish(sys::place(&arena, &machine::switched(1, 2)).expect("place")).expect("published");
    let refused = |offset, new: &[u8]| {
        let fault = sys::patch(publisher, &function, offset, new).expect_err("refused");
        assert!(matches!(fault, Fault::NotPatchable(_)), "{fault}");
    };
    refused(0, &[]);
    refused(function.length(), &[0x90]);
    refused(usize::MAX, &[0x90]);
    refused(0, &[0x90; 16]);
    if cfg!(target_arch = "x86_64") {
        refused(0, &[0xcc]);
    }
    if cfg!(target_arch = "aarch64") {
        // An addition is not among those that may be replaced.
        refused(0, &0x8b00_0000_u32.to_le_bytes());
    }
    assert_eq!(function.call((0,)), 1);
}

#[test]
fn two_publish_at_once() {
    let Some(publisher) = publisher() else { skip!(NO_SYNC_CORE) };
    let arena = Arena::new().expect("memory");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let arena = arena.clone();
            scope.spawn(move || {
                for n in 0..500 {
                    let value = thread * 1_000 + n;
                    let draft = sys::place(&arena, &number(value)).expect("place");
                    assert_eq!(publisher.publish(draft).expect("published").call((0,)), value);
                }
            });
        }
    });
    assert_eq!(arena.taken(), 0);
}

#[test]
fn the_two_calls_of_the_helper() {
    let arena = Arena::new().expect("memory");
    sys::clear_cache(&arena).expect("maintained");
    if publisher().is_some() {
        bonfire_code::coherence::pipeline_flush_mt().expect("flushed");
    }
}
