//! The JSONPath compliance test suite.
//!
//! An invalid selector must be refused. A valid one must be read; if it is singular, it is run too, else it must be told
//! apart from singular ones, since nothing else is ever executed.
use super::Verdict;
use pervade_semantics::{
    json::{self, Value},
    jsonpath::{Path, Query},
};

/// Nesting of the suite's own file.
const DEPTH_MAX: usize = 64;

/// The cases of a file; none if it holds something else.
pub(super) fn run(file: &std::path::Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    if file.extension()? != "json" {
        return None;
    }
    let document: serde_json::Value = serde_json::from_slice(content).ok()?;
    let tests = document.get("tests").unwrap_or(&document).as_array()?;
    tests.first()?.get("selector")?;
    let name = |test: &serde_json::Value| test["name"].as_str().unwrap_or_default().to_owned();
    Some(tests.iter().map(|test| (name(test), outcome(test))).collect())
}

fn outcome(test: &serde_json::Value) -> Result<(), Verdict> {
    let selector = test["selector"].as_str().ok_or_else(|| Verdict::Failed("no selector".into()))?;
    let query = Query::parse(selector);
    if test["invalid_selector"] == true {
        return super::expect(false, query);
    }
    let query = query?;
    let Some(path) = query.singular() else {
        return match Path::parse(selector) {
            Err(_) => Ok(()),
            Ok(_) => Err(Verdict::Failed("taken for a singular query".into())),
        };
    };
    let read = |value: &serde_json::Value| json::parse(value.to_string().as_bytes(), DEPTH_MAX);
    let document = read(&test["document"])?;
    let found: Vec<Value> = path.find(&document, &document).cloned().into_iter().collect();
    let expected =
        test.get("results").map_or_else(|| vec![&test["result"]], |all| all.as_array().into_iter().flatten().collect());
    for expected in expected {
        if read(expected)? == Value::Array(found.clone()) {
            return Ok(());
        }
    }
    Err(Verdict::Failed(format!("found {}", json::write(&Value::Array(found)))))
}
