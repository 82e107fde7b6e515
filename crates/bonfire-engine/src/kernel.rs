//! What a kernel names once: its machine, its design and its capacity.
//!
//! Everything else of this crate takes that one type: `Engine<K>`,
//! `AddressSpace<K>`, `Occupant<'_, K>`, `CpuSet<K>`.

use core::marker::PhantomData;

use crate::machine::{Machine, Word};
use crate::slot::{self, Slot};
use crate::targets::{Everywhere, LockedMask, Mask, RunQueues, Running, Targets, ThreadList, Threads};

/// A kernel: the three choices that the engine is built from. A kernel's machine
/// can be the type itself.
///
/// ```
/// # use bonfire_engine::abi::Cpu;
/// use bonfire_engine::{AtomicWord, CpuSet, Engine, Groups, Kernel, Machine, Running};
/// # use bonfire_engine::{Site, Woken};
///
/// struct Mine;
///
/// impl Kernel for Mine {
///     type Machine = Self;
///     type Design = Running;
///     /// Up to 256 CPUs.
///     type Capacity = Groups<4>;
/// }
///
/// static ENGINE: Engine<Mine> = Engine::new(Mine);
/// # impl Machine for Mine {
/// #     type Word = AtomicWord;
/// #     type Pin = ();
/// #     fn cpus(&self) -> usize { 256 }
/// #     fn pin(&self) {}
/// #     fn this_cpu(&self, (): &()) -> Cpu { Cpu(0) }
/// #     fn without_interrupts<R>(&self, body: impl FnOnce() -> R) -> R { body() }
/// #     fn fence(&self, _: Site) {}
/// #     fn poke<K: Kernel>(&self, _: &CpuSet<K>) {}
/// #     fn wait_until(&self, _: &AtomicWord, _: u64, _: &AtomicWord, _: u64) -> Woken { Woken::Reached }
/// # }
/// # assert_eq!(ENGINE.mismatches(), 0);
/// ```
pub trait Kernel: Sized + 'static {
    /// What the engine asks of the hardware and of the scheduler's surroundings.
    type Machine: Machine;
    /// How it chooses the CPUs that a barrier must reach: [`Everywhere`] in a
    /// first port, [`Running`] as a rule.
    type Design: Targets<Self>;
    /// How many CPUs there may be: [`Groups`].
    type Capacity: Capacity;
}

/// A capacity of `N` times 64 CPUs; each CPU costs 128 bytes.
pub struct Groups<const N: usize>;

/// How many CPUs the engine keeps something for: [`Groups`], and nothing else.
pub trait Capacity: sealed::Capacity + 'static {}

impl<const N: usize> Capacity for Groups<N> {}

/// A kernel made of its parts, for a machine that several designs run on: a
/// test, a model, a simulator. A kernel that is shipped implements [`Kernel`].
pub struct Parts<M, D, C = Groups<1>>(PhantomData<(M, D, C)>);

/// One implementation for each design, since a design that is itself a parameter
/// would have to be shown to fit the very kernel that is being defined.
macro_rules! parts {
    ($($design:ident: $needs:path),*) => {$(
        impl<M: $needs + 'static, C: Capacity> Kernel for Parts<M, $design, C> {
            type Machine = M;
            type Design = $design;
            type Capacity = C;
        }
    )*};
}
parts!(
    Everywhere: Machine,
    Running: Machine,
    Mask: Machine,
    LockedMask: RunQueues,
    Threads: ThreadList<Parts<M, Threads, C>>
);

pub(crate) type Bits<K> = <<K as Kernel>::Capacity as sealed::Capacity>::Bits;
pub(crate) type Slots<K> = <<K as Kernel>::Capacity as sealed::Capacity>::Slots<WordOf<K>>;
pub(crate) type Words<K> = <<K as Kernel>::Capacity as sealed::Capacity>::Words<WordOf<K>>;
/// The word of a kernel's machine.
pub(crate) type WordOf<K> = <<K as Kernel>::Machine as Machine>::Word;

/// What a capacity means: arrays of that length, with a value to begin with.
/// Nobody outside can name it, so nobody outside can add to it.
pub(crate) mod sealed {
    use super::{Groups, Slot, Word, slot};

    pub trait Capacity {
        /// A bit for each CPU.
        type Bits: Array<u64> + Copy;
        /// A word for each group of 64.
        type Words<W: Word>: Array<W>;
        /// What is kept of each CPU, by groups.
        type Slots<W: Word>: Array<slot::Group<W>>;
    }

    pub trait Array<T> {
        const NEW: Self;
        fn all(&self) -> &[T];
        fn all_mut(&mut self) -> &mut [T];
    }

    impl<const N: usize> Capacity for Groups<N> {
        type Bits = [u64; N];
        type Words<W: Word> = [W; N];
        type Slots<W: Word> = [slot::Group<W>; N];
    }

    macro_rules! arrays {
        ($(<$($word:ident)?> $element:ty = $new:expr),*) => {$(
            impl<$($word: Word,)? const N: usize> Array<$element> for [$element; N] {
                const NEW: Self = [const { $new }; N];
                #[inline]
                fn all(&self) -> &[$element] {
                    self
                }
                #[inline]
                fn all_mut(&mut self) -> &mut [$element] {
                    self
                }
            }
        )*};
    }
    arrays!(<> u64 = 0, <W> W = W::ZERO, <W> slot::Group<W> = [const { Slot::NEW }; 64]);
}
