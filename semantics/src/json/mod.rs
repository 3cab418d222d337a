//! JSON, RFC 8259, with exact numbers; and the tree of values that all self-describing formats are read into.
//!
//! What the RFC leaves open: names of an object are unique, or the text is refused; escaped surrogates come in pairs, or it
//! is refused; numbers have bounded digits and exponents, and no others. Nothing may follow the value but white space.
mod reader;
mod value;
mod writer;

pub use reader::{parse, parse_last_name_counts};
pub use value::Value;
pub use writer::write;
