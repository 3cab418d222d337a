//! Running rules over a payload.
use super::{
    Format, Mapping, Observation,
    observation::{observe, observe_position, subject_of},
    operand::Source,
    rule::{Rule, RuleUnit, RuleValue, Subject},
    selector::{Scope, Selector},
};
use crate::{
    abi, binary, cbor, epcis,
    error::Error,
    json::{self, Value},
    limits::{DEPTH_MAX, OBSERVATIONS_MAX, PAYLOAD_BYTES_MAX},
    meter::{Meter, Work, prices},
    model::ValueKind,
    number::Rational,
    reading::Reading,
    senml::{self, Record},
    ucum::{Conversion, Unit},
};
use alloy_primitives::B256;

/// What holds unless a rule says.
#[derive(Clone)]
struct Defaults {
    /// Given by the caller.
    given: B256,
    /// Those of rules that name none.
    subjects: Vec<B256>,
    time_ms: u64,
    now_ms: u64,
}

pub(crate) fn normalize(
    mapping: &Mapping,
    subject: B256,
    payload: &[u8],
    now_ms: u64,
    meter: &mut dyn Meter,
) -> Result<Vec<Observation>, Error> {
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::limit("bytes of a payload", PAYLOAD_BYTES_MAX));
    }
    let mut work = Work::new(meter);
    let work = &mut work;
    work.spend(mapping.format.byte_price(), payload.len())?;
    let defaults = Defaults { given: subject, subjects: vec![subject], time_ms: now_ms, now_ms };
    let mut run = Run { mapping, out: Vec::new() };
    match mapping.format {
        Format::Json => run.tree(&json::parse(payload, DEPTH_MAX)?, &defaults, work)?,
        Format::Cbor => run.tree(&cbor::parse(payload, DEPTH_MAX)?, &defaults, work)?,
        Format::SenmlJson => run.senml(&senml::parse_json(payload, now_ms, work.meter())?, &defaults, work)?,
        Format::SenmlCbor => run.senml(&senml::parse_cbor(payload, now_ms, work.meter())?, &defaults, work)?,
        Format::Epcis => {
            for event in epcis::parse(payload)? {
                work.step()?;
                let subjects = event.subjects();
                let time_ms = event.time_ms();
                run.tree(event.value(), &Defaults { subjects, time_ms, ..defaults.clone() }, work)?;
            }
        }
        Format::AbiCall => {
            let signature = mapping.signature.as_ref().ok_or(Error::NoValue)?;
            run.tree(&abi::call(signature, payload, work)?, &defaults, work)?;
        }
        Format::AbiEvent => {
            let signature = mapping.signature.as_ref().ok_or(Error::NoValue)?;
            run.tree(&abi::event(signature, payload, work)?, &defaults, work)?;
        }
        Format::Binary => {
            let layout = mapping.layout.as_ref().ok_or(Error::NoValue)?;
            let mut on_scope = |scopes: &binary::Scopes, work: &mut Work<'_>| run.binary(scopes, &defaults, work);
            binary::run(layout, &mapping.inline, payload, &mut on_scope, work)?;
        }
    }
    Ok(run.out)
}

struct Run<'a> {
    mapping: &'a Mapping,
    out: Vec<Observation>,
}

impl Run<'_> {
    fn tree(&mut self, root: &Value, defaults: &Defaults, work: &mut Work<'_>) -> Result<(), Error> {
        for rule in &self.mapping.rules {
            work.step()?;
            let Some(each) = &rule.each else {
                self.apply(rule, Scope::Tree { root, current: root }, defaults, work)?;
                continue;
            };
            for current in each.find(root, root).and_then(Value::as_array).unwrap_or_default() {
                work.step()?;
                self.apply(rule, Scope::Tree { root, current }, defaults, work)?;
            }
        }
        Ok(())
    }

    fn binary(&mut self, scopes: &binary::Scopes, defaults: &Defaults, work: &mut Work<'_>) -> Result<(), Error> {
        for rule in &self.mapping.rules {
            work.step()?;
            let concerned = match rule.fields.is_empty() {
                true => scopes.is_outermost(),
                false => rule.fields.iter().any(|field| scopes.read_here(field)),
            };
            // A rule whose fields are elsewhere misses its value in the outermost scope, if anywhere.
            if concerned || (rule.required && scopes.is_outermost() && !self.has(rule)) {
                self.apply(rule, Scope::Binary(scopes), defaults, work)?;
            }
        }
        Ok(())
    }

    fn has(&self, rule: &Rule) -> bool {
        let id = self.mapping.model.properties().get(rule.property).map(|property| property.id);
        self.out.iter().any(|observation| Some(observation.property) == id)
    }

    fn senml(&mut self, pack: &[Record], defaults: &Defaults, work: &mut Work<'_>) -> Result<(), Error> {
        for rule in &self.mapping.rules {
            work.step()?;
            let main = match &rule.value {
                RuleValue::One(operand) | RuleValue::Position { latitude: operand, .. } => match &operand.source {
                    Source::Select(Selector::Record(selector)) => Some(selector),
                    _ => None,
                },
            };
            let mut found = false;
            for current in pack {
                work.step()?;
                if main.is_some_and(|selector| !selector.fits(current)) {
                    continue;
                }
                found = true;
                let defaults = Defaults { time_ms: current.time_ms, ..defaults.clone() };
                self.apply(rule, Scope::Senml { pack, current }, &defaults, work)?;
                if main.is_none() {
                    break;
                }
            }
            if !found && rule.required {
                return Err(Error::NoValue);
            }
        }
        Ok(())
    }

    fn apply(&mut self, rule: &Rule, scope: Scope<'_>, defaults: &Defaults, work: &mut Work<'_>) -> Result<(), Error> {
        if let Some(when) = &rule.when
            && !when.holds(scope, work)?
        {
            return Ok(());
        }
        let property = self.mapping.model.properties().get(rule.property).ok_or(Error::NoValue)?;
        let time_ms = match &rule.time {
            Some(time) => time.evaluate(scope, defaults.now_ms, work)?.unwrap_or(defaults.time_ms),
            None => defaults.time_ms,
        };
        let mut observation = match &rule.value {
            RuleValue::One(operand) => match operand.evaluate(scope, work)? {
                None => return missing(rule),
                Some(reading) => {
                    work.number(reading.bits())?;
                    let reading = match property.kind {
                        ValueKind::Number => Reading::Number(in_unit(rule, &property.unit, &reading, scope, work)?),
                        _ => reading,
                    };
                    observe(property, &reading, rule.exact, defaults.given, time_ms)?
                }
            },
            RuleValue::Position { latitude, longitude } => {
                let (latitude, longitude) = (latitude.evaluate(scope, work)?, longitude.evaluate(scope, work)?);
                let (Some(latitude), Some(longitude)) = (latitude, longitude) else { return missing(rule) };
                let latitude = in_unit(rule, "deg", &latitude, scope, work)?;
                let longitude = in_unit(rule, "deg", &longitude, scope, work)?;
                observe_position(property, [&latitude, &longitude], defaults.given, time_ms)?
            }
        };
        for subject in subjects(rule, scope, defaults, work)? {
            if self.out.len() >= OBSERVATIONS_MAX {
                return Err(Error::limit("observations", OBSERVATIONS_MAX));
            }
            work.step()?;
            observation.subject = subject;
            self.out.push(observation.clone());
        }
        Ok(())
    }
}

fn missing(rule: &Rule) -> Result<(), Error> {
    if rule.required { Err(Error::NoValue) } else { Ok(()) }
}

/// The number in the unit of the property.
fn in_unit(
    rule: &Rule,
    property_unit: &str,
    reading: &Reading,
    scope: Scope<'_>,
    work: &mut Work<'_>,
) -> Result<Rational, Error> {
    let number = reading.number().ok_or(Error::payload(0, "a number is needed"))?;
    let named = match &rule.unit {
        RuleUnit::Same => return Ok(number),
        RuleUnit::Fixed { conversion, .. } => {
            work.number(number.bits().saturating_add(conversion.bits()))?;
            return conversion.apply(&number);
        }
        RuleUnit::Record => match scope {
            Scope::Senml { current: Record { unit: Some(unit), .. }, .. } => {
                senml::ucum_of(unit).ok_or(Error::payload(0, "a SenML unit that has no exact unit of UCUM"))?.to_owned()
            }
            _ => return Ok(number),
        },
        RuleUnit::Found(selector) => match scope.select(selector)? {
            Some(Reading::Text(text)) => text,
            _ => return Ok(number),
        },
    };
    if named == property_unit {
        return Ok(number);
    }
    work.spend(prices::UNIT_BYTE, named.len().saturating_add(property_unit.len()))?;
    let conversion = Conversion::new(&Unit::parse(&named)?, &Unit::parse(property_unit)?)?;
    work.number(number.bits().saturating_add(conversion.bits()))?;
    conversion.apply(&number)
}

fn subjects(rule: &Rule, scope: Scope<'_>, defaults: &Defaults, work: &mut Work<'_>) -> Result<Vec<B256>, Error> {
    let selector = match &rule.subject {
        Subject::Default => return Ok(defaults.subjects.clone()),
        Subject::Given => return Ok(vec![defaults.given]),
        Subject::Named(selector) => selector,
    };
    if let Selector::Tree(path) = selector
        && let Some(Value::Array(list)) = scope.tree(path)
    {
        let mut found = Vec::with_capacity(list.len().min(OBSERVATIONS_MAX));
        for value in list {
            work.step()?;
            found.extend(Reading::from_value(value)?.map(|reading| subject_of(&reading)).transpose()?);
        }
        return Ok(found);
    }
    match scope.select(selector)? {
        Some(reading) => Ok(vec![subject_of(&reading)?]),
        None => Err(Error::NoValue),
    }
}
