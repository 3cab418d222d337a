//! Who may write into a database, and who says so.
use super::{OPEN, ROLES, Result, abi::IContractDatabase, emit, load, store};
use crate::precompiles::{Frame, PrecompileError};
use IContractDatabase::Role;
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolValue;

/// Opens a database of the caller's, who becomes its admin.
pub(super) fn open(frame: &mut Frame<'_>, call: IContractDatabase::openCall) -> Result<B256> {
    let admin = frame.call().caller;
    let database = frame.keccak(&(admin, call.salt).abi_encode())?;
    let slot = frame.mapping(OPEN, database)?;
    if !load(frame, slot)?.is_zero() {
        return Err(PrecompileError::custom(&IContractDatabase::AlreadyOpen { database }));
    }
    store(frame, slot, U256::ONE)?;
    emit(frame, &IContractDatabase::DatabaseOpened { database, admin })?;
    give(frame, database, admin, Role::Admin)?;
    Ok(database)
}

/// Gives an account a role, or takes it away. Admins may give up their own: a database without admins keeps its roles.
pub(super) fn set_role(
    frame: &mut Frame<'_>,
    call: IContractDatabase::setRoleCall,
) -> Result<IContractDatabase::setRoleReturn> {
    let caller = frame.call().caller;
    if role(frame, call.database, caller)? != Role::Admin {
        return Err(refusal(frame, call.database)?);
    }
    give(frame, call.database, call.account, call.role)?;
    Ok(IContractDatabase::setRoleReturn {})
}

/// Answers which role an account has.
pub(super) fn role_of(frame: &mut Frame<'_>, call: IContractDatabase::roleOfCall) -> Result<Role> {
    role(frame, call.database, call.account)
}

/// Lets only writers and admins pass.
pub(super) fn check_writer(frame: &mut Frame<'_>, database: B256) -> Result<()> {
    let caller = frame.call().caller;
    match role(frame, database, caller)? {
        Role::Writer | Role::Admin => Ok(()),
        _ => Err(refusal(frame, database)?),
    }
}

fn give(frame: &mut Frame<'_>, database: B256, account: Address, role: Role) -> Result<()> {
    let slot = role_slot(frame, database, account)?;
    store(frame, slot, U256::from(role as u8))?;
    emit(frame, &IContractDatabase::RoleSet { database, account, role })
}

fn role(frame: &mut Frame<'_>, database: B256, account: Address) -> Result<Role> {
    let slot = role_slot(frame, database, account)?;
    let number: u8 = load(frame, slot)?.saturating_to();
    Ok(Role::try_from(number).unwrap_or(Role::None))
}

fn role_slot(frame: &mut Frame<'_>, database: B256, account: Address) -> Result<U256> {
    let roles = frame.mapping(ROLES, database)?;
    frame.mapping_of_account(roles, account)
}

/// Why a caller without the role is refused: it has none, or there is no such database.
fn refusal(frame: &mut Frame<'_>, database: B256) -> Result<PrecompileError> {
    let slot = frame.mapping(OPEN, database)?;
    Ok(match load(frame, slot)?.is_zero() {
        true => PrecompileError::custom(&IContractDatabase::UnknownDatabase { database }),
        false => PrecompileError::custom(&IContractDatabase::NotAuthorized { caller: frame.call().caller }),
    })
}
