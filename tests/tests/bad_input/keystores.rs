//! Malformed keystores, keys and passwords.
use crate::{
    mutate::{broken_texts, missing_fields, wrong_values},
    verdict::{Verdicts, refusal_problem},
};
use pervade_tests::harness::{ExitedCommand, run_command};
use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// A keystore whose parameters ask for more must be refused before it costs time.
const REFUSAL_MAX: Duration = Duration::from_secs(10);

struct Folder {
    folder: tempfile::TempDir,
    password: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password.txt");
        fs::write(&password, "correct horse\n").unwrap();
        Self { folder, password }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn keys(&self, arguments: &[&OsStr]) -> ExitedCommand {
        let fixed = [OsStr::new("--password"), self.password.as_os_str()];
        run_command([OsStr::new("keys")].iter().chain(arguments).chain(&fixed)).unwrap()
    }

    fn show(&self, file: &Path) -> ExitedCommand {
        self.keys(&["show".as_ref(), file.as_ref()])
    }

    fn new_keystore(&self, name: &str) -> Value {
        let file = self.file(name);
        let made = self.keys(&["new".as_ref(), file.as_ref()]);
        assert!(made.status.success(), "{}", made.stderr);
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }
}

#[test]
fn malformed_keystores_are_refused_with_file_and_field() {
    let folder = Folder::new();
    let valid = folder.new_keystore("valid.json");
    assert!(folder.show(&folder.file("valid.json")).status.success());
    let file = folder.file("bad.json");
    let mut verdicts = Verdicts::default();
    let mut judge = |name: &str, bytes: &[u8], mentions: &[&str]| {
        fs::write(&file, bytes).unwrap();
        let begun = Instant::now();
        let exited = folder.show(&file);
        let slow = (begun.elapsed() > REFUSAL_MAX).then(|| format!("took {:?}", begun.elapsed()));
        verdicts.add(name, refusal_problem(&exited, &[&["bad.json"], mentions].concat()).or(slow));
    };
    // A salt may be any hexadecimal digits: a wrong one is a wrong password.
    for mutant in wrong_values(&valid, |path| !path.ends_with("/salt") && path != "/id") {
        judge(&mutant.name, mutant.text.as_bytes(), &[&mutant.field]);
    }
    let required = [
        "/version",
        "/crypto",
        "/crypto/cipher",
        "/crypto/ciphertext",
        "/crypto/cipherparams/iv",
        "/crypto/kdf",
        "/crypto/kdfparams",
        "/crypto/kdfparams/dklen",
        "/crypto/kdfparams/salt",
        "/crypto/kdfparams/n",
        "/crypto/kdfparams/r",
        "/crypto/kdfparams/p",
        "/crypto/mac",
    ];
    for mutant in missing_fields(&valid, &required) {
        judge(&mutant.name, mutant.text.as_bytes(), &[]);
    }
    for (name, bytes) in broken_texts(&valid.to_string()) {
        judge(&name, &bytes, &[]);
    }
    for (name, pointer, value, field) in contradictions() {
        let mut changed = valid.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        judge(name, changed.to_string().as_bytes(), &[field]);
    }
    judge("a megabyte", &vec![b' '; 1 << 20], &[]);
    verdicts.assert("keystores", 80);
}

/// Well-formed values that make the keystore wrong, useless or dangerous.
fn contradictions() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let zeros = |bytes: usize| json!("00".repeat(bytes));
    vec![
        ("version 1", "/version", json!(1), "version"),
        ("another cipher", "/crypto/cipher", json!("aes-256-gcm"), "cipher"),
        ("another key derivation", "/crypto/kdf", json!("argon2id"), "kdf"),
        ("a short initial vector", "/crypto/cipherparams/iv", zeros(15), "iv"),
        ("a long initial vector", "/crypto/cipherparams/iv", zeros(17), "iv"),
        ("a short ciphertext", "/crypto/ciphertext", zeros(31), "ciphertext"),
        ("another ciphertext", "/crypto/ciphertext", zeros(32), "password"),
        ("another checksum", "/crypto/mac", zeros(32), "password"),
        ("a short checksum", "/crypto/mac", zeros(31), "mac"),
        ("a short derived key", "/crypto/kdfparams/dklen", json!(16), "dklen"),
        ("a huge derived key", "/crypto/kdfparams/dklen", json!(u32::MAX), "dklen"),
        ("no rounds", "/crypto/kdfparams/n", json!(0), "n"),
        ("one round", "/crypto/kdfparams/n", json!(1), "n"),
        ("rounds that are no power of two", "/crypto/kdfparams/n", json!(8193), "n"),
        ("a terabyte of rounds", "/crypto/kdfparams/n", json!(1u64 << 40), "n"),
        ("no blocks", "/crypto/kdfparams/r", json!(0), "r"),
        ("a million blocks", "/crypto/kdfparams/r", json!(1 << 20), "r"),
        ("no lanes", "/crypto/kdfparams/p", json!(0), "p"),
        ("a million lanes", "/crypto/kdfparams/p", json!(1 << 20), "p"),
        ("somebody else's address", "/address", json!("11".repeat(20)), "address"),
        ("a short address", "/address", json!("11".repeat(19)), "address"),
    ]
}

#[test]
fn bad_keys_and_passwords_are_refused_and_nothing_is_written() {
    let folder = Folder::new();
    folder.new_keystore("mine.json");
    let before = fs::read(folder.file("mine.json")).unwrap();
    let mut verdicts = Verdicts::default();

    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let zero = "0".repeat(64);
    for (name, text) in [
        ("the zero key", zero.as_str()),
        ("the order of the curve", order),
        ("63 digits", &order[1..]),
        ("no digits", "my secret key"),
        ("empty", ""),
        ("two keys", &format!("{order}{order}")),
    ] {
        let (source, target) = (folder.file("key.txt"), folder.file("imported.json"));
        fs::write(&source, text).unwrap();
        let exited = folder.keys(&["import".as_ref(), source.as_ref(), target.as_ref()]);
        let written = target.exists().then(|| "it wrote a keystore all the same".to_owned());
        let told = exited.stderr.contains(order).then(|| "the error shows the key".to_owned());
        verdicts.add(name, refusal_problem(&exited, &["key.txt"]).or(written).or(told));
    }
    let again = folder.keys(&["new".as_ref(), folder.file("mine.json").as_ref()]);
    verdicts.add("a file that exists", refusal_problem(&again, &["mine.json"]));
    assert_eq!(fs::read(folder.file("mine.json")).unwrap(), before, "the existing keystore was overwritten");

    for (name, password) in [
        ("a wrong password", &b"battery staple\n"[..]),
        ("an empty password file", b""),
        ("a binary password", b"\xff\xfe\n"),
    ] {
        fs::write(&folder.password, password).unwrap();
        verdicts.add(name, refusal_problem(&folder.show(&folder.file("mine.json")), &["password"]));
    }
    fs::remove_file(&folder.password).unwrap();
    let exited = folder.show(&folder.file("mine.json"));
    verdicts.add("a missing password file", refusal_problem(&exited, &["password.txt"]));
    verdicts.assert("keys and passwords", 11);
}
