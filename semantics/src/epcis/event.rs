//! One event.
use super::{
    cefact, sensor,
    vocabulary::{self, BIZ_STEP, DISPOSITION, ERROR_REASON, Family, SOURCE_OR_DESTINATION, TRANSACTION},
};
use crate::{calendar, error::Error, json::Value, number::Decimal};
use alloy_primitives::{B256, keccak256};
use std::collections::BTreeMap;

/// An event in the shape of [this module](super).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    value: Value,
    what: Vec<String>,
    time_ms: u64,
}

/// Kinds of events, and whether they have an action.
const KINDS: [(&str, bool); 5] = [
    ("ObjectEvent", true),
    ("AggregationEvent", true),
    ("TransactionEvent", true),
    ("AssociationEvent", true),
    ("TransformationEvent", false),
];

/// Members that hold identifiers: as they are written, and by their role.
const IDENTIFIERS: [(&str, &str); 5] = [
    ("epcList", "epcs"),
    ("parentID", "parent"),
    ("childEPCs", "children"),
    ("inputEPCList", "inputs"),
    ("outputEPCList", "outputs"),
];
const QUANTITIES: [(&str, &str); 4] = [
    ("quantityList", "object"),
    ("childQuantityList", "child"),
    ("inputQuantityList", "input"),
    ("outputQuantityList", "output"),
];

type Members = BTreeMap<String, Value>;

impl Event {
    /// The event as a value.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Identifiers of what it is about.
    pub fn what(&self) -> &[String] {
        &self.what
    }

    /// Unix milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Hashes of the identifiers.
    pub fn subjects(&self) -> Vec<B256> {
        self.what.iter().map(keccak256).collect()
    }

    pub(super) fn read(event: &Value, position: usize) -> Result<Self, Error> {
        read(event).map_err(|reason| Error::payload(position, reason))
    }
}

fn read(event: &Value) -> Result<Event, &'static str> {
    let kind = text(event, "type").or_else(|| text(event, "isA")).ok_or("an event has a type")?;
    let known = KINDS.iter().find(|(name, _)| *name == kind);
    let mut out = Members::new();
    put_text(&mut out, "type", Some(kind));
    match (known, text(event, "action")) {
        (Some((_, true)), Some(action @ ("ADD" | "OBSERVE" | "DELETE"))) => put_text(&mut out, "action", Some(action)),
        (Some((_, true)), _) => return Err("an event has an action: ADD, OBSERVE or DELETE"),
        (Some((_, false)), None) | (None, None) => {}
        (Some((_, false)), Some(_)) => return Err("a transformation has no action"),
        (None, Some(action)) => put_text(&mut out, "action", Some(action)),
    }
    put_text(&mut out, "eventID", text(event, "eventID"));
    let mut what = Vec::new();
    identifiers(event, &mut out, &mut what)?;
    quantities(event, &mut out, &mut what)?;
    let time_ms = when(event, &mut out)?;
    out.insert("where".to_owned(), place(event)?);
    out.insert("why".to_owned(), why(event)?);
    out.insert("sensors".to_owned(), sensor::reports(event)?);
    if let Some(error) = event.get("errorDeclaration") {
        let mut members = Members::new();
        let time = text(error, "declarationTime").ok_or("an error declaration has a time")?;
        members.insert("time".to_owned(), Value::Number(Decimal::from(timestamp(time)?)));
        put_term(&mut members, "reason", text(error, "reason"), ERROR_REASON);
        out.insert("error".to_owned(), Value::Object(members));
    }
    // Sensors may report on the place alone.
    if what.is_empty() {
        what.extend(event.get("readPoint").and_then(|point| text(point, "id")).map(str::to_owned));
    }
    out.insert("what".to_owned(), Value::Array(what.iter().cloned().map(Value::Text).collect()));
    Ok(Event { value: Value::Object(out), what, time_ms })
}

fn identifiers(event: &Value, out: &mut Members, what: &mut Vec<String>) -> Result<(), &'static str> {
    for (member, role) in IDENTIFIERS {
        let Some(value) = event.get(member) else { continue };
        if member == "parentID" {
            let parent = value.as_text().ok_or("an identifier is text")?;
            add(what, parent)?;
            put_text(out, role, Some(parent));
            continue;
        }
        let list = value.as_array().ok_or("a list of identifiers is an array")?;
        for identifier in list {
            add(what, identifier.as_text().ok_or("an identifier is text")?)?;
        }
        out.insert(role.to_owned(), value.clone());
    }
    Ok(())
}

fn quantities(event: &Value, out: &mut Members, what: &mut Vec<String>) -> Result<(), &'static str> {
    let mut found = Vec::new();
    for (member, role) in QUANTITIES {
        let list = match event.get(member) {
            None => continue,
            Some(value) => value.as_array().ok_or("a list of quantities is an array")?,
        };
        for element in list {
            let class = text(element, "epcClass").ok_or("a quantity has an epcClass")?;
            add(what, class)?;
            let mut members = Members::new();
            put_text(&mut members, "class", Some(class));
            put_text(&mut members, "role", Some(role));
            if let Some(quantity) = element.get("quantity") {
                quantity.as_number().ok_or("a quantity is a number")?;
                members.insert("quantity".to_owned(), quantity.clone());
            }
            if let Some(code) = text(element, "uom") {
                put_text(&mut members, "uom", Some(code));
                put_text(&mut members, "unit", cefact::ucum_of(code));
            }
            found.push(Value::Object(members));
        }
    }
    out.insert("quantities".to_owned(), Value::Array(found));
    Ok(())
}

/// Identifiers are URIs; each is kept once.
fn add(what: &mut Vec<String>, identifier: &str) -> Result<(), &'static str> {
    if !identifier.contains(':') {
        return Err("an identifier is a URI");
    }
    if !what.iter().any(|known| known == identifier) {
        what.push(identifier.to_owned());
    }
    Ok(())
}

fn when(event: &Value, out: &mut Members) -> Result<u64, &'static str> {
    let time_ms = timestamp(text(event, "eventTime").ok_or("an event has an eventTime")?)?;
    let zone = text(event, "eventTimeZoneOffset").ok_or("an event has an eventTimeZoneOffset")?;
    let zone = calendar::zone_minutes(zone).ok_or("a time zone is +hh:mm or -hh:mm")?;
    let mut when = Members::new();
    when.insert("eventTime".to_owned(), Value::Number(Decimal::from(time_ms)));
    when.insert("offsetMinutes".to_owned(), Value::Number(Decimal::from(zone)));
    if let Some(record) = text(event, "recordTime") {
        when.insert("recordTime".to_owned(), Value::Number(Decimal::from(timestamp(record)?)));
    }
    out.insert("when".to_owned(), Value::Object(when));
    Ok(time_ms)
}

pub(super) fn timestamp(text: &str) -> Result<u64, &'static str> {
    let time = calendar::parse_rfc3339(text).and_then(|time| u64::try_from(time).ok());
    time.ok_or("a time is an RFC 3339 timestamp with an offset")
}

fn place(event: &Value) -> Result<Value, &'static str> {
    let mut members = Members::new();
    for name in ["readPoint", "bizLocation"] {
        if let Some(place) = event.get(name) {
            put_text(&mut members, name, Some(text(place, "id").ok_or("a place has an id")?));
        }
    }
    Ok(Value::Object(members))
}

fn why(event: &Value) -> Result<Value, &'static str> {
    let mut members = Members::new();
    put_term(&mut members, "bizStep", text(event, "bizStep"), BIZ_STEP);
    put_term(&mut members, "disposition", text(event, "disposition"), DISPOSITION);
    if let Some(persistent) = event.get("persistentDisposition") {
        for name in ["set", "unset"] {
            let list = persistent.get(name).and_then(Value::as_array).unwrap_or_default();
            let terms = list.iter().filter_map(Value::as_text);
            let terms = terms.map(|text| Value::Text(vocabulary::term(text, DISPOSITION)));
            members.insert(name.to_owned(), Value::Array(terms.collect()));
        }
    }
    for (list, name, member, family) in [
        ("bizTransactionList", "transactions", "bizTransaction", TRANSACTION),
        ("sourceList", "sources", "source", SOURCE_OR_DESTINATION),
        ("destinationList", "destinations", "destination", SOURCE_OR_DESTINATION),
    ] {
        let mut found = Vec::new();
        for element in event.get(list).and_then(Value::as_array).unwrap_or_default() {
            let mut pair = Members::new();
            let id = text(element, member).ok_or("transactions, sources and destinations have identifiers")?;
            put_text(&mut pair, "id", Some(id));
            put_term(&mut pair, "type", text(element, "type"), family);
            found.push(Value::Object(pair));
        }
        members.insert(name.to_owned(), Value::Array(found));
    }
    Ok(Value::Object(members))
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_text)
}

pub(super) fn put_text(members: &mut Members, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        members.insert(name.to_owned(), Value::Text(value.to_owned()));
    }
}

fn put_term(members: &mut Members, name: &str, value: Option<&str>, family: Family) {
    if let Some(value) = value {
        members.insert(name.to_owned(), Value::Text(vocabulary::term(value, family)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{epcis::parse, json::write};

    fn event(more: &str) -> String {
        format!(
            r#"{{"type":"ObjectEvent","action":"OBSERVE","eventTime":"2020-05-08T15:00:00+01:00","eventTimeZoneOffset":"+01:00"{more}}}"#
        )
    }

    fn one(more: &str) -> Result<Event, Error> {
        parse(event(more).as_bytes()).map(|mut events| events.remove(0))
    }

    #[test]
    fn an_event_says_what_when_where_and_why() {
        let event = one(concat!(
            r#","epcList":["urn:epc:id:sgtin:1.2.3"],"bizStep":"shipping","disposition":"urn:epcglobal:cbv:disp:in_transit","#,
            r#""readPoint":{"id":"urn:r"},"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":4.5,"uom":"CEL"}]}]"#
        ))
        .unwrap();
        assert_eq!((event.time_ms(), event.what()), (1_588_946_400_000, &["urn:epc:id:sgtin:1.2.3".to_owned()][..]));
        let at = |path: &str| {
            let path = crate::jsonpath::Path::parse(path).unwrap();
            path.find(event.value(), event.value()).map(write)
        };
        assert_eq!(at("$.why.bizStep").as_deref(), Some(r#""https://ref.gs1.org/cbv/BizStep-shipping""#));
        assert_eq!(at("$.why.disposition").as_deref(), Some(r#""https://ref.gs1.org/cbv/Disp-in_transit""#));
        assert_eq!(at("$.where.readPoint").as_deref(), Some(r#""urn:r""#));
        assert_eq!(at("$.sensors[0].unit").as_deref(), Some(r#""Cel""#));
        assert_eq!(at("$.sensors[0].time").as_deref(), Some("1588946400000"));
    }

    #[test]
    fn events_that_break_the_standard_are_refused() {
        assert!(one("").is_ok());
        for more in [
            r#","epcList":"urn:a""#,
            r#","epcList":[1]"#,
            r#","epcList":["a"]"#,
            r#","readPoint":"urn:a""#,
            r#","quantityList":[{"quantity":1}]"#,
            r#","recordTime":"yesterday""#,
            r#","errorDeclaration":{}"#,
            r#","bizTransactionList":[{"type":"po"}]"#,
        ] {
            assert!(matches!(one(more), Err(Error::MalformedPayload { .. })), "{more}");
        }
        for text in [
            r#"{"type":"EPCISDocument","schemaVersion":"1.2","epcisBody":{"eventList":[]}}"#,
            r#"{"type":"EPCISDocument","schemaVersion":"2.0"}"#,
            r#"{"type":"ObjectEvent","action":"LOOK","eventTime":"2020-05-08T15:00:00Z","eventTimeZoneOffset":"+00:00"}"#,
            r#"{"type":"ObjectEvent","action":"ADD","eventTime":"2020-05-08","eventTimeZoneOffset":"+00:00"}"#,
            r#"{"type":"ObjectEvent","action":"ADD","eventTime":"2020-05-08T15:00:00Z"}"#,
            "{}",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
