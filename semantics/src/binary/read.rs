//! Running a layout over a payload.
use super::{BitOrder, Field, Item, Kind, Layout, Otherwise, Size, bits};
use crate::{
    error::Error,
    expression::{Expression, evaluate::signed},
    meter::{Work, prices},
    number::{Rational, float16, float32, float64},
    reading::Reading,
};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// Fields read so far, scope by scope.
#[derive(Default)]
pub(crate) struct Scopes {
    scopes: Vec<BTreeMap<String, Option<Reading>>>,
}

impl Scopes {
    /// A field, seen from the innermost scope.
    pub(crate) fn get(&self, name: &str) -> Option<&Reading> {
        self.scopes.iter().rev().find_map(|scope| scope.get(name))?.as_ref()
    }

    /// Whether the innermost scope is the whole layout's.
    pub(crate) fn is_outermost(&self) -> bool {
        self.scopes.len() == 1
    }

    /// Whether the innermost scope itself has read a field.
    pub(crate) fn read_here(&self, name: &str) -> bool {
        self.scopes.last().is_some_and(|scope| scope.contains_key(name))
    }

    fn set(&mut self, name: &str, reading: Option<Reading>) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned(), reading);
        }
    }
}

/// Called when a scope ends.
pub(crate) type OnScope<'a> = &'a mut dyn FnMut(&Scopes, &mut Work<'_>) -> Result<(), Error>;

/// Reads a payload. `inline` are fields at fixed places that belong to the outermost scope.
///
/// # Errors
/// [`Error::MalformedPayload`] with the byte where the payload does not fit the layout; those of `on_scope`.
pub(crate) fn run(
    layout: &Layout,
    inline: &[Field],
    payload: &[u8],
    on_scope: OnScope<'_>,
    work: &mut Work<'_>,
) -> Result<(), Error> {
    let start = usize::from(layout.port);
    let mut reader = Reader {
        payload,
        order: layout.order,
        window: (start, payload.len()),
        at: start.saturating_mul(8),
        index: None,
        scopes: Scopes { scopes: vec![BTreeMap::new()] },
        on_scope,
    };
    if layout.port {
        let port = payload.first().ok_or(Error::payload(0, "the first byte is the port"))?;
        reader.scopes.set("port", Some(Reading::Number(Rational::from(i64::from(*port)))));
    }
    reader.items(&layout.items, work)?;
    // The whole payload again, for fields that say where they are.
    reader.window = (start, payload.len());
    for field in inline {
        reader.field(field, work)?;
    }
    (reader.on_scope)(&reader.scopes, work)
}

/// Whether the surrounding repetition goes on.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Stop,
}

struct Reader<'a> {
    payload: &'a [u8],
    order: BitOrder,
    /// First byte, and the byte after the last.
    window: (usize, usize),
    /// Bits from the payload's beginning.
    at: usize,
    /// Passes of the innermost repetition before this one.
    index: Option<usize>,
    scopes: Scopes,
    on_scope: OnScope<'a>,
}

impl Reader<'_> {
    fn items(&mut self, items: &[Item], work: &mut Work<'_>) -> Result<Flow, Error> {
        for item in items {
            work.step()?;
            let flow = match item {
                Item::Field(field) => self.field(field, work).map(|()| Flow::On)?,
                Item::Compute { name, expression } => {
                    let value = self.number(expression, work)?;
                    self.scopes.set(name, value.map(Reading::Number));
                    Flow::On
                }
                Item::When { condition, then, otherwise } => {
                    let holds = self.number(condition, work)?.is_some_and(|number| !number.is_zero());
                    self.items(if holds { then } else { otherwise }, work)?
                }
                Item::Switch { on, cases, otherwise } => {
                    let mut numbers = Vec::with_capacity(on.len());
                    for expression in on {
                        numbers.push(self.number(expression, work)?.unwrap_or_else(Rational::zero).floor());
                    }
                    work.spend(prices::STEP, cases.len())?;
                    let fits = |keys: &[(BigInt, BigInt)]| {
                        keys.iter().zip(&numbers).all(|((low, high), number)| low <= number && number <= high)
                    };
                    match (cases.iter().find(|case| fits(&case.keys)), otherwise) {
                        (Some(case), _) => self.items(&case.items, work)?,
                        (None, Otherwise::Items(items)) => self.items(items, work)?,
                        (None, Otherwise::Stop) => Flow::Stop,
                        (None, Otherwise::Refuse) => return Err(self.error("no case of a switch fits")),
                    }
                }
                Item::Repeat { count, items, shared } => self.repeat(count.as_ref(), items, *shared, work)?,
                Item::Window { bytes, items } => {
                    let bytes = self.whole(bytes, work)?;
                    let start = self.at.div_ceil(8);
                    let end = start.saturating_add(bytes);
                    if end > self.window.1 {
                        return Err(self.error("a window is longer than the payload"));
                    }
                    let outer = std::mem::replace(&mut self.window, (start, end));
                    self.at = start.saturating_mul(8);
                    let flow = self.items(items, work)?;
                    self.window = outer;
                    self.at = end.saturating_mul(8);
                    flow
                }
            };
            if flow == Flow::Stop {
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::On)
    }

    fn repeat(
        &mut self,
        count: Option<&Expression>,
        items: &[Item],
        shared: bool,
        work: &mut Work<'_>,
    ) -> Result<Flow, Error> {
        let count = count.map(|count| self.whole(count, work)).transpose()?;
        let outer = self.index;
        let flow = self.passes(count, items, shared, work);
        self.index = outer;
        flow
    }

    fn passes(
        &mut self,
        count: Option<usize>,
        items: &[Item],
        shared: bool,
        work: &mut Work<'_>,
    ) -> Result<Flow, Error> {
        let mut done = 0usize;
        loop {
            let more = match count {
                Some(count) => done < count,
                None => self.at.saturating_add(8) <= self.window.1.saturating_mul(8),
            };
            if !more {
                return Ok(Flow::On);
            }
            work.step()?;
            self.index = Some(done);
            let before = self.at;
            if !shared {
                self.scopes.scopes.push(BTreeMap::new());
            }
            let flow = self.items(items, work)?;
            if !shared {
                (self.on_scope)(&self.scopes, work)?;
                self.scopes.scopes.pop();
            }
            if flow == Flow::Stop {
                return Ok(Flow::On);
            }
            if count.is_none() && self.at <= before {
                return Err(self.error("a repetition reads nothing"));
            }
            done = done.saturating_add(1);
        }
    }

    fn field(&mut self, field: &Field, work: &mut Work<'_>) -> Result<(), Error> {
        if let Some(offset) = &field.offset {
            self.at = self.place(offset, field.bit, work)?;
        }
        let end_of_window = self.window.1.saturating_mul(8);
        let size = match &field.size {
            Size::Bits(bits) => *bits,
            Size::Bytes(bytes) => self.whole(bytes, work)?.saturating_mul(8),
            Size::Rest => end_of_window.saturating_sub(self.at),
        };
        let end = self.at.saturating_add(size);
        if end > end_of_window {
            if !field.optional {
                return Err(self.error("the payload is shorter than its layout"));
            }
            self.at = end_of_window;
            if let Some(name) = &field.name {
                self.scopes.set(name, None);
            }
            return Ok(());
        }
        if let Some(name) = &field.name {
            work.number(u64::try_from(size).unwrap_or(u64::MAX).min(4_096))?;
            work.spend(prices::SCAN_BYTE, size / 8)?;
            let raw = self.raw(field, size)?;
            let reading = match raw.filter(|raw| !field.absent.iter().any(|absent| absent.is(raw))) {
                Some(Reading::Number(mut number)) => {
                    if let Some(scale) = &field.scale {
                        number = number.multiply(scale)?;
                    }
                    if let Some(add) = &field.add {
                        number = number.add(add)?;
                    }
                    Some(Reading::Number(number))
                }
                other => other,
            };
            self.scopes.set(name, reading);
        }
        self.at = end;
        Ok(())
    }

    /// Bits from the payload's beginning of an offset in the window.
    fn place(&mut self, offset: &Expression, bit: usize, work: &mut Work<'_>) -> Result<usize, Error> {
        let offset = self.number(offset, work)?.ok_or(Error::payload(self.at / 8, "an offset has no value"))?;
        let from_end = offset.is_negative();
        let distance = usize::try_from(if from_end { -offset.floor() } else { offset.floor() }).ok();
        let byte = distance.and_then(|distance| {
            if from_end { self.window.1.checked_sub(distance) } else { self.window.0.checked_add(distance) }
        });
        let byte =
            byte.filter(|byte| *byte >= self.window.0).ok_or(Error::payload(0, "an offset outside the payload"))?;
        Ok(byte.saturating_mul(8).saturating_add(bit))
    }

    /// Before scale; none for floats that are no numbers.
    fn raw(&self, field: &Field, size: usize) -> Result<Option<Reading>, Error> {
        if matches!(field.kind, Kind::Text | Kind::Hex | Kind::Bytes) {
            return self.byte_string(field.kind, size).map(Some);
        }
        let number = bits::get(self.payload, self.at, size, self.order, field.little);
        let mut number = number.ok_or_else(|| self.error("the payload is shorter than its layout"))?;
        let mut width = u64::try_from(size).unwrap_or(u64::MAX).saturating_sub(field.shift);
        number >>= field.shift;
        if let Some(mask) = &field.mask {
            number &= mask;
            width = width.min(mask.bits());
        }
        let low = |number: &BigInt| u64::try_from(number).unwrap_or_default();
        let number = match field.kind {
            Kind::Bool => return Ok(Some(Reading::Bool(number != BigInt::ZERO))),
            Kind::Signed => signed(number, width),
            Kind::SignMagnitude => {
                let sign = BigInt::from(1) << width.saturating_sub(1);
                if number >= sign { -(number - sign) } else { number }
            }
            Kind::Decimal => {
                let digits = number.to_str_radix(16);
                let parsed = BigInt::parse_bytes(digits.as_bytes(), 10);
                parsed.ok_or_else(|| self.error("a decimal has a digit above nine"))?
            }
            Kind::Float => {
                let decimal = match size {
                    16 => float16(u16::try_from(low(&number)).unwrap_or_default())?,
                    32 => float32(u32::try_from(low(&number)).unwrap_or_default())?,
                    64 => float64(low(&number))?,
                    _ => return Err(self.error("a float has 16, 32 or 64 bits")),
                };
                return Ok(decimal.map(|number| Reading::Number(number.to_rational())));
            }
            _ => number,
        };
        Ok(Some(Reading::Number(Rational::from(number))))
    }

    fn byte_string(&self, kind: Kind, size: usize) -> Result<Reading, Error> {
        if !self.at.is_multiple_of(8) {
            return Err(self.error("text and bytes begin at a whole byte"));
        }
        let start = self.at / 8;
        let bytes = self.payload.get(start..start.saturating_add(size / 8)).unwrap_or_default();
        Ok(match kind {
            Kind::Text => {
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                let text = std::str::from_utf8(text).map_err(|_| self.error("text is not UTF-8"))?;
                Reading::Text(text.to_owned())
            }
            Kind::Hex => Reading::Text(alloy_primitives::hex::encode(bytes)),
            _ => Reading::Bytes(bytes.to_vec()),
        })
    }

    /// The value of an expression over what was read, and over the place of the cursor.
    fn number(&self, expression: &Expression, work: &mut Work<'_>) -> Result<Option<Rational>, Error> {
        let count = |bytes: usize| Some(Rational::from(i64::try_from(bytes).unwrap_or(i64::MAX)));
        let value = |name: &String| match (self.scopes.get(name), name.as_str()) {
            (Some(reading), _) => reading.number(),
            (None, "payload.length") => count(self.payload.len()),
            (None, "payload.position") => count((self.at / 8).saturating_sub(self.window.0)),
            (None, "repeat.index") => self.index.and_then(count),
            (None, "payload.remaining") => count(self.window.1.saturating_sub(self.at.div_ceil(8))),
            (None, _) => None,
        };
        let values: Vec<_> = expression.names().iter().map(value).collect();
        expression.evaluate(&values, work)
    }

    /// A count of bytes or repetitions.
    fn whole(&self, expression: &Expression, work: &mut Work<'_>) -> Result<usize, Error> {
        let number = self.number(expression, work)?.and_then(|number| usize::try_from(number.floor()).ok());
        number.filter(|number| *number <= usize::from(u16::MAX)).ok_or_else(|| self.error("a count has no value"))
    }

    fn error(&self, reason: &'static str) -> Error {
        Error::payload(self.at / 8, reason)
    }
}
