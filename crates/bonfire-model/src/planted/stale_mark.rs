//! Linux's marks of stale instructions on RISC-V, restated as a program of a few lines.

use std::sync::atomic::Ordering::Relaxed;

use super::{Planted, of_two};
use crate::explorer::{
    Barrier, Shared, Test, core_sync, declare_code, fence, name_word, poke, without_interrupts,
};

pub(super) const STALE_MARK: Planted = Planted {
    name: "S6: stale mark",
    about: "the mark that instructions are stale may be seen, and taken, before the instructions are new",
    cites: "prepare_sync_core_cmd, arch/riscv/include/asm/sync_core.h, Linux 6.9 to 7.3",
    test,
};

struct Marked {
    code: Shared,
    /// What the caller says when it is back.
    flag: Shared,
    /// The bit of CPU 1 in the mask of the address space.
    mark: Shared,
    /// Whether CPU 1 runs it.
    curr: Shared,
    asked: Shared,
    done: Shared,
    cured: bool,
}

impl Marked {
    fn name(&self) {
        let words = [
            (&self.code, "code"),
            (&self.flag, "flag"),
            (&self.mark, "icache_stale_mask"),
            (&self.curr, "rq->curr->mm"),
            (&self.asked, "asked"),
            (&self.done, "done"),
        ];
        words.into_iter().for_each(|(word, name)| name_word(word, name));
        declare_code(&self.code);
    }

    fn caller(&self) {
        self.code.store(1, Relaxed);
        if self.cured {
            fence(Barrier::Write, "smp_wmb");
        }
        self.mark.store(1, Relaxed);
        fence(Barrier::Full, "entry");
        if self.curr.load(Relaxed) != 0 {
            let asked = self.asked.fetch_add(1, Relaxed) + 1;
            poke(0b10);
            self.done.wait(asked, Relaxed);
        }
        fence(Barrier::Full, "exit");
        self.flag.store(1, Relaxed);
    }

    /// A thread of the caller's process comes, leaves, and comes again.
    fn target(&self) {
        self.switch_mm();
        without_interrupts(|| {
            fence(Barrier::Full, "schedule");
            self.curr.store(0, Relaxed);
        });
        self.switch_mm();
        self.flag.observe(0);
        self.code.fetch(1);
    }

    fn switch_mm(&self) {
        without_interrupts(|| {
            self.curr.store(1, Relaxed);
            fence(Barrier::Full, "switch_mm");
            if self.mark.load(Relaxed) != 0 {
                self.mark.swap(0, Relaxed);
                fence(Barrier::Full, "smp_mb");
                core_sync("fence.i");
            }
        });
    }

    fn handler(&self) {
        // A read-modify-write: the newest.
        let asked = self.asked.fetch_add(0, Relaxed);
        fence(Barrier::Full, "interrupt");
        core_sync("fence.i");
        self.done.store(asked, Relaxed);
    }
}

fn test(cured: bool) -> Test {
    let new = || Shared::new(0);
    let (code, flag, mark, curr, asked, done) = (new(), new(), new(), new(), new(), new());
    let linux = Marked { code, flag, mark, curr, asked, done, cured };
    of_two(linux, Marked::name, [Marked::caller, Marked::target], Marked::handler, [1, 0])
}
