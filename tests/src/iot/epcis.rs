//! GS1's examples of EPCIS 2.0 in JSON-LD: every event is read, and keeps what, when, where and why.
use super::Verdict;
use pervade_semantics::{
    epcis,
    json::{self, Value as Normal},
};
use serde_json::Value;

/// Members of an event that hold identifiers.
const IDENTIFIERS: [&str; 4] = ["epcList", "childEPCs", "inputEPCList", "outputEPCList"];

/// The events of a file; none if it is no EPCIS document.
pub(super) fn run(file: &std::path::Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    if !matches!(file.extension()?.to_str()?, "jsonld" | "json") {
        return None;
    }
    let document: Value = serde_json::from_slice(content).ok()?;
    document.get("epcisBody").or_else(|| document.get("eventTime"))?;
    Some(vec![(String::new(), check(&document, content))])
}

fn check(document: &Value, content: &[u8]) -> Result<(), Verdict> {
    let events = epcis::parse(content)?;
    let body = &document["epcisBody"];
    let list = body.get("queryResults").map_or(body, |results| &results["resultsBody"]);
    let raw: Vec<&Value> = match (list.get("eventList").and_then(Value::as_array), list.get("event")) {
        (Some(list), _) => list.iter().collect(),
        (None, Some(event)) => vec![event],
        (None, None) => vec![document],
    };
    if raw.len() != events.len() {
        return Err(Verdict::Failed(format!("{} events, not {}", events.len(), raw.len())));
    }
    raw.iter().zip(&events).try_for_each(|(raw, event)| same(raw, event))
}

fn same(raw: &Value, event: &epcis::Event) -> Result<(), Verdict> {
    let failed = |what: &str| Err(Verdict::Failed(format!("another {what} in {}", json::write(event.value()))));
    let lists = IDENTIFIERS.iter().filter_map(|name| raw[name].as_array()).flatten();
    let identifiers = lists.chain(raw.get("parentID")).filter_map(Value::as_str);
    for identifier in identifiers {
        if !event.what().iter().any(|known| known == identifier) {
            return failed("what");
        }
    }
    let written = plain_time(raw["eventTime"].as_str().unwrap_or_default());
    if written.is_some_and(|written| written != event.time_ms()) {
        return failed("when");
    }
    let at =
        |group: &str, name: &str| event.value().get(group).and_then(|group| group.get(name)).and_then(Normal::as_text);
    for name in ["readPoint", "bizLocation"] {
        if raw[name]["id"].as_str() != at("where", name) {
            return failed("where");
        }
    }
    for name in ["bizStep", "disposition"] {
        let bare = raw[name].as_str().map(|term| term.rsplit([':', '-']).next().unwrap_or(term));
        let found = at("why", name).map(|term| term.rsplit([':', '-']).next().unwrap_or(term));
        if bare != found {
            return failed("why");
        }
    }
    let reports = |element: &Value| element["sensorReport"].as_array().map_or(0, Vec::len);
    let expected: usize = raw["sensorElementList"].as_array().into_iter().flatten().map(reports).sum();
    match event.value().get("sensors").and_then(Normal::as_array).map(<[Normal]>::len) {
        Some(found) if found == expected => Ok(()),
        _ => failed("number of sensor reports"),
    }
}

/// Unix milliseconds of the plainest timestamps, in UTC and to the second: a second opinion on the product's own reader.
fn plain_time(text: &str) -> Option<u64> {
    let (date, rest) = text.split_once('T')?;
    let time = rest.strip_suffix('Z').filter(|time| time.len() == 8)?;
    let mut parts = date.split('-').chain(time.split(':')).map(|part| part.parse::<u64>().ok());
    let mut next = || parts.next().flatten();
    let (year, month, day, hour, minute, second) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let months: u64 = lengths.iter().take(usize::try_from(month).ok()?.saturating_sub(1)).sum();
    Some(((((years + months + day - 1) * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}
