//! The EVM as this crate runs it: revm's mainnet rules, our precompiles, an optional inspector and a deadline.
use crate::{
    environment::Environment, net_gas_metering, precompiles::Precompiles, state::BlockState, state::StateError,
};
use alloy_primitives::{Address, KECCAK256_EMPTY};
use pervade_storage::StateReader;
use revm::{
    Context, Journal,
    bytecode::opcode,
    context::{BlockEnv, CfgEnv, Evm, FrameStack, LocalContext, TxEnv},
    context_interface::{JournalTr, context::ContextError},
    handler::{EthFrame, instructions::EthInstructions},
    interpreter::{
        Instruction, InstructionContext, InstructionExecResult, InstructionResult, instructions,
        interpreter::EthInterpreter,
    },
};
use std::time::Instant;

/// What instructions and precompiles see.
pub type PervadeContext<R> = Context<BlockEnv, TxEnv, CfgEnv, BlockState<R>, Journal<BlockState<R>>, Control>;

/// The machine.
pub type PervadeEvm<R, I = ()> =
    Evm<PervadeContext<R>, I, EthInstructions<EthInterpreter, PervadeContext<R>>, Precompiles, EthFrame>;

/// Jumps and calls between two looks at the clock.
const TICKS_PER_LOOK: u32 = 1024;
/// Price of JUMPDEST (Yellow Paper, G_jumpdest).
const JUMPDEST_GAS: u16 = 1;

/// What ends an execution from outside of its rules. Blocks run without a deadline.
#[derive(Debug, Default)]
pub struct Control {
    deadline: Option<Instant>,
    ticks: u32,
    expired: bool,
    failure: Option<StateError>,
}

impl Control {
    /// Stops what runs at this time.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..Self::default() }
    }

    /// Whether the deadline ended the execution.
    pub fn expired(&self) -> bool {
        self.expired
    }

    /// The failed read of a precompile, if one ended the execution.
    pub fn take_failure(&mut self) -> Option<StateError> {
        self.failure.take()
    }

    /// Keeps the failure for whoever started the execution; the text is for revm.
    pub(crate) fn fail(&mut self, error: StateError) -> String {
        let text = error.to_string();
        self.failure = Some(error);
        text
    }

    /// Every loop passes here: through a JUMPDEST or a call. What lies between is bounded by the size of code.
    pub(crate) fn tick(&mut self) -> Result<(), String> {
        let Some(deadline) = self.deadline else { return Ok(()) };
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(TICKS_PER_LOOK) && Instant::now() >= deadline {
            self.expired = true;
        }
        if self.expired { Err("deadline".into()) } else { Ok(()) }
    }
}

/// A machine for one block, or for one call.
pub(crate) fn build<R: StateReader, I>(
    state: BlockState<R>,
    environment: Environment,
    precompiles: Precompiles,
    inspector: I,
    control: Control,
) -> PervadeEvm<R, I> {
    let Environment { cfg, block, net_gas_metering } = environment;
    let spec = cfg.spec;
    let mut instruction = EthInstructions::new_mainnet_with_spec(spec);
    if control.deadline.is_some() {
        instruction.insert_instruction(opcode::JUMPDEST, Instruction::new(checked_jumpdest::<R>), JUMPDEST_GAS);
    }
    // Without its price, which depends on the fork and is in another table.
    instruction.instruction_table_mut()[usize::from(opcode::EXTCODEHASH)] = Instruction::new(extcodehash::<R>);
    if net_gas_metering {
        instruction.insert_instruction(opcode::SSTORE, Instruction::new(net_gas_metering::sstore::<R>), 0);
    }
    let mut journaled_state = Journal::new(state);
    journaled_state.set_spec_id(spec);
    let ctx = Context {
        block,
        tx: TxEnv::default(),
        cfg,
        journaled_state,
        chain: control,
        local: LocalContext::default(),
        error: Ok(()),
    };
    Evm { ctx, inspector, instruction, precompiles, frame_stack: FrameStack::new_prealloc(8) }
}

fn checked_jumpdest<R: StateReader>(
    context: InstructionContext<'_, PervadeContext<R>, EthInterpreter>,
) -> InstructionExecResult {
    context.host.chain.tick().map_err(|text| {
        context.host.error = Err(ContextError::Custom(text));
        InstructionResult::FatalExternalError
    })
}

/// EXTCODEHASH that knows how [`BlockState`] marks accounts where no contract may be created (EIP-7610): a code hash
/// of zero, which means the hash of nothing.
fn extcodehash<R: StateReader>(
    context: InstructionContext<'_, PervadeContext<R>, EthInterpreter>,
) -> InstructionExecResult {
    let InstructionContext { interpreter, host } = context;
    let address = interpreter.stack.peek(0).map(|word| Address::from_word(word.into())).unwrap_or_default();
    instructions::host::extcodehash(InstructionContext { interpreter: &mut *interpreter, host: &mut *host })?;
    let marked = host
        .journaled_state
        .inner
        .state
        .get(&address)
        .is_some_and(|account| account.info.code_hash.is_zero() && !account.info.is_empty());
    if marked {
        interpreter.stack.set(0, KECCAK256_EMPTY.into())?;
    }
    Ok(())
}
