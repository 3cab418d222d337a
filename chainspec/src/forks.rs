//! Which fork rules hold for a block.
use crate::{config_json::BLOB_SCHEDULES, error::Refusal, fork_table, params};
use alloy_eips::{
    eip7594::MAX_BLOBS_PER_TX_FUSAKA,
    eip7840::{BLOB_BASE_COST, BlobParams},
};
use alloy_genesis::ChainConfig;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::{Address, U256};
use revm::primitives::hardfork::SpecId;
use std::collections::BTreeMap;

/// The forks of a chain by block number and by time, as its genesis file states them.
#[derive(Debug, Clone, Default)]
pub struct ForkSchedule {
    activations: BTreeMap<EthereumHardfork, ForkCondition>,
    /// Time and parameters of Cancun and the forks after it, in order.
    blob_params: Vec<(u64, BlobParams)>,
    deposit_contract: Option<Address>,
    terminal_total_difficulty: Option<U256>,
}

impl ForkSchedule {
    /// Reads the schedule of a chain configuration and checks that it is complete and in order.
    pub(crate) fn new(config: &ChainConfig) -> Result<Self, Refusal> {
        fork_table::check_order(config)?;
        let mut activations = BTreeMap::from([(EthereumHardfork::Frontier, ForkCondition::ZERO_BLOCK)]);
        for fork in fork_table::FORKS {
            let (Some(hardfork), Some(at)) = (fork.hardfork, (fork.activation)(config)) else { continue };
            if hardfork == EthereumHardfork::Dao && !config.dao_fork_support {
                continue;
            }
            activations
                .insert(hardfork, if fork.timed { ForkCondition::Timestamp(at) } else { ForkCondition::Block(at) });
        }
        // A chain that names Constantinople alone never had its flaw: geth reads it as both forks.
        if let Some(constantinople) = activations.get(&EthereumHardfork::Constantinople).copied() {
            activations.entry(EthereumHardfork::Petersburg).or_insert(constantinople);
        }
        Ok(Self {
            activations,
            blob_params: blob_params(config)?,
            deposit_contract: config.deposit_contract_address,
            terminal_total_difficulty: config.terminal_total_difficulty,
        })
    }

    /// When a fork happens; [`ForkCondition::Never`] if the file does not name it. Paris is by total difficulty:
    /// see [`Self::terminal_total_difficulty`].
    pub fn activation(&self, fork: EthereumHardfork) -> ForkCondition {
        self.activations.get(&fork).copied().unwrap_or(ForkCondition::Never)
    }

    /// Forks that the file names, in order, Frontier first.
    pub fn activations(&self) -> impl Iterator<Item = (EthereumHardfork, ForkCondition)> + '_ {
        self.activations.iter().map(|(fork, at)| (*fork, *at))
    }

    /// Total difficulty at which proof of work ends; `None` if it never does.
    pub fn terminal_total_difficulty(&self) -> Option<U256> {
        self.terminal_total_difficulty
    }

    /// Whether a fork holds by number and time alone, whatever the total difficulty.
    pub(crate) fn is_active(&self, fork: EthereumHardfork, number: u64, timestamp: u64) -> bool {
        self.activation(fork).active_at_timestamp_or_number(timestamp, number)
    }
}

/// The schedule seen from one block: whether that block is past the merge is known from its header
/// (difficulty zero and the parent's total difficulty at the terminal one), not from its number.
#[derive(Debug, Clone, Copy)]
pub struct BlockForks<'a> {
    /// The chain's schedule.
    pub schedule: &'a ForkSchedule,
    /// Number of the block.
    pub number: u64,
    /// Unix seconds of the block.
    pub timestamp: u64,
    /// The block is a proof-of-stake block (Paris rules or later).
    pub merged: bool,
}

impl BlockForks<'_> {
    /// Rules of execution. Constantinople runs as Petersburg: revm has no rules for it (see
    /// [`Self::has_net_gas_metering`]).
    pub fn spec_id(&self) -> SpecId {
        use EthereumHardfork as Fork;
        const NEWEST_FIRST: [(EthereumHardfork, SpecId); 14] = [
            (Fork::Osaka, SpecId::OSAKA),
            (Fork::Prague, SpecId::PRAGUE),
            (Fork::Cancun, SpecId::CANCUN),
            (Fork::Shanghai, SpecId::SHANGHAI),
            (Fork::Paris, SpecId::MERGE),
            (Fork::London, SpecId::LONDON),
            (Fork::Berlin, SpecId::BERLIN),
            (Fork::Istanbul, SpecId::ISTANBUL),
            (Fork::Petersburg, SpecId::PETERSBURG),
            (Fork::Constantinople, SpecId::PETERSBURG),
            (Fork::Byzantium, SpecId::BYZANTIUM),
            (Fork::SpuriousDragon, SpecId::SPURIOUS_DRAGON),
            (Fork::Tangerine, SpecId::TANGERINE),
            (Fork::Homestead, SpecId::HOMESTEAD),
        ];
        let newest = NEWEST_FIRST.iter().find(|(fork, _)| self.is_active(*fork));
        newest.map_or(SpecId::FRONTIER, |(_, spec)| *spec)
    }

    /// Whether a fork's rules hold for the block.
    pub fn is_active(&self, fork: EthereumHardfork) -> bool {
        self.ethereum_fork_activation(fork).active_at_timestamp_or_number(self.timestamp, self.number)
    }

    /// Whether SSTORE is priced by EIP-1283: Constantinople without Petersburg, which took it back.
    pub fn has_net_gas_metering(&self) -> bool {
        self.is_active(EthereumHardfork::Constantinople) && !self.is_active(EthereumHardfork::Petersburg)
    }

    /// Blob target, maximum and update fraction; `None` before Cancun. Follows the blob schedule, BPO forks included.
    pub fn blob_params(&self) -> Option<BlobParams> {
        if !self.merged {
            return None;
        }
        self.schedule.blob_params.iter().rev().find(|(time, _)| self.timestamp >= *time).map(|(_, params)| *params)
    }

    /// EIP-6110 deposit contract.
    pub fn deposit_contract(&self) -> Option<Address> {
        self.schedule.deposit_contract
    }
}

/// What alloy-evm's executor asks; Paris is answered from `merged`.
impl EthereumHardforks for BlockForks<'_> {
    fn ethereum_fork_activation(&self, fork: EthereumHardfork) -> ForkCondition {
        match (fork, self.schedule.activation(fork)) {
            (EthereumHardfork::Paris, _) if self.merged => ForkCondition::ZERO_BLOCK,
            // Shanghai and later stand on Paris: their times mean nothing to a block of proof of work.
            (_, ForkCondition::Timestamp(_)) if !self.merged => ForkCondition::Never,
            (_, condition) => condition,
        }
    }
}

/// EIP-7840: a file without a blob schedule means mainnet's; one with it must name every fork that it activates.
fn blob_params(config: &ChainConfig) -> Result<Vec<(u64, BlobParams)>, Refusal> {
    let times = [
        config.cancun_time,
        config.prague_time,
        config.osaka_time,
        config.bpo1_time,
        config.bpo2_time,
        config.bpo3_time,
        config.bpo4_time,
        config.bpo5_time,
    ];
    let mainnet = [BlobParams::cancun(), BlobParams::prague(), BlobParams::osaka()];
    let mut schedule = Vec::new();
    for (index, (name, time)) in BLOB_SCHEDULES.into_iter().zip(times).enumerate() {
        let Some(time) = time else { continue };
        let default = mainnet.get(index).filter(|_| config.blob_schedule.is_empty());
        let Some(params) = config.blob_schedule.get(name).or(default).copied() else {
            let reason =
                format!("required, since config.{name}Time is set; give target, max and baseFeeUpdateFraction");
            return Err(Refusal::new(format!("config.blobSchedule.{name}"), reason));
        };
        check_blob_params(name, &params)?;
        let before_osaka = matches!(name, "cancun" | "prague");
        let params = if before_osaka {
            params.with_max_blobs_per_tx(params.max_blob_count)
        } else {
            // EIP-7594 and EIP-7918
            params.with_max_blobs_per_tx(MAX_BLOBS_PER_TX_FUSAKA).with_blob_base_cost(BLOB_BASE_COST)
        };
        schedule.push((time, params));
    }
    Ok(schedule)
}

fn check_blob_params(name: &str, blobs: &BlobParams) -> Result<(), Refusal> {
    let refuse = |field: &str, reason| Err(Refusal::new(format!("config.blobSchedule.{name}.{field}"), reason));
    if blobs.max_blob_count == 0 || blobs.max_blob_count > params::BLOBS_PER_BLOCK_MAX {
        let allowed = params::BLOBS_PER_BLOCK_MAX;
        return refuse("max", format!("{} blobs a block; allowed are 1 to {allowed}", blobs.max_blob_count));
    }
    if blobs.target_blob_count > blobs.max_blob_count {
        let (target, max) = (blobs.target_blob_count, blobs.max_blob_count);
        return refuse("target", format!("{target} is above the maximum of {max}; lower it"));
    }
    if blobs.update_fraction == 0 {
        return refuse("baseFeeUpdateFraction", "zero; the blob fee divides by it (mainnet: 5007716)".to_owned());
    }
    Ok(())
}
