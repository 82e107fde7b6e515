//! Function pointers: what code is called as.

/// A type of function pointers, `extern "C" fn(…) -> …` with up to six arguments, safe to
/// call or not.
///
/// Sealed: what is called must be a pointer to a function, of the C calling convention.
pub trait Function: Copy + Send + Sync + 'static + sealed::Function {
    /// What it takes: a tuple.
    type Arguments;
    /// What it returns.
    type Output;
}

pub(crate) mod sealed {
    pub trait Function: Sized {}
    /// A function that is safe to call.
    pub trait Safe: super::Function {
        /// Calls it.
        fn call(self, arguments: Self::Arguments) -> Self::Output;
    }
}

macro_rules! functions {
    ($($type:ident $name:ident)*) => {
        functions!(@one unsafe extern "C" fn($($type),*) -> R; $($type)*);
        functions!(@one extern "C" fn($($type),*) -> R; $($type)*);
        impl<R: 'static, $($type: 'static),*> sealed::Safe for extern "C" fn($($type),*) -> R {
            #[inline(always)]
            fn call(self, ($($name,)*): Self::Arguments) -> R {
                self($($name),*)
            }
        }
    };
    (@one $function:ty; $($type:ident)*) => {
        impl<R: 'static, $($type: 'static),*> sealed::Function for $function {}
        impl<R: 'static, $($type: 'static),*> Function for $function {
            type Arguments = ($($type,)*);
            type Output = R;
        }
    };
}

functions!();
functions!(A a);
functions!(A a B b);
functions!(A a B b C c);
functions!(A a B b C c D d);
functions!(A a B b C c D d E e);
functions!(A a B b C c D d E e G g);
