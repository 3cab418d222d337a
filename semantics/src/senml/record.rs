//! Records and the rules of base fields.
use crate::{
    base64,
    error::Error,
    json::Value,
    meter::{self, Meter},
    number::{Decimal, Rational, Rounding},
};
use std::collections::BTreeMap;

/// A resolved record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Base name and name together.
    pub name: String,
    /// In SenML's own vocabulary.
    pub unit: Option<String>,
    /// Unix milliseconds, rounded half to even.
    pub time_ms: u64,
    /// Unix seconds, exactly.
    pub time: Decimal,
    /// The value, if the record has one besides a sum.
    pub value: Option<Measurement>,
    /// The integrated value.
    pub sum: Option<Decimal>,
    /// Seconds until the next reading is due.
    pub update_time: Option<Decimal>,
    /// Fields that RFC 8428 does not define.
    pub other: BTreeMap<String, Value>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Measurement {
    /// `v`
    Number(Decimal),
    /// `vs`
    Text(String),
    /// `vb`
    Bool(bool),
    /// `vd`
    Data(Vec<u8>),
}

/// Times below this are relative to now: RFC 8428, section 4.5.3.
const RELATIVE_BELOW: i64 = 1 << 28;
/// Digits and exponent of a time, in bits: binary64 has at most 52 binary places and 34 bits before them, which are 120 bits and 52 decimal places.
const TIME_BITS_MAX: u64 = 512;
/// The version of RFC 8428.
const VERSION: i64 = 10;

/// Names of fields by their labels in CBOR: RFC 8428, table 4.
const LABELS: [(&str, &str); 15] = [
    ("-1", "bver"),
    ("-2", "bn"),
    ("-3", "bt"),
    ("-4", "bu"),
    ("-5", "bv"),
    ("-6", "bs"),
    ("0", "n"),
    ("1", "u"),
    ("2", "v"),
    ("3", "vs"),
    ("4", "vb"),
    ("5", "s"),
    ("6", "t"),
    ("7", "ut"),
    ("8", "vd"),
];

/// Base fields as they stand.
#[derive(Default)]
struct Base {
    name: String,
    time: Option<Decimal>,
    unit: Option<String>,
    value: Option<Decimal>,
    sum: Option<Decimal>,
    version: Option<i64>,
}

/// Resolves a pack that was read from JSON or CBOR. `meter` hears of each sum before it is made.
///
/// # Errors
/// [`Error::OutOfWork`];
/// [`Error::MalformedPayload`] with the position of the record in the pack: fields of wrong kinds, names outside the RFC's
/// characters, more than one value, versions above 10 or different ones, a field that must be understood and is not.
pub fn resolve(pack: &Value, now_ms: u64, meter: &mut dyn Meter) -> Result<Vec<Record>, Error> {
    let records = pack.as_array().ok_or(Error::payload(0, "a pack is an array"))?;
    let mut base = Base::default();
    let mut resolved = Vec::new();
    for (position, record) in records.iter().enumerate() {
        let fields = record.as_object().ok_or(Error::payload(position, "a record is an object"))?;
        resolved.extend(one(fields, &mut base, now_ms, meter).map_err(|reason| reason.at(position))?);
    }
    Ok(resolved)
}

/// Why a record is refused, before its position is known.
enum Refused {
    Reason(&'static str),
    Error(Error),
}

impl Refused {
    fn at(self, position: usize) -> Error {
        match self {
            Self::Reason(reason) => Error::payload(position, reason),
            Self::Error(error) => error,
        }
    }
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

fn one(
    fields: &BTreeMap<String, Value>,
    base: &mut Base,
    now_ms: u64,
    meter: &mut dyn Meter,
) -> Result<Option<Record>, Refused> {
    let mut known = BTreeMap::new();
    let mut other = BTreeMap::new();
    for (name, value) in fields {
        let label = LABELS.iter().find(|(label, long)| label == name || long == name).map(|(_, long)| *long);
        match label {
            Some(label) => {
                if known.insert(label, value).is_some() {
                    return Err(Refused::Reason("a field stands twice"));
                }
            }
            None if name.ends_with('_') => return Err(Refused::Reason("a field that must be understood is unknown")),
            None => {
                other.insert(name.clone(), value.clone());
            }
        }
    }
    take_base(&known, base)?;
    let value = measurement(&known, base, meter)?;
    let sum = match (number(&known, "s")?, &base.sum) {
        (None, None) => None,
        // A base sum alone is a sum, where there is a record to carry it.
        (None, Some(_)) if value.is_none() && !known.contains_key("n") => None,
        (sum, base) => Some(sum_of(sum, base.clone(), meter)?),
    };
    if value.is_none() && sum.is_none() {
        return match known.keys().all(|name| name.starts_with('b')) {
            true => Ok(None),
            false => Err(Refused::Reason("a record has a value")),
        };
    }
    let name = format!("{}{}", base.name, text(&known, "n")?.unwrap_or_default());
    check_name(&name)?;
    let time = time(sum_of(number(&known, "t")?, base.time.clone(), meter)?, now_ms, meter)?;
    Ok(Some(Record {
        name,
        unit: text(&known, "u")?.map(str::to_owned).or_else(|| base.unit.clone()),
        time_ms: milliseconds(&time)?,
        time,
        value,
        sum,
        update_time: number(&known, "ut")?,
        other,
    }))
}

fn take_base(known: &BTreeMap<&str, &Value>, base: &mut Base) -> Result<(), Refused> {
    if let Some(version) = number(known, "bver")? {
        let version = version.to_integer().and_then(|version| i64::try_from(version).ok());
        let version = version.filter(|version| (1..=VERSION).contains(version));
        let version = version.ok_or(Refused::Reason("versions from 1 to 10 are known"))?;
        if base.version.replace(version).is_some_and(|before| before != version) {
            return Err(Refused::Reason("a pack has one version"));
        }
    }
    if let Some(name) = text(known, "bn")? {
        base.name = name.to_owned();
    }
    if let Some(unit) = text(known, "bu")? {
        base.unit = Some(unit.to_owned());
    }
    for (field, slot) in [("bt", &mut base.time), ("bv", &mut base.value), ("bs", &mut base.sum)] {
        if let Some(number) = number(known, field)? {
            *slot = Some(number);
        }
    }
    Ok(())
}

fn measurement(
    known: &BTreeMap<&str, &Value>,
    base: &Base,
    meter: &mut dyn Meter,
) -> Result<Option<Measurement>, Refused> {
    let mut found = Vec::new();
    if let Some(value) = number(known, "v")? {
        found.push(Measurement::Number(sum_of(Some(value), base.value.clone(), meter)?));
    }
    if let Some(value) = text(known, "vs")? {
        found.push(Measurement::Text(value.to_owned()));
    }
    if let Some(value) = known.get("vb") {
        found.push(Measurement::Bool(value.as_bool().ok_or(Refused::Reason("vb is true or false"))?));
    }
    if let Some(value) = known.get("vd") {
        let data = match value {
            Value::Bytes(bytes) => Some(bytes.clone()),
            Value::Text(text) => base64::decode(text),
            _ => None,
        };
        found.push(Measurement::Data(data.ok_or(Refused::Reason("vd is bytes, in JSON as base64url"))?));
    }
    if found.len() > 1 {
        return Err(Refused::Reason("a record has one value"));
    }
    Ok(found.pop())
}

fn number(known: &BTreeMap<&str, &Value>, field: &str) -> Result<Option<Decimal>, Refused> {
    match known.get(field) {
        None => Ok(None),
        Some(Value::Number(number)) => Ok(Some(number.clone())),
        Some(_) => Err(Refused::Reason("a field that is a number holds something else")),
    }
}

fn text<'a>(known: &BTreeMap<&str, &'a Value>, field: &str) -> Result<Option<&'a str>, Refused> {
    match known.get(field) {
        None => Ok(None),
        Some(value) => value.as_text().map(Some).ok_or(Refused::Reason("a field that is text holds something else")),
    }
}

fn sum_of(left: Option<Decimal>, right: Option<Decimal>, meter: &mut dyn Meter) -> Result<Decimal, Error> {
    match (left, right) {
        (Some(left), Some(right)) => {
            meter::number(meter, left.bits().max(right.bits()))?;
            left.add(&right)
        }
        (Some(one), None) | (None, Some(one)) => Ok(one),
        (None, None) => Ok(Decimal::from(0)),
    }
}

fn time(time: Decimal, now_ms: u64, meter: &mut dyn Meter) -> Result<Decimal, Error> {
    meter::number(meter, time.bits())?;
    if time.bits() > TIME_BITS_MAX {
        return Err(Error::payload(0, "a time of too many digits"));
    }
    if time >= Decimal::from(RELATIVE_BELOW) {
        return Ok(time);
    }
    Decimal::new(now_ms, -3)?.add(&time)
}

/// RFC 8428, section 4.5.1.
fn check_name(name: &str) -> Result<(), Refused> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-:./_".contains(&byte);
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(Refused::Reason("a name has characters that it must not"))
    }
}

/// Unix seconds as milliseconds, rounded half to even.
pub(crate) fn milliseconds(seconds: &Decimal) -> Result<u64, Error> {
    let scaled = seconds.to_rational().to_scaled(-3, Rounding::HalfEven)?;
    u64::try_from(scaled).map_err(|_| Error::payload(0, "a time before 1970 or after all calendars"))
}

/// Seconds as a fraction in milliseconds.
pub(crate) fn to_milliseconds(value: &Rational) -> Result<u64, Error> {
    let scaled = value.to_scaled(-3, Rounding::HalfEven)?;
    u64::try_from(scaled).map_err(|_| Error::payload(0, "a time before 1970 or after all calendars"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        meter::Counter,
        senml::{parse_cbor, parse_json},
    };

    const NOW: u64 = 1_500_000_000_000;

    fn read(text: &str) -> Vec<String> {
        let records =
            parse_json(text.as_bytes(), NOW, &mut Counter::default()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let shown = |record: &Record| {
            let unit = record.unit.as_deref().unwrap_or("-");
            format!("{} {unit} {} {:?}", record.name, record.time, record.value.as_ref().or(None))
        };
        records.iter().map(shown).collect()
    }

    #[test]
    fn base_fields_hold_until_they_change() {
        let records = parse_json(
            br#"[{"bn":"d:","bt":1320078429,"bu":"V","bv":100,"n":"a","v":1.5},{"n":"b","v":2,"u":"A","t":-0.5},{"bn":"e:","n":"c","vb":true}]"#,
            NOW,
            &mut Counter::default(),
        )
        .unwrap();
        let names: Vec<_> = records.iter().map(|record| (record.name.as_str(), record.unit.as_deref())).collect();
        assert_eq!(names, [("d:a", Some("V")), ("d:b", Some("A")), ("e:c", Some("V"))]);
        assert_eq!(records[0].value, Some(Measurement::Number(Decimal::parse("101.5").unwrap())));
        assert_eq!(records[1].time_ms, 1_320_078_428_500);
        assert_eq!(records[2].value, Some(Measurement::Bool(true)));
    }

    #[test]
    fn small_times_are_relative_to_now() {
        let records = parse_json(
            br#"[{"n":"a","v":1},{"n":"a","v":1,"t":-10},{"n":"a","v":1,"t":268435456}]"#,
            NOW,
            &mut Counter::default(),
        )
        .unwrap();
        let times: Vec<_> = records.iter().map(|record| record.time_ms).collect();
        assert_eq!(times, [NOW, NOW - 10_000, 268_435_456_000]);
    }

    #[test]
    fn sums_cost_what_the_distance_of_their_exponents_does() {
        let work = |base: &str| {
            let mut counter = Counter::default();
            let pack = format!(r#"[{{"bv":{base},"n":"a","v":1}}]"#);
            parse_json(pack.as_bytes(), NOW, &mut counter).unwrap();
            counter.work
        };
        let near = work("100");
        assert!((300..1_000).contains(&near), "{near}");
        assert!(work("1e1000") > 10 * near);
    }

    #[test]
    fn a_record_with_base_fields_only_disappears() {
        assert_eq!(read(r#"[{"bn":"d:"},{"n":"a","vs":"x"}]"#).len(), 1);
        assert_eq!(read(r#"[]"#).len(), 0);
    }

    #[test]
    fn cbor_labels_are_the_same_fields() {
        let bytes = hex::decode("81a3216264 3a006161 02f93e00".replace(' ', "")).unwrap();
        let records = parse_cbor(&bytes, NOW, &mut Counter::default()).unwrap();
        assert_eq!((records[0].name.as_str(), records[0].time_ms), ("d:a", NOW));
        assert_eq!(records[0].value, Some(Measurement::Number(Decimal::parse("1.5").unwrap())));
    }

    #[test]
    fn records_that_break_the_rfc_are_refused_by_position() {
        for record in [
            r#"{"n":"a"}"#,
            r#"{"n":"a","v":1,"vs":"x"}"#,
            r#"{"n":"a","v":"1"}"#,
            r#"{"n":"a b","v":1}"#,
            r#"{"n":"-a","v":1}"#,
            r#"{"v":1}"#,
            r#"{"n":"a","v":1,"new_":2}"#,
            r#"{"bver":11,"n":"a","v":1}"#,
            r#"{"n":"a","vd":"!"}"#,
            r#"[]"#,
        ] {
            let text = format!(r#"[{{"n":"ok","v":1}},{record}]"#);
            let error = parse_json(text.as_bytes(), NOW, &mut Counter::default()).unwrap_err();
            assert!(matches!(error, Error::MalformedPayload { offset: 1, .. }), "{record}: {error}");
        }
    }
}
