//! Data schemas (TD 1.1, 5.3.2): the subset of JSON Schema that describes what affordances take and give.
use super::{Checked, Members, flag, join, list, members, not_empty, object, text, texts, type_declaration};
use pervade_semantics::json::Value;

const TYPES: [&str; 7] = ["boolean", "integer", "number", "string", "object", "array", "null"];

pub(super) fn check(value: &Value, path: &str) -> Checked {
    check_members(object(value, path)?, path)
}

/// The schema's members that an object has; others may be there too.
pub(super) fn check_members(schema: &Members, path: &str) -> Checked {
    texts(schema, path)?;
    type_declaration(schema, path)?;
    for name in ["unit", "format", "contentEncoding", "contentMediaType"] {
        text(schema, name, &join(path, name))?;
    }
    for name in ["readOnly", "writeOnly"] {
        flag(schema, name, path)?;
    }
    if let Some(kind) = text(schema, "type", &join(path, "type"))?
        && !TYPES.contains(&kind)
    {
        return Err(format!("{path}.type is none of {}", TYPES.join(", ")));
    }
    if let Some(values) = list(schema, "enum", &join(path, "enum"))? {
        not_empty(values.len(), &join(path, "enum"))?;
        let twice = |(place, value): (usize, &Value)| values.iter().take(place).any(|earlier| earlier == value);
        if values.iter().enumerate().any(twice) {
            return Err(format!("{path}.enum has a value twice"));
        }
    }
    check_numbers(schema, path)?;
    if let Some(alternatives) = list(schema, "oneOf", &join(path, "oneOf"))? {
        each(alternatives, &join(path, "oneOf"))?;
    }
    match schema.get("items") {
        None => {}
        Some(Value::Array(items)) => each(items, &join(path, "items"))?,
        Some(item) => check(item, &join(path, "items"))?,
    }
    if let Some(properties) = members(schema, "properties", &join(path, "properties"))? {
        for (name, property) in properties {
            check(property, &format!("{path}.properties.{name}"))?;
        }
    }
    if let Some(names) = list(schema, "required", &join(path, "required"))?
        && names.iter().any(|name| name.as_text().is_none())
    {
        return Err(format!("{path}.required holds something that is not a text"));
    }
    Ok(())
}

fn each(schemas: &[Value], path: &str) -> Checked {
    schemas.iter().enumerate().try_for_each(|(index, schema)| check(schema, &format!("{path}[{index}]")))
}

fn check_numbers(schema: &Members, path: &str) -> Checked {
    for name in ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"] {
        let Some(value) = schema.get(name) else { continue };
        let Some(number) = value.as_number() else { return Err(format!("{path}.{name} is not a number")) };
        if name == "multipleOf" && (number.is_zero() || is_negative(number)) {
            return Err(format!("{path}.multipleOf is not above zero"));
        }
    }
    for name in ["minItems", "maxItems", "minLength", "maxLength"] {
        let Some(value) = schema.get(name) else { continue };
        let whole = value.as_number().is_some_and(|number| number.to_integer().is_some() && !is_negative(number));
        if !whole {
            return Err(format!("{path}.{name} is not a whole number"));
        }
    }
    Ok(())
}

fn is_negative(number: &pervade_semantics::number::Decimal) -> bool {
    number.number().sign() == num_bigint::Sign::Minus
}
