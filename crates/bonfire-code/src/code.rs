//! Code, and what may be done with it: it is written first, and published before it runs.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use crate::Function;
use crate::memory::Space;
use crate::sys::{self, Memory, Usual};

/// How far a piece of code has come: a [`Draft`], [`Published`], or [`Checked`]. Sealed.
pub trait Stage: stage::Sealed + Send + Sync + 'static {}

pub(crate) mod stage {
    #[derive(Debug)]
    pub enum Draft {}
    #[derive(Debug)]
    pub enum Published {}
    #[derive(Debug)]
    pub enum Checked {}

    impl super::Stage for Draft {}
    impl super::Stage for Published {}
    impl super::Stage for Checked {}

    pub trait Sealed {}
    impl Sealed for Draft {}
    impl Sealed for Published {}
    impl Sealed for Checked {}
}

/// A function that was placed in an arena. Its memory is free again when this is dropped:
/// no thread can be in it then, since a call borrows it.
///
/// To share one with threads and replace it while they call it, put it in a
/// [`Slot`](crate::Slot), or in an `Arc`.
pub struct Code<F, M: Memory, S: Stage> {
    space: Space<M>,
    is: PhantomData<(F, S)>,
}

/// Code that is written and not published: it cannot be called.
///
/// ```compile_fail,E0599
/// fn call(draft: bonfire_code::Draft<extern "C" fn() -> i32>) -> i32 {
///     draft.call(())
/// }
/// ```
pub type Draft<F, M = Usual> = Code<F, M, stage::Draft>;

/// Code that any thread may call, with no check.
///
/// What was dropped is not called:
///
/// ```compile_fail,E0382
/// fn call(code: bonfire_code::Published<extern "C" fn() -> i32>) -> i32 {
///     drop(code);
///     code.call(())
/// }
/// ```
pub type Published<F, M = Usual> = Code<F, M, stage::Published>;

/// Code that a thread calls by its [`Executor`](crate::Executor), which checks first.
///
/// ```compile_fail,E0599
/// fn call(code: bonfire_code::Checked<extern "C" fn() -> i32>) -> i32 {
///     code.call(())
/// }
/// ```
pub type Checked<F, M = Usual> = Code<F, M, stage::Checked>;

impl<F: Function, M: Memory> Draft<F, M> {
    pub(crate) fn new(space: Space<M>) -> Self {
        Self { space, is: PhantomData }
    }
}

impl<F: Function, M: Memory, S: Stage> Code<F, M, S> {
    /// Where it is executed: for tables, branches of other code, and debuggers.
    #[must_use]
    pub fn address(&self) -> usize {
        self.space.addresses().start
    }

    /// In bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.space.addresses().len()
    }

    pub(crate) fn space(&self) -> &Space<M> {
        &self.space
    }
}

impl<F: Function, M: Memory> Published<F, M> {
    /// Calls it.
    #[inline(always)]
    pub fn call(&self, arguments: F::Arguments) -> F::Output
    where
        F: sys::Safe,
    {
        sys::Safe::call(sys::to_function::<F, M>(&self.space), arguments)
    }
}

impl<F: Function, M: Memory> Checked<F, M> {
    /// The function, for whoever has checked.
    #[inline(always)]
    pub(crate) fn function_when_checked(&self) -> F {
        sys::to_function(&self.space)
    }
}

impl<F, M: Memory, S: Stage> fmt::Debug for Code<F, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("at", &self.space.addresses()).finish()
    }
}

/// Drafts that are published together: one, a `Vec`, an array, or tuples of such. However many
/// there are, threads serialise once. Sealed.
pub trait Drafts: drafts::Sealed + Sized {
    /// The same at another stage.
    type At<S: Stage>;

    /// Where they are executed.
    #[doc(hidden)]
    fn spans(&self, spans: &mut Vec<Range<usize>>);

    /// They have come to the stage `S`.
    #[doc(hidden)]
    fn advance<S: Stage>(self) -> Self::At<S>;
}

mod drafts {
    use super::{Draft, Memory};

    pub trait Sealed {}
    impl<F, M: Memory> Sealed for Draft<F, M> {}
    impl<D: Sealed> Sealed for Vec<D> {}
    impl<D: Sealed, const N: usize> Sealed for [D; N] {}
    impl<A: Sealed, B: Sealed> Sealed for (A, B) {}
    impl<A: Sealed, B: Sealed, C: Sealed> Sealed for (A, B, C) {}
}

impl<F: Function, M: Memory> Drafts for Draft<F, M> {
    type At<S: Stage> = Code<F, M, S>;

    fn spans(&self, spans: &mut Vec<Range<usize>>) {
        spans.push(self.space.addresses());
    }

    fn advance<S: Stage>(self) -> Self::At<S> {
        Code { space: self.space, is: PhantomData }
    }
}

impl<D: Drafts> Drafts for Vec<D> {
    type At<S: Stage> = Vec<D::At<S>>;

    fn spans(&self, spans: &mut Vec<Range<usize>>) {
        self.iter().for_each(|draft| draft.spans(spans));
    }

    fn advance<S: Stage>(self) -> Self::At<S> {
        self.into_iter().map(D::advance).collect()
    }
}

impl<D: Drafts, const N: usize> Drafts for [D; N] {
    type At<S: Stage> = [D::At<S>; N];

    fn spans(&self, spans: &mut Vec<Range<usize>>) {
        self.iter().for_each(|draft| draft.spans(spans));
    }

    fn advance<S: Stage>(self) -> Self::At<S> {
        self.map(D::advance)
    }
}

impl<A: Drafts, B: Drafts> Drafts for (A, B) {
    type At<S: Stage> = (A::At<S>, B::At<S>);

    fn spans(&self, spans: &mut Vec<Range<usize>>) {
        self.0.spans(spans);
        self.1.spans(spans);
    }

    fn advance<S: Stage>(self) -> Self::At<S> {
        (self.0.advance(), self.1.advance())
    }
}

impl<A: Drafts, B: Drafts, C: Drafts> Drafts for (A, B, C) {
    type At<S: Stage> = (A::At<S>, B::At<S>, C::At<S>);

    fn spans(&self, spans: &mut Vec<Range<usize>>) {
        self.0.spans(spans);
        self.1.spans(spans);
        self.2.spans(spans);
    }

    fn advance<S: Stage>(self) -> Self::At<S> {
        (self.0.advance(), self.1.advance(), self.2.advance())
    }
}
