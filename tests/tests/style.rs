//! House style that a compiler does not check.
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A longer file holds more than one idea.
const FILE_LINES_MAX: usize = 500;
/// Names that say nothing of what is inside.
const BANNED_MODULES: [&str; 8] = ["utils", "util", "common", "helpers", "helper", "misc", "shared", "stuff"];

/// Rust sources of the workspace, build outputs aside.
fn sources() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = Vec::new();
    for entry in fs::read_dir(root).expect("the workspace can be read") {
        let folder = entry.expect("an entry").path();
        if folder.join("Cargo.toml").is_file() {
            collect(&folder, &mut found);
        }
    }
    assert!(found.len() > 50, "only {} sources found", found.len());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(name.as_str(), "target" | "node_modules") && !name.starts_with('.') {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All that are wrong at once: nobody wants to learn of them one by one.
fn assert_none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

#[test]
fn no_file_exceeds_the_line_limit() {
    let lines = |path: PathBuf| (text(&path).lines().count(), path.display().to_string());
    let long = sources().into_iter().map(lines).filter(|(lines, _)| *lines > FILE_LINES_MAX);
    let wrong: Vec<_> = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    assert_none(&wrong, &format!("at most {FILE_LINES_MAX} lines a file; split by idea"));
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let banned = |path: &&PathBuf| {
        let folder = path.parent().and_then(Path::file_name);
        [path.file_stem(), folder].into_iter().flatten().any(|name| BANNED_MODULES.iter().any(|banned| name == *banned))
    };
    let wrong: Vec<_> = sources().iter().filter(banned).map(|path| path.display().to_string()).collect();
    assert_none(&wrong, "name a module by what it is for");
}

#[test]
fn every_crate_says_what_it_is_for() {
    let undocumented = |path: &&PathBuf| path.ends_with("src/lib.rs") && !text(path).starts_with("//!");
    let wrong: Vec<_> = sources().iter().filter(undocumented).map(|path| path.display().to_string()).collect();
    assert_none(&wrong, "a lib.rs begins with what the crate is for");
}

#[test]
fn no_test_is_ignored_and_nothing_is_left_to_do() {
    let marks = [concat!("#[ign", "ore"), concat!("to", "do!("), concat!("unimple", "mented!(")];
    let mut wrong = Vec::new();
    for path in sources() {
        let text = text(&path);
        let found = marks.iter().filter(|mark| text.contains(**mark));
        wrong.extend(found.map(|mark| format!("{}: {mark}", path.display())));
    }
    assert_none(&wrong, "slow tests have names that begin with slow_; unfinished code stays off this branch");
}
