//! The crate's own sources have no floating point, by a search as well as by a lint.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::{fs, path::Path};

fn search(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
        if words.clone().any(|word| matches!(word, "f32" | "f64")) || words.clone().any(|word| word == "HashMap") {
            found.push(path.display().to_string());
        }
    }
}

#[test]
fn no_source_names_a_floating_point_type() {
    let mut found = Vec::new();
    search(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.is_empty(), "{found:?}");
}
