//! JSONPath, RFC 9535: the whole grammar is read and checked, singular queries are executed.
//!
//! A singular query names at most one value: only names and indices. Those are what a mapping may say. Any other valid
//! query is told apart from an invalid one, so that an author learns which of the two is wrong.
mod cursor;
mod filter;
mod query;

pub use query::{Path, Query, Step};
