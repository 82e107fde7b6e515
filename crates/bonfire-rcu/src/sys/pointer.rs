//! The pointers that a cell can hold.

use core::ptr;
use std::sync::Arc;

use crate::Domain;

/// What a [`CellOf`](crate::CellOf) can hold: an `Arc`, or none.
///
/// Sealed: cells rely on what is said here.
pub trait Pointer: Clone + Send + Sync + 'static + sealed::Sealed {
    /// What it points to.
    type Base: Send + Sync + 'static;
    /// What a reader sees of it.
    type Seen<'a>: Copy;

    /// The pointer, and with it the reference that it counted.
    #[doc(hidden)]
    fn into_raw(self) -> *mut Self::Base;
    /// The pointer as it is.
    #[doc(hidden)]
    fn as_raw(&self) -> *mut Self::Base;
    /// Takes the reference back.
    ///
    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and the reference is the caller's.
    #[doc(hidden)]
    unsafe fn from_raw(raw: *mut Self::Base) -> Self;
    /// What is behind the pointer.
    ///
    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and its reference is not dropped
    /// during `'a`.
    #[doc(hidden)]
    unsafe fn see<'a>(raw: *mut Self::Base) -> Self::Seen<'a>;
    /// Retires the reference.
    #[doc(hidden)]
    fn retire_in(self, domain: &Domain);
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for std::sync::Arc<T> {}
    impl<T> Sealed for Option<std::sync::Arc<T>> {}
}

impl<T: Send + Sync + 'static> Pointer for Arc<T> {
    type Base = T;
    type Seen<'a> = &'a T;

    fn into_raw(self) -> *mut T {
        Arc::into_raw(self).cast_mut()
    }

    fn as_raw(&self) -> *mut T {
        Arc::as_ptr(self).cast_mut()
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Arc::from_raw(raw.cast_const()) }
    }

    #[inline(always)]
    unsafe fn see<'a>(raw: *mut T) -> &'a T {
        // SAFETY: the caller's promise: the value lives while its reference is counted.
        unsafe { &*raw }
    }

    fn retire_in(self, domain: &Domain) {
        domain.retire_arc(self);
    }
}

impl<T: Send + Sync + 'static> Pointer for Option<Arc<T>> {
    type Base = T;
    type Seen<'a> = Option<&'a T>;

    fn into_raw(self) -> *mut T {
        self.map_or(ptr::null_mut(), Pointer::into_raw)
    }

    fn as_raw(&self) -> *mut T {
        self.as_ref().map_or(ptr::null_mut(), Pointer::as_raw)
    }

    #[inline(always)]
    unsafe fn from_raw(raw: *mut T) -> Self {
        // SAFETY: the caller's promise, and it is none if it is null.
        (!raw.is_null()).then(|| unsafe { Arc::from_raw(raw.cast_const()) })
    }

    #[inline(always)]
    unsafe fn see<'a>(raw: *mut T) -> Option<&'a T> {
        // SAFETY: as for `Arc`.
        unsafe { raw.as_ref() }
    }

    fn retire_in(self, domain: &Domain) {
        if let Some(value) = self {
            domain.retire_arc(value);
        }
    }
}
