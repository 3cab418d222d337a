//! Writes the folder of a new network, and finds one that was written.
use super::{
    CONFIG_FILE, GENESIS_FILE, KEYSTORE_FILE, NODE_KEY_FILE, PASSWORD_FILE,
    settings::{SYSTEMD_UNIT, TestnetPlan, compose_yaml, node_toml},
};
use crate::{
    NodeError,
    dev::mnemonic_accounts,
    keys::{compressed_public_key, write_keystore},
};
use alloy_primitives::{Address, U256, hex};
use alloy_signer_local::PrivateKeySigner;
use pervade_chainspec::{ChainSpec, NetworkParams, PrecompileActivations, ValidatorConfig, params};
use pervade_p2p::load_or_create_node_key;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Accounts of the well-known mnemonic that have money from the start.
pub const FUNDED_ACCOUNTS: u32 = 10;
/// Random bytes of a password.
const PASSWORD_BYTES: usize = 16;

/// A network's folder.
#[derive(Debug, Clone)]
pub struct Testnet {
    /// The folder.
    pub dir: PathBuf,
    /// The chain.
    pub spec: ChainSpec,
    /// Its validators' folders, in order.
    pub validators: Vec<ValidatorFolder>,
}

/// The folder of one validator.
#[derive(Debug, Clone)]
pub struct ValidatorFolder {
    /// The folder.
    pub dir: PathBuf,
    /// Account, as the genesis has it.
    pub account: Address,
}

/// The folder of validator `index`.
pub fn folder(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("node{index}"))
}

impl Testnet {
    /// Makes keys, genesis and settings, and writes them. `now` is the genesis time, Unix seconds.
    ///
    /// # Errors
    /// The folder has a network already; the plan makes no valid genesis; a file cannot be written.
    pub fn create(dir: &Path, plan: &TestnetPlan, now: u64) -> Result<Self, NodeError> {
        if !(1..=params::VALIDATORS_MAX).contains(&plan.validators) {
            let reason = format!("{} is not between 1 and {}", plan.validators, params::VALIDATORS_MAX);
            return Err(NodeError::Setting { setting: "validators", reason });
        }
        if !plan.hosts.is_empty() && plan.hosts.len() != plan.validators {
            let reason = format!("{} hosts for {} validators: name one for each", plan.hosts.len(), plan.validators);
            return Err(NodeError::Setting { setting: "host", reason });
        }
        if dir.join(GENESIS_FILE).exists() {
            let reason = format!("{} has a network already: name another folder", dir.display());
            return Err(NodeError::Setting { setting: "dir", reason });
        }
        let keys = (0..plan.validators)
            .map(|index| {
                let own = folder(dir, index);
                fs::create_dir_all(&own).map_err(NodeError::file("create", &own))?;
                let node_key = load_or_create_node_key(&own.join(NODE_KEY_FILE))?;
                Ok((PrivateKeySigner::random(), node_key.public().to_peer_id().to_string()))
            })
            .collect::<Result<Vec<_>, NodeError>>()?;
        let validators = keys.iter().map(|(signer, _)| ValidatorConfig {
            account: signer.address(),
            public_key: compressed_public_key(signer),
            power: params::POWER_DEFAULT,
        });
        let (spec, genesis) = genesis(plan, validators.collect(), now)?;
        let addresses: Vec<String> =
            keys.iter().enumerate().map(|(index, (_, peer_id))| plan.listening(index).multiaddress(peer_id)).collect();
        let mut folders = Vec::with_capacity(keys.len());
        for (index, (signer, _)) in keys.iter().enumerate() {
            let own = folder(dir, index);
            let others = addresses.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<_> = others.map(|(_, address)| address.clone()).collect();
            let password = hex::encode(rand_bytes::<PASSWORD_BYTES>());
            write_new(&own.join(PASSWORD_FILE), format!("{password}\n").as_bytes(), 0o600)?;
            write_keystore(&own.join(KEYSTORE_FILE), signer, &password)?;
            write_new(&own.join(CONFIG_FILE), node_toml(&plan.listening(index), &others).as_bytes(), 0o644)?;
            write_new(&own.join(GENESIS_FILE), &genesis, 0o644)?;
            write_new(&own.join("pervade.service"), SYSTEMD_UNIT.as_bytes(), 0o644)?;
            folders.push(ValidatorFolder { dir: own, account: signer.address() });
        }
        write_new(&dir.join("compose.yaml"), compose_yaml(plan.validators).as_bytes(), 0o644)?;
        // Last: a folder with it is whole.
        write_new(&dir.join(GENESIS_FILE), &genesis, 0o644)?;
        Ok(Self { dir: dir.to_owned(), spec, validators: folders })
    }

    /// The network that a folder has; `None` if it has none.
    ///
    /// # Errors
    /// Its genesis is refused, or the folder of a validator is missing.
    pub fn open(dir: &Path) -> Result<Option<Self>, NodeError> {
        let file = dir.join(GENESIS_FILE);
        if !file.exists() {
            return Ok(None);
        }
        let spec = ChainSpec::read(&file)?;
        let accounts = spec.pervade().map(|pervade| pervade.validators.clone()).unwrap_or_default();
        let mut validators = Vec::with_capacity(accounts.len());
        for (index, validator) in accounts.iter().enumerate() {
            let own = folder(dir, index);
            if !own.join(CONFIG_FILE).exists() {
                let reason = format!("{} is missing: make the network again", own.join(CONFIG_FILE).display());
                return Err(NodeError::Setting { setting: "dir", reason });
            }
            validators.push(ValidatorFolder { dir: own, account: validator.account });
        }
        Ok(Some(Self { dir: dir.to_owned(), spec, validators }))
    }
}

fn genesis(plan: &TestnetPlan, validators: Vec<ValidatorConfig>, now: u64) -> Result<(ChainSpec, Vec<u8>), NodeError> {
    let balance = U256::from(10).pow(U256::from(18)).saturating_mul(U256::from(plan.balance_ether));
    let network = NetworkParams {
        timestamp: now,
        funded: mnemonic_accounts(FUNDED_ACCOUNTS)?.iter().map(|account| (account.address(), balance)).collect(),
        gas_limit: plan.gas_limit,
        block_period_ms: plan.block_period_ms,
        empty_block_period_ms: plan.empty_block_period_ms,
        precompiles: PrecompileActivations::all_from_genesis(),
        ..NetworkParams::new(plan.chain_id, validators)
    };
    let mut json = serde_json::to_vec_pretty(&ChainSpec::new_network(network))
        .map_err(|e| NodeError::Stopped { part: "genesis builder", reason: e.to_string() })?;
    json.push(b'\n');
    Ok((ChainSpec::from_json("new genesis", &json)?, json))
}

/// Never overwrites; whoever reads a secret file is its owner from its first byte on.
fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), NodeError> {
    let write = || -> io::Result<()> {
        let mut file: File = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(NodeError::file("write", path))
}

fn rand_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    k256::elliptic_curve::rand_core::RngCore::fill_bytes(&mut k256::elliptic_curve::rand_core::OsRng, &mut bytes);
    bytes
}
