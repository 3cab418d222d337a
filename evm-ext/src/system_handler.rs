//! [`SystemHandler`]: how a system transaction runs.
//!
//! ```text
//! begin (bookkeeping, price taken) --> the contract's function, called by the precompile --> end (outcome, change back)
//! ```
//!
//! What the function does, reverting and burning all its gas included, touches nothing else: the transaction succeeds
//! either way, and says in its logs how it went. Should the bookkeeping itself fail, everything is undone and the
//! transaction fails: its work is lost, the chain goes on.
use crate::{
    evm::{PervadeContext, PervadeEvm},
    governance,
    precompiles::{Frame, PrecompileError, run_as_protocol},
    state::StateError,
    system::SystemWork,
    things,
};
use alloy_primitives::{Bytes, U256};
use pervade_chainspec::{
    PervadeConfig,
    params::{CALLBACK_OVERHEAD_GAS, GOVERNANCE_ADDRESS, THINGS_ADDRESS},
};
use pervade_storage::StateReader;
use revm::{
    context::result::{EVMError, HaltReason},
    context_interface::{Cfg, ContextTr, JournalTr, LocalContextTr, journaled_state::JournalCheckpoint},
    handler::{EvmTr, FrameResult, Handler, validation::validate_env},
    interpreter::{
        CallInput, CallInputs, CallOutcome, CallScheme, CallValue, FrameInput, Gas, GasTracker, InstructionResult,
        InterpreterResult, SharedMemory, interpreter_action::FrameInit,
    },
};
use std::{marker::PhantomData, sync::Arc};

type Error = EVMError<StateError>;

/// Runs one piece of work as a transaction.
pub(crate) struct SystemHandler<R, I = ()> {
    chain: Arc<PervadeConfig>,
    work: SystemWork,
    types: PhantomData<(R, I)>,
}

/// What a piece of work came to.
struct Done {
    output: Bytes,
    gas_used: u64,
    refund: i64,
}

impl<R: StateReader, I> SystemHandler<R, I> {
    pub(crate) fn new(chain: Arc<PervadeConfig>, work: SystemWork) -> Self {
        Self { chain, work, types: PhantomData }
    }

    /// Bookkeeping with its own gas; answers what it used of it.
    fn book<T>(
        &self,
        evm: &mut PervadeEvm<R, I>,
        body: impl FnOnce(&mut Frame<'_>) -> Result<T, PrecompileError>,
    ) -> Result<(T, u64), PrecompileError> {
        let address = match self.work {
            SystemWork::Proposal(_) => GOVERNANCE_ADDRESS,
            SystemWork::Things(_) => THINGS_ADDRESS,
        };
        // A waiting set of validators may be large; the rest is bounded by what callbacks reserve.
        let limit = if address == GOVERNANCE_ADDRESS { u64::MAX } else { CALLBACK_OVERHEAD_GAS };
        run_as_protocol(evm.ctx_mut(), &self.chain, address, limit, body)
    }

    fn run_work(&mut self, evm: &mut PervadeEvm<R, I>) -> Result<Result<Done, PrecompileError>, Error> {
        let item = match self.work {
            SystemWork::Proposal(id) => {
                let booked = self.book(evm, |frame| governance::enact_waiting(frame, id));
                return Ok(booked.map(|((), gas_used)| Done { output: Bytes::new(), gas_used, refund: 0 }));
            }
            SystemWork::Things(item) => item,
        };
        let (callback, begun_gas) = match self.book(evm, |frame| things::begin(frame, item)) {
            Ok(begun) => begun,
            Err(error) => return Ok(Err(error)),
        };
        let Some(callback) = callback else {
            return Ok(Ok(Done { output: Bytes::new(), gas_used: begun_gas, refund: 0 }));
        };
        let limit = callback.gas;
        let result = self.call(evm, callback)?;
        let succeeded = result.result.is_ok();
        let used = if result.result.is_ok_or_revert() { limit.saturating_sub(result.gas.remaining()) } else { limit };
        let refund = if succeeded { result.gas.refunded() } else { 0 };
        let gas = begun_gas.saturating_add(used);
        let ended = self.book(evm, |frame| things::end(frame, item, succeeded, gas));
        Ok(ended.map(|((), ended_gas)| Done { output: result.output, gas_used: gas.saturating_add(ended_gas), refund }))
    }

    /// Calls a contract in the precompile's name.
    fn call(&mut self, evm: &mut PervadeEvm<R, I>, callback: things::Callback) -> Result<InterpreterResult, Error> {
        let context: &mut PervadeContext<R> = evm.ctx_mut();
        let journal = context.journal_mut();
        let load = |journal: &mut revm::Journal<_>, address| -> Result<_, Error> {
            let account = &journal.load_account_with_code(address)?.data.info;
            Ok((account.code_hash, account.code.clone().unwrap_or_default()))
        };
        let mut known_bytecode = load(journal, callback.to)?;
        if let Some(delegate) = known_bytecode.1.eip7702_address() {
            known_bytecode = load(journal, delegate)?;
        }
        let mut memory = SharedMemory::new_with_buffer(context.local().shared_memory_buffer().clone());
        memory.set_memory_limit(context.cfg().memory_limit());
        let inputs = CallInputs {
            input: CallInput::Bytes(callback.input),
            return_memory_offset: 0..0,
            gas_limit: callback.gas,
            reservoir: 0,
            bytecode_address: callback.to,
            known_bytecode,
            target_address: callback.to,
            caller: THINGS_ADDRESS,
            value: CallValue::Transfer(U256::ZERO),
            scheme: CallScheme::Call,
            is_static: false,
            charged_new_account_state_gas: false,
        };
        let first = FrameInit { depth: 0, memory, frame_input: FrameInput::Call(Box::new(inputs)) };
        match self.run_exec_loop(evm, first)? {
            FrameResult::Call(outcome) => Ok(outcome.result),
            FrameResult::Create(outcome) => Ok(outcome.result),
        }
    }
}

impl<R: StateReader, I> Handler for SystemHandler<R, I> {
    type Evm = PervadeEvm<R, I>;
    type Error = Error;
    type HaltReason = HaltReason;

    /// The price is zero, whatever the base fee.
    fn validate_env(&self, evm: &mut Self::Evm) -> Result<(), Error> {
        let context = evm.ctx();
        let base_fee = std::mem::take(&mut context.block.basefee);
        let result = validate_env(&mut *context);
        context.block.basefee = base_fee;
        result
    }

    fn execution(
        &mut self,
        evm: &mut Self::Evm,
        checkpoint: JournalCheckpoint,
        gas: &mut GasTracker,
    ) -> Result<Option<FrameResult>, Error> {
        let mut frame_gas = Gas::new(gas.remaining());
        let (result, output) = match self.run_work(evm)? {
            Ok(done) => {
                evm.ctx().journal_mut().checkpoint_commit();
                // What the bookkeeping of a large vote takes beyond the limit is the protocol's own.
                let _ = frame_gas.record_regular_cost(done.gas_used.min(gas.remaining()));
                frame_gas.record_refund(done.refund);
                (InstructionResult::Stop, done.output)
            }
            Err(PrecompileError::State(error)) => return Err(EVMError::Database(error)),
            Err(PrecompileError::Revert(output)) => {
                evm.ctx().journal_mut().checkpoint_revert(checkpoint);
                (InstructionResult::Revert, output)
            }
            Err(PrecompileError::OutOfGas) => {
                evm.ctx().journal_mut().checkpoint_revert(checkpoint);
                (InstructionResult::OutOfGas, Bytes::new())
            }
        };
        let result = InterpreterResult { result, output, gas: frame_gas };
        let mut result = FrameResult::Call(CallOutcome::new(result, 0..0));
        self.last_frame_result(evm, &mut result, gas)?;
        Ok(Some(result))
    }
}
