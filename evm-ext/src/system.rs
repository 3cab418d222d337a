//! System transactions: the tail of a block that the protocol itself sends (callbacks, triggers, waiting votes).
//!
//! ```text
//! legacy transaction (EIP-155) of SYSTEM_ACCOUNT
//!   nonce     the account's        gas price  0
//!   to        the precompile whose work it is
//!   data      32 bytes: kind of work in the first, its id in the rest
//! ```
//!
//! They are signed with a key that everybody knows. Which ones a block has is a function of the state after its last
//! user transaction, so every validator computes the same and refuses a block that has others.
use crate::{BlockError, things::Item};
use alloy_consensus::{SignableTransaction, TxLegacy};
use alloy_primitives::{Address, TxKind, U256};
use pervade_chainspec::{
    ChainSpec,
    params::{GOVERNANCE_ADDRESS, SYSTEM_ACCOUNT, SYSTEM_ACCOUNT_KEY, THINGS_ADDRESS},
};
use pervade_storage::{RecoveredBlock, Transaction};

/// Highest byte of a waiting proposal's id in calldata. Kinds of things' work are below.
const PROPOSAL_KIND: usize = 3;
const KIND_BIT: usize = 248;

/// What a system transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SystemWork {
    /// Enacts a proposal that waited.
    Proposal(U256),
    /// Calls a contract for a trigger or request.
    Things(Item),
}

impl SystemWork {
    fn to(self) -> Address {
        match self {
            Self::Proposal(_) => GOVERNANCE_ADDRESS,
            Self::Things(_) => THINGS_ADDRESS,
        }
    }

    fn word(self) -> U256 {
        match self {
            Self::Proposal(id) => id | U256::from(PROPOSAL_KIND).wrapping_shl(KIND_BIT),
            Self::Things(item) => item.word(),
        }
    }

    /// Reads a system transaction's target and calldata.
    pub(crate) fn decode(to: Option<Address>, input: &[u8]) -> Option<Self> {
        let word = U256::from_be_bytes::<32>(input.try_into().ok()?);
        match to? {
            GOVERNANCE_ADDRESS if word.wrapping_shr(KIND_BIT) == U256::from(PROPOSAL_KIND) => {
                Some(Self::Proposal(word.wrapping_shl(8).wrapping_shr(8)))
            }
            THINGS_ADDRESS => Item::from_word(word).map(Self::Things),
            _ => None,
        }
    }

    /// The transaction that does it. `None` only if the known key could not sign, which never happens.
    pub(crate) fn sign(self, chain_id: u64, nonce: u64, gas_limit: u64) -> Option<Transaction> {
        let unsigned = TxLegacy {
            chain_id: Some(chain_id),
            nonce,
            gas_price: 0,
            gas_limit,
            to: TxKind::Call(self.to()),
            value: U256::ZERO,
            input: self.word().to_be_bytes::<32>().into(),
        };
        // RFC 6979: the same bytes on every node.
        let hash = unsigned.signature_hash();
        let signature = alloy_consensus::crypto::secp256k1::sign_message(SYSTEM_ACCOUNT_KEY, hash).ok()?;
        Some(unsigned.into_signed(signature).into())
    }
}

/// Number of user transactions: all before the first one of the system account.
pub(crate) fn user_transactions(spec: &ChainSpec, block: &RecoveredBlock) -> usize {
    let first_system = match spec.pervade() {
        Some(_) => block.senders.iter().position(|sender| *sender == SYSTEM_ACCOUNT),
        None => None,
    };
    first_system.unwrap_or(block.senders.len())
}

/// The tail of a block must be the computed one.
pub(crate) fn check_tail(stated: &[Transaction], computed: &[Transaction]) -> Result<(), BlockError> {
    let same = stated.len() == computed.len() && stated.iter().zip(computed).all(|(a, b)| a.tx_hash() == b.tx_hash());
    if same {
        return Ok(());
    }
    let reason = format!("{} system transactions, computed are {} or others", stated.len(), computed.len());
    Err(BlockError::Invalid { field: "transactions", reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};

    #[test]
    fn a_system_transaction_is_one_of_the_system_account_and_always_the_same_bytes() {
        let works = [
            SystemWork::Proposal(U256::from(7)),
            SystemWork::Things(Item::Trigger(U256::from(7))),
            SystemWork::Things(Item::Request(U256::from(8))),
        ];
        for work in works {
            let transaction = work.sign(77, 3, 600_000).unwrap();
            assert_eq!(transaction.recover_signer().unwrap(), SYSTEM_ACCOUNT);
            assert_eq!(transaction.tx_hash(), work.sign(77, 3, 600_000).unwrap().tx_hash());
            assert_eq!(SystemWork::decode(transaction.to(), transaction.input()), Some(work));
        }
        let golden = works[1].sign(77, 3, 600_000).unwrap();
        assert_eq!(golden.input()[..], [&[1][..], &[0; 30], &[7]].concat());
        assert_eq!((golden.nonce(), golden.gas_price(), golden.chain_id()), (3, Some(0), Some(77)));
    }

    #[test]
    fn other_calldata_means_nothing() {
        for input in [&[][..], &[1; 31], &[0; 32], &[1; 33]] {
            assert_eq!(SystemWork::decode(Some(THINGS_ADDRESS), input), None, "{input:?}");
        }
        let word = SystemWork::Proposal(U256::ONE).word().to_be_bytes::<32>();
        assert_eq!(SystemWork::decode(Some(THINGS_ADDRESS), &word), None);
        assert_eq!(SystemWork::decode(Some(Address::ZERO), &word), None);
    }
}
