//! Operators that make a valid JSON document invalid.
use serde_json::{Map, Value, json};

/// A changed document.
pub struct Mutant {
    /// Where and what.
    pub name: String,
    /// Last part of the changed path that has a name: the error must mention it.
    pub field: String,
    /// The text.
    pub text: String,
}

/// Values that no field takes, whatever its type.
fn impossible_values() -> Vec<(&'static str, Value)> {
    vec![
        ("an object", json!({"unexpected": 1})),
        ("a list", json!([[["nested"]]])),
        ("a word", json!("zz")),
        ("a negative number", json!(-1)),
        ("a fraction", json!(1.5)),
        ("too many digits", json!(format!("0x{}", "f".repeat(65)))),
    ]
}

/// Every scalar of the document, or of the parts that `wanted` selects by path, replaced by every impossible value.
pub fn wrong_values(document: &Value, wanted: impl Fn(&str) -> bool) -> Vec<Mutant> {
    let mut paths = Vec::new();
    scalars(document, String::new(), &mut paths);
    let mut mutants = Vec::new();
    for path in paths.into_iter().filter(|path| wanted(path)) {
        for (what, value) in impossible_values() {
            let mut changed = document.clone();
            *changed.pointer_mut(&path).expect("a path of the document") = value;
            mutants.push(Mutant {
                name: format!("{path} is {what}"),
                field: last_name(&path),
                text: changed.to_string(),
            });
        }
    }
    mutants
}

/// Each of these fields left out.
pub fn missing_fields(document: &Value, pointers: &[&str]) -> Vec<Mutant> {
    let one = |pointer: &&str| {
        let (parent, key) = pointer.rsplit_once('/').expect("a JSON pointer");
        let mut changed = document.clone();
        let object = changed.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
        object.remove(key).unwrap_or_else(|| panic!("{pointer} is not in the valid document"));
        Mutant { name: format!("{pointer} left out"), field: key.to_owned(), text: changed.to_string() }
    };
    pointers.iter().map(one).collect()
}

/// Text that is no JSON document of the wanted kind at all.
pub fn broken_texts(valid: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = valid.as_bytes();
    let mut texts: Vec<(String, Vec<u8>)> = (1..10)
        .map(|tenth| (format!("cut off after {tenth} tenths"), bytes[..bytes.len() * tenth / 10].to_vec()))
        .collect();
    let mut add = |name: &str, bytes: Vec<u8>| texts.push((name.to_owned(), bytes));
    add("empty", Vec::new());
    add("only spaces", b"  \n ".to_vec());
    add("a list", b"[]".to_vec());
    add("null", b"null".to_vec());
    add("a number", b"7".to_vec());
    add("binary", (0..=255).collect());
    add("invalid UTF-8 in a string", b"{\"config\": \"\xff\xfe\"}".to_vec());
    add("UTF-16", valid.encode_utf16().flat_map(u16::to_le_bytes).collect());
    add("ten thousand open brackets", vec![b'['; 10_000]);
    add("ten thousand open objects", b"{\"a\":".repeat(10_000));
    add("something behind the end", [bytes, b" x"].concat());
    add("a comma too many", valid.replacen('}', ",}", 1).into_bytes());
    texts
}

fn scalars(value: &Value, path: String, found: &mut Vec<String>) {
    let escape = |key: &str| key.replace('~', "~0").replace('/', "~1");
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| scalars(value, format!("{path}/{}", escape(key)), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, value)| scalars(value, format!("{path}/{i}"), found))
        }
        _ => found.push(path),
    }
}

fn last_name(path: &str) -> String {
    path.rsplit('/').find(|part| part.parse::<u32>().is_err()).unwrap_or_default().to_owned()
}

/// An object with one more field.
pub fn with_field(object: &Value, key: &str, value: Value) -> Value {
    let mut fields: Map<String, Value> = object.as_object().expect("an object").clone();
    fields.insert(key.to_owned(), value);
    Value::Object(fields)
}
