//! The binary as an operator sees it: start, signals, exit codes, keys.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::{
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn pervade(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pervade"));
    command.current_dir(dir).env_clear();
    command
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    pervade(dir).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A development node that has said where it listens.
fn dev_node(dir: &Path) -> Child {
    let mut command = pervade(dir);
    command.args(["node", "--dev", "--http.port", "0", "--ws.port", "0"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let mut listening = lines.filter(|line| line.starts_with("HTTP:"));
    assert!(listening.next().unwrap().contains("http://127.0.0.1:"));
    child
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status().unwrap();
    assert!(status.success());
}

#[test]
fn a_signal_ends_a_node_in_order() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["TERM", "INT"] {
        let child = dev_node(dir.path());
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("node stopped"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_development_node_lists_its_accounts() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pervade(dir.path());
    command.args(["node", "--dev", "--http.port", "0", "--ws.port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    let shown: Vec<String> = lines.take_while(|line| !line.starts_with("HTTP:")).collect();
    signal(&child, "TERM");
    assert!(child.wait().unwrap().success());
    let shown = shown.join("\n");
    for expected in [
        "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    ] {
        assert!(shown.contains(expected), "{shown}");
    }
}

#[test]
fn a_directory_serves_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = pervade(dir.path());
    command.args(["node", "--dev", "--http.port", "0", "--ws.port", "0", "--datadir", "d"]);
    let mut first = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(first.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
    assert!(lines.into_iter().any(|line| line.starts_with("HTTP:")));
    let second = run(dir.path(), &["node", "--dev", "--http.port", "0", "--ws.port", "0", "--datadir", "d"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("in use"), "{}", text(&second.stderr));
    signal(&first, "TERM");
    assert!(first.wait().unwrap().success());
}

#[test]
fn keys_are_made_shown_and_imported() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), "secret\n").unwrap();
    std::fs::write(dir.path().join("other"), "guess\n").unwrap();
    let key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\n";
    std::fs::write(dir.path().join("bare"), key).unwrap();

    let made = run(dir.path(), &["keys", "new", "k.json", "--password", "password"]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let shown = run(dir.path(), &["keys", "show", "k.json", "--password", "password"]);
    assert_eq!(text(&made.stdout), text(&shown.stdout));
    let mode = std::fs::metadata(dir.path().join("k.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let imported = run(dir.path(), &["keys", "import", "bare", "i.json", "--password", "password"]);
    let said = text(&imported.stdout);
    assert!(said.contains("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"), "{said}{}", text(&imported.stderr));
    assert!(said.contains("0x038318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75"), "{said}");

    let refused = run(dir.path(), &["keys", "show", "k.json", "--password", "other"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("wrong password"), "{}", text(&refused.stderr));
    let missing = run(dir.path(), &["keys", "show", "none.json", "--password", "password"]);
    assert!(text(&missing.stderr).contains("none.json"), "{}", text(&missing.stderr));
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), &["node", "--htpp"]).status.code(), Some(2));
}
