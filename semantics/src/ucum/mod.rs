//! Units of UCUM, <https://ucum.org>, with exact conversions.
//!
//! ```text
//!  data/ucum-essence.xml ──build.rs──► rows ──first use──► table: factor, dimensions of each code
//!                                                              │
//!  "mm[Hg]/s" ──parser──► components, each found in it ──product──► Unit ──with another──► Conversion: y = x * a + b
//! ```
//!
//! - Case-sensitive codes, prefixes, powers, parentheses, annotations, whole-number factors: all of the grammar.
//! - The constant `[pi]` is the table's decimal of 65 digits. Where it cancels (`deg` to `'`), results are exact.
//! - Special units with a straight scale (`Cel`, `[degF]`, `[degRe]`) convert exactly. Those with a logarithm, a tangent or
//!   a root (`dB`, `Np`, `[pH]`, `%[slope]`, ...) are valid units, but are refused by name where a conversion is needed.
//! - Arbitrary units (`[iU]`, ...) convert to nothing but the same arbitrary unit.
//! - Where the specification and its tests leave room: a leading `/` inverts the component after it; a number may carry an
//!   annotation; special units take part in no product with other units, quotient or power.
mod parser;
mod table;
mod unit;

pub use unit::{Conversion, Unit, convert};
