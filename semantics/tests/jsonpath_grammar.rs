//! Which queries are valid, which are singular, and where invalid ones leave the grammar.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use pervade_semantics::{
    Error,
    json::{Value, parse, write},
    jsonpath::{Path, Query},
};

fn find(query: &str, document: &str) -> Option<String> {
    let document: Value = parse(document.as_bytes(), 16).unwrap();
    Path::parse(query).unwrap().find(&document, &document).map(write)
}

#[test]
fn singular_queries_find_at_most_one_value() {
    let document = r#"{"a":[{"b'c":1},2,3],"":{"é":null}}"#;
    assert_eq!(find("$", "1").as_deref(), Some("1"));
    assert_eq!(find("$.a[0]['b\\'c']", document).as_deref(), Some("1"));
    assert_eq!(find("$ .a [ -1 ]", document).as_deref(), Some("3"));
    assert_eq!(find("$[\"\"].\u{e9}", document).as_deref(), Some("null"));
    assert_eq!(find("$['']['\\u00e9']", document).as_deref(), Some("null"));
    assert_eq!(find("@.a[1]", document).as_deref(), Some("2"));
    for query in ["$.a[3]", "$.a[-4]", "$.a.b", "$[0]", "$.x"] {
        assert_eq!(find(query, document), None, "{query}");
    }
}

#[test]
fn queries_of_more_values_are_valid_but_not_singular() {
    for query in [
        "$.*",
        "$..a",
        "$[0,1]",
        "$['a','b']",
        "$[1:2:-1]",
        "$[::]",
        "$[?@.a]",
        "$[?@.a == 1 && !(@.b || $.c) ]",
        "$..[?length(@) < 3]",
        "$[?count(@.*) >= 2]",
        "$[?match(@.a, 'x')]",
        "$[?!search(@, \"y\")]",
        "$[?value(@..a) == null]",
        "$[?-0.5e+1 != @]",
        "$[?@[?@.a]]",
    ] {
        let parsed = Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert!(parsed.singular().is_none(), "{query}");
        assert!(matches!(Path::parse(query), Err(Error::InvalidQuery { offset: 0, .. })), "{query}");
    }
}

#[test]
fn invalid_queries_are_refused_where_they_go_wrong() {
    for (query, at) in [
        ("", 0),
        ("a", 0),
        (" $", 0),
        ("$ ", 1),
        ("$.", 2),
        ("$.1", 2),
        ("$..", 3),
        ("$[", 2),
        ("$[]", 2),
        ("$[01]", 2),
        ("$[-0]", 2),
        ("$[1", 3),
        ("$['a]", 5),
        ("$['\\x']", 3),
        ("$[\"\\'\"]", 3),
        ("$[9007199254740992]", 2),
        ("$[?1]", 3),
        ("$[?@.a == @.*]", 10),
        ("$[?length(@.*) < 1]", 10),
        ("$[?count(1) > 1]", 9),
        ("$[?nope(@)]", 3),
        ("$[?count (@)]", 3),
        ("$[?match(@, 'a') == true]", 3),
        ("$[?length(@)]", 3),
        ("$[?!@.a == 1]", 8),
        ("$[? true]", 4),
        ("$.a b", 3),
        ("$['\u{1}']", 3),
    ] {
        match Query::parse(query) {
            Err(Error::InvalidQuery { offset, .. }) => assert_eq!(offset, at, "{query}"),
            other => panic!("{query}: {other:?}"),
        }
    }
}

#[test]
fn depth_and_length_of_queries_are_bounded() {
    let nested = |depth: usize| format!("$[?{}@.a{}]", "(".repeat(depth - 1), ")".repeat(depth - 1));
    assert!(Query::parse(&nested(32)).is_ok());
    assert!(matches!(Query::parse(&nested(33)), Err(Error::LimitExceeded { .. })));
    let segments = |count: usize| format!("${}", ".a".repeat(count));
    assert!(Path::parse(&segments(32)).is_ok());
    assert!(matches!(Path::parse(&segments(33)), Err(Error::LimitExceeded { .. })));
    assert!(matches!(Query::parse(&format!("${}", "[0]".repeat(400))), Err(Error::LimitExceeded { .. })));
}
