#![doc = include_str!("../docs/arc-swap.md")]

use std::sync::Arc;

pub use crate::Cache;
pub use crate::CellOf as ArcSwapAny;
pub use crate::Loaded as Guard;
pub use crate::Pointer as RefCnt;

/// A [`Cell`](crate::Cell).
pub type ArcSwap<T> = ArcSwapAny<Arc<T>>;

/// An [`OptionCell`](crate::OptionCell).
pub type ArcSwapOption<T> = ArcSwapAny<Option<Arc<T>>>;
