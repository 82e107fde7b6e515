//! Something to be dropped once nobody can read it: a pointer, and how to drop it.

use std::boxed::Box;
use std::sync::Arc;

/// # Invariants
/// `pointer` is owned by this, may be dropped on any thread, and `drop` drops it.
pub(crate) struct Retired {
    pointer: *mut (),
    drop: unsafe fn(*mut ()),
    bytes: usize,
}

// SAFETY: by the invariant.
unsafe impl Send for Retired {}

/// What a retired thing costs beside its own bytes: this description, and about what an
/// allocator adds.
const OVERHEAD: usize = size_of::<Retired>() + 16;

impl Retired {
    pub(crate) fn boxed<T: Send + 'static>(value: Box<T>) -> Self {
        // SAFETY: called once, with the pointer of this box.
        let drop = |pointer: *mut ()| unsafe { drop(Box::from_raw(pointer.cast::<T>())) };
        Self { bytes: size_of::<T>() + OVERHEAD, pointer: Box::into_raw(value).cast(), drop }
    }

    /// One reference of an `Arc`.
    pub(crate) fn counted<T: Send + Sync + 'static>(value: Arc<T>) -> Self {
        // SAFETY: called once, with the pointer of this reference.
        let drop = |pointer: *mut ()| unsafe { drop(Arc::from_raw(pointer.cast::<T>().cast_const())) };
        Self { bytes: size_of::<T>() + OVERHEAD, pointer: Arc::into_raw(value).cast_mut().cast(), drop }
    }

    /// Something to be called.
    pub(crate) fn call(call: Box<dyn FnOnce() + Send>) -> Self {
        let bytes = size_of_val(&*call) + OVERHEAD;
        // SAFETY: called once, with the pointer of this box.
        let drop = |pointer: *mut ()| unsafe { Box::from_raw(pointer.cast::<Box<dyn FnOnce()>>())() };
        Self { bytes, pointer: Box::into_raw(Box::new(call)).cast(), drop }
    }

    /// How much memory this keeps, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What a hazard slot that holds it says.
    pub(crate) fn address(&self) -> u64 {
        self.pointer.expose_provenance() as u64
    }

    /// Drops it. It may panic.
    pub(crate) fn run(self) {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: by the invariant; once, since `self` is gone and is not dropped again.
        unsafe { (this.drop)(this.pointer) }
    }
}

impl Drop for Retired {
    fn drop(&mut self) {
        // SAFETY: by the invariant; once, since `run` does not come here.
        unsafe { (self.drop)(self.pointer) }
    }
}
