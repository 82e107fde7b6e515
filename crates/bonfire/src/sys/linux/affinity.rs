//! Puts threads of the self-test on CPUs of their own.
//!
//! On a machine whose CPUs are busy a scheduler likes to keep two threads that
//! wake each other on one CPU, where they never run at once and show nothing.

use super::arch::{number, syscall};
use super::asking::{Question, may};

/// Sets of 8,192 CPUs: more than any Linux has.
type Cpus = [usize; WORDS];

const WORDS: usize = 8192 / BITS;

/// What keeps a thread on a CPU of its own, by the CPU's index among those that
/// it may run on. If a filter kills for that, nothing is done.
pub(crate) fn settler() -> fn(usize) {
    let questions = [Question::GetAffinity, Question::SetAffinity];
    if may(&questions) { |index| _ = settle(index) } else { |_| () }
}

/// How many CPUs this thread may run on, if that can be asked. Not how much of
/// them, which a quota says: two threads of a container that has one CPU's time on
/// eight CPUs do run at once.
pub(crate) fn cpus() -> Option<usize> {
    let mut allowed: Cpus = [0; WORDS];
    let is_told = may(&[Question::GetAffinity]) && call(number::SCHED_GETAFFINITY, &mut allowed);
    is_told.then(|| allowed.iter().map(|word| word.count_ones() as usize).sum())
}

/// Keeps this thread on the `index`-th of its CPUs; whether that can be had.
fn settle(index: usize) -> bool {
    let mut allowed: Cpus = [0; WORDS];
    if !call(number::SCHED_GETAFFINITY, &mut allowed) {
        return false;
    }
    let is_allowed = |cpu: &usize| allowed[cpu / BITS] & 1 << (cpu % BITS) != 0;
    let Some(cpu) = (0..allowed.len() * BITS).filter(is_allowed).nth(index) else { return false };
    let mut only: Cpus = [0; WORDS];
    only[cpu / BITS] = 1 << (cpu % BITS);
    call(number::SCHED_SETAFFINITY, &mut only)
}

const BITS: usize = usize::BITS as usize;

/// Reads or sets the CPUs of this thread; whether that went well.
fn call(number: usize, cpus: &mut Cpus) -> bool {
    let arguments = [0, size_of::<Cpus>(), cpus.as_mut_ptr() as usize, 0];
    // SAFETY: the set lives through the call and is as long as said.
    unsafe { syscall(number, arguments) >= 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_settles_on_one_cpu() {
        std::thread::spawn(|| {
            settler()(0);
            assert!(cpus().is_none_or(|cpus| cpus == 1));
        })
        .join()
        .unwrap();
    }
}
