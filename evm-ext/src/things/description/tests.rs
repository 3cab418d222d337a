//! What a Thing Description must and must not be.
use super::*;

const ID: &str = "urn:example:lamp";

fn lamp(more: &str) -> String {
    format!(
        r#"{{"@context": ["https://www.w3.org/2022/wot/td/v1.1", {{"iot": "http://iot.example/"}}], "id": "{ID}",
        "title": "Lamp", "securityDefinitions": {{"b": {{"scheme": "basic", "in": "header"}}, "n": {{"scheme": "nosec"}},
        "c": {{"scheme": "combo", "oneOf": ["b", "n"]}}}}, "security": ["b"]{more}}}"#
    )
}

fn refused(document: &str) -> String {
    check(ID, document.as_bytes()).unwrap_err()
}

#[test]
fn a_full_description_is_accepted() {
    let more = r#", "@type": ["Thing", "iot:Lamp"], "titles": {"de": "Lampe"}, "support": "mailto:a@example.com",
        "created": "2018-11-13T20:20:39Z", "modified": "2018-11-13T20:20:39.5+02:00", "base": "coap://lamp.example/",
        "version": {"instance": "1.0"}, "profile": ["https://p.example"], "schemaDefinitions": {"e": {"type": "object"}},
        "uriVariables": {"step": {"type": "integer", "minimum": 0}},
        "links": [{"href": "a.png", "rel": "icon", "sizes": "16x16"}, {"href": "b", "rel": "type", "hreflang": "de-AT"}],
        "forms": [{"href": "all", "op": "readallproperties"}],
        "properties": {"state": {"type": "string", "enum": ["on", "off"], "observable": true,
            "forms": [{"href": "s", "op": ["readproperty", "observeproperty"], "security": "c", "cov:method": "GET"}]}},
        "actions": {"toggle": {"safe": false, "input": {"oneOf": [{"type": "null"}]},
            "forms": [{"href": "t", "response": {"contentType": "text/plain"},
                "additionalResponses": [{"success": false, "schema": "e"}]}]}},
        "events": {"hot": {"data": {"type": "array", "items": [{"type": "number", "multipleOf": 0.5}]},
            "forms": [{"href": "h", "subprotocol": "longpoll"}]}}"#;
    check(ID, lamp(more).as_bytes()).unwrap();
    check(ID, lamp("").as_bytes()).unwrap();
}

#[test]
fn each_breach_is_named_with_its_path() {
    for (more, reason) in [
        (r#", "version": {"model": "1"}"#, "version.instance is missing"),
        (r#", "created": "yesterday""#, "created is not a date and time"),
        (r#", "created": "2018-13-13T20:20:39Z""#, "created is not a date and time"),
        (r#", "links": [{"rel": "x"}]"#, "links[0].href is missing"),
        (r#", "links": [{"href": "x", "sizes": "big", "rel": "icon"}]"#, "links[0].sizes"),
        (r#", "links": [{"href": "a", "rel": "type"}, {"href": "b", "rel": "type"}]"#, "more than one model"),
        (r#", "links": [{"href": "a", "hreflang": "not a tag"}]"#, "links[0].hreflang"),
        (r#", "forms": [{"href": "x"}]"#, "forms[0].op is missing"),
        (r#", "forms": []"#, "forms is empty"),
        (r#", "@type": "tm:ThingModel""#, "Thing Model"),
        (r#", "schemaDefinitions": {}"#, "schemaDefinitions is empty"),
        (r#", "profile": []"#, "profile"),
        (r#", "titles": {"de": 1}"#, "titles"),
        (r#", "properties": {"p": {}}"#, "properties.p.forms is missing"),
        (r#", "properties": {"p": {"forms": [{"href": 1}]}}"#, "properties.p.forms[0].href is not a text"),
        (r#", "properties": {"p": {"type": "float", "forms": [{"href": "x"}]}}"#, "properties.p.type is none of"),
        (r#", "properties": {"p": {"enum": [], "forms": [{"href": "x"}]}}"#, "properties.p.enum is empty"),
        (r#", "properties": {"p": {"enum": [1, 1], "forms": [{"href": "x"}]}}"#, "a value twice"),
        (r#", "properties": {"p": {"minLength": -1, "forms": [{"href": "x"}]}}"#, "minLength"),
        (r#", "properties": {"p": {"multipleOf": 0, "forms": [{"href": "x"}]}}"#, "multipleOf"),
        (r#", "properties": {"p": {"readOnly": "yes", "forms": [{"href": "x"}]}}"#, "readOnly"),
        (r#", "properties": {"p": {"forms": [{"href": "x", "op": []}]}}"#, "properties.p.forms[0].op is empty"),
        (r#", "properties": {"p": {"forms": [{"href": "x", "security": "z"}]}}"#, "names z, which is not defined"),
        (r#", "actions": {"a": {"forms": [{"href": "x", "op": "invokeAction"}]}}"#, "invokeAction is none of"),
        (r#", "actions": {"a": "b"}"#, "actions.a is not an object"),
        (r#", "actions": {"a": {"input": {"type": "odd"}, "forms": [{"href": "x"}]}}"#, "actions.a.input.type"),
        (r#", "events": {"e": {"forms": [{"href": "x", "op": "readproperty"}]}}"#, "readproperty is none of"),
        (r#", "title": "again""#, "not JSON"),
        (r#", "id2": 1"#, ""),
    ] {
        match reason {
            "" => check(ID, lamp(more).as_bytes()).unwrap(),
            reason => assert!(refused(&lamp(more)).contains(reason), "{more}: {}", refused(&lamp(more))),
        }
    }
}

#[test]
fn what_every_description_has_is_required() {
    for (from, to, reason) in [
        (r#""title": "Lamp","#, "", "title is missing"),
        (r#""security": ["b"]"#, r#""security": []"#, "security is empty"),
        (r#", "security": ["b"]"#, "", "security is missing"),
        (r#""security": ["b"]"#, r#""security": "z""#, "security names z"),
        (r#""scheme": "nosec""#, r#""scheme": "mostSecure""#, "securityDefinitions.n.scheme is unknown"),
        (r#""in": "header""#, r#""in": "trunk""#, "securityDefinitions.b.in is none of"),
        (r#"["b", "n"]"#, r#"["b"]"#, "combines fewer than two"),
        (r#"["b", "n"]"#, r#"["b", "q"]"#, "not defined"),
        ("2022/wot/td/v1.1", "2030/wot/td/v9", "@context"),
        ("\"@context\"", "\"context\"", "@context is missing"),
        ("urn:example:lamp", "urn:other", "id differs"),
    ] {
        let document = lamp("").replace(from, to);
        assert_ne!(document, lamp(""), "{from}");
        assert!(refused(&document).contains(reason), "{from}: {}", refused(&document));
    }
}

#[test]
fn every_prefix_of_a_description_is_refused_and_nothing_panics() {
    let document = lamp("");
    for end in 0..document.len() {
        assert!(check(ID, &document.as_bytes()[..end]).is_err());
    }
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    assert!(refused(&deep).contains("not JSON"));
}
