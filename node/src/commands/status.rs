//! `pervade status`: what a running node says of itself.
use crate::{NodeError, remote::Remote};
use alloy_primitives::U64;
use clap::Args;
use serde_json::{Value, json};
use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

/// Arguments of `pervade status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// JSON-RPC of the node to ask
    #[arg(long, env = "PERVADE_RPC", value_name = "URL", default_value = "http://127.0.0.1:8545")]
    pub rpc: String,
    /// Prints the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs `pervade status ...`.
///
/// # Errors
/// The node does not answer.
pub fn run(args: &StatusArgs) -> Result<(), NodeError> {
    let status: Value = super::block_on(Remote::new(&args.rpc).call("pervade_nodeStatus", json!([])))??;
    if args.json {
        println!("{status:#}");
    } else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        print!("{}", describe(&status, now));
    }
    Ok(())
}

/// A quantity of the answer; 0 where there is none.
fn quantity(value: &Value) -> u64 {
    value.as_str().and_then(|text| text.parse::<U64>().ok()).map_or(0, |number| number.to())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// The answer in lines for people; `now` in Unix seconds.
fn describe(status: &Value, now: u64) -> String {
    let age = now.saturating_sub(quantity(&status["timestamp"]));
    let mut lines = vec![
        ("node", text(&status["clientVersion"]).to_owned()),
        ("chain", format!("{}, genesis {}", quantity(&status["chainId"]), text(&status["genesisHash"]))),
        ("head", format!("block {} ({}), {age} s old", quantity(&status["number"]), text(&status["hash"]))),
        ("lag", format!("{} blocks behind the best peer", quantity(&status["lag"]))),
        ("validators", status["validators"].to_string()),
    ];
    let cluster = &status["cluster"];
    let peers = cluster["peers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if cluster.is_object() {
        let role = match cluster["validator"].as_str() {
            Some(account) => format!("validator {account}, {} blocks missed", cluster["missedBlocks"]),
            None => text(&cluster["role"]).to_owned(),
        };
        let deciding = format!("height {}, round {}, {}", cluster["height"], cluster["round"], text(&cluster["step"]));
        lines.extend([("role", role), ("deciding", deciding)]);
        if let Some(skew) = cluster["clockSkewMs"].as_i64() {
            lines.push(("clock", format!("{skew} ms from the last proposer that differed too much")));
        }
        lines.push(("peer id", text(&cluster["peerId"]).to_owned()));
        lines.push(("peers", peers.len().to_string()));
    } else {
        lines.push(("network", "none".to_owned()));
    }
    let mut out = String::new();
    // Writing to a string cannot fail.
    for (name, value) in lines {
        let _ = writeln!(out, "{name:<11}{value}");
    }
    for peer in peers {
        let ping = peer["pingMs"].as_u64().map(|ms| format!(", {ms} ms")).unwrap_or_default();
        let (id, address) = (text(&peer["peerId"]), text(&peer["address"]));
        let _ = writeln!(out, "  {id}  {address}  block {}{ping}", peer["head"]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_validators_status_is_told_in_lines() {
        let status = json!({
            "clientVersion": "pervade/v1", "chainId": "0x539", "genesisHash": "0xaa", "number": "0x10", "hash": "0xbb",
            "timestamp": "0x64", "highest": "0x12", "lag": "0x2", "validators": 4,
            "cluster": {
                "role": "validator", "validator": "0xcc", "missedBlocks": 3, "height": 17, "round": 1, "step": "prevote",
                "peerId": "12D3", "clockSkewMs": -700, "listening": [],
                "peers": [{"peerId": "12D4", "address": "/ip4/192.0.2.1/tcp/1", "head": 18, "pingMs": 5}]
            }
        });
        let text = describe(&status, 107);
        for line in [
            "chain      1337, genesis 0xaa",
            "head       block 16 (0xbb), 7 s old",
            "lag        2 blocks behind the best peer",
            "role       validator 0xcc, 3 blocks missed",
            "deciding   height 17, round 1, prevote",
            "peers      1",
            "  12D4  /ip4/192.0.2.1/tcp/1  block 18, 5 ms",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_node_without_a_network_says_so() {
        assert!(describe(&json!({ "number": "0x0" }), 0).contains("network    none"));
    }
}
