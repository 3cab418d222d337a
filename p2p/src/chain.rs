//! Which chain this node is on, and whether a peer is on the same.
use crate::status::{Head, Status, Welcome};
use alloy_eips::eip2124::{self, ForkFilter, ForkFilterKey, ForkId};
use alloy_primitives::{B256, U256};
use pervade_chainspec::{Activation, ChainSpec, ForkCondition};

/// What a peer must share with this node: chain id, genesis block, and a fork schedule that does not contradict
/// (EIP-2124, with times by EIP-6122; precompile activations count as forks).
#[derive(Debug, Clone)]
pub struct ChainIdentity {
    chain_id: u64,
    genesis_hash: B256,
    forks: ForkFilter,
}

impl ChainIdentity {
    /// The identity of the chain that a genesis file describes.
    pub fn new(spec: &ChainSpec) -> Self {
        let ethereum = spec.schedule().activations().filter_map(|(_, at)| match at {
            ForkCondition::Block(number) => Some(ForkFilterKey::Block(number)),
            ForkCondition::Timestamp(time) => Some(ForkFilterKey::Time(time)),
            _ => None,
        });
        let precompiles = spec.pervade().map(|pervade| pervade.precompiles);
        let pervade = precompiles.into_iter().flat_map(|at| {
            [at.things, at.contract_database, at.semantics, at.governance].into_iter().filter_map(|at| match at {
                Activation::Block(number) => Some(ForkFilterKey::Block(number)),
                Activation::Time(time) => Some(ForkFilterKey::Time(time)),
                Activation::Never => None,
            })
        });
        let time = spec.genesis_header().timestamp;
        Self::with_forks(spec.chain_id(), spec.genesis_hash(), time, ethereum.chain(pervade))
    }

    /// An identity from its parts: `genesis_timestamp` in Unix seconds; forks in any order, those of the genesis ignored.
    pub fn with_forks(
        chain_id: u64,
        genesis_hash: B256,
        genesis_timestamp: u64,
        forks: impl IntoIterator<Item = ForkFilterKey>,
    ) -> Self {
        let head = eip2124::Head { timestamp: genesis_timestamp, ..Default::default() };
        Self { chain_id, genesis_hash, forks: ForkFilter::new(head, genesis_hash, genesis_timestamp, forks) }
    }

    /// Chain id.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Hash of the genesis block.
    pub fn genesis_hash(&self) -> B256 {
        self.genesis_hash
    }

    /// The fork id at the head last told.
    pub fn fork_id(&self) -> ForkId {
        self.forks.current()
    }

    /// The status of a node of this chain with that head.
    pub(crate) fn status(&mut self, head: Head) -> Status {
        self.forks.set_head(eip2124::Head {
            number: head.number,
            hash: head.hash,
            difficulty: U256::ZERO,
            total_difficulty: U256::ZERO,
            timestamp: head.timestamp,
        });
        Status { chain_id: self.chain_id, genesis_hash: self.genesis_hash, fork_id: self.fork_id(), head }
    }

    /// Whether a peer with that status may stay.
    pub(crate) fn judge(&self, status: &Status) -> Welcome {
        if status.chain_id != self.chain_id {
            return Welcome::OtherChainId;
        }
        if status.genesis_hash != self.genesis_hash {
            return Welcome::OtherGenesis;
        }
        match self.forks.validate(status.fork_id) {
            Ok(()) => Welcome::Welcome,
            Err(_) => Welcome::OtherForks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(chain_id: u64, genesis: u8, forks: &[u64]) -> ChainIdentity {
        let forks = forks.iter().map(|number| ForkFilterKey::Block(*number));
        ChainIdentity::with_forks(chain_id, B256::repeat_byte(genesis), 0, forks)
    }

    fn at(number: u64) -> Head {
        Head { number, timestamp: number, ..Head::default() }
    }

    #[test]
    fn a_peer_of_the_same_chain_is_welcome_behind_ahead_and_before_a_fork() {
        let (mut own, mut other) = (chain(1, 1, &[10, 20]), chain(1, 1, &[10, 20]));
        for (here, there) in [(0, 0), (15, 5), (5, 15), (25, 0), (0, 25)] {
            own.status(at(here));
            assert_eq!(own.judge(&other.status(at(there))), Welcome::Welcome, "{here} {there}");
        }
    }

    #[test]
    fn another_chain_id_genesis_or_passed_fork_is_not_welcome() {
        let mut own = chain(1, 1, &[10]);
        own.status(at(15));
        assert_eq!(own.judge(&chain(2, 1, &[10]).status(at(15))), Welcome::OtherChainId);
        assert_eq!(own.judge(&chain(1, 2, &[10]).status(at(15))), Welcome::OtherGenesis);
        assert_eq!(own.judge(&chain(1, 1, &[11]).status(at(15))), Welcome::OtherForks);
        assert_eq!(own.judge(&chain(1, 1, &[]).status(at(15))), Welcome::OtherForks, "it did not upgrade in time");
    }

    #[test]
    fn a_peer_that_does_not_know_a_coming_fork_is_welcome_until_then() {
        let (mut own, mut old) = (chain(1, 1, &[10, 20]), chain(1, 1, &[10]));
        own.status(at(15));
        assert_eq!(own.judge(&old.status(at(15))), Welcome::Welcome);
        own.status(at(20));
        assert_eq!(own.judge(&old.status(at(20))), Welcome::OtherForks);
    }

    #[test]
    fn the_fork_id_is_that_of_eip_2124() {
        // Mainnet at its genesis: the first vector of the EIP.
        let genesis = alloy_primitives::b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");
        let mut mainnet = ChainIdentity::with_forks(1, genesis, 0, [ForkFilterKey::Block(1_150_000)]);
        let status = mainnet.status(at(0));
        assert_eq!((status.fork_id.hash.0, status.fork_id.next), ([0xfc, 0x64, 0xec, 0x04], 1_150_000));
    }
}
