//! [`JournalHost`]: the host of a call inside a transaction. Metered, and undone by a revert.
use super::{PrecompileError, PrecompileHost, prices};
use crate::{evm::PervadeContext, state::StateError};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Log, LogData, U256};
use pervade_storage::StateReader;
use revm::{
    context_interface::{Cfg, ContextTr, JournalTr, context::SStoreResult},
    interpreter::Gas,
};

/// Price of a log before topics and data (Yellow Paper, G_log).
const LOG_GAS: u64 = 375;

pub(super) struct JournalHost<'a, R: StateReader> {
    pub(super) context: &'a mut PervadeContext<R>,
    pub(super) gas: Gas,
}

impl<R: StateReader> JournalHost<'_, R> {
    fn sstore(&mut self, account: Address, slot: U256, value: U256) -> Result<(SStoreResult, bool), StateError> {
        let journal = self.context.journal_mut();
        journal.load_account(account)?;
        let stored = journal.sstore(account, slot, value)?;
        Ok((stored.data, stored.is_cold))
    }

    fn charge_account(&mut self, is_cold: bool) -> Result<(), PrecompileError> {
        let params = self.context.cfg.gas_params();
        let mut price = params.warm_storage_read_cost();
        if is_cold {
            price = price.saturating_add(params.cold_account_additional_cost());
        }
        self.charge(price)
    }
}

impl<R: StateReader> PrecompileHost for JournalHost<'_, R> {
    fn charge(&mut self, gas: u64) -> Result<(), PrecompileError> {
        if self.gas.record_regular_cost(gas) { Ok(()) } else { Err(PrecompileError::OutOfGas) }
    }

    fn gas_left(&self) -> u64 {
        self.gas.remaining()
    }

    fn load(&mut self, account: Address, slot: U256) -> Result<U256, PrecompileError> {
        let journal = self.context.journal_mut();
        journal.load_account(account).map_err(PrecompileError::from)?;
        let loaded = journal.sload(account, slot).map_err(PrecompileError::from)?;
        let params = self.context.cfg.gas_params();
        let mut price = params.warm_storage_read_cost();
        if loaded.is_cold {
            price = price.saturating_add(params.cold_storage_additional_cost());
        }
        self.charge(price)?;
        Ok(loaded.data)
    }

    fn store(&mut self, account: Address, slot: U256, value: U256) -> Result<(), PrecompileError> {
        // EIP-2200: no write with only a call's stipend.
        if self.gas.remaining() <= self.context.cfg.gas_params().call_stipend() {
            return Err(PrecompileError::OutOfGas);
        }
        let (stored, is_cold) = self.sstore(account, slot, value)?;
        let params = self.context.cfg.gas_params();
        let price = params.sstore_static_gas().saturating_add(params.sstore_dynamic_gas(true, &stored, is_cold));
        let refund = params.sstore_refund(true, &stored);
        self.charge(price)?;
        self.gas.record_refund(refund);
        Ok(())
    }

    fn log(&mut self, account: Address, topics: Vec<B256>, data: Bytes) -> Result<(), PrecompileError> {
        let count = u8::try_from(topics.len()).map_err(|_| PrecompileError::OutOfGas)?;
        let size = u64::try_from(data.len()).map_err(|_| PrecompileError::OutOfGas)?;
        let price = LOG_GAS.saturating_add(self.context.cfg.gas_params().log_cost(count, size));
        self.charge(price)?;
        let data = LogData::new(topics, data).ok_or(PrecompileError::OutOfGas)?;
        self.context.journal_mut().log(Log { address: account, data });
        Ok(())
    }

    fn balance(&mut self, account: Address) -> Result<U256, PrecompileError> {
        let loaded = self.context.journal_mut().load_account(account).map_err(PrecompileError::from)?;
        let (balance, is_cold) = (loaded.info.balance, loaded.is_cold);
        self.charge_account(is_cold)?;
        Ok(balance)
    }

    fn code_hash(&mut self, account: Address) -> Result<B256, PrecompileError> {
        let loaded = self.context.journal_mut().load_account(account).map_err(PrecompileError::from)?;
        let (hash, is_cold) = (loaded.info.code_hash, loaded.is_cold);
        self.charge_account(is_cold)?;
        Ok(if hash == KECCAK256_EMPTY { B256::ZERO } else { hash })
    }

    fn transfer(&mut self, from: Address, to: Address, wei: U256) -> Result<(), PrecompileError> {
        let loaded = self.context.journal_mut().load_account(to).map_err(PrecompileError::from)?;
        let (is_empty, is_cold) = (loaded.is_empty(), loaded.is_cold);
        self.charge_account(is_cold)?;
        if wei.is_zero() {
            return Ok(());
        }
        self.charge(prices::TRANSFER_GAS)?;
        if is_empty {
            self.charge(prices::NEW_ACCOUNT_GAS)?;
        }
        match self.context.journal_mut().transfer(from, to, wei).map_err(PrecompileError::from)? {
            None => Ok(()),
            Some(error) => Err(PrecompileError::reason(format!("transfer refused: {error:?}"))),
        }
    }

    fn content(&mut self, hash: B256) -> Result<Bytes, PrecompileError> {
        self.charge(prices::CONTENT_READ_GAS)?;
        let content = self.context.journal_mut().db_mut().content(hash)?;
        self.charge(prices::words(content.len()).saturating_mul(prices::CONTENT_READ_WORD_GAS))?;
        Ok(content)
    }

    fn keep_content(&mut self, content: Bytes) -> Result<B256, PrecompileError> {
        let price = prices::CONTENT_WRITE_WORD_GAS.saturating_add(prices::KECCAK_WORD_GAS);
        self.charge(prices::KECCAK_GAS.saturating_add(prices::words(content.len()).saturating_mul(price)))?;
        Ok(self.context.journal_mut().db_mut().keep_content(content))
    }
}
