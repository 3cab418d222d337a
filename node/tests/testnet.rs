//! `pervade testnet init`: what it writes is what nodes take.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use pervade_chainspec::ChainSpec;
use pervade_node::{
    config::NodeOptions,
    keys::{compressed_public_key, read_keystore, read_password},
    testnet::{Testnet, TestnetPlan},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

fn plan(validators: usize, hosts: &[&str]) -> TestnetPlan {
    TestnetPlan {
        validators,
        chain_id: 4242,
        block_period_ms: 200,
        empty_block_period_ms: 10_000,
        gas_limit: 200_000_000,
        balance_ether: 7,
        hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
        port: 30_303,
        http_port: 8545,
        metrics_port: 9090,
    }
}

fn create(dir: &Path, plan: &TestnetPlan) -> Testnet {
    Testnet::create(dir, plan, 1_800_000_000).unwrap()
}

#[test]
fn every_validator_gets_settings_that_a_node_takes_and_the_key_of_the_genesis() {
    let dir = tempfile::tempdir().unwrap();
    let testnet = create(dir.path(), &plan(2, &[]));
    let spec = ChainSpec::read(&dir.path().join("genesis.json")).unwrap();
    assert_eq!((spec.chain_id(), spec.genesis_hash()), (4242, testnet.spec.genesis_hash()));
    assert_eq!(
        spec.genesis().alloc.values().filter(|account| account.balance.to_string() == "7000000000000000000").count(),
        10
    );
    for (index, folder) in testnet.validators.iter().enumerate() {
        let config = NodeOptions::default().resolve(Some(&folder.dir.join("node.toml"))).unwrap();
        assert_eq!((config.network.port, config.http.port), (30_303 + index as u16, 8545 + index as u16));
        assert_eq!(config.ws.port, config.http.port);
        let network = config.network_config(&folder.dir.join("data")).unwrap();
        assert_eq!(network.trusted_peers.len(), 1);
        let other = fs::read_to_string(testnet.validators[1 - index].dir.join("nodekey")).unwrap();
        let peer = other.lines().find_map(|line| line.strip_prefix("peer:")).unwrap();
        let expected = format!("/ip4/127.0.0.1/tcp/{}/p2p/{peer}", 30_303 + 1 - index);
        assert_eq!(network.trusted_peers[0].to_string(), expected);

        let password = read_password(Some(&folder.dir.join("password.txt"))).unwrap();
        let key = read_keystore(&folder.dir.join("validator.json"), &password).unwrap();
        let validator = &spec.pervade().unwrap().validators[index];
        assert_eq!((validator.account, &validator.public_key), (folder.account, &compressed_public_key(&key)));
        for secret in ["validator.json", "password.txt", "nodekey"] {
            let mode = fs::metadata(folder.dir.join(secret)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{secret}");
        }
        assert_eq!(
            fs::read(folder.dir.join("genesis.json")).unwrap(),
            fs::read(dir.path().join("genesis.json")).unwrap()
        );
    }
    let opened = Testnet::open(dir.path()).unwrap().unwrap();
    assert_eq!(opened.validators.len(), 2);
    assert_eq!(opened.validators[1].account, testnet.validators[1].account);
}

#[test]
fn validators_on_hosts_of_their_own_have_the_same_ports_and_each_others_names() {
    let dir = tempfile::tempdir().unwrap();
    let testnet = create(dir.path(), &plan(3, &["192.0.2.1", "2001:db8::2", "c.example.org"]));
    let config = NodeOptions::default().resolve(Some(&testnet.validators[0].dir.join("node.toml"))).unwrap();
    assert_eq!(
        (config.network.port, config.http.port, config.network.addr.to_string()),
        (30_303, 8545, "0.0.0.0".into())
    );
    let peers = &config.network.trusted_peers.0;
    assert!(peers[0].starts_with("/ip6/2001:db8::2/tcp/30303/p2p/"), "{peers:?}");
    assert!(peers[1].starts_with("/dns/c.example.org/tcp/30303/p2p/"), "{peers:?}");
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let refused = |plan: &TestnetPlan| Testnet::create(dir.path(), plan, 0).unwrap_err().to_string();
    assert!(refused(&plan(0, &[])).contains("between 1 and 128"));
    assert!(refused(&plan(129, &[])).contains("between 1 and 128"));
    assert!(refused(&plan(2, &["a"])).contains("1 hosts for 2 validators"));
    assert!(Testnet::open(dir.path()).unwrap().is_none());
    create(dir.path(), &plan(1, &[]));
    assert!(refused(&plan(1, &[])).contains("has a network already"));
}

fn run(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pervade")).current_dir(dir).env_clear().args(arguments).output().unwrap()
}

#[test]
fn the_command_says_what_it_made() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(dir.path(), &["testnet", "init", "--validators", "2", "--dir", "network", "--chain-id", "99"]);
    let said = String::from_utf8(made.stdout).unwrap();
    assert!(made.status.success() && said.contains("chain id   99") && said.contains("127.0.0.1:30304"), "{said}");
    let compose = fs::read_to_string(dir.path().join("network/compose.yaml")).unwrap();
    assert!(compose.contains("  node1:") && !compose.contains("  node2:"));
    assert!(dir.path().join("network/node1/pervade.service").is_file());
    let again = run(dir.path(), &["testnet", "init", "--dir", "network"]);
    assert_eq!(again.status.code(), Some(1));
    // A network of another size is not gone on with.
    let other = run(dir.path(), &["devnet", "--validators", "3", "--dir", "network"]);
    let said = String::from_utf8(other.stderr).unwrap();
    assert!(said.contains("has a network of 2"), "{said}");
}
