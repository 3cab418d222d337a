//! Sensor reports of an event.
use super::{
    cefact,
    event::{put_text, text, timestamp},
    vocabulary,
};
use crate::{json::Value, number::Decimal};
use std::collections::BTreeMap;

/// Members that are kept as they are.
const TEXTS: [&str; 9] = [
    "component",
    "stringValue",
    "hexBinaryValue",
    "uriValue",
    "uom",
    "chemicalSubstance",
    "microorganism",
    "coordinateReferenceSystem",
    "exception",
];
const NUMBERS: [&str; 7] = ["value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"];

/// All reports of an event, each with the time and device of its element where it has none of its own.
pub(super) fn reports(event: &Value) -> Result<Value, &'static str> {
    let mut found = Vec::new();
    for element in event.get("sensorElementList").and_then(Value::as_array).unwrap_or_default() {
        let metadata = element.get("sensorMetadata");
        let reports = element.get("sensorReport").and_then(Value::as_array);
        for report in reports.ok_or("a sensor element has reports")? {
            found.push(one(event, metadata, report)?);
        }
    }
    Ok(Value::Array(found))
}

fn one(event: &Value, metadata: Option<&Value>, report: &Value) -> Result<Value, &'static str> {
    let mut members = BTreeMap::new();
    let inherited = |name: &str| text(report, name).or_else(|| metadata.and_then(|metadata| text(metadata, name)));
    if let Some(kind) = text(report, "type") {
        put_text(&mut members, "type", Some(&vocabulary::measurement(kind)));
    }
    for name in TEXTS {
        put_text(&mut members, name, text(report, name));
    }
    for name in NUMBERS {
        if let Some(value) = report.get(name) {
            value.as_number().ok_or("a sensor's values are numbers")?;
            members.insert(name.to_owned(), value.clone());
        }
    }
    if let Some(value) = report.get("booleanValue") {
        value.as_bool().ok_or("a booleanValue is true or false")?;
        members.insert("booleanValue".to_owned(), value.clone());
    }
    if let Some(code) = text(report, "uom") {
        put_text(&mut members, "unit", cefact::ucum_of(code));
    }
    put_text(&mut members, "deviceID", inherited("deviceID"));
    for name in ["time", "startTime", "endTime"] {
        let time = inherited(name).or_else(|| if name == "time" { text(event, "eventTime") } else { None });
        if let Some(time) = time {
            members.insert(name.to_owned(), Value::Number(Decimal::from(timestamp(time)?)));
        }
    }
    Ok(Value::Object(members))
}
