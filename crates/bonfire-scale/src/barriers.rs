//! What the kernel of this machine asks of whoever makes its barriers: the
//! engine, or one of those that it is compared with.

/// A thread and the process whose memory it shares, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) process: usize,
    pub(crate) thread: usize,
}

/// What occupies a CPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupied {
    /// A thread.
    By(Who),
    /// Nobody; the page tables of this process are still loaded.
    Lazily(usize),
    /// Nobody.
    Idle,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// `PRIVATE_EXPEDITED`: every CPU that runs the caller's process.
    Process,
    /// `PRIVATE_EXPEDITED_RSEQ` with `FLAG_CPU`: this CPU, if it does.
    Cpu(usize),
}

/// A way to make barriers. Everything but the two that make something new is
/// called on the CPU that it concerns, and takes virtual time.
pub(crate) trait Barriers {
    /// Makes process `process` anew: it registered for nothing.
    fn new_process(&self, process: usize);
    /// Makes a thread and puts it into the list of its process. `home` is the CPU
    /// that it is on, or would run on.
    fn new_thread(&self, who: Who, home: usize);
    /// The CPU begins to take part.
    fn online(&self, cpu: usize);
    /// Opens the gates of both commands for the process. `alone`: it has one
    /// thread.
    fn register(&self, who: Who, alone: bool);
    /// The call.
    fn call(&self, who: Who, ask: Ask);
    /// The scheduler's hook: interrupts are off.
    fn switch(&self, cpu: usize, from: Occupied, to: Occupied);
    /// The handler of an interrupt: interrupts are off.
    fn interrupt(&self, cpu: usize);
}

/// The list of those that are made here and are told apart by number.
pub(crate) fn put<T>(list: &mut Vec<T>, place: usize, item: T) {
    assert!(place <= list.len(), "made in the order of their numbers");
    if place == list.len() { list.push(item) } else { list[place] = item }
}
