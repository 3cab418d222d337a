//! Documents, query results and bare events.
use super::event::Event;
use crate::{
    error::Error,
    json::{self, Value},
    limits::DEPTH_MAX,
};

/// Reads the events of an `EPCISDocument`, of an `EPCISQueryDocument`, or one event alone.
///
/// # Errors
/// Those of [`json::parse`]; [`Error::MalformedPayload`] with the position of the event that breaks EPCIS.
pub fn parse(bytes: &[u8]) -> Result<Vec<Event>, Error> {
    // Examples of the standard's own have equal names.
    let document = json::parse_last_name_counts(bytes, DEPTH_MAX)?;
    let kind = document.get("type").or_else(|| document.get("isA")).and_then(Value::as_text);
    let body = match kind {
        Some("EPCISDocument") => document.get("epcisBody"),
        Some("EPCISQueryDocument") => {
            let body = document.get("epcisBody").and_then(|body| body.get("queryResults"));
            body.and_then(|results| results.get("resultsBody"))
        }
        Some(_) => return Event::read(&document, 0).map(|event| vec![event]),
        None => return Err(Error::payload(0, "an EPCIS document or event has a type")),
    };
    if document.get("schemaVersion").and_then(Value::as_text).is_none_or(|version| !version.starts_with("2.")) {
        return Err(Error::payload(0, "schemaVersion 2 is read"));
    }
    let body = body.ok_or(Error::payload(0, "a document has an epcisBody"))?;
    if let Some(event) = body.get("event") {
        return Event::read(event, 0).map(|event| vec![event]);
    }
    let list = body.get("eventList").and_then(Value::as_array).ok_or(Error::payload(0, "a body has an eventList"))?;
    list.iter().enumerate().map(|(position, event)| Event::read(event, position)).collect()
}
