//! Work is announced before it is done, so that whoever pays can refuse.
use crate::{error::Error, limits::STEPS_MAX};

/// Asked before each piece of work. One unit of work is about what one unit of gas buys.
pub trait Meter {
    /// Announces work.
    ///
    /// # Errors
    /// [`Error::OutOfWork`] if it must not be done.
    fn spend(&mut self, work: u64) -> Result<(), Error>;
}

/// A meter that counts and never refuses.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// Work so far.
    pub work: u64,
}

impl Meter for Counter {
    fn spend(&mut self, work: u64) -> Result<(), Error> {
        self.work = self.work.saturating_add(work);
        Ok(())
    }
}

/// Prices of pieces of work, chosen so that no input takes much longer a unit than another.
pub mod prices {
    /// A byte of a payload or a document, read into a tree of values.
    pub const PARSE_BYTE: u64 = 12;
    /// A byte of CBOR, read into a tree of values: five of them may be a fraction of hundreds of digits.
    pub const PARSE_CBOR_BYTE: u64 = 30;
    /// A byte of a binary or ABI payload: nothing is built.
    pub const SCAN_BYTE: u64 = 1;
    /// A step: a field, an expression's node, a condition, an element.
    pub const STEP: u64 = 60;
    /// A number of any size: arithmetic, conversion, rounding.
    pub const NUMBER: u64 = 300;
    /// The same, for each 64 bits of the operands multiplied with each other.
    pub const NUMBER_WORDS: u64 = 4;
    /// A unit that is read at run time, a byte.
    pub const UNIT_BYTE: u64 = 1_000;
    /// A byte of a mapping document, read and compiled.
    pub const COMPILE_BYTE: u64 = 60;
    /// A byte written.
    pub const WRITE_BYTE: u64 = 12;
}

/// Work of one run: announces it, and counts steps up to [`STEPS_MAX`].
pub(crate) struct Work<'a> {
    meter: &'a mut dyn Meter,
    steps: u64,
}

impl<'a> Work<'a> {
    pub(crate) fn new(meter: &'a mut dyn Meter) -> Self {
        Self { meter, steps: 0 }
    }

    /// One step more.
    pub(crate) fn step(&mut self) -> Result<(), Error> {
        self.steps = self.steps.saturating_add(1);
        if self.steps > STEPS_MAX {
            return Err(Error::LimitExceeded { what: "steps", limit: STEPS_MAX });
        }
        self.meter.spend(prices::STEP)
    }

    /// `count` units at `price`.
    pub(crate) fn spend(&mut self, price: u64, count: usize) -> Result<(), Error> {
        self.meter.spend(price.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX)))
    }

    /// Arithmetic on numbers of so many bits.
    pub(crate) fn number(&mut self, bits: u64) -> Result<(), Error> {
        number(self.meter, bits)
    }

    /// Whoever pays, for work that has no steps.
    pub(crate) fn meter(&mut self) -> &mut dyn Meter {
        self.meter
    }
}

/// Announces arithmetic on numbers of so many bits.
pub(crate) fn number(meter: &mut dyn Meter, bits: u64) -> Result<(), Error> {
    let words = bits.div_ceil(64);
    let product = words.saturating_mul(words).saturating_mul(prices::NUMBER_WORDS);
    meter.spend(prices::NUMBER.saturating_add(product))
}
