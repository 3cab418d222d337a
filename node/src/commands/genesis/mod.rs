//! `pervade genesis`: makes and checks genesis files.
mod args;
mod summary;

pub use args::{CheckArgs, NewArgs};

use crate::NodeError;
use pervade_chainspec::{ChainSpec, NetworkParams};
use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};
use summary::summary;

/// Writes a new network's genesis file, to standard output if none is named.
///
/// # Errors
/// The chain specification refuses what was asked for; the file exists or cannot be written.
pub fn new(args: NewArgs) -> Result<(), NodeError> {
    let out = args.out.clone();
    let (spec, json) = build(args.into_network(unix_time()))?;
    match out {
        None => io::stdout().write_all(&json).map_err(NodeError::file("write", "standard output")),
        Some(file) => {
            write_new(&file, &json).map_err(NodeError::file("write", &file))?;
            print(&format!("file           {}\n{}", file.display(), summary(&spec)))
        }
    }
}

/// Checks a genesis file, and prints its hash, state root and forks.
///
/// # Errors
/// The file is refused: field and reason are named.
pub fn check(args: CheckArgs) -> Result<(), NodeError> {
    print(&summary(&ChainSpec::read(&args.file)?))
}

/// Builds the genesis, and reads it back as every node will.
fn build(network: NetworkParams) -> Result<(ChainSpec, Vec<u8>), NodeError> {
    let genesis = ChainSpec::new_network(network);
    let mut json = serde_json::to_vec_pretty(&genesis)
        .map_err(|e| NodeError::Stopped { part: "genesis builder", reason: e.to_string() })?;
    json.push(b'\n');
    Ok((ChainSpec::from_json("new genesis", &json)?, json))
}

/// Never overwrites: a genesis file in use is the identity of a network.
fn write_new(file: &Path, json: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).open(file)?;
    file.write_all(json)?;
    file.sync_all()
}

/// A closed pipe is an error of its own, not a panic as in `println!`.
fn print(text: &str) -> Result<(), NodeError> {
    io::stdout().write_all(text.as_bytes()).map_err(NodeError::file("write", "standard output"))
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: NewArgs,
    }

    const VALIDATOR: &str = "0x00000000000000000000000000000000000000b1:0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

    fn line(more: &[&str]) -> Result<NewArgs, String> {
        let start = ["new", "--chain-id", "77", "--validator", VALIDATOR];
        Line::try_parse_from(start.iter().chain(more)).map(|line| line.args).map_err(|error| error.to_string())
    }

    fn network(more: &[&str]) -> NetworkParams {
        line(more).unwrap().into_network(1_000)
    }

    #[test]
    fn a_new_genesis_is_the_one_that_was_asked_for() {
        let network = network(&[
            "--fund",
            "0x00000000000000000000000000000000000000aa=1.5",
            "--gas-limit",
            "40000000",
            "--block-period-ms",
            "250",
            "--empty-block-period-ms",
            "0",
            "--base-fee",
            "fixed:9",
            "--system-gas-share",
            "30",
            "--permissions",
            "on",
            "--beneficiary",
            "0x00000000000000000000000000000000000000cc",
            "--precompile",
            "things=block:5",
            "--precompile",
            "semantics=time:2000",
        ]);
        let (spec, json) = build(network).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let pervade = &file["config"]["pervade"];
        assert_eq!(pervade["baseFee"], serde_json::json!({"kind": "fixed", "value": 9}));
        assert_eq!(pervade["precompiles"], serde_json::json!({"things": {"block": 5}, "semantics": {"time": 2000}}));
        assert_eq!(pervade["beneficiary"]["address"], "0x00000000000000000000000000000000000000cc");
        assert_eq!((&pervade["blockPeriodMs"], &pervade["emptyBlockPeriodMs"]), (&250.into(), &0.into()));
        assert_eq!((&pervade["systemGasSharePercent"], &pervade["permissions"]), (&30.into(), &"on".into()));
        assert_eq!(file["alloc"]["0x00000000000000000000000000000000000000aa"]["balance"], "0x14d1120d7b160000");
        assert_eq!(spec.genesis_header().timestamp, 1_000);
        assert_eq!(spec.genesis_header().gas_limit, 40_000_000);
    }

    #[test]
    fn base_fees_are_read_as_written() {
        for (text, expected) in [
            ("dynamic", serde_json::json!({"kind": "dynamic", "minimum": 1_000_000})),
            ("dynamic:7", serde_json::json!({"kind": "dynamic", "minimum": 7})),
            ("zero", serde_json::json!({"kind": "zero"})),
        ] {
            let (spec, _) = build(network(&["--base-fee", text])).unwrap();
            assert_eq!(serde_json::to_value(spec.pervade().unwrap().base_fee).unwrap(), expected);
        }
    }

    #[test]
    fn wrong_arguments_say_what_is_expected() {
        for (flag, value, reason) in [
            ("--validator", "0x12", "ACCOUNT:PUBKEY"),
            ("--validator", "0x12:0x34", "not an address"),
            ("--validator", "0x00000000000000000000000000000000000000b1:zz", "not a public key"),
            ("--validator", "0x00000000000000000000000000000000000000b1:00:many", "not a power"),
            ("--fund", "0x00000000000000000000000000000000000000aa", "ADDRESS=ETHER"),
            ("--fund", "0x00000000000000000000000000000000000000aa=lots", "not an amount"),
            ("--fund", "0x00000000000000000000000000000000000000aa=-1", "not an amount"),
            ("--fund", "0x00000000000000000000000000000000000000aa=1.0000000000000000001", "18 decimals"),
            ("--base-fee", "free", "dynamic, dynamic:MINIMUM, fixed:VALUE or zero"),
            ("--base-fee", "fixed", "dynamic, dynamic:MINIMUM, fixed:VALUE or zero"),
            ("--base-fee", "fixed:x", "not a number of wei"),
            ("--beneficiary", "me", "proposer or an address"),
            ("--precompile", "things", "NAME=block:N or NAME=time:N"),
            ("--precompile", "oracle=block:1", "things, contractDatabase, semantics, governance"),
            ("--precompile", "things=block:x", "not a number"),
        ] {
            let error = line(&[flag, value]).unwrap_err();
            assert!(error.contains(reason), "{flag} {value}: {error}");
        }
    }

    #[test]
    fn what_the_chain_refuses_is_refused_with_its_field() {
        let error = build(network(&["--gas-limit", "1"])).unwrap_err().to_string();
        assert!(error.starts_with("new genesis: config.pervade.gasLimit: "), "{error}");
        let error = build(network(&["--validator", VALIDATOR])).unwrap_err().to_string();
        assert!(error.contains("validators[1].account: already"), "{error}");
    }

    #[test]
    fn a_genesis_file_that_exists_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("genesis.json");
        let args = || line(&["--out", file.to_str().unwrap()]).unwrap();
        new(args()).unwrap();
        let written = std::fs::read(&file).unwrap();
        let error = new(args()).unwrap_err().to_string();
        assert!(error.starts_with("cannot write ") && error.contains("exists"), "{error}");
        assert_eq!(std::fs::read(&file).unwrap(), written);
        check(CheckArgs { file }).unwrap();
    }
}
