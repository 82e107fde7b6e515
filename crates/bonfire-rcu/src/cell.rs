//! Cells: a shared `Arc` that is read without counting and replaced whole.

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

use crate::sys::{Pointer, Shared, SharedBorrow};
use crate::{Domain, Global, Guard, OwnedGuard, Reach};

/// A shared `Arc<T>`.
pub type Cell<T, D = Global> = CellOf<Arc<T>, D>;

/// A shared `Arc<T>`, or none.
pub type OptionCell<T, D = Global> = CellOf<Option<Arc<T>>, D>;

/// A shared pointer that readers load without counting it and that writers replace.
///
/// Of the shape of arc-swap's `ArcSwapAny`; the module [`arc_swap`](crate::arc_swap) has the
/// table, and the names for who wants to change a `use` line only.
///
/// ```
/// use bonfire_rcu::Cell;
///
/// let limit = Cell::from_pointee(10);
/// assert_eq!(**limit.load(), 10);
/// limit.rcu(|limit| **limit + 1);
/// assert_eq!(**limit.load(), 11);
/// ```
pub struct CellOf<P: Pointer, D: Reach = Global> {
    shared: Shared<P>,
    domain: D,
}

impl<P: Pointer> CellOf<P> {
    /// A cell of the global domain.
    pub fn new(value: P) -> Self {
        Self::new_in(value, Global)
    }
}

impl<T: Send + Sync + 'static> Cell<T> {
    /// A cell of the global domain, with an `Arc` of `value`.
    pub fn from_pointee(value: T) -> Self {
        Self::new(Arc::new(value))
    }
}

impl<T: Send + Sync + 'static> OptionCell<T> {
    /// A cell of the global domain, with an `Arc` of `value` if there is one.
    pub fn from_pointee(value: impl Into<Option<T>>) -> Self {
        Self::new(value.into().map(Arc::new))
    }
}

impl<P: Pointer, D: Reach> CellOf<P, D> {
    /// A cell of the domain that `domain` leads to.
    pub fn new_in(value: P, domain: D) -> Self {
        Self { shared: Shared::new(value), domain }
    }

    /// The domain in which what is taken out is retired.
    pub fn domain(&self) -> &Domain {
        self.domain.domain()
    }

    /// What the cell holds, as seen in the section of `guard`: a load.
    ///
    /// ```compile_fail,E0505
    /// let cell = bonfire_rcu::Cell::from_pointee(1);
    /// let guard = bonfire_rcu::Global::read();
    /// let seen = cell.see(&guard);
    /// drop(guard);
    /// assert_eq!(*seen, 1);
    /// ```
    ///
    /// # Panics
    /// If the guard is of another domain than the cell.
    #[inline(always)]
    pub fn see<'g>(&self, guard: &'g Guard<'_, D>) -> P::Seen<'g> {
        assert!(self.domain.is_same(guard.domain), "the guard is of another domain than the cell");
        self.shared.see(guard)
    }

    /// What the cell holds, in a section that lasts as long as what is returned.
    ///
    /// In the global domain the section is the calling thread's. In another one it takes a
    /// record for the time, which costs about 20 ns: threads that read often have a
    /// [`Handle`](crate::Handle), and use [`see`](Self::see).
    #[inline(always)]
    pub fn load(&self) -> Loaded<P, D> {
        let section = self.domain.section();
        Loaded(Kind::Borrowed { value: self.shared.borrow(), _section: section })
    }

    /// A reference of one's own to what the cell holds.
    #[inline]
    pub fn load_full(&self) -> P {
        let section = self.domain.section();
        let value = P::clone(&self.shared.borrow());
        drop(section);
        value
    }

    /// What the cell holds, kept by a slot: for long, and to be sent.
    pub fn load_owned(&self) -> OwnedGuard<P, D> {
        OwnedGuard::load(&self.shared, self.domain.clone())
    }

    /// Replaces what the cell holds.
    pub fn store(&self, value: P) {
        self.retire(self.shared.swap(value));
    }

    /// Replaces what the cell holds, and returns what it held.
    ///
    /// That is one reference more: the cell's own is dropped when nobody reads it.
    pub fn swap(&self, value: P) -> P {
        let old = self.shared.swap(value);
        self.retire(old.clone());
        old
    }

    /// Replaces what the cell holds by `new` if it is `current`; returns what it held.
    ///
    /// Compares pointers, as `Arc::ptr_eq` does. It was replaced if what is returned is
    /// `current`.
    pub fn compare_and_swap(&self, current: impl AsPointer<P>, new: P) -> Loaded<P, D> {
        let current = current.as_pointer();
        let mut new = new;
        loop {
            // While the section lasts nothing else can come to have that address.
            let held = self.load();
            if held.as_raw() != current {
                return held;
            }
            match self.shared.swap_if(current, new) {
                Ok(old) => {
                    self.retire(old);
                    return held;
                }
                Err(back) => new = back,
            }
        }
    }

    /// Replaces what the cell holds by what `update` makes of it; again, if somebody else
    /// was faster. Returns what was replaced.
    pub fn rcu<R: Into<P>>(&self, mut update: impl FnMut(&P) -> R) -> P {
        let mut held = self.load();
        loop {
            let new = update(&held).into();
            let found = self.compare_and_swap(&*held, new);
            if found.as_raw() == held.as_raw() {
                return Loaded::into_inner(found);
            }
            held = found;
        }
    }

    /// The value, out of a cell that nobody shares any more.
    pub fn into_inner(self) -> P {
        self.load_full()
    }

    /// A part of what the cell holds, as a cell to read from.
    pub fn map<R: ?Sized, F: Fn(&P) -> &R>(&self, project: F) -> Projected<'_, P, D, F> {
        Projected { cell: self, project }
    }

    /// The pointer as it is now, to be compared.
    pub(crate) fn raw(&self) -> *mut P::Base {
        self.shared.raw()
    }

    fn retire(&self, old: P) {
        old.retire_in(self.domain());
    }
}

impl<P: Pointer, D: Reach> Drop for CellOf<P, D> {
    fn drop(&mut self) {
        // Readers may still look at it, so a reference is kept for them.
        self.retire(P::clone(&self.shared.borrow()));
    }
}

impl<P: Pointer> From<P> for CellOf<P> {
    fn from(value: P) -> Self {
        Self::new(value)
    }
}

impl<P: Pointer + Default> Default for CellOf<P> {
    fn default() -> Self {
        Self::new(P::default())
    }
}

impl<P: Pointer + fmt::Debug, D: Reach> fmt::Debug for CellOf<P, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cell").field(&*self.load()).finish()
    }
}

/// What a cell held when it was loaded, and the section in which it is borrowed.
///
/// Like every guard it is to be short, and stays on its thread.
pub struct Loaded<P: Pointer, D: Reach = Global>(Kind<P, D>);

enum Kind<P: Pointer, D: Reach> {
    Borrowed { value: SharedBorrow<P>, _section: D::Section },
    Owned(P),
}

impl<P: Pointer, D: Reach> Loaded<P, D> {
    /// A reference of one's own.
    pub fn into_inner(loaded: Self) -> P {
        match loaded.0 {
            Kind::Borrowed { value, _section } => P::clone(&value),
            Kind::Owned(value) => value,
        }
    }

    /// One that was loaded from no cell.
    pub fn from_inner(value: P) -> Self {
        Self(Kind::Owned(value))
    }
}

impl<P: Pointer, D: Reach> Deref for Loaded<P, D> {
    type Target = P;

    #[inline(always)]
    fn deref(&self) -> &P {
        match &self.0 {
            Kind::Borrowed { value, .. } => value,
            Kind::Owned(value) => value,
        }
    }
}

impl<P: Pointer + fmt::Debug, D: Reach> fmt::Debug for Loaded<P, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        P::fmt(self, f)
    }
}

impl<P: Pointer + fmt::Display, D: Reach> fmt::Display for Loaded<P, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        P::fmt(self, f)
    }
}

/// What can be compared with what a cell holds.
pub trait AsPointer<P: Pointer> {
    /// The pointer to compare.
    fn as_pointer(&self) -> *mut P::Base;
}

impl<P: Pointer> AsPointer<P> for &P {
    fn as_pointer(&self) -> *mut P::Base {
        self.as_raw()
    }
}

impl<P: Pointer, D: Reach> AsPointer<P> for &Loaded<P, D> {
    fn as_pointer(&self) -> *mut P::Base {
        self.as_raw()
    }
}

/// A part of what a cell holds.
///
/// ```
/// use bonfire_rcu::Cell;
/// struct Settings { name: String }
/// let settings = Cell::from_pointee(Settings { name: "a".into() });
/// let name = settings.map(|settings| &settings.name);
/// assert_eq!(name.load().as_str(), "a");
/// ```
pub struct Projected<'c, P: Pointer, D: Reach, F> {
    cell: &'c CellOf<P, D>,
    project: F,
}

impl<P: Pointer, D: Reach, R: ?Sized, F: Fn(&P) -> &R> Projected<'_, P, D, F> {
    /// The part, in a section that lasts as long as what is returned.
    pub fn load(&self) -> Part<'_, P, D, F> {
        Part { whole: self.cell.load(), project: &self.project }
    }
}

/// A part that was loaded.
pub struct Part<'p, P: Pointer, D: Reach, F> {
    whole: Loaded<P, D>,
    project: &'p F,
}

impl<P: Pointer, D: Reach, R: ?Sized, F: Fn(&P) -> &R> Deref for Part<'_, P, D, F> {
    type Target = R;

    fn deref(&self) -> &R {
        (self.project)(&self.whole)
    }
}
