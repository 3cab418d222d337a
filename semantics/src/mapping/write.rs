//! Rules backwards: from observations to a payload.
use super::{
    Format, Mapping, Observation,
    condition::Condition,
    observation::unpack,
    operand::{Operand, Source},
    rule::{Rule, RuleUnit, RuleValue, Time, TimeFormat},
    selector::Selector,
};
use crate::{
    abi,
    calendar::write_rfc3339,
    cbor,
    error::Error,
    json::{self, Value},
    jsonpath::Step,
    limits::PAYLOAD_BYTES_MAX,
    meter::{Meter, Work, prices},
    model::ValueKind,
    number::{Decimal, Rational, Rounding},
    reading::Reading,
    senml,
};
use std::collections::BTreeMap;

mod packet;

pub(crate) fn write(mapping: &Mapping, observations: &[Observation], meter: &mut dyn Meter) -> Result<Vec<u8>, Error> {
    let mut work = Work::new(meter);
    let mut writer = match mapping.format {
        Format::Json | Format::Cbor | Format::AbiCall => Target::Tree(Value::Object(BTreeMap::new())),
        Format::SenmlJson | Format::SenmlCbor => Target::Senml(Vec::new()),
        Format::Binary => Target::Packet(BTreeMap::new()),
        Format::Epcis | Format::AbiEvent => {
            return Err(Error::mapping("/format", format!("{} is read, not written", mapping.format.name())));
        }
    };
    let mut left: Vec<&Observation> = observations.iter().collect();
    for (position, rule) in mapping.rules.iter().enumerate() {
        work.step()?;
        let property = mapping.model.properties().get(rule.property).ok_or(Error::NoValue)?;
        let Some(found) = left.iter().position(|observation| observation.property == property.id) else {
            if rule.required {
                return Err(Error::NoValue);
            }
            continue;
        };
        let observation = left.remove(found);
        let at = format!("/observations/{position}");
        writer.rule(rule, observation, &at, &mut work)?;
    }
    let payload = match writer {
        Target::Tree(value) if mapping.format == Format::Json => json::write(&value).into_bytes(),
        Target::Tree(value) if mapping.format == Format::Cbor => cbor::write(&value),
        Target::Tree(value) => abi::encode_call(mapping.signature.as_ref().ok_or(Error::NoValue)?, &value)?,
        Target::Senml(records) if mapping.format == Format::SenmlJson => {
            json::write(&Value::Array(records)).into_bytes()
        }
        Target::Senml(records) => cbor::write(&Value::Array(records.into_iter().map(labelled).collect())),
        Target::Packet(values) => packet::write(mapping, &values, &mut work)?,
    };
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::limit("bytes of a payload", PAYLOAD_BYTES_MAX));
    }
    work.spend(prices::WRITE_BYTE, payload.len())?;
    Ok(payload)
}

/// What is being written.
enum Target {
    Tree(Value),
    Senml(Vec<Value>),
    /// Readings of binary fields, by name.
    Packet(BTreeMap<String, Reading>),
}

impl Target {
    fn rule(&mut self, rule: &Rule, observation: &Observation, at: &str, work: &mut Work<'_>) -> Result<(), Error> {
        if rule.each.is_some() {
            return Err(Error::mapping(format!("{at}/each"), "a rule for each element is read, not written"));
        }
        match &rule.value {
            RuleValue::One(operand) => {
                let reading = reading_of(rule, operand, observation, work)?;
                self.put(operand, reading, rule, observation, at)?;
            }
            RuleValue::Position { latitude, longitude } => {
                let (north, east) = unpack(observation.number);
                for (operand, number) in [(latitude, north), (longitude, east)] {
                    let degrees = Decimal::new(number, -7)?.to_rational();
                    let reading = Reading::Number(raw(rule, operand, degrees, work)?);
                    self.put(operand, reading, rule, observation, at)?;
                }
            }
        }
        if let Some(time) = rule.time.as_ref().filter(|_| !matches!(self, Self::Senml(_))) {
            let reading = time_of(time, observation.time_ms, at)?;
            let reading = match reading {
                Reading::Number(number) => Reading::Number(unscaled(&time.operand, number)?),
                other => other,
            };
            self.put(&time.operand, reading, rule, observation, at)?;
        }
        self.conditions(rule.when.as_ref(), rule, observation, at)
    }

    /// What the payload must hold for the rule to apply: equalities can be written.
    fn conditions(
        &mut self,
        when: Option<&Condition>,
        rule: &Rule,
        observation: &Observation,
        at: &str,
    ) -> Result<(), Error> {
        match when {
            Some(Condition::In { operand, values }) if !matches!(self, Self::Senml(_)) => match values.first() {
                Some(value) => self.put(operand, value.clone(), rule, observation, at),
                None => Ok(()),
            },
            Some(Condition::All(conditions)) => {
                conditions.iter().try_for_each(|inner| self.conditions(Some(inner), rule, observation, at))
            }
            _ => Ok(()),
        }
    }

    fn put(
        &mut self,
        operand: &Operand,
        reading: Reading,
        rule: &Rule,
        observation: &Observation,
        at: &str,
    ) -> Result<(), Error> {
        let Source::Select(selector) = &operand.source else {
            return match operand.source {
                Source::Constant(_) => Ok(()),
                _ => Err(Error::mapping(format!("{at}/compute"), "a computed value is read, not written")),
            };
        };
        match (self, selector) {
            (Self::Tree(root), Selector::Tree(path)) => {
                place(root, &path.steps, reading.to_value()?).map_err(|reason| Error::mapping(at, reason))
            }
            (Self::Packet(values), Selector::Field(name)) => {
                values.insert(name.clone(), reading);
                Ok(())
            }
            (Self::Senml(records), Selector::Record(selector)) => {
                let name = selector
                    .name
                    .clone()
                    .ok_or_else(|| Error::mapping(format!("{at}/value"), "a record is written under its whole name"))?;
                let unit = selector.unit.clone().or_else(|| match &rule.unit {
                    RuleUnit::Fixed { text, .. } => senml::senml_of(text).map(str::to_owned),
                    _ => senml::senml_of(&observation.unit).map(str::to_owned),
                });
                let value = match reading {
                    Reading::Number(_) => "v",
                    Reading::Text(_) => "vs",
                    Reading::Bool(_) => "vb",
                    Reading::Bytes(_) => "vd",
                };
                let time = Decimal::new(observation.time_ms, -3)?;
                let mut members = BTreeMap::from([
                    ("n".to_owned(), Value::Text(name)),
                    ("t".to_owned(), Value::Number(time)),
                    (value.to_owned(), reading.to_value()?),
                ]);
                if let Some(unit) = unit.filter(|_| value == "v") {
                    members.insert("u".to_owned(), Value::Text(unit));
                }
                records.push(Value::Object(members));
                Ok(())
            }
            _ => Err(Error::mapping(at, "the selector does not belong to the format")),
        }
    }
}

/// The raw value that a device of this mapping would have sent.
fn reading_of(
    rule: &Rule,
    operand: &Operand,
    observation: &Observation,
    work: &mut Work<'_>,
) -> Result<Reading, Error> {
    let text = || String::from_utf8_lossy(&observation.data).into_owned();
    let meaning = match observation.kind {
        ValueKind::Number if operand.names.is_none() => {
            return raw(rule, operand, observation.rational()?, work).map(Reading::Number);
        }
        ValueKind::Number | ValueKind::Position => Reading::Number(observation.rational()?),
        ValueKind::Bool => Reading::Bool(observation.number != alloy_primitives::I256::ZERO),
        ValueKind::Text => Reading::Text(text()),
        ValueKind::Bytes => Reading::Bytes(observation.data.clone()),
    };
    match &operand.names {
        None => Ok(meaning),
        Some(names) => names.code(&meaning).ok_or(Error::NoValue),
    }
}

/// Unit, then add and scale, backwards.
fn raw(rule: &Rule, operand: &Operand, number: Rational, work: &mut Work<'_>) -> Result<Rational, Error> {
    let number = match &rule.unit {
        RuleUnit::Fixed { conversion, .. } => {
            work.number(number.bits().saturating_add(conversion.bits()))?;
            conversion.inverted()?.apply(&number)?
        }
        _ => number,
    };
    work.number(number.bits())?;
    let number = unscaled(operand, number)?;
    match rule.decimals {
        Some(decimals) => {
            let exponent = decimals.saturating_neg();
            let scaled = number.to_scaled(exponent, Rounding::HalfEven)?;
            Ok(Decimal::new(scaled, exponent)?.to_rational())
        }
        None => Ok(number),
    }
}

fn unscaled(operand: &Operand, number: Rational) -> Result<Rational, Error> {
    let number = match &operand.add {
        Some(add) => number.subtract(add)?,
        None => number,
    };
    match &operand.scale {
        Some(scale) => number.divide(scale),
        None => Ok(number),
    }
}

fn time_of(time: &Time, time_ms: u64, at: &str) -> Result<Reading, Error> {
    match time.format {
        TimeFormat::Rfc3339 => Ok(Reading::Text(write_rfc3339(time_ms))),
        TimeFormat::Unix(exponent) => {
            let unit = Decimal::new(1, exponent)?.to_rational();
            Decimal::new(time_ms, -3)?.to_rational().divide(&unit).map(Reading::Number)
        }
        TimeFormat::Ago(_) => Err(Error::mapping(format!("{at}/time"), "a time before now is read, not written")),
    }
}

/// Puts a value where a query would find it.
fn place(target: &mut Value, steps: &[Step], value: Value) -> Result<(), &'static str> {
    let Some((first, rest)) = steps.split_first() else {
        *target = value;
        return Ok(());
    };
    match first {
        Step::Name(name) => {
            if *target == Value::Null {
                *target = Value::Object(BTreeMap::new());
            }
            let Value::Object(members) = target else {
                return Err("one rule writes a value where another writes inside it");
            };
            place(members.entry(name.clone()).or_insert(Value::Null), rest, value)
        }
        Step::Index(index) => {
            if *target == Value::Null {
                *target = Value::Array(Vec::new());
            }
            let Value::Array(elements) = target else {
                return Err("one rule writes a value where another writes inside it");
            };
            let position = usize::try_from(*index).map_err(|_| "elements are written from the front")?;
            if position == elements.len() {
                elements.push(Value::Null);
            }
            place(elements.get_mut(position).ok_or("elements are written in order")?, rest, value)
        }
    }
}

/// A record with the labels of CBOR: RFC 8428, table 4.
fn labelled(record: Value) -> Value {
    let Value::Object(members) = record else { return record };
    let label = |name: String| match name.as_str() {
        "n" => "0".to_owned(),
        "u" => "1".to_owned(),
        "v" => "2".to_owned(),
        "vs" => "3".to_owned(),
        "vb" => "4".to_owned(),
        "t" => "6".to_owned(),
        "vd" => "8".to_owned(),
        _ => name,
    };
    Value::Object(members.into_iter().map(|(name, value)| (label(name), value)).collect())
}
