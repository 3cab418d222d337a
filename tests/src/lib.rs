//! tests
pub mod components;
pub mod ef;
pub mod load;
