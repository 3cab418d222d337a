//! Addresses with variables: the templates of RFC 6570 up to level 3, as forms of Thing Descriptions use them.
use crate::{error::Failure, limits};
use serde_json::{Map, Value};

/// How the variables of one expression are written, by its first character.
struct Operator {
    first: &'static str,
    separator: char,
    named: bool,
    /// Whether a variable without value keeps its `=`.
    empty_equals: bool,
    reserved: bool,
}

fn operator(sign: Option<char>) -> Option<(Operator, bool)> {
    let plain =
        |first, separator, named, empty_equals, reserved| Operator { first, separator, named, empty_equals, reserved };
    Some(match sign? {
        '+' => (plain("", ',', false, false, true), true),
        '#' => (plain("#", ',', false, false, true), true),
        '.' => (plain(".", '.', false, false, false), true),
        '/' => (plain("/", '/', false, false, false), true),
        ';' => (plain(";", ';', true, false, false), true),
        '?' => (plain("?", '&', true, true, false), true),
        '&' => (plain("&", '&', true, true, false), true),
        '=' | ',' | '!' | '@' | '|' => return None,
        _ => (plain("", ',', false, false, false), false),
    })
}

/// Writes variables into a template. A variable without a value is left out.
///
/// # Errors
/// Malformed if the template is not one of level 3, a value is neither text, number nor truth value, or the result is
/// longer than [`limits::HREF_BYTES_MAX`].
pub(crate) fn expand(template: &str, variables: &Map<String, Value>) -> Result<String, Failure> {
    let mut expanded = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        expanded.push_str(before);
        let (expression, after) = after.split_once('}').ok_or_else(|| wrong(template))?;
        expand_expression(expression, variables, &mut expanded).ok_or_else(|| wrong(template))?;
        rest = after;
        if expanded.len() > limits::HREF_BYTES_MAX {
            return Err(Failure::malformed("the address with its variables is too long"));
        }
    }
    if rest.contains('}') {
        return Err(wrong(template));
    }
    expanded.push_str(rest);
    if expanded.len() > limits::HREF_BYTES_MAX {
        return Err(Failure::malformed("the address with its variables is too long"));
    }
    Ok(expanded)
}

fn wrong(template: &str) -> Failure {
    Failure::malformed(format!("{template}: not a template of RFC 6570, level 3, or a value that cannot stand in it"))
}

fn expand_expression(expression: &str, variables: &Map<String, Value>, expanded: &mut String) -> Option<()> {
    let (operator, signed) = operator(expression.chars().next())?;
    let names = if signed { expression.get(1..)? } else { expression };
    let mut first = true;
    for name in names.split(',') {
        let allowed = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '.' | '-');
        if name.is_empty() || !name.chars().all(allowed) {
            return None;
        }
        let value = match variables.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(Value::Bool(truth)) => truth.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => return None,
        };
        if first {
            expanded.push_str(operator.first);
        } else {
            expanded.push(operator.separator);
        }
        first = false;
        if operator.named {
            expanded.push_str(name);
            if !value.is_empty() || operator.empty_equals {
                expanded.push('=');
            }
        }
        encode(&value, operator.reserved, expanded);
    }
    Some(())
}

/// Percent-encodes everything but what RFC 3986 calls unreserved, and reserved characters where they may stand.
fn encode(value: &str, reserved: bool, encoded: &mut String) {
    for byte in value.bytes() {
        let one = char::from(byte);
        if one.is_ascii_alphanumeric() || "-._~".contains(one) || (reserved && ":/?#[]@!$&'()*+,;=".contains(one)) {
            encoded.push(one);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables() -> Map<String, Value> {
        let Value::Object(map) = json!({
            "var": "value", "hello": "Hello World!", "path": "/foo/bar", "empty": "", "x": 1024, "y": 768,
            "list": [1], "truth": true, "none": null,
        }) else {
            unreachable!()
        };
        map
    }

    #[test]
    fn the_examples_of_rfc_6570_expand_as_it_says() {
        for (template, expected) in [
            ("{var}", "value"),
            ("{hello}", "Hello%20World%21"),
            ("{+var}", "value"),
            ("{+hello}", "Hello%20World!"),
            ("{+path}/here", "/foo/bar/here"),
            ("here?ref={+path}", "here?ref=/foo/bar"),
            ("X{#var}", "X#value"),
            ("X{#hello}", "X#Hello%20World!"),
            ("map?{x,y}", "map?1024,768"),
            ("{x,hello,y}", "1024,Hello%20World%21,768"),
            ("{+x,hello,y}", "1024,Hello%20World!,768"),
            ("{#path,x}/here", "#/foo/bar,1024/here"),
            ("X{.var}", "X.value"),
            ("X{.x,y}", "X.1024.768"),
            ("{/var}", "/value"),
            ("{/var,x}/here", "/value/1024/here"),
            ("{;x,y}", ";x=1024;y=768"),
            ("{;x,y,empty}", ";x=1024;y=768;empty"),
            ("{?x,y}", "?x=1024&y=768"),
            ("{?x,y,empty}", "?x=1024&y=768&empty="),
            ("?fixed=yes{&x}", "?fixed=yes&x=1024"),
            ("{&x,y,empty}", "&x=1024&y=768&empty="),
            ("{?undefined,x}", "?x=1024"),
            ("{undefined}{?none}", ""),
            ("{?truth}", "?truth=true"),
        ] {
            assert_eq!(expand(template, &variables()).unwrap(), expected, "{template}");
        }
    }

    #[test]
    fn what_is_no_template_of_level_three_is_refused() {
        for template in
            ["{", "}", "{}", "{var", "var}", "{var:3}", "{var*}", "{=var}", "{list}", "{+}", "{a b}", "{{var}}"]
        {
            assert!(expand(template, &variables()).is_err(), "{template}");
        }
    }

    #[test]
    fn a_value_cannot_add_a_query_a_path_or_a_host() {
        let variables = Map::from_iter([("v".to_owned(), json!("a/../b?c#d@e&f=g\r\nH: i"))]);
        assert_eq!(expand("x{?v}", &variables).unwrap(), "x?v=a%2F..%2Fb%3Fc%23d%40e%26f%3Dg%0D%0AH%3A%20i");
    }

    #[test]
    fn addresses_are_taken_at_the_limit_and_refused_one_past_it() {
        let of = |length| Map::from_iter([("v".to_owned(), json!("a".repeat(length)))]);
        assert!(expand("{v}", &of(limits::HREF_BYTES_MAX)).is_ok());
        assert!(expand("{v}", &of(limits::HREF_BYTES_MAX + 1)).is_err());
    }
}
