//! Kernels on this machine: one for each design.

use bonfire_engine::{Groups, Kernel, Parts, Targets};

use crate::machine::Machine;

/// A kernel of the engine's whose CPUs are threads: [`On`] one design or another.
pub trait OnThreads:
    Kernel<
        Machine = Machine,
        Capacity = Groups<1>,
        Design: Targets<Self, PerSpace: Send + Sync, PerThread: Send + Sync>,
    >
{
}

impl<K> OnThreads for K where
    K: Kernel<
            Machine = Machine,
            Capacity = Groups<1>,
            Design: Targets<K, PerSpace: Send + Sync, PerThread: Send + Sync>,
        >
{
}

/// The kernel on this machine that chooses CPUs as the design `D` does.
pub type On<D> = Parts<Machine, D>;
