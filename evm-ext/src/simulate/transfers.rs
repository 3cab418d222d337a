//! Transfers of value as logs, where they are asked for: what ERC-20 contracts log, for the chain's own coin.
use crate::evm::PervadeContext;
use alloy_primitives::{Address, B256, Log, U256, address, b256};
use pervade_storage::StateReader;
use revm::{
    Inspector,
    context_interface::{ContextTr, JournalTr},
    interpreter::{CallInputs, CallOutcome, CallScheme, CreateInputs, CreateOutcome, interpreter::EthInterpreter},
};

/// The address that logs of transfers bear (Execution APIs, `eth_simulateV1`; ERC-7528).
pub const TRANSFER_LOG_ADDRESS: Address = address!("eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee");
/// `Transfer(address,address,uint256)`.
const TRANSFER_TOPIC: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Puts a log before what a frame with value does. The journal takes it back with all that the caller did; if only the
/// frame itself fails, it is taken back here.
#[derive(Debug, Default)]
pub(super) struct TransferLogs {
    /// For each open frame, whether a log was put before it.
    frames: Vec<bool>,
    /// A SELFDESTRUCT that was just executed; its frame ends next.
    destroyed: Option<(Address, Address, U256)>,
}

impl TransferLogs {
    fn begin<R: StateReader>(&mut self, context: &mut PervadeContext<R>, from: Address, to: Address, value: U256) {
        let logged = !value.is_zero();
        if logged {
            context.journal_mut().log(transfer(from, to, value));
        }
        self.frames.push(logged);
    }

    fn end<R: StateReader>(&mut self, context: &mut PervadeContext<R>, succeeded: bool) {
        let logged = self.frames.pop().unwrap_or_default();
        let destroyed = self.destroyed.take();
        if !succeeded {
            if logged {
                context.journaled_state.inner.logs.pop();
            }
        } else if let Some((from, to, value)) = destroyed.filter(|(.., value)| !value.is_zero()) {
            context.journal_mut().log(transfer(from, to, value));
        }
    }
}

impl<R: StateReader> Inspector<PervadeContext<R>, EthInterpreter> for TransferLogs {
    fn call(&mut self, context: &mut PervadeContext<R>, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let to = if inputs.scheme == CallScheme::CallCode { inputs.bytecode_address } else { inputs.target_address };
        self.begin(context, inputs.caller, to, inputs.transfer_value().unwrap_or_default());
        None
    }

    fn call_end(&mut self, context: &mut PervadeContext<R>, _: &CallInputs, outcome: &mut CallOutcome) {
        self.end(context, outcome.result.result.is_ok());
    }

    fn create(&mut self, context: &mut PervadeContext<R>, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        let from = inputs.caller();
        let nonce = context.journal_mut().load_account(from).map_or(0, |account| account.data.info.nonce);
        self.begin(context, from, inputs.created_address(nonce), inputs.value());
        None
    }

    fn create_end(&mut self, context: &mut PervadeContext<R>, _: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(context, outcome.result.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.destroyed = Some((contract, target, value));
    }
}

fn transfer(from: Address, to: Address, value: U256) -> Log {
    let topics = vec![TRANSFER_TOPIC, from.into_word(), to.into_word()];
    Log::new_unchecked(TRANSFER_LOG_ADDRESS, topics, B256::from(value).0.into())
}
