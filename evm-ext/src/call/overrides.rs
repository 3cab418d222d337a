//! State that a question wants to be other than it is.
use super::StateOverrides;
use crate::{ExecutionError, precompiles::Precompiles, state::BlockState};
use pervade_storage::StateReader;
use revm::{bytecode::Bytecode, primitives::keccak256};

/// Applies overrides to a state, and moves precompiles.
///
/// # Errors
/// Both kinds of storage override for one account; an account that is moved and is no precompile, or to where another
/// override is; a failed read.
pub(crate) fn apply_overrides<R: StateReader>(
    state: &mut BlockState<R>,
    precompiles: &mut Precompiles,
    overrides: &StateOverrides,
) -> Result<(), ExecutionError> {
    let refuse = |reason: String| Err(ExecutionError::InvalidTransaction(reason));
    for (address, change) in overrides {
        let mut info = state.account(*address)?.cloned().unwrap_or_default();
        info.balance = change.balance.unwrap_or(info.balance);
        info.nonce = change.nonce.unwrap_or(info.nonce);
        if let Some(code) = &change.code {
            info.code_hash = keccak256(code);
            let bytecode = Bytecode::new_raw_checked(code.clone());
            info.code = Some(bytecode.unwrap_or_else(|_| Bytecode::new_legacy(code.clone())));
        }
        if change.state.is_some() && change.state_diff.is_some() {
            return refuse(format!("account {address} has both 'state' and 'stateDiff'"));
        }
        state.set_account(*address, info)?;
        for (slots, whole) in [(&change.state, true), (&change.state_diff, false)] {
            if let Some(slots) = slots {
                state.set_slots(*address, slots, whole)?;
            }
        }
        match change.move_precompile_to {
            Some(to) if !precompiles.relocate(*address, to) => {
                return refuse(format!("account {address} is not a precompile"));
            }
            Some(to) if overrides.contains_key(&to) => return refuse(format!("account {to} is already overridden")),
            Some(_) => {}
            None => precompiles.give_way(*address, change.code.is_some()),
        }
    }
    Ok(())
}
