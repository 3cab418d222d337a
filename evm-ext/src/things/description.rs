//! Thing Descriptions: W3C Web of Things (WoT) Thing Description 1.1, checked when a thing is registered.
//!
//! Held to: the information model's types, mandatory members and enumerations (TD 1.1, chapter 5, and its JSON schema in
//! appendix B), and what the schema cannot say: member names are unique, security names are defined, `oneOf` and
//! `allOf` of a combined scheme name others, at most one link names the model that the thing is of. Terms of other
//! vocabularies are allowed wherever TD allows them, and not looked at.
mod affordances;
mod schema;
mod security;

use alloy_primitives::B256;
use pervade_chainspec::params::DESCRIPTION_DEPTH_MAX;
use pervade_semantics::json::{self, Value};
use std::collections::BTreeMap;

/// Reading and checking a word of a description.
pub(super) const CHECK_WORD_GAS: u64 = 200;
/// The context that a description names, alone or first (TD 1.1, 5.3.1.1; 1.0 for things made before).
const CONTEXTS: [&str; 3] =
    ["https://www.w3.org/2022/wot/td/v1.1", "https://www.w3.org/2019/wot/td/v1", "http://www.w3.org/ns/td"];
/// Operations of a thing's own forms (TD 1.1, 5.3.4.2).
const ROOT_OPERATIONS: &[&str] = &[
    "readallproperties",
    "writeallproperties",
    "readmultipleproperties",
    "writemultipleproperties",
    "observeallproperties",
    "unobserveallproperties",
    "queryallactions",
    "subscribeallevents",
    "unsubscribeallevents",
];

type Members = BTreeMap<String, Value>;
type Checked = Result<(), String>;

/// Whether a document describes the thing with this id.
///
/// # Errors
/// The path of the member that is wrong, and why.
pub fn check(id: &str, document: &[u8]) -> Result<(), String> {
    let parsed = json::parse(document, DESCRIPTION_DEPTH_MAX).map_err(|error| format!("not JSON: {error}"))?;
    let thing = object(&parsed, "the document")?;
    if text(thing, "id", "id")?.ok_or("id is missing")? != id {
        return Err(format!("id differs from the registered id {id}"));
    }
    if !is_uri(id) {
        return Err("id is not a URI".to_owned());
    }
    check_context(thing)?;
    required_text(thing, "title", "")?;
    texts(thing, "")?;
    type_declaration(thing, "")?;
    for member in ["support", "base"] {
        text(thing, member, member)?;
    }
    for member in ["created", "modified"] {
        if let Some(time) = text(thing, member, member)?
            && !is_date_time(time)
        {
            return Err(format!("{member} is not a date and time (RFC 3339)"));
        }
    }
    check_version(thing)?;
    security::check_definitions(thing)?;
    security::check_names(thing, thing, "")?;
    if !thing.contains_key("security") {
        return Err("security is missing".to_owned());
    }
    check_profile(thing)?;
    if let Some(definitions) = members(thing, "schemaDefinitions", "schemaDefinitions")? {
        not_empty(definitions.len(), "schemaDefinitions")?;
        for (name, definition) in definitions {
            schema::check(definition, &format!("schemaDefinitions.{name}"))?;
        }
    }
    affordances::uri_variables(thing, "")?;
    check_links(thing)?;
    affordances::check(thing)?;
    if let Some(forms) = thing.get("forms") {
        affordances::check_forms(thing, forms, "forms", ROOT_OPERATIONS, true)?;
    }
    Ok(())
}

/// Names the mappings that a property or action speaks by: one identifier, or a list of them.
const MAPPING_TERM: &str = "pervade:mapping";

/// Whether a checked description has this affordance among its `properties`, `actions` or `events`; if so, whether the
/// thing speaks by this mapping there: it names it, or none at all.
pub(super) fn affordance(document: &[u8], kind: &str, name: &str, mapping: B256) -> Option<bool> {
    let thing = json::parse(document, DESCRIPTION_DEPTH_MAX).ok()?;
    let affordance = thing.get(kind)?.get(name)?;
    let Some(named) = affordance.get(MAPPING_TERM) else { return Some(true) };
    let is_it = |named: &Value| named.as_text().and_then(|text| text.parse().ok()) == Some(mapping);
    Some(is_it(named) || named.as_array().is_some_and(|list| list.iter().any(is_it)))
}

fn check_context(thing: &Members) -> Checked {
    let Some(context) = thing.get("@context") else { return Err("@context is missing".to_owned()) };
    let known = |value: Option<&Value>| value.and_then(Value::as_text).is_some_and(|text| CONTEXTS.contains(&text));
    let Some(list) = context.as_array() else {
        return if known(Some(context)) {
            Ok(())
        } else {
            Err("@context is not that of a Thing Description".to_owned())
        };
    };
    if !known(list.first()) {
        return Err("@context does not begin with that of a Thing Description".to_owned());
    }
    for value in list.iter().skip(1) {
        match value {
            Value::Text(_) | Value::Object(_) => {}
            _ => return Err("@context holds neither a URI nor an object".to_owned()),
        }
    }
    Ok(())
}

fn check_version(thing: &Members) -> Checked {
    let Some(version) = members(thing, "version", "version")? else { return Ok(()) };
    required_text(version, "instance", "version")?;
    text(version, "model", "version.model").map(|_| ())
}

fn check_profile(thing: &Members) -> Checked {
    match thing.get("profile") {
        None | Some(Value::Text(_)) => Ok(()),
        Some(Value::Array(list)) if !list.is_empty() && list.iter().all(|value| value.as_text().is_some()) => Ok(()),
        Some(_) => Err("profile is neither a URI nor a list of them".to_owned()),
    }
}

fn check_links(thing: &Members) -> Checked {
    let Some(links) = list(thing, "links", "links")? else { return Ok(()) };
    let mut types = 0usize;
    for (index, link) in links.iter().enumerate() {
        let path = format!("links[{index}]");
        let link = object(link, &path)?;
        required_text(link, "href", &path)?;
        for member in ["type", "anchor"] {
            text(link, member, &format!("{path}.{member}"))?;
        }
        let rel = text(link, "rel", &format!("{path}.rel"))?;
        if rel == Some("type") {
            types = types.saturating_add(1);
        }
        if rel == Some("tm:extends") {
            return Err(format!("{path}.rel belongs to Thing Models"));
        }
        if let Some(sizes) = text(link, "sizes", &format!("{path}.sizes"))? {
            let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let shaped = sizes.split_once('x').is_some_and(|(width, height)| {
                digits(width) && height.starts_with(|first: char| first.is_ascii_digit())
            });
            if rel != Some("icon") || !shaped {
                return Err(format!("{path}.sizes belongs to icons, as 16x16"));
            }
        }
        check_language(link, &path)?;
    }
    if types > 1 { Err("links name more than one model that the thing is of".to_owned()) } else { Ok(()) }
}

fn check_language(link: &Members, path: &str) -> Checked {
    let fits = |value: &Value| value.as_text().is_some_and(is_language_tag);
    match link.get("hreflang") {
        None => Ok(()),
        Some(Value::Array(tags)) if tags.iter().all(fits) => Ok(()),
        Some(tag) if fits(tag) => Ok(()),
        Some(_) => Err(format!("{path}.hreflang is not a language tag (BCP 47)")),
    }
}

/// Subtags of one to eight letters and digits (BCP 47, 2.1), the first one of letters.
fn is_language_tag(tag: &str) -> bool {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let first = tag.split('-').next().unwrap_or_default();
    tag.split('-').all(subtag) && first.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// A scheme, a colon, and something after it (RFC 3986, 3).
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && !rest.is_empty()
        && !text
            .bytes()
            .any(|byte| byte <= b' ' || matches!(byte, b'<' | b'>' | b'"' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'`'))
}

/// RFC 3339, 5.6: `2018-11-13T20:20:39+00:00`.
fn is_date_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit_at = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let date = "dddd-dd-ddTdd:dd:dd";
    let shaped = date.bytes().enumerate().all(|(at, shape)| match shape {
        b'd' => digit_at(at),
        b'T' => matches!(bytes.get(at), Some(b'T' | b't' | b' ')),
        _ => bytes.get(at) == Some(&shape),
    });
    let number = |from: usize| text.get(from..from.saturating_add(2)).and_then(|part| part.parse::<u8>().ok());
    let in_range = |from: usize, most: u8, least: u8| number(from).is_some_and(|n| (least..=most).contains(&n));
    if !(shaped && in_range(5, 12, 1) && in_range(8, 31, 1) && in_range(11, 23, 0) && in_range(14, 59, 0)) {
        return false;
    }
    let mut rest = text.get(date.len()..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return false;
        }
        rest = fraction.get(digits..).unwrap_or_default();
    }
    match rest.as_bytes() {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => [h1, h2, m1, m2].iter().all(|byte| byte.is_ascii_digit()),
        _ => false,
    }
}

fn not_empty(length: usize, path: &str) -> Checked {
    if length == 0 { Err(format!("{path} is empty")) } else { Ok(()) }
}

fn object<'v>(value: &'v Value, path: &str) -> Result<&'v Members, String> {
    value.as_object().ok_or_else(|| format!("{path} is not an object"))
}

fn members<'v>(parent: &'v Members, name: &str, path: &str) -> Result<Option<&'v Members>, String> {
    parent.get(name).map(|value| object(value, path)).transpose()
}

fn list<'v>(parent: &'v Members, name: &str, path: &str) -> Result<Option<&'v [Value]>, String> {
    let array = |value: &'v Value| value.as_array().ok_or_else(|| format!("{path} is not a list"));
    parent.get(name).map(array).transpose()
}

fn text<'v>(parent: &'v Members, name: &str, path: &str) -> Result<Option<&'v str>, String> {
    let text = |value: &'v Value| value.as_text().ok_or_else(|| format!("{path} is not a text"));
    parent.get(name).map(text).transpose()
}

fn flag(parent: &Members, name: &str, path: &str) -> Checked {
    match parent.get(name) {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(_) => Err(format!("{path}.{name} is neither true nor false")),
    }
}

fn required_text<'v>(parent: &'v Members, name: &str, path: &str) -> Result<&'v str, String> {
    let path = join(path, name);
    text(parent, name, &path)?.ok_or_else(|| format!("{path} is missing"))
}

/// One text, or a list of texts; an empty list only if `may_be_empty`.
fn text_or_texts<'v>(parent: &'v Members, name: &str, path: &str, may_be_empty: bool) -> Result<Vec<&'v str>, String> {
    match parent.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => Ok(vec![text]),
        Some(Value::Array(list)) => {
            if !may_be_empty {
                not_empty(list.len(), path)?;
            }
            let texts: Option<Vec<_>> = list.iter().map(Value::as_text).collect();
            texts.ok_or_else(|| format!("{path} holds something that is not a text"))
        }
        Some(_) => Err(format!("{path} is neither a text nor a list of texts")),
    }
}

/// Titles and descriptions, also by language.
fn texts(parent: &Members, path: &str) -> Checked {
    for name in ["title", "description"] {
        text(parent, name, &join(path, name))?;
    }
    for name in ["titles", "descriptions"] {
        let path = join(path, name);
        if let Some(by_language) = members(parent, name, &path)?
            && by_language.values().any(|value| value.as_text().is_none())
        {
            return Err(format!("{path} holds something that is not a text"));
        }
    }
    Ok(())
}

/// `@type`: not that of a model.
fn type_declaration(parent: &Members, path: &str) -> Checked {
    let path = join(path, "@type");
    match text_or_texts(parent, "@type", &path, true)?.contains(&"tm:ThingModel") {
        true => Err(format!("{path}: a Thing Model describes no thing")),
        false => Ok(()),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests;
