//! What a proposal would do: read from its arguments, checked when it is made and again when it is enacted.
use super::{
    FORKS, GATEWAY_LIST, GATEWAYS, PERMISSIONS,
    abi::IGovernance::Action,
    parameters::{self, Parameter},
    timeline, validators,
};
use crate::precompiles::{
    Frame, PrecompileError,
    slots::{address_word, offset},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolType, abi::AbiDecoderConfig, sol_data};
use pervade_chainspec::{
    Activation, PermissionRule,
    params::{
        CONTRACT_DATABASE_ADDRESS, ENACTMENT_DELAY_BLOCKS, FORK_NOTICE_SECONDS_MIN, GATEWAYS_MAX, GOVERNANCE_ADDRESS,
        PERMISSIONS_ALL, PRECOMPILE_ADDRESSES, SEMANTICS_ADDRESS, SYSTEM_ACCOUNT, THINGS_ADDRESS,
    },
};

/// Forks that a vote can schedule: precompiles that the genesis left out.
const FORK_NAMES: [(&str, Address); 3] =
    [("things", THINGS_ADDRESS), ("contractDatabase", CONTRACT_DATABASE_ADDRESS), ("semantics", SEMANTICS_ADDRESS)];

/// What a proposal would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Validator { account: Address, public_key: Bytes, power: u64 },
    Gateway { account: Address, serves: bool },
    Parameter { name: B256, value: U256 },
    Permission { account: Address, permissions: u8 },
    Fork { name: String, time: u64 },
}

/// What came of an attempt to enact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It holds from this block on.
    Enacted(u64),
    /// Too much of the power changes in this block already.
    MustWait,
    /// What was right when it was proposed is not any more.
    Void,
}

impl Change {
    /// Reads `abi.encode` of what the action takes.
    pub(super) fn decode(action: Action, arguments: &[u8]) -> Result<Self, String> {
        type AccountKeyPower = (sol_data::Address, sol_data::Bytes, sol_data::Uint<64>);
        Ok(match action {
            Action::SetValidator => {
                let (account, public_key, power) = read::<AccountKeyPower>(arguments)?;
                Self::Validator { account, public_key, power }
            }
            Action::SetGateway => {
                let (account, serves) = read::<(sol_data::Address, sol_data::Bool)>(arguments)?;
                Self::Gateway { account, serves }
            }
            Action::SetParameter => {
                let (name, value) = read::<(sol_data::FixedBytes<32>, sol_data::Uint<256>)>(arguments)?;
                Self::Parameter { name, value }
            }
            Action::SetPermission => {
                let (account, permissions) = read::<(sol_data::Address, sol_data::Uint<8>)>(arguments)?;
                Self::Permission { account, permissions }
            }
            Action::ScheduleFork => {
                let (name, time) = read::<(sol_data::String, sol_data::Uint<64>)>(arguments)?;
                Self::Fork { name, time }
            }
            Action::__Invalid => return Err("unknown action".to_owned()),
        })
    }

    /// Whether it could be enacted now, alone in its block.
    pub(super) fn check(&self, frame: &mut Frame<'_>) -> Result<Result<(), String>, PrecompileError> {
        Ok(match self {
            Self::Validator { account, public_key, power } => {
                let (_, set) = validators::latest(frame)?;
                match validators::changed(frame, &set, *account, public_key, *power)? {
                    Ok(after) if validators::may_follow(&set, &after) => Ok(()),
                    Ok(_) => Err("more than a third of the power would change; go in smaller steps".to_owned()),
                    Err(reason) => Err(reason),
                }
            }
            Self::Gateway { account, serves } => check_gateway(frame, *account, *serves)?,
            Self::Parameter { name, value } => match Parameter::named(*name) {
                Some(parameter) => parameters::check(frame, parameter, *value)?.map(|_| ()),
                None => Err("unknown parameter".to_owned()),
            },
            Self::Permission { account, permissions } => check_permission(*account, *permissions),
            Self::Fork { name, time } => check_fork(frame, name, *time),
        })
    }

    /// Enacts it in this block.
    pub(super) fn enact(&self, frame: &mut Frame<'_>) -> Result<Outcome, PrecompileError> {
        if self.check(frame)?.is_err() {
            return Ok(Outcome::Void);
        }
        let number = frame.call().block_number;
        let from_block = number.saturating_add(ENACTMENT_DELAY_BLOCKS);
        match self {
            Self::Validator { account, public_key, power } => {
                let before = validators::set_at(frame, from_block.saturating_sub(1))?;
                let (_, set) = validators::latest(frame)?;
                let Ok(after) = validators::changed(frame, &set, *account, public_key, *power)? else {
                    return Ok(Outcome::Void);
                };
                if !validators::may_follow(&before, &after) {
                    return Ok(Outcome::MustWait);
                }
                validators::store(frame, from_block, &after)?;
            }
            Self::Gateway { account, serves } => set_gateway(frame, *account, *serves, from_block)?,
            Self::Parameter { name, value } => {
                if let Some(parameter) = Parameter::named(*name) {
                    parameters::set(frame, parameter, value.saturating_to(), from_block)?;
                }
            }
            Self::Permission { account, permissions } => {
                let slot = frame.mapping_of_account(PERMISSIONS, *account)?;
                timeline::set(frame, slot, from_block, U256::from(*permissions))?;
            }
            Self::Fork { name, time } => {
                let slot = frame.mapping(FORKS, keccak256(name))?;
                timeline::set(frame, slot, from_block, U256::from(*time))?;
            }
        }
        Ok(Outcome::Enacted(from_block))
    }
}

fn read<T: SolType>(arguments: &[u8]) -> Result<T::RustType, String>
where
    for<'a> T::Token<'a>: alloy_sol_types::abi::TokenSeq<'a>,
{
    let config = AbiDecoderConfig::new().strict(true);
    T::abi_decode_params_with_config(arguments, config).map_err(|error| format!("arguments: {error}"))
}

fn check_account(account: Address) -> Result<(), String> {
    if account == Address::ZERO || account == SYSTEM_ACCOUNT || PRECOMPILE_ADDRESSES.contains(&account) {
        return Err(format!("{account} belongs to the protocol"));
    }
    Ok(())
}

fn check_permission(account: Address, permissions: u8) -> Result<(), String> {
    if permissions & !PERMISSIONS_ALL != 0 {
        return Err(format!("permissions must be 0 to {PERMISSIONS_ALL}"));
    }
    check_account(account)
}

fn check_fork(frame: &Frame<'_>, name: &str, time: u64) -> Result<(), String> {
    let Some((_, address)) = FORK_NAMES.iter().find(|(known, _)| *known == name) else {
        return Err("unknown fork; known are things, contractDatabase, semantics".to_owned());
    };
    let activations = &frame.call().chain.precompiles;
    let stated = match *address {
        THINGS_ADDRESS => activations.things,
        CONTRACT_DATABASE_ADDRESS => activations.contract_database,
        _ => activations.semantics,
    };
    if stated != Activation::Never {
        return Err(format!("the genesis says when {name} begins"));
    }
    let earliest = frame.call().block_timestamp.saturating_add(FORK_NOTICE_SECONDS_MIN);
    if time < earliest {
        return Err(format!("too soon: operators need {FORK_NOTICE_SECONDS_MIN} seconds; {earliest} at the earliest"));
    }
    Ok(())
}

fn gateway_count(frame: &mut Frame<'_>) -> Result<u64, PrecompileError> {
    Ok(frame.load(GOVERNANCE_ADDRESS, GATEWAY_LIST)?.saturating_to())
}

fn gateway_list(frame: &mut Frame<'_>) -> Result<Vec<Address>, PrecompileError> {
    let count = gateway_count(frame)?;
    let first = frame.elements(GATEWAY_LIST)?;
    let mut list = Vec::new();
    for place in 0..count {
        let word = frame.load(GOVERNANCE_ADDRESS, offset(first, place))?;
        list.push(Address::from_word(B256::from(word)));
    }
    Ok(list)
}

fn serves_at(frame: &mut Frame<'_>, account: Address, number: u64) -> Result<bool, PrecompileError> {
    let slot = frame.mapping_of_account(GATEWAYS, account)?;
    Ok(timeline::at(frame, slot, number)?.is_some_and(|serves| !serves.is_zero()))
}

pub(super) fn gateways_at(frame: &mut Frame<'_>, number: u64) -> Result<Vec<Address>, PrecompileError> {
    let mut gateways = Vec::new();
    for account in gateway_list(frame)? {
        if serves_at(frame, account, number)? {
            gateways.push(account);
        }
    }
    Ok(gateways)
}

fn check_gateway(frame: &mut Frame<'_>, account: Address, serves: bool) -> Result<Result<(), String>, PrecompileError> {
    if let Err(reason) = check_account(account) {
        return Ok(Err(reason));
    }
    // As they will be once every change so far holds.
    let gateways = gateways_at(frame, u64::MAX)?;
    Ok(match (serves, gateways.contains(&account)) {
        (true, true) => Err(format!("{account} is a gateway already")),
        (false, false) => Err(format!("{account} is no gateway")),
        (true, false) if gateways.len() >= GATEWAYS_MAX => Err(format!("the chain has {GATEWAYS_MAX} gateways")),
        _ => Ok(()),
    })
}

fn set_gateway(frame: &mut Frame<'_>, account: Address, serves: bool, from_block: u64) -> Result<(), PrecompileError> {
    let slot = frame.mapping_of_account(GATEWAYS, account)?;
    if timeline::latest(frame, slot)?.is_none() {
        let place = free_place(frame)?;
        let first = frame.elements(GATEWAY_LIST)?;
        frame.store(GOVERNANCE_ADDRESS, offset(first, place), address_word(account))?;
        let count = gateway_count(frame)?.max(place.saturating_add(1));
        frame.store(GOVERNANCE_ADDRESS, GATEWAY_LIST, U256::from(count))?;
    }
    timeline::set(frame, slot, from_block, U256::from(serves))
}

/// A place in the list: at its end, or, when the list is as long as it may get, that of one who left.
fn free_place(frame: &mut Frame<'_>) -> Result<u64, PrecompileError> {
    let list = gateway_list(frame)?;
    let number = frame.call().block_number;
    if list.len() >= GATEWAYS_MAX {
        for (place, account) in (0u64..).zip(list.iter()) {
            if !serves_at(frame, *account, number)? && !serves_at(frame, *account, u64::MAX)? {
                let slot = frame.mapping_of_account(GATEWAYS, *account)?;
                // Its timeline begins anew should it come back.
                frame.store(GOVERNANCE_ADDRESS, slot, U256::ZERO)?;
                return Ok(place);
            }
        }
    }
    Ok(u64::try_from(list.len()).unwrap_or(u64::MAX))
}

/// What an account may do in a block: everything where permissions are off; validators always.
pub(crate) fn permissions_at(frame: &mut Frame<'_>, account: Address, number: u64) -> Result<u8, PrecompileError> {
    if frame.call().chain.permissions == PermissionRule::Off {
        return Ok(PERMISSIONS_ALL);
    }
    let slot = frame.mapping_of_account(PERMISSIONS, account)?;
    let voted: u8 = timeline::at(frame, slot, number)?.map_or(0, |permissions| permissions.saturating_to());
    if voted == PERMISSIONS_ALL || !validators::set_at(frame, number)?.iter().any(|v| v.account == account) {
        return Ok(voted);
    }
    // Whoever votes must be able to send the vote.
    Ok(PERMISSIONS_ALL)
}

/// When a vote lets a precompile begin, unix seconds; `None`: no vote did.
pub(super) fn fork_time(frame: &mut Frame<'_>, address: Address, number: u64) -> Result<Option<u64>, PrecompileError> {
    let Some((name, _)) = FORK_NAMES.iter().find(|(_, known)| *known == address) else { return Ok(None) };
    let slot = frame.mapping(FORKS, keccak256(name))?;
    Ok(timeline::at(frame, slot, number)?.map(|time| time.saturating_to()))
}
