//! [`CallHandler`]: mainnet's rules without those that bind only transactions.
use crate::{
    evm::{PervadeContext, PervadeEvm},
    state::StateError,
};
use pervade_storage::StateReader;
use revm::{
    Inspector,
    context::result::{EVMError, HaltReason, InvalidTransaction},
    context_interface::{ContextTr, JournalTr, journaled_state::account::JournaledAccountTr},
    handler::{
        EvmTr, Handler,
        pre_execution::{calculate_caller_fee, validate_account_nonce_and_code},
        validation::validate_env,
    },
    inspector::InspectorHandler,
    interpreter::{InitialAndFloorGas, interpreter::EthInterpreter},
};
use std::marker::PhantomData;

/// The block's gas limit does not count, and senders may have code (EIP-3607). Without validation nonces are not checked,
/// and who offers no fee pays none whatever the base fee.
pub(crate) struct CallHandler<R, I> {
    validation: bool,
    types: PhantomData<(R, I)>,
}

impl<R, I> CallHandler<R, I> {
    pub(crate) fn new(validation: bool) -> Self {
        Self { validation, types: PhantomData }
    }
}

impl<R: StateReader, I> Handler for CallHandler<R, I> {
    type Evm = PervadeEvm<R, I>;
    type Error = EVMError<StateError>;
    type HaltReason = HaltReason;

    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Self::Error> {
        let context = evm.ctx();
        if self.validation {
            // Before the fees are looked at, as in geth.
            let (caller, nonce) = (context.tx.caller, context.tx.nonce);
            let info = &context.journal_mut().load_account(caller)?.data.info;
            validate_account_nonce_and_code(info, nonce, true, false)?;
            if info.nonce == u64::MAX {
                return Err(InvalidTransaction::NonceOverflowInTransaction.into());
            }
        }
        let is_free = context.tx.gas_price == 0 && context.tx.gas_priority_fee.unwrap_or_default() == 0;
        let (gas_limit, base_fee) = (context.block.gas_limit, context.block.basefee);
        context.block.gas_limit = u64::MAX;
        if is_free && !self.validation {
            context.block.basefee = 0;
        }
        let result = validate_env(&mut *context);
        (context.block.gas_limit, context.block.basefee) = (gas_limit, base_fee);
        result
    }

    fn validate_against_state_and_deduct_caller(
        &self,
        evm: &mut Self::Evm,
        _gas: &mut InitialAndFloorGas,
    ) -> Result<(), Self::Error> {
        let (block, tx, cfg, journal, _, _) = evm.ctx().all_mut();
        let mut caller = journal.load_account_with_code_mut(tx.caller)?.data;
        let balance = calculate_caller_fee(*caller.balance(), tx, block, cfg)?;
        caller.set_balance(balance);
        if tx.kind.is_call() {
            caller.bump_nonce();
        }
        Ok(())
    }
}

impl<R: StateReader, I> InspectorHandler for CallHandler<R, I>
where
    I: Inspector<PervadeContext<R>, EthInterpreter>,
{
    type IT = EthInterpreter;
}
