//! Binary payloads: layouts without conditions, repetitions and computed places can be written.
use super::super::Mapping;
use crate::{
    binary::{BitOrder, Field, Item, Kind, Layout, Size, put},
    error::Error,
    expression::Expression,
    meter::{Counter, Work},
    number::{Rational, Rounding},
    reading::Reading,
};
use num_bigint::{BigInt, Sign};
use std::collections::BTreeMap;

pub(super) fn write(
    mapping: &Mapping,
    values: &BTreeMap<String, Reading>,
    work: &mut Work<'_>,
) -> Result<Vec<u8>, Error> {
    let layout = mapping.layout.as_ref().ok_or(Error::NoValue)?;
    let start = usize::from(layout.port).saturating_mul(8);
    let mut writer = Writer { layout, start, at: start, payload: vec![0; usize::from(layout.port)] };
    if let (true, Some(Reading::Number(port))) = (layout.port, values.get("port")) {
        put(&mut writer.payload, 0, 8, layout.order, false, &port.to_scaled(0, Rounding::Exact)?);
    }
    for (position, item) in layout.items.iter().enumerate() {
        work.step()?;
        let Item::Field(field) = item else {
            return Err(Error::mapping(format!("/layout/{position}"), "layouts of fields alone can be written"));
        };
        writer.field(field, values, &format!("/layout/{position}"))?;
    }
    for field in &mapping.inline {
        work.step()?;
        writer.field(field, values, "/observations")?;
    }
    Ok(writer.payload)
}

struct Writer<'a> {
    layout: &'a Layout,
    start: usize,
    at: usize,
    payload: Vec<u8>,
}

impl Writer<'_> {
    fn field(&mut self, field: &Field, values: &BTreeMap<String, Reading>, at: &str) -> Result<(), Error> {
        if let Some(offset) = &field.offset {
            let offset =
                constant(offset).ok_or_else(|| Error::mapping(at, "an offset from the front can be written"))?;
            self.at = offset.saturating_mul(8).saturating_add(field.bit).saturating_add(self.start);
        }
        let size = match &field.size {
            Size::Bits(bits) => *bits,
            Size::Bytes(bytes) => constant(bytes)
                .ok_or_else(|| Error::mapping(at, "a field of fixed size can be written"))?
                .saturating_mul(8),
            Size::Rest => return Err(Error::mapping(at, "a field of fixed size can be written")),
        };
        let raw = match field.name.as_ref().and_then(|name| values.get(name)) {
            Some(reading) => encode(field, reading, size, at)?,
            None => BigInt::ZERO,
        };
        let order: BitOrder = self.layout.order;
        let little = field.little && !matches!(field.kind, Kind::Text | Kind::Hex | Kind::Bytes);
        put(&mut self.payload, self.at, size, order, little, &raw);
        self.at = self.at.saturating_add(size);
        Ok(())
    }
}

/// The unsigned number whose bits are the field.
fn encode(field: &Field, reading: &Reading, size: usize, at: &str) -> Result<BigInt, Error> {
    if matches!(field.kind, Kind::Text | Kind::Hex | Kind::Bytes) {
        let mut bytes = match (field.kind, reading) {
            (Kind::Hex, Reading::Text(text)) => alloy_primitives::hex::decode(text).map_err(|_| Error::NoValue)?,
            (_, Reading::Text(text)) => text.clone().into_bytes(),
            (_, Reading::Bytes(bytes)) => bytes.clone(),
            _ => return Err(Error::NoValue),
        };
        if bytes.len() > size / 8 {
            return Err(Error::limit("bytes of a field", size / 8));
        }
        bytes.resize(size / 8, 0);
        return Ok(BigInt::from_bytes_be(Sign::Plus, &bytes));
    }
    let mut number = reading.number().ok_or(Error::NoValue)?;
    if let Some(add) = &field.add {
        number = number.subtract(add)?;
    }
    if let Some(scale) = &field.scale {
        number = number.divide(scale)?;
    }
    let integer = number.to_scaled(0, Rounding::Exact)?;
    let mut width = u64::try_from(size).unwrap_or(u64::MAX).saturating_sub(field.shift);
    if let Some(mask) = &field.mask {
        width = width.min(mask.bits());
    }
    let negative = integer.sign() == Sign::Minus;
    let half = BigInt::from(1) << width.saturating_sub(1);
    let magnitude = if negative { -&integer } else { integer.clone() };
    let (fits, raw) = match field.kind {
        Kind::Signed => (
            magnitude < half || (negative && magnitude == half),
            if negative { (&half << 1u32) - &magnitude } else { magnitude },
        ),
        Kind::SignMagnitude => (magnitude < half, if negative { &half + &magnitude } else { magnitude }),
        Kind::Decimal => {
            let raw = BigInt::parse_bytes(magnitude.to_string().as_bytes(), 16).unwrap_or_default();
            (!negative && raw.bits() <= width, raw)
        }
        Kind::Unsigned | Kind::Bool => (!negative && magnitude.bits() <= width, magnitude),
        Kind::Float => return Err(Error::mapping(at, "a float is read, not written")),
        Kind::Text | Kind::Hex | Kind::Bytes => (false, magnitude),
    };
    if !fits {
        return Err(Error::limit("bits of a field", size));
    }
    Ok(raw << field.shift)
}

/// The value of an expression without names.
fn constant(expression: &Expression) -> Option<usize> {
    let mut counter = Counter::default();
    let names: Vec<Option<Rational>> = vec![None; expression.names().len()];
    let value = expression.evaluate(&names, &mut Work::new(&mut counter)).ok()??;
    usize::try_from(value.to_scaled(0, Rounding::Exact).ok()?).ok()
}
