//! The development network: one validator, funded accounts of a well-known mnemonic, Osaka rules.
//!
//! Everything about it is a function of its settings, so that a kept data directory opens again.
use crate::{NodeError, config::DevConfig, keys::compressed_public_key, producer::Pacing};
use alloy_primitives::{Address, U256, hex, keccak256};
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use pervade_chainspec::{ChainSpec, NetworkParams, PrecompileActivations, ValidatorConfig, params};
use rayon::prelude::*;
use std::fmt::Write;

/// The mnemonic of every Ethereum development tool.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Wei of an ether.
const ETHER: u128 = 1_000_000_000_000_000_000;

/// A development network.
#[derive(Debug, Clone)]
pub struct DevNetwork {
    /// The chain.
    pub spec: ChainSpec,
    /// Its genesis file's text.
    pub genesis_json: Vec<u8>,
    /// The only validator. Its key is public: derived from a constant.
    pub validator: PrivateKeySigner,
    /// The funded accounts, in order of the mnemonic.
    pub accounts: Vec<PrivateKeySigner>,
    /// When blocks are made.
    pub pacing: Pacing,
    balance_ether: u64,
}

impl DevNetwork {
    /// The network that these settings describe.
    ///
    /// # Errors
    /// The settings make no valid genesis.
    pub fn new(config: &DevConfig) -> Result<Self, NodeError> {
        let accounts = mnemonic_accounts(config.accounts)?;
        let validator = validator()?;
        let balance = U256::from(ETHER).saturating_mul(U256::from(config.balance));
        let funded: Vec<(Address, U256)> = accounts.iter().map(|account| (account.address(), balance)).collect();
        let spec = genesis(config.gaslimit, &validator, funded)?;
        let genesis_json = serde_json::to_vec_pretty(spec.genesis())
            .map_err(|e| NodeError::Stopped { part: "development network", reason: e.to_string() })?;
        Ok(Self { spec, genesis_json, validator, accounts, pacing: pacing(config), balance_ether: config.balance })
    }

    /// What is printed at the start: accounts and their keys, which are as public as the mnemonic.
    pub fn banner(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ =
            writeln!(text, "\nAccounts, each with {} ether (chain id {}):", self.balance_ether, self.spec.chain_id());
        for (index, account) in self.accounts.iter().enumerate() {
            let _ = writeln!(text, "  ({index}) {}", account.address());
        }
        let _ = writeln!(text, "\nPrivate keys:");
        for (index, account) in self.accounts.iter().enumerate() {
            let _ = writeln!(text, "  ({index}) 0x{}", hex::encode(account.to_bytes()));
        }
        let _ = writeln!(text, "\nMnemonic:  {MNEMONIC}\nPath:      m/44'/60'/0'/0/index\n");
        text
    }
}

/// A block on demand, or one each period.
fn pacing(config: &DevConfig) -> Pacing {
    let period = config.period.0;
    Pacing { block_period: period, empty_block_period: (!period.is_zero()).then_some(period) }
}

/// The first accounts of [`MNEMONIC`].
///
/// # Errors
/// A number that is no index of a path.
pub fn mnemonic_accounts(count: u32) -> Result<Vec<PrivateKeySigner>, NodeError> {
    // A derivation costs 2,048 rounds of HMAC-SHA-512: in parallel, thousands stay below a few seconds.
    (0..count)
        .into_par_iter()
        .map(|index| {
            MnemonicBuilder::try_from_phrase_nth(MNEMONIC, index)
                .map_err(|e| NodeError::Setting { setting: "dev.accounts", reason: e.to_string() })
        })
        .collect()
}

/// The validator's key: apart from the accounts, so that fees do not change their balances.
fn validator() -> Result<PrivateKeySigner, NodeError> {
    let secret = keccak256("pervade development validator");
    PrivateKeySigner::from_bytes(&secret)
        .map_err(|e| NodeError::Stopped { part: "development network", reason: e.to_string() })
}

fn genesis(gas_limit: u64, validator: &PrivateKeySigner, funded: Vec<(Address, U256)>) -> Result<ChainSpec, NodeError> {
    let validators = vec![ValidatorConfig {
        account: validator.address(),
        public_key: compressed_public_key(validator),
        power: params::POWER_DEFAULT,
    }];
    let network = NetworkParams {
        funded,
        gas_limit,
        // What paces blocks here is the command line; the genesis says the same for all periods, so that a kept data
        // directory opens with another one.
        block_period_ms: 0,
        empty_block_period_ms: 0,
        precompiles: PrecompileActivations::all_from_genesis(),
        ..NetworkParams::new(params::DEV_CHAIN_ID, validators)
    };
    Ok(ChainSpec::from_genesis(ChainSpec::new_network(network), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NodeOptions;

    fn network(count: u32) -> DevNetwork {
        let config = NodeOptions::default().dev.or_defaults(true);
        DevNetwork::new(&DevConfig { accounts: count, ..config }).unwrap()
    }

    #[test]
    fn the_accounts_are_those_of_every_development_tool() {
        let accounts = network(2).accounts;
        assert_eq!(accounts[0].address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        assert_eq!(accounts[1].address().to_string(), "0x70997970C51812dc3A010C7d01b50e0d17dc79C8");
    }

    #[test]
    fn the_chain_is_the_same_each_time_and_reads_back_from_its_file() {
        let (one, two) = (network(1), network(1));
        assert_eq!(one.spec.genesis_hash(), two.spec.genesis_hash());
        let read = ChainSpec::from_json("genesis.json", &one.genesis_json).unwrap();
        assert_eq!(read.genesis_hash(), one.spec.genesis_hash());
        assert_eq!(read.chain_id(), 1337);
    }
}
