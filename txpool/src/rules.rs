//! What the next block asks of a transaction, as far as the transaction alone can tell.
use crate::PoolError;
use alloy_consensus::{Header, Transaction as _};
use alloy_eips::{
    Typed2718,
    eip2718::{EIP1559_TX_TYPE_ID, EIP2930_TX_TYPE_ID, EIP4844_TX_TYPE_ID, EIP7702_TX_TYPE_ID, LEGACY_TX_TYPE_ID},
    eip7825::MAX_TX_GAS_LIMIT_OSAKA,
};
use alloy_primitives::U256;
use pervade_chainspec::ChainSpec;
use pervade_storage::Transaction;
use revm::{
    context_interface::cfg::GasParams,
    primitives::{eip3860::MAX_INITCODE_SIZE, hardfork::SpecId},
};

/// The rules of the block after the head, and the least tip that this node takes.
#[derive(Debug, Clone)]
pub(crate) struct NextBlockRules {
    pub(crate) chain_id: u64,
    pub(crate) fork: SpecId,
    /// Blob transactions are taken: on Ethereum's own chains.
    pub(crate) takes_blobs: bool,
    pub(crate) gas_params: GasParams,
    /// Wei per gas; `None` before London.
    pub(crate) base_fee: Option<u64>,
    /// Gas of the block.
    pub(crate) gas_limit: u64,
    /// Wei per gas.
    pub(crate) min_tip: u128,
}

impl NextBlockRules {
    /// The rules after `head`. `now_s`: a block is made no earlier than now, which may be past a fork's time.
    pub(crate) fn after(
        spec: &ChainSpec,
        head: &Header,
        total_difficulty: U256,
        now_s: u64,
        min_tip: u128,
    ) -> NextBlockRules {
        let merged = spec.pervade().is_some()
            || spec.terminal_total_difficulty().is_some_and(|terminal| total_difficulty >= terminal);
        let forks = spec.forks_at(head.number.saturating_add(1), head.timestamp.max(now_s), merged);
        let fork = forks.spec_id();
        Self {
            chain_id: spec.chain_id(),
            fork,
            takes_blobs: spec.pervade().is_none(),
            gas_params: GasParams::new_spec(fork),
            base_fee: spec.next_base_fee(head, forks),
            gas_limit: head.gas_limit,
            min_tip,
        }
    }

    /// Whether a transaction that was valid under `before` may be invalid now.
    pub(crate) fn stricter_than(&self, before: &Self) -> bool {
        self.fork != before.fork || self.gas_limit < before.gas_limit
    }

    /// Checks all that needs neither sender nor state, in geth's order.
    pub(crate) fn check(&self, transaction: &Transaction) -> Result<(), PoolError> {
        self.check_type(transaction)?;
        self.check_size_and_gas(transaction)?;
        let (fee_cap, tip_cap) = (transaction.max_fee_per_gas(), transaction.max_priority_fee_per_gas());
        if tip_cap.is_some_and(|tip| tip > fee_cap) {
            return Err(PoolError::TipAboveFeeCap);
        }
        match transaction.chain_id() {
            None => return Err(PoolError::Unprotected),
            Some(found) if found != self.chain_id => {
                return Err(PoolError::ChainId { found, expected: self.chain_id });
            }
            Some(_) => {}
        }
        if transaction.nonce() == u64::MAX {
            return Err(PoolError::NonceMax);
        }
        self.check_intrinsic_gas(transaction)?;
        let tip = tip_cap.unwrap_or(fee_cap);
        if tip < self.min_tip {
            return Err(PoolError::TipTooLow { tip, needed: self.min_tip });
        }
        if transaction.max_fee_per_blob_gas() == Some(0) {
            return Err(PoolError::BlobFeeTooLow);
        }
        if transaction.authorization_list().is_some_and(<[_]>::is_empty) {
            return Err(PoolError::NoAuthorizations);
        }
        Ok(())
    }

    fn check_type(&self, transaction: &Transaction) -> Result<(), PoolError> {
        let (since, name) = match transaction.ty() {
            LEGACY_TX_TYPE_ID => return Ok(()),
            EIP2930_TX_TYPE_ID => (SpecId::BERLIN, "Berlin"),
            EIP1559_TX_TYPE_ID => (SpecId::LONDON, "London"),
            EIP4844_TX_TYPE_ID if self.takes_blobs => (SpecId::CANCUN, "Cancun"),
            EIP7702_TX_TYPE_ID => (SpecId::PRAGUE, "Prague"),
            _ => return Err(PoolError::no_blob_transactions()),
        };
        if self.fork.is_enabled_in(since) {
            return Ok(());
        }
        let detail = format!(": type {} rejected, pool not yet in {name}", transaction.ty());
        Err(PoolError::TypeNotSupported { detail })
    }

    fn check_size_and_gas(&self, transaction: &Transaction) -> Result<(), PoolError> {
        let initcode_bytes = if transaction.is_create() { transaction.input().len() } else { 0 };
        if self.fork.is_enabled_in(SpecId::SHANGHAI) && initcode_bytes > MAX_INITCODE_SIZE {
            return Err(PoolError::InitcodeSize { bytes: initcode_bytes, limit: MAX_INITCODE_SIZE });
        }
        let gas = transaction.gas_limit();
        if self.fork.is_enabled_in(SpecId::OSAKA) && gas > MAX_TX_GAS_LIMIT_OSAKA {
            return Err(PoolError::GasLimitTooHigh { cap: MAX_TX_GAS_LIMIT_OSAKA, gas });
        }
        if gas > self.gas_limit {
            return Err(PoolError::ExceedsBlockGasLimit);
        }
        Ok(())
    }

    /// Intrinsic gas with access list (EIP-2930), creation code (EIP-3860) and authorizations (EIP-7702), and the
    /// floor of EIP-7623.
    fn check_intrinsic_gas(&self, transaction: &Transaction) -> Result<(), PoolError> {
        let (accounts, slots) = transaction.access_list().map_or((0, 0), |list| {
            (list.0.len() as u64, list.0.iter().map(|item| item.storage_keys.len() as u64).sum::<u64>())
        });
        let authorizations = transaction.authorization_list().map_or(0, |list| list.len() as u64);
        let needed = self.gas_params.initial_tx_gas(
            transaction.input(),
            transaction.is_create(),
            accounts,
            slots,
            authorizations,
            None,
        );
        let gas = transaction.gas_limit();
        if gas < needed.initial_regular_gas {
            return Err(PoolError::IntrinsicGas { gas, needed: needed.initial_regular_gas });
        }
        if self.fork.is_enabled_in(SpecId::PRAGUE) && gas < needed.floor_gas {
            return Err(PoolError::FloorGas { gas, needed: needed.floor_gas });
        }
        Ok(())
    }
}
