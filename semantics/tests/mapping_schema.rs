//! The JSON schema of mapping documents, for editors and other tools, agrees with what is compiled.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use pervade_semantics::{Format, Mapping, Model};
use serde_json::{Value, json};
use std::{fs, path::Path};

fn models() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/models")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// JSON Schema 2020-12, as much of it as the schema uses.
struct Schema(Value);

impl Schema {
    fn load() -> Self {
        Self(read(&models().join("mapping.schema.json")))
    }

    /// Where the document breaks the schema, as a JSON pointer.
    fn check(&self, document: &Value) -> Result<(), String> {
        self.fits(&self.0, document, "")
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        for (keyword, rule) in schema.as_object().unwrap() {
            let holds = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => true,
                "$ref" => {
                    let name = rule.as_str().unwrap().strip_prefix("#").unwrap();
                    self.fits(self.0.pointer(name).unwrap(), value, at)?;
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|name| is(name, value)),
                    name => is(name, value),
                },
                "enum" => rule.as_array().unwrap().contains(value),
                "properties" => {
                    for (name, inner) in rule.as_object().unwrap() {
                        if let Some(member) = value.get(name) {
                            self.fits(inner, member, &format!("{at}/{name}"))?;
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    let known = schema.get("properties").and_then(Value::as_object);
                    for (name, member) in value.as_object().into_iter().flatten() {
                        let at = format!("{at}/{name}");
                        match rule {
                            _ if known.is_some_and(|known| known.contains_key(name)) => {}
                            Value::Bool(allowed) if !allowed => return Err(at),
                            Value::Bool(_) => {}
                            inner => self.fits(inner, member, &at)?,
                        }
                    }
                    true
                }
                "required" => {
                    value.is_object()
                        && rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some())
                }
                "items" => {
                    for (index, member) in value.as_array().into_iter().flatten().enumerate() {
                        self.fits(rule, member, &format!("{at}/{index}"))?;
                    }
                    true
                }
                "oneOf" => self.fitting(rule, value, at) == 1,
                "anyOf" => self.fitting(rule, value, at) > 0,
                "not" => self.fits(rule, value, at).is_err(),
                "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap()),
                "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= rule.as_u64().unwrap()),
                "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= rule.as_u64().unwrap()),
                "maxLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 <= rule.as_u64().unwrap()),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                other => panic!("the test does not know the keyword {other}"),
            };
            if !holds {
                return Err(if at.is_empty() { format!("/ ({keyword})") } else { format!("{at} ({keyword})") });
            }
        }
        Ok(())
    }

    fn fitting(&self, list: &Value, value: &Value, at: &str) -> usize {
        list.as_array().unwrap().iter().filter(|schema| self.fits(schema, value, at).is_ok()).count()
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    }
}

#[test]
fn every_ready_made_mapping_satisfies_the_schema() {
    let schema = Schema::load();
    let mut count = 0;
    for folder in fs::read_dir(models()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.to_str().unwrap().ends_with(".mapping.json") {
                assert_eq!(schema.check(&read(&path)), Ok(()), "{}", path.display());
                count += 1;
            }
        }
    }
    assert!(count >= 10, "{count} mappings");
}

#[test]
fn every_example_of_the_manual_satisfies_the_schema() {
    let schema = Schema::load();
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mappings.md")).unwrap();
    let examples = manual.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let examples: Vec<Value> = examples.map(|text| serde_json::from_str(text).unwrap()).collect();
    let mappings: Vec<_> = examples.iter().filter(|example| example.get("observations").is_some()).collect();
    assert!(mappings.len() >= 5, "{} examples", mappings.len());
    for mapping in mappings {
        assert_eq!(schema.check(mapping), Ok(()), "{mapping}");
    }
}

#[test]
fn what_the_schema_refuses_is_refused_when_it_is_defined() {
    let model = br#"{"iri":"urn:m","properties":[{"iri":"urn:t"}]}"#;
    let model = Model::parse(model).unwrap();
    let schema = Schema::load();
    let rule = |rule: Value| json!({"observations": [rule]});
    let plain = json!({"property": "urn:t", "value": "$.t"});
    for (format, wrong) in [
        (Format::Json, json!({})),
        (Format::Json, json!({"observations": []})),
        (Format::Json, json!({"observations": vec![plain.clone(); 129]})),
        (Format::Json, json!({"observations": [plain], "rules": []})),
        (Format::Json, json!({"observations": [plain], "format": "Xml"})),
        (Format::Json, rule(json!({"value": "$.t"}))),
        (Format::Json, rule(json!({"property": "urn:t"}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": "$.t", "constant": 1}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": 5}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": "$.t", "required": "yes"}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": "$.t", "decimals": 101}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": "$.t", "time": {"path": "$.t"}}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": "$.t", "when": {"path": "$.t"}}))),
        (Format::Json, rule(json!({"property": "urn:t", "value": "$.t", "scale": [1]}))),
        (Format::Binary, rule(json!({"property": "urn:t", "value": {"bits": 8}}))),
        (Format::Binary, rule(json!({"property": "urn:t", "value": {"offset": 0, "bits": 8, "bit": 8}}))),
        (Format::Binary, json!({"observations": [plain], "endian": "middle"})),
        (
            Format::Binary,
            json!({"observations": [{"property": "urn:t", "value": "t"}], "layout": [{"repeat": 2, "items": []}]}),
        ),
    ] {
        assert!(schema.check(&wrong).is_err(), "{wrong}");
        assert!(Mapping::compile(&model, format, wrong.to_string().as_bytes()).is_err(), "{wrong}");
    }
}
