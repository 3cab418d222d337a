//! What the pool reads of the chain: senders at the head, and the rules of the block after it.
use crate::{PoolError, rules::NextBlockRules, sender::SenderAccount, state::AccountAt};
use alloy_consensus::Header;
use alloy_primitives::{Address, KECCAK256_EMPTY, U256, hex};
use pervade_chainspec::{ChainSpec, PermissionRule, params::PERMISSIONS_ALL};
use pervade_evm_ext::governance;
use pervade_storage::{Account, StateReader, Storage};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::warn;

/// Code of an account that delegates to another (EIP-7702) begins so. Such an account may send.
const DELEGATION_PREFIX: [u8; 3] = hex!("ef0100");
/// Size of such code: prefix and address.
const DELEGATION_BYTES: usize = 23;

/// The chain as the pool sees it. [`StoredChain`] in production; tests have their own.
pub(crate) trait Chain: Send + Sync {
    /// The account at the newest block, and that block's number.
    ///
    /// # Errors
    /// [`PoolError::SenderHasCode`], [`PoolError::Storage`].
    fn sender(&self, address: &Address) -> Result<AccountAt, PoolError>;

    /// What the head's state says of an account, as a sender; `None`: it cannot send, it is a contract.
    fn as_sender(&self, address: &Address, account: Option<&Account>) -> Option<SenderAccount>;

    /// What an account may do in the next block: bits `PERMISSION_…` of the chain's parameters.
    ///
    /// # Errors
    /// [`PoolError::Storage`].
    fn permissions(&self, _address: &Address) -> Result<u8, PoolError> {
        Ok(PERMISSIONS_ALL)
    }

    /// The rules of the block after `head`.
    fn rules_after(&self, head: &Header, total_difficulty: U256) -> NextBlockRules;
}

/// A chain on disk.
pub(crate) struct StoredChain {
    pub(crate) spec: Arc<ChainSpec>,
    pub(crate) storage: Storage,
    /// Wei per gas.
    pub(crate) min_tip: u128,
}

impl Chain for StoredChain {
    fn sender(&self, address: &Address) -> Result<AccountAt, PoolError> {
        let view = self.storage.latest_view();
        let account = sender_account(|| view.clone(), address, view.account(address)?.as_ref())?;
        Ok(AccountAt { block: view.number(), account })
    }

    fn as_sender(&self, address: &Address, account: Option<&Account>) -> Option<SenderAccount> {
        match sender_account(|| self.storage.latest_view(), address, account) {
            Ok(account) => Some(account),
            Err(PoolError::SenderHasCode { .. }) => None,
            Err(error) => {
                // Storage that cannot be read stops the node. Until then, execution knows whether this may send.
                warn!(%address, %error, "cannot read a sender's code");
                account.map(|account| SenderAccount { nonce: account.nonce, balance: account.balance })
            }
        }
    }

    fn permissions(&self, address: &Address) -> Result<u8, PoolError> {
        if self.spec.pervade().is_none_or(|chain| chain.permissions == PermissionRule::Off) {
            return Ok(PERMISSIONS_ALL);
        }
        let view = self.storage.latest_view();
        Ok(governance::permissions(&self.spec, &view, *address, view.number().saturating_add(1))?)
    }

    fn rules_after(&self, head: &Header, total_difficulty: U256) -> NextBlockRules {
        // A block is made no earlier than now, which may be past a fork's time.
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
        NextBlockRules::after(&self.spec, head, total_difficulty, now_s, self.min_tip)
    }
}

/// The account as a sender; one that does not exist may send too, if it needs no balance.
fn sender_account<S: StateReader>(
    state: impl FnOnce() -> S,
    address: &Address,
    account: Option<&Account>,
) -> Result<SenderAccount, PoolError> {
    let Some(account) = account else { return Ok(SenderAccount::default()) };
    if account.code_hash != KECCAK256_EMPTY {
        let code = state().code(&account.code_hash)?;
        let delegates = code.len() == DELEGATION_BYTES && code.starts_with(&DELEGATION_PREFIX);
        if !code.is_empty() && !delegates {
            return Err(PoolError::SenderHasCode { sender: *address, code_bytes: code.len() });
        }
    }
    Ok(SenderAccount { nonce: account.nonce, balance: account.balance })
}
