//! [`ChainSpec`]: a parsed and checked genesis file.
use crate::{
    BeneficiaryRule, BlockForks, ChainSpecError, ForkSchedule, PervadeConfig, error::Refusal, fees, genesis_json,
    header, network_check, params,
};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, U256};
use std::{fs::File, io::Read, path::Path, sync::Arc};

/// A chain: what its genesis file says, checked. Cheap to share in an `Arc`.
#[derive(Debug, Clone)]
pub struct ChainSpec {
    genesis: Genesis,
    header: Header,
    hash: B256,
    forks: ForkSchedule,
    pervade: Option<Arc<PervadeConfig>>,
}

impl ChainSpec {
    /// Reads and checks a genesis file.
    ///
    /// # Errors
    /// The file cannot be read, or [`Self::from_json`] refuses it.
    pub fn read(file: &Path) -> Result<Self, ChainSpecError> {
        let name = file.display().to_string();
        let json = read_bounded(file).map_err(|source| ChainSpecError::Read { file: name.clone(), source })?;
        Self::from_json(&name, &json)
    }

    /// Parses and checks genesis JSON; `file` names its origin in errors.
    ///
    /// # Errors
    /// [`ChainSpecError::Field`] with the path of the field that is missing, malformed, out of range, at odds with
    /// another one, or unknown in `config.pervade`.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self, ChainSpecError> {
        let (genesis, pervade) = genesis_json::read(json).map_err(|refusal| refusal.in_file(file))?;
        Self::checked(genesis, pervade).map_err(|refusal| refusal.in_file(file))
    }

    /// Checks a genesis that is already parsed (tests, `--dev`). `pervade` overrides `config.pervade`, which
    /// otherwise is read from the configuration's extra fields.
    ///
    /// # Errors
    /// As [`Self::from_json`]; the file is called `genesis`.
    pub fn from_genesis(genesis: Genesis, pervade: Option<PervadeConfig>) -> Result<Self, ChainSpecError> {
        let checked = || {
            let pervade = match pervade {
                Some(pervade) => Some(pervade),
                None => genesis_json::read_pervade(&genesis)?,
            };
            Self::checked(genesis, pervade)
        };
        checked().map_err(|refusal: Refusal| refusal.in_file("genesis"))
    }

    fn checked(mut genesis: Genesis, pervade: Option<PervadeConfig>) -> Result<Self, Refusal> {
        if genesis.gas_limit == 0 {
            let reason = "zero: no transaction would fit; geth takes 4712388 (0x47e7c4) instead, write it down";
            return Err(Refusal::new("gasLimit", reason));
        }
        if genesis.number.is_some_and(|number| number != 0) {
            return Err(Refusal::new("number", "not zero; the genesis block is block 0, remove the field"));
        }
        let forks = ForkSchedule::new(&genesis.config)?;
        if let Some(pervade) = &pervade {
            network_check::check(&genesis, pervade, &forks)?;
            genesis.config.extra_fields.insert(genesis_json::PERVADE_FIELD.to_owned(), pervade.to_json());
        }
        let rule = pervade.as_ref().map(|pervade| pervade.base_fee);
        let header = header::genesis_header(&genesis, &forks, rule)?;
        let hash = header.hash_slow();
        Ok(Self { genesis, header, hash, forks, pervade: pervade.map(Arc::new) })
    }

    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        self.genesis.config.chain_id
    }

    /// The genesis file's contents.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Header of block 0, with the state root of `alloc`.
    pub fn genesis_header(&self) -> &Header {
        &self.header
    }

    /// Hash of block 0.
    pub fn genesis_hash(&self) -> B256 {
        self.hash
    }

    /// Whether block 0 counts as a proof-of-stake block: proof of work ends before it begins.
    pub fn genesis_is_merged(&self) -> bool {
        self.terminal_total_difficulty() == Some(U256::ZERO)
    }

    /// Pervade's own section; `None` for a plain Ethereum genesis, which is imported and served read-only.
    pub fn pervade(&self) -> Option<&PervadeConfig> {
        self.pervade.as_deref()
    }

    /// As [`Self::pervade`], to keep.
    pub fn pervade_shared(&self) -> Option<Arc<PervadeConfig>> {
        self.pervade.clone()
    }

    /// The chain's forks.
    pub fn schedule(&self) -> &ForkSchedule {
        &self.forks
    }

    /// Fork rules of a block.
    pub fn forks_at(&self, number: u64, timestamp: u64, merged: bool) -> BlockForks<'_> {
        BlockForks { schedule: &self.forks, number, timestamp, merged }
    }

    /// Total difficulty at which proof of work ends; `None` if it never does.
    pub fn terminal_total_difficulty(&self) -> Option<U256> {
        self.forks.terminal_total_difficulty()
    }

    /// Base fee of the block after `parent`, wei per gas: EIP-1559 (with the London transition) or the chain's own
    /// rule. `None` before London.
    pub fn next_base_fee(&self, parent: &Header, child: BlockForks<'_>) -> Option<u64> {
        fees::next_base_fee(self.pervade.as_ref().map(|pervade| pervade.base_fee), parent, child)
    }

    /// Excess blob gas of the block after `parent` (EIP-4844, EIP-7918, blob schedule). `None` before Cancun.
    pub fn next_excess_blob_gas(&self, parent: &Header, child: BlockForks<'_>) -> Option<u64> {
        fees::next_excess_blob_gas(parent, child)
    }

    /// Who gets the fees of a block proposed by `proposer`.
    pub fn beneficiary(&self, proposer: Address) -> Address {
        match self.pervade.as_ref().map(|pervade| pervade.beneficiary) {
            Some(BeneficiaryRule::Fixed { address }) => address,
            Some(BeneficiaryRule::Proposer) | None => proposer,
        }
    }
}

/// Reads a whole file, up to the limit: the path may be a device or a pipe without end.
fn read_bounded(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(params::GENESIS_FILE_BYTES_MAX.saturating_add(1)).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len <= params::GENESIS_FILE_BYTES_MAX) {
        return Ok(bytes);
    }
    let reason = format!("the file exceeds {} bytes; is it a genesis file?", params::GENESIS_FILE_BYTES_MAX);
    Err(std::io::Error::other(reason))
}
