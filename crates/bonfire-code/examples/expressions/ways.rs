//! The three ways in which new instructions reach threads that call.
//!
//! Version `n` of a function that is compiled again is `(x + 1) * n`.

use bonfire_code::{Announcer, Arena, Draft, Fault, Memory, Published, Publisher, Slot};
use bonfire_rcu::{Cell, Global, Reach};

use crate::expression::Expression;
use crate::settings::Settings;
use crate::watch::{Counts, Seen, Watch};
use crate::{Compute, machine, sys};

/// Compiles again, publishes and frees, beside threads that check nothing.
pub(crate) fn publish<M: Memory>(arena: &Arena<M>, settings: &Settings) -> Result<Counts, Fault> {
    let publisher = Publisher::register()?;
    let slot = Slot::new(publisher.publish(version(arena, 0)?)?);
    beside(
        settings,
        |watch| watch.look(|x| seen(slot.call((x,)), x)),
        |number| {
            slot.replace(publisher.publish(version(arena, number)?)?);
            Ok(seen(slot.call((0,)), 0))
        },
    )
}

/// The same, beside threads that check.
pub(crate) fn announce<M: Memory>(arena: &Arena<M>, settings: &Settings) -> Result<Counts, Fault> {
    let announcer = Announcer::enable()?;
    let cell = Cell::from_pointee(announcer.announce(version(arena, 0)?)?);
    let own = announcer.executor();
    beside(
        settings,
        |watch| {
            let executor = announcer.executor();
            watch.look(|x| seen(executor.call(&cell.load(), (x,)), x));
        },
        |number| {
            cell.store(announcer.announce(version(arena, number)?)?.into());
            Ok(seen(own.call(&cell.load(), (0,)), 0))
        },
    )
}

/// Patches one function to and fro, beside threads that call it.
pub(crate) fn patch<M: Memory>(
    arena: &Arena<M>,
    settings: &Settings,
    patch: sys::Patch<M>,
) -> Result<Counts, Fault> {
    const EVEN: i64 = 0x1111_1111_1111;
    const ODD: i64 = 0x2222_2222_2222;
    let publisher = Publisher::register()?;
    let function: Published<Compute, M> = publisher.publish(place(arena, &machine::switched(EVEN, ODD))?)?;
    let call = |x| match function.call((x,)) {
        EVEN => Seen::Even(true),
        ODD => Seen::Even(false),
        _ => Seen::Mixture,
    };
    beside(
        settings,
        |watch| watch.look(call),
        |number| {
            let first = if number % 2 == 0 { machine::pass() } else { machine::skip_first() };
            patch(publisher, &function, first)?;
            Ok(call(0))
        },
    )
}

/// Has threads `look` while this one makes version after version by `next`.
fn beside(
    settings: &Settings,
    look: impl Fn(&Watch) + Sync,
    next: impl FnMut(i64) -> Result<Seen, Fault>,
) -> Result<Counts, Fault> {
    let watch = Watch::default();
    std::thread::scope(|scope| {
        for _ in 0..settings.threads {
            scope.spawn(|| look(&watch));
        }
        watch.publish(settings.time, settings.threads, next)
    })?;
    Ok(watch.counts())
}

/// A version, compiled.
fn version<M: Memory>(arena: &Arena<M>, number: i64) -> Result<Draft<Compute, M>, Fault> {
    let text = format!("(x + 1) * {number}");
    let code = Expression::parse(&text).and_then(|expression| expression.compile());
    place(arena, &code.expect("a small expression"))
}

/// The version whose result for `x` this is.
fn seen(result: i64, x: i64) -> Seen {
    if result % (x + 1) == 0 { Seen::Version(result / (x + 1)) } else { Seen::Mixture }
}

/// Places code that was compiled here. Where the arena is full of what threads may still be in,
/// waits for them.
fn place<M: Memory>(arena: &Arena<M>, code: &[u8]) -> Result<Draft<Compute, M>, Fault> {
    match sys::place(arena, code) {
        Err(Fault::Exhausted { .. }) => {
            Global.domain().barrier();
            sys::place(arena, code)
        }
        placed => placed,
    }
}
