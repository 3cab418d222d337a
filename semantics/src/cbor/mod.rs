//! CBOR, RFC 8949, read into the same values as JSON and written in one way.
//!
//! ```text
//!  CBOR                                    value
//!  integer, bignum (tags 2, 3)             number
//!  decimal fraction, bigfloat (tags 4, 5)  number
//!  binary16, 32, 64                        the number that it exactly is; null for infinities and NaN
//!  text, bytes                             the same
//!  array                                   the same
//!  map                                     object; an integer key k is the name k in decimal
//!  true, false, null; undefined            the same; null
//!  any other tag                           its content
//! ```
//!
//! Definite and indefinite lengths are read. A length that is longer than what is there is refused before anything is
//! reserved for it. Other keys than text and integers, equal keys, and simple values without meaning are refused.
mod reader;
mod writer;

pub use reader::parse;
pub use writer::write;
