//! Arguments of `pervade genesis`, each read into the type that the chain specification has for it.
use alloy_primitives::{Address, Bytes, U256, hex, utils::parse_ether};
use clap::{Args, ValueEnum};
use pervade_chainspec::{
    Activation, BaseFeeRule, BeneficiaryRule, NetworkParams, PermissionRule, ValidatorConfig, params,
};
use std::path::PathBuf;

/// Arguments of `pervade genesis new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Chain id (EIP-155) of the network
    #[arg(long, value_name = "ID")]
    pub chain_id: u64,
    /// Validator: account, compressed public key (see `pervade keys show`), voting power (1); repeat for each
    #[arg(long = "validator", value_name = "ACCOUNT:PUBKEY[:POWER]", required = true, value_parser = validator)]
    pub validators: Vec<ValidatorConfig>,
    /// Account with money at the start, in ether; repeat for each
    #[arg(long = "fund", value_name = "ADDRESS=ETHER", value_parser = funded)]
    pub funded: Vec<(Address, U256)>,
    /// Shortest time between blocks with transactions, milliseconds
    #[arg(long, value_name = "MS", default_value_t = params::BLOCK_PERIOD_MS_DEFAULT)]
    pub block_period_ms: u64,
    /// Longest time without a block, milliseconds; 0: no empty blocks
    #[arg(long, value_name = "MS", default_value_t = params::EMPTY_BLOCK_PERIOD_MS_DEFAULT)]
    pub empty_block_period_ms: u64,
    /// Gas limit of every block
    #[arg(long, value_name = "GAS", default_value_t = params::GAS_LIMIT_DEFAULT)]
    pub gas_limit: u64,
    /// Base fee, wei per gas: dynamic, dynamic:MINIMUM, fixed:VALUE or zero
    #[arg(long, value_name = "RULE", default_value = "dynamic", value_parser = base_fee)]
    pub base_fee: BaseFeeRule,
    /// Share of the gas limit for system transactions, percent
    #[arg(long, value_name = "PERCENT", default_value_t = params::SYSTEM_GAS_SHARE_PERCENT_DEFAULT)]
    pub system_gas_share: u64,
    /// Whether accounts need permissions to transact
    #[arg(long, value_enum, value_name = "SWITCH", default_value_t = Switch::Off)]
    pub permissions: Switch,
    /// Who gets the fees of a block: proposer or an address
    #[arg(long, value_name = "WHO", default_value = "proposer", value_parser = beneficiary)]
    pub beneficiary: BeneficiaryRule,
    /// First block or time (Unix seconds) of a precompile: NAME=block:N or NAME=time:N; repeat for each
    #[arg(long = "precompile", value_name = "NAME=WHEN", value_parser = precompile)]
    pub precompiles: Vec<(Precompile, Activation)>,
    /// Time of the genesis block, Unix seconds [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub timestamp: Option<u64>,
    /// Genesis file to write; it must not exist [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Arguments of `pervade genesis check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Genesis file to check
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// Off.
    Off,
    /// On.
    On,
}

/// One of the four precompiles, by its name in the genesis file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precompile {
    /// Thing Communication.
    Things,
    /// Contract Database.
    ContractDatabase,
    /// Semantics.
    Semantics,
    /// Governance.
    Governance,
}

impl NewArgs {
    /// The network that was asked for; `now` is its time if none was.
    pub fn into_network(self, now: u64) -> NetworkParams {
        let mut network = NetworkParams::new(self.chain_id, self.validators);
        network.timestamp = self.timestamp.unwrap_or(now);
        network.funded = self.funded;
        network.gas_limit = self.gas_limit;
        network.block_period_ms = self.block_period_ms;
        network.empty_block_period_ms = self.empty_block_period_ms;
        network.base_fee = self.base_fee;
        network.system_gas_share_percent = self.system_gas_share;
        network.permissions = match self.permissions {
            Switch::Off => PermissionRule::Off,
            Switch::On => PermissionRule::On,
        };
        network.beneficiary = self.beneficiary;
        for (precompile, activation) in self.precompiles {
            let target = match precompile {
                Precompile::Things => &mut network.precompiles.things,
                Precompile::ContractDatabase => &mut network.precompiles.contract_database,
                Precompile::Semantics => &mut network.precompiles.semantics,
                Precompile::Governance => &mut network.precompiles.governance,
            };
            *target = activation;
        }
        network
    }
}

fn validator(text: &str) -> Result<ValidatorConfig, String> {
    let mut parts = text.splitn(3, ':');
    let (Some(account), Some(key)) = (parts.next(), parts.next()) else {
        return Err("write ACCOUNT:PUBKEY or ACCOUNT:PUBKEY:POWER".to_owned());
    };
    let power = match parts.next() {
        None => params::POWER_DEFAULT,
        Some(power) => power.parse().map_err(|_| format!("`{power}` is not a power: digits are"))?,
    };
    let public_key = hex::decode(key).map(Bytes::from).map_err(|_| {
        format!("`{key}` is not a public key: 66 hexadecimal digits are, as `pervade keys show` prints")
    })?;
    Ok(ValidatorConfig { account: address(account)?, public_key, power })
}

fn funded(text: &str) -> Result<(Address, U256), String> {
    let (account, amount) = text.split_once('=').ok_or("write ADDRESS=ETHER")?;
    let digits = amount.chars().filter(char::is_ascii_digit).count();
    if digits == 0 || !amount.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(format!("`{amount}` is not an amount of ether such as 10000 or 0.5"));
    }
    if amount.split_once('.').is_some_and(|(_, decimals)| decimals.len() > 18) {
        return Err(format!("`{amount}`: ether has 18 decimals"));
    }
    let wei = parse_ether(amount).map_err(|_| format!("`{amount}` is not an amount of ether such as 10000 or 0.5"))?;
    Ok((address(account)?, wei))
}

fn base_fee(text: &str) -> Result<BaseFeeRule, String> {
    let wei = |text: &str| text.parse().map_err(|_| format!("`{text}` is not a number of wei"));
    match text.split_once(':') {
        None if text == "dynamic" => Ok(BaseFeeRule::default()),
        None if text == "zero" => Ok(BaseFeeRule::Zero),
        Some(("dynamic", minimum)) => Ok(BaseFeeRule::Dynamic { minimum: wei(minimum)? }),
        Some(("fixed", value)) => Ok(BaseFeeRule::Fixed { value: wei(value)? }),
        _ => Err("write dynamic, dynamic:MINIMUM, fixed:VALUE or zero".to_owned()),
    }
}

fn beneficiary(text: &str) -> Result<BeneficiaryRule, String> {
    match text {
        "proposer" => Ok(BeneficiaryRule::Proposer),
        _ => match address(text) {
            Ok(address) => Ok(BeneficiaryRule::Fixed { address }),
            Err(_) => Err("write proposer or an address".to_owned()),
        },
    }
}

fn precompile(text: &str) -> Result<(Precompile, Activation), String> {
    const HOW: &str = "write NAME=block:N or NAME=time:N";
    let (name, when) = text.split_once('=').ok_or(HOW)?;
    let precompile = match name {
        "things" => Precompile::Things,
        "contractDatabase" => Precompile::ContractDatabase,
        "semantics" => Precompile::Semantics,
        "governance" => Precompile::Governance,
        _ => return Err("the names are things, contractDatabase, semantics, governance".to_owned()),
    };
    let (unit, number) = when.split_once(':').ok_or(HOW)?;
    let number = number.parse().map_err(|_| format!("`{number}` is not a number"))?;
    match unit {
        "block" => Ok((precompile, Activation::Block(number))),
        "time" => Ok((precompile, Activation::Time(number))),
        _ => Err(HOW.to_owned()),
    }
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address: 40 hexadecimal digits are"))
}
