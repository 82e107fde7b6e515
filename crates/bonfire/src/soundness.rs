//! The soundness argument.
