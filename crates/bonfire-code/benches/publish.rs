//! What publishing and calling cost, as ratios within one run, beside a thread that runs.
//!
//! ```sh
//! cargo bench -p bonfire-code
//! ```
//!
//! Each figure is the median of many rounds, in which what is compared takes turns. Each round
//! begins when the other thread is seen to run.

#[path = "../examples/expressions/machine.rs"]
#[expect(dead_code, reason = "one function of it is enough here")]
mod machine;
mod sys;

use std::hint::{self, black_box};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use bonfire::SyncCore;
use bonfire_code::{Announcer, Arena, Draft, Fault, Options, Publisher};
use machine::number;

pub(crate) type Number = extern "C" fn(i64) -> i64;

const ROUNDS: usize = 400;

fn main() -> Result<(), Fault> {
    let arena = Arena::with(Options::default())?;
    let publisher = Publisher::register()?;
    let announcer = Announcer::enable()?;
    let bare = SyncCore::register().map_err(Fault::NoSyncCore)?;

    let code = number(1);
    let draft = || sys::place(&arena, &code);
    let (done, turns) = (AtomicBool::new(false), AtomicU64::new(0));
    let running = publisher.publish(draft())?;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                black_box(running.call((0,)));
                turns.fetch_add(1, Relaxed);
            }
        });
        let is_running = || {
            let before = turns.load(Relaxed);
            while turns.load(Relaxed) < before + 100 {
                hint::spin_loop();
            }
        };
        let [call, one, thousand] = medians(
            is_running,
            [&mut || bare.serialise(), &mut || drop(publisher.publish(draft())), &mut || {
                drop(publisher.publish((0..1_000).map(|_| draft()).collect::<Vec<_>>()))
            }],
        );
        println!("beside a thread that runs:");
        println!("  a bare SYNC_CORE call            {call:>10.0} ns");
        println!("  one function, placed, published, freed {one:>4.0} ns, {:.2} of the call", one / call);
        println!(
            "  a thousand of them               {thousand:>10.0} ns, {:.1} ns each more than the call",
            (thousand - call) / 1_000.0
        );
        done.store(true, Relaxed);
    });

    let (published, checked) = (publisher.publish(draft())?, announcer.announce(draft())?);
    let executor = announcer.executor();
    const CALLS: usize = 10_000;
    let [plain, check] = medians(
        || (),
        [&mut || (0..CALLS).for_each(|_| _ = black_box(published.call((black_box(1),)))), &mut || {
            (0..CALLS).for_each(|_| _ = black_box(executor.call(&checked, (black_box(1),))))
        }],
    )
    .map(|ns| ns / CALLS as f64);
    println!("a call                             {plain:>10.2} ns");
    println!("a call with the check              {check:>10.2} ns, {:.2} of one without", check / plain);

    // Nothing is announced, so the next call serialises and does nothing else than before.
    let nothing = || drop(announcer.announce(Vec::<Draft<Number>>::new()));
    let [serialised] = medians(nothing, [&mut || _ = black_box(executor.call(&checked, (1,)))]);
    println!("the first call after something was announced {serialised:>4.0} ns, with reading the clock");

    let [announced] = medians(
        || (),
        [&mut || {
            let code = announcer.announce(draft()).expect("announced");
            black_box(executor.call(&code, (1,)));
        }],
    );
    println!("announce one and call it: serialises {announced:>8.0} ns");
    Ok(())
}

/// The median time of each, in ns, of rounds in which they take turns; each begins with `wait`.
fn medians<const N: usize>(wait: impl Fn(), mut works: [&mut dyn FnMut(); N]) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    for _ in 0..ROUNDS {
        for (work, times) in works.iter_mut().zip(&mut times) {
            wait();
            let start = Instant::now();
            work();
            times.push(start.elapsed().as_nanos() as f64);
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}
