//! Rules: one property, and how a payload says what it is.
use super::{
    condition::Condition,
    document::Members,
    operand::{OPERAND, Operand},
    selector::{Context, Scope, Selector},
};
use crate::{
    calendar,
    error::Error,
    json::Value,
    jsonpath::Path,
    mapping::Format,
    meter::Work,
    model::{Model, ValueKind},
    number::Rational,
    reading::Reading,
    senml::to_milliseconds,
    ucum::{Conversion, Unit},
};

/// One entry of `observations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Position in the model.
    pub(crate) property: usize,
    pub(crate) value: RuleValue,
    pub(crate) unit: RuleUnit,
    pub(crate) when: Option<Condition>,
    pub(crate) time: Option<Time>,
    pub(crate) subject: Subject,
    pub(crate) each: Option<Path>,
    pub(crate) required: bool,
    /// Losing digits is an error.
    pub(crate) exact: bool,
    /// Digits after the point when it is written.
    pub(crate) decimals: Option<i32>,
    /// Binary fields that make it apply.
    pub(crate) fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuleValue {
    One(Operand),
    Position { latitude: Operand, longitude: Operand },
}

/// The unit of the payload's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RuleUnit {
    /// The property's.
    Same,
    /// Named by the mapping.
    Fixed { text: String, conversion: Conversion },
    /// Named by the payload.
    Found(Selector),
    /// Named by a SenML record, if it has one.
    Record,
}

/// What an observation is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// The subject given; of EPCIS each identifier of the event's what.
    Default,
    /// The subject given.
    Given,
    /// What the payload names.
    Named(Selector),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    pub(crate) operand: Operand,
    pub(crate) format: TimeFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeFormat {
    /// A number of these (seconds, as a power of ten) since 1970.
    Unix(i32),
    Rfc3339,
    /// A number of these (seconds, as a power of ten) before now.
    Ago(i32),
}

/// Members of a rule besides those of an operand.
const RULE: [&str; 11] =
    ["property", "position", "unit", "time", "when", "subject", "each", "required", "exact", "decimals", "description"];
/// Members that a document may have for all its rules.
pub(crate) const DEFAULTS: [&str; 3] = ["time", "when", "subject"];

impl Rule {
    /// Compiles the rule at `at`; `document` has defaults for all rules.
    pub(crate) fn compile(
        value: &Value,
        at: &str,
        document: Members<'_>,
        model: &Model,
        context: &mut Context<'_>,
    ) -> Result<Self, Error> {
        let members = Members::new(value, at, &[&RULE[..], &OPERAND[..]].concat())?;
        let iri = members.text("property")?.ok_or_else(|| members.wrong("property", "is missing"))?;
        let position = model.position(iri);
        let position = position.ok_or_else(|| members.wrong("property", "is not a property of the model"))?;
        let property = model.properties().get(position).ok_or_else(|| members.wrong("property", "is missing"))?;
        context.in_each = false;
        let each = members.text("each")?.map(|text| context.path(text, &members.at("each"))).transpose()?;
        if each.is_some() && matches!(context.format, Format::Binary | Format::SenmlJson | Format::SenmlCbor) {
            return Err(
                members.wrong("each", "is for trees; layouts repeat, and SenML rules apply to every record that fits")
            );
        }
        context.in_each = each.is_some();
        let value = match members.get("position") {
            Some(position) if property.kind == ValueKind::Position => {
                let at = members.at("position");
                let parts = Members::new(position, &at, &["latitude", "longitude"])?;
                let mut part = |name: &str| {
                    let value = parts.get(name).ok_or_else(|| parts.wrong(name, "is missing"))?;
                    Operand::alone(value, &parts.at(name), context)
                };
                RuleValue::Position { latitude: part("latitude")?, longitude: part("longitude")? }
            }
            Some(_) => return Err(members.wrong("position", "the property is not a position")),
            None if property.kind == ValueKind::Position => {
                return Err(members.wrong("position", "must be there: the property is a position"));
            }
            None => RuleValue::One(Operand::compile(members, context)?),
        };
        let default = |name: &str| {
            if members.has(name) {
                members.get(name).map(|value| (value, members.at(name)))
            } else {
                document.get(name).map(|value| (value, document.at(name)))
            }
        };
        let when = default("when").map(|(value, at)| Condition::compile(value, &at, context, 0)).transpose()?;
        let time = default("time").map(|(value, at)| Time::compile(value, &at, context)).transpose()?;
        let subject = match default("subject") {
            None => Subject::Default,
            Some((Value::Text(text), _)) if text == "given" => Subject::Given,
            Some((value, at)) => Subject::Named(context.selector(value, &at)?),
        };
        let mut fields = Vec::new();
        match &value {
            RuleValue::One(operand) => operand.fields(&mut fields),
            RuleValue::Position { latitude, longitude } => {
                [latitude, longitude].iter().for_each(|part| part.fields(&mut fields))
            }
        }
        if let (true, Some(when)) = (fields.is_empty(), &when) {
            when.fields(&mut fields);
        }
        Ok(Self {
            property: position,
            value,
            unit: unit(members, property.kind, &property.unit, context)?,
            when,
            time,
            subject,
            each,
            required: members.flag("required")?,
            exact: members.flag("exact")?,
            decimals: members.count("decimals", 100)?.map(|count| i32::try_from(count).unwrap_or(0)),
            fields,
        })
    }
}

/// Greatest common divisors of larger numbers cost more than they save.
const REDUCED_BITS_MAX: u64 = 512;

fn unit(members: Members<'_>, kind: ValueKind, to: &str, context: &mut Context<'_>) -> Result<RuleUnit, Error> {
    let senml = matches!(context.format, Format::SenmlJson | Format::SenmlCbor);
    match members.get("unit") {
        Some(_) if !matches!(kind, ValueKind::Number | ValueKind::Position) => {
            Err(members.wrong("unit", "only numbers have units"))
        }
        None if senml && kind == ValueKind::Number => Ok(RuleUnit::Record),
        None => Ok(RuleUnit::Same),
        Some(Value::Text(text)) => {
            let wrong = |error: Error| members.wrong("unit", error.to_string());
            let from = Unit::parse(text).map_err(wrong)?;
            let to =
                Unit::parse(if to.is_empty() && kind == ValueKind::Position { "deg" } else { to }).map_err(wrong)?;
            let conversion = Conversion::new(&from, &to).map_err(wrong)?;
            let conversion = if conversion.bits() <= REDUCED_BITS_MAX { conversion.reduced() } else { conversion };
            Ok(RuleUnit::Fixed { text: text.clone(), conversion })
        }
        Some(value) => {
            let at = members.at("unit");
            let members = Members::new(value, &at, &["path"])?;
            let path = members.get("path").ok_or_else(|| members.wrong("path", "is missing"))?;
            Ok(RuleUnit::Found(context.selector(path, &members.at("path"))?))
        }
    }
}

impl Time {
    fn compile(value: &Value, at: &str, context: &mut Context<'_>) -> Result<Self, Error> {
        let known = [&["path", "format"][..], &OPERAND[..]].concat();
        let members = Members::new(value, at, &known)?;
        let operand = match members.get("path") {
            Some(path) => Operand::alone(path, &members.at("path"), context)?,
            None => Operand::compile(members, context)?,
        };
        let format = match members.text("format")? {
            Some("unix-s") => TimeFormat::Unix(0),
            Some("unix-ms") => TimeFormat::Unix(-3),
            Some("unix-us") => TimeFormat::Unix(-6),
            Some("unix-ns") => TimeFormat::Unix(-9),
            Some("rfc3339") => TimeFormat::Rfc3339,
            Some("s-ago") => TimeFormat::Ago(0),
            Some("ms-ago") => TimeFormat::Ago(-3),
            _ => {
                let known = "must be unix-s, unix-ms, unix-us, unix-ns, rfc3339, s-ago or ms-ago";
                return Err(members.wrong("format", known));
            }
        };
        Ok(Self { operand, format })
    }

    /// Unix milliseconds, or none if the payload has no time.
    pub(crate) fn evaluate(&self, scope: Scope<'_>, now_ms: u64, work: &mut Work<'_>) -> Result<Option<u64>, Error> {
        let Some(reading) = self.operand.evaluate(scope, work)? else { return Ok(None) };
        let seconds = |exponent: i32| {
            let number = reading.number().ok_or(Error::payload(0, "a time is a number"))?;
            let unit = crate::number::Decimal::new(1, exponent)?.to_rational();
            number.multiply(&unit)
        };
        match self.format {
            TimeFormat::Unix(exponent) => to_milliseconds(&seconds(exponent)?).map(Some),
            TimeFormat::Ago(exponent) => {
                let now = Rational::from(i64::try_from(now_ms).unwrap_or(i64::MAX)).divide(&Rational::from(1_000))?;
                to_milliseconds(&now.subtract(&seconds(exponent)?)?).map(Some)
            }
            TimeFormat::Rfc3339 => {
                let time = if let Reading::Text(text) = &reading { calendar::parse_rfc3339(text) } else { None };
                let time = time.and_then(|time| u64::try_from(time).ok());
                time.map(Some).ok_or(Error::payload(0, "a time is an RFC 3339 timestamp after 1970"))
            }
        }
    }
}
