//! tests
pub mod ef;
