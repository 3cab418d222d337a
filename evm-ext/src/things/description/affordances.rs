//! Properties, actions and events with their forms (TD 1.1, 5.3.1.3 to 5.3.1.5 and 5.3.4.2).
use super::{
    Checked, Members, flag, join, list, members, not_empty, object, required_text, schema, security, text,
    text_or_texts, texts, type_declaration,
};
use pervade_semantics::json::Value;

const PROPERTY_OPERATIONS: &[&str] = &["readproperty", "writeproperty", "observeproperty", "unobserveproperty"];
const ACTION_OPERATIONS: &[&str] = &["invokeaction", "queryaction", "cancelaction"];
const EVENT_OPERATIONS: &[&str] = &["subscribeevent", "unsubscribeevent"];

pub(super) fn check(thing: &Members) -> Checked {
    for (kind, operations, schemas) in [
        ("properties", PROPERTY_OPERATIONS, &[][..]),
        ("actions", ACTION_OPERATIONS, &["input", "output"][..]),
        ("events", EVENT_OPERATIONS, &["subscription", "data", "dataResponse", "cancellation"][..]),
    ] {
        let Some(affordances) = members(thing, kind, kind)? else { continue };
        for (name, affordance) in affordances {
            let path = format!("{kind}.{name}");
            let affordance = object(affordance, &path)?;
            texts(affordance, &path)?;
            type_declaration(affordance, &path)?;
            uri_variables(affordance, &path)?;
            for name in schemas {
                if let Some(value) = affordance.get(*name) {
                    schema::check(value, &join(&path, name))?;
                }
            }
            for name in ["safe", "idempotent", "synchronous", "observable"] {
                if kind != "events" {
                    flag(affordance, name, &path)?;
                }
            }
            if kind == "properties" {
                schema::check_members(affordance, &path)?;
            }
            let Some(forms) = affordance.get("forms") else { return Err(format!("{path}.forms is missing")) };
            check_forms(thing, forms, &join(&path, "forms"), operations, false)?;
        }
    }
    Ok(())
}

/// URI variables: a data schema each.
pub(super) fn uri_variables(of: &Members, path: &str) -> Checked {
    let path = join(path, "uriVariables");
    let Some(variables) = members(of, "uriVariables", &path)? else { return Ok(()) };
    variables.iter().try_for_each(|(name, variable)| schema::check(variable, &join(&path, name)))
}

pub(super) fn check_forms(
    thing: &Members,
    forms: &Value,
    path: &str,
    operations: &[&str],
    needs_operation: bool,
) -> Checked {
    let forms = forms.as_array().ok_or_else(|| format!("{path} is not a list"))?;
    not_empty(forms.len(), path)?;
    for (index, form) in forms.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let form = object(form, &path)?;
        required_text(form, "href", &path)?;
        if needs_operation && !form.contains_key("op") {
            return Err(format!("{path}.op is missing"));
        }
        let stated = text_or_texts(form, "op", &join(&path, "op"), false)?;
        if let Some(unknown) = stated.iter().find(|operation| !operations.contains(operation)) {
            return Err(format!("{path}.op: {unknown} is none of {}", operations.join(", ")));
        }
        for name in ["contentType", "contentCoding", "subprotocol"] {
            text(form, name, &join(&path, name))?;
        }
        text_or_texts(form, "scopes", &join(&path, "scopes"), true)?;
        security::check_names(thing, form, &path)?;
        if let Some(response) = members(form, "response", &join(&path, "response"))? {
            text(response, "contentType", &join(&path, "response.contentType"))?;
        }
        check_additional_responses(thing, form, &path)?;
    }
    Ok(())
}

fn check_additional_responses(thing: &Members, form: &Members, path: &str) -> Checked {
    let path = join(path, "additionalResponses");
    let responses = match form.get("additionalResponses") {
        Some(single @ Value::Object(_)) => std::slice::from_ref(single),
        _ => list(form, "additionalResponses", &path)?.unwrap_or_default(),
    };
    for (index, response) in responses.iter().enumerate() {
        let path = format!("{path}[{index}]");
        let response = object(response, &path)?;
        text(response, "contentType", &join(&path, "contentType"))?;
        flag(response, "success", &path)?;
        let Some(name) = text(response, "schema", &join(&path, "schema"))? else { continue };
        let defined = members(thing, "schemaDefinitions", "schemaDefinitions")?;
        if !defined.is_some_and(|defined| defined.contains_key(name)) {
            return Err(format!("{path}.schema names {name}, which is not defined"));
        }
    }
    Ok(())
}
