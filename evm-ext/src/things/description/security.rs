//! Security schemes (TD 1.1, 5.3.3) and the names by which forms refer to them.
use super::{
    Checked, Members, join, list, members, not_empty, object, required_text, text, text_or_texts, texts,
    type_declaration,
};

const IN: &[&str] = &["header", "query", "body", "cookie", "auto"];
const IN_OF_KEYS: &[&str] = &["header", "query", "body", "cookie", "uri", "auto"];

pub(super) fn check_definitions(thing: &Members) -> Checked {
    let definitions = members(thing, "securityDefinitions", "securityDefinitions")?;
    let definitions = definitions.ok_or("securityDefinitions is missing")?;
    not_empty(definitions.len(), "securityDefinitions")?;
    for (name, scheme) in definitions {
        let path = format!("securityDefinitions.{name}");
        check_scheme(definitions, object(scheme, &path)?, &path)?;
    }
    Ok(())
}

fn check_scheme(definitions: &Members, scheme: &Members, path: &str) -> Checked {
    texts(scheme, path)?;
    type_declaration(scheme, path)?;
    text(scheme, "proxy", &join(path, "proxy"))?;
    let kind = required_text(scheme, "scheme", path)?;
    let (places, texts): (&[&str], &[&str]) = match kind {
        "nosec" => (&[], &[]),
        "auto" if scheme.contains_key("name") => return Err(format!("{path}.name: the scheme auto has none")),
        "auto" => (&[], &[]),
        "combo" => return check_combination(definitions, scheme, path),
        "basic" => (IN, &["name"]),
        "digest" => (IN, &["name"]),
        "apikey" => (IN_OF_KEYS, &["name"]),
        "bearer" => (IN, &["name", "authorization", "alg", "format"]),
        "psk" => (&[], &["identity"]),
        "oauth2" => (&[], &["authorization", "token", "refresh", "flow"]),
        // Schemes of other vocabularies carry their prefix.
        other if other.split_once(':').is_some_and(|(prefix, _)| !prefix.is_empty()) => return Ok(()),
        _ => return Err(format!("{path}.scheme is unknown")),
    };
    for name in texts {
        text(scheme, name, &join(path, name))?;
    }
    one_of(scheme, "in", places, path)?;
    if kind == "digest" {
        one_of(scheme, "qop", &["auth", "auth-int"], path)?;
    }
    if kind == "oauth2" {
        text_or_texts(scheme, "scopes", &join(path, "scopes"), true)?;
    }
    Ok(())
}

fn one_of(scheme: &Members, name: &str, allowed: &[&str], path: &str) -> Checked {
    if allowed.is_empty() {
        return Ok(());
    }
    match text(scheme, name, &join(path, name))? {
        Some(value) if !allowed.contains(&value) => Err(format!("{path}.{name} is none of {}", allowed.join(", "))),
        _ => Ok(()),
    }
}

fn check_combination(definitions: &Members, scheme: &Members, path: &str) -> Checked {
    let (one, all) = (scheme.contains_key("oneOf"), scheme.contains_key("allOf"));
    let member = match (one, all) {
        (true, false) => "oneOf",
        (false, true) => "allOf",
        _ => return Err(format!("{path} needs either oneOf or allOf")),
    };
    let path = join(path, member);
    let names = list(scheme, member, &path)?.unwrap_or_default();
    if names.len() < 2 {
        return Err(format!("{path} combines fewer than two"));
    }
    for name in names {
        let known = name.as_text().is_some_and(|name| definitions.contains_key(name));
        if !known {
            return Err(format!("{path} names a scheme that is not defined"));
        }
    }
    Ok(())
}

/// `security` of a thing or form: names of schemes that the thing defines.
pub(super) fn check_names(thing: &Members, of: &Members, path: &str) -> Checked {
    let path = join(path, "security");
    let defined = members(thing, "securityDefinitions", "securityDefinitions")?;
    for name in text_or_texts(of, "security", &path, false)? {
        if !defined.is_some_and(|defined| defined.contains_key(name)) {
            return Err(format!("{path} names {name}, which is not defined"));
        }
    }
    Ok(())
}
