//! Where a node's settings come from, through the real binary.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::{path::Path, process::Command};

fn dump(dir: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Result<toml::Table, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pervade"));
    command
        .current_dir(dir)
        .args(["node", "--dump-config"])
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied());
    let output = command.output().unwrap();
    if !output.status.success() {
        assert_ne!(output.status.code(), None, "killed");
        return Err(String::from_utf8(output.stderr).unwrap());
    }
    Ok(toml::from_str(&String::from_utf8(output.stdout).unwrap()).unwrap())
}

fn http_port(table: &toml::Table) -> i64 {
    table["http"]["port"].as_integer().unwrap()
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("c.toml"), "datadir = \"d\"\n[http]\nport = 3\n").unwrap();
    let file = ["--config", "c.toml"];
    let environment = [("PERVADE_HTTP_PORT", "2")];
    assert_eq!(http_port(&dump(dir.path(), &["--dev"], &[]).unwrap()), 8545);
    assert_eq!(http_port(&dump(dir.path(), &file, &[]).unwrap()), 3);
    assert_eq!(http_port(&dump(dir.path(), &file, &environment).unwrap()), 2);
    let flags = ["--config", "c.toml", "--http.port", "1"];
    assert_eq!(http_port(&dump(dir.path(), &flags, &environment).unwrap()), 1);
}

#[test]
fn every_flag_of_a_node_is_a_key_of_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let optional =
        ["--datadir", "d", "--password", "p", "--metrics", "127.0.0.1:1", "--validator.key", "k", "--log.file", "l"];
    let network = ["--nodekey", "n", "--nat", "extip:192.0.2.1", "--chain", "g"];
    let gateway = ["--gateway", "c", "--gateway.key", "k", "--gateway.password", "p"];
    let table = dump(dir.path(), &[&optional[..], &network, &gateway].concat(), &[]).unwrap();
    let help = Command::new(env!("CARGO_BIN_EXE_pervade")).args(["node", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let words = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-');
    let flags: Vec<&str> =
        words.filter_map(|word| word.strip_prefix("--")).map(|flag| flag.trim_end_matches('.')).collect();
    assert!(flags.len() > 30, "{flags:?}");
    for flag in flags {
        let known = match flag.split_once('.') {
            Some((section, key)) => table[section].get(key).is_some(),
            None => match flag {
                "config" | "dump-config" | "help" | "version" => true,
                "gateway" => table[flag].get("config").is_some(),
                "http" | "ws" | "dev" => table[flag].get("enabled").is_some(),
                _ => table.contains_key(flag),
            },
        };
        assert!(known, "--{flag} is no key of the file");
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [
        ("[http]\nprot = 1\n", &["--dev"][..], "prot"),
        ("nonsense", &["--dev"], "c.toml"),
        ("", &[], "datadir"),
        ("", &["--dev", "--chain", "g.json"], "dev"),
        ("", &["--dev", "--dev.gaslimit", "1"], "dev.gaslimit"),
        ("", &["--dev", "--cache", "0"], "cache"),
        ("", &["--dev", "--history.blocks", "0"], "history.blocks"),
        ("", &["--dev", "--rpc.txfeecap=-1"], "txfeecap"),
        ("", &["--dev", "--http.port", "65536"], "http.port"),
        ("", &["--dev", "--gcmode", "some"], "gcmode"),
    ];
    for (file, arguments, expected) in cases {
        std::fs::write(dir.path().join("c.toml"), file).unwrap();
        let error = dump(dir.path(), &[&["--config", "c.toml"], arguments].concat(), &[]).unwrap_err();
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}
