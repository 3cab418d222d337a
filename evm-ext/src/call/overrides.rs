//! State that a question wants to be other than it is.
use super::{AccountOverride, StateOverrides};
use crate::{ExecutionError, precompiles::Precompiles, state::BlockState};
use pervade_storage::StateReader;
use revm::{bytecode::Bytecode, primitives::keccak256, state::AccountInfo};
use std::collections::BTreeMap;

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
        if change.state.is_some() && change.state_diff.is_some() {
            return refuse(format!("account {address} has both 'state' and 'stateDiff'"));
        }
        if let Some(info) = overridden(state.account(*address)?, change) {
            state.set_account(*address, info)?;
        }
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

/// The account as it is to be. None if nothing of it is overridden: an account that does not exist is not created by that.
fn overridden(account: Option<&AccountInfo>, change: &AccountOverride) -> Option<AccountInfo> {
    let AccountOverride { balance, nonce, code, state, state_diff, move_precompile_to: _ } = change;
    let no_slots = state.is_none() && state_diff.as_ref().is_none_or(BTreeMap::is_empty);
    if balance.is_none() && nonce.is_none() && code.is_none() && no_slots {
        return None;
    }
    let mut info = account.cloned().unwrap_or_default();
    info.balance = balance.unwrap_or(info.balance);
    info.nonce = nonce.unwrap_or(info.nonce);
    if let Some(code) = code {
        info.code_hash = keccak256(code);
        let bytecode = Bytecode::new_raw_checked(code.clone());
        info.code = Some(bytecode.unwrap_or_else(|_| Bytecode::new_legacy(code.clone())));
    }
    Some(info)
}
