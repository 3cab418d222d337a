//! Numbers that votes may change, each inside a fixed range. What was never voted on is as the genesis says.
use super::{PARAMETERS, timeline};
use crate::precompiles::{Frame, PrecompileError};
use alloy_primitives::{B256, U256};
use pervade_chainspec::{PervadeConfig, params};

/// A number that votes may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    /// Gas limit of blocks.
    GasLimit,
    /// Shortest time between blocks with transactions, milliseconds.
    BlockPeriodMs,
    /// Longest time without a block, milliseconds.
    EmptyBlockPeriodMs,
    /// Share of the gas limit for system transactions, percent.
    SystemGasSharePercent,
    /// What a request pays to those who answer it, wei.
    FetchFee,
    /// How long the result of a parked callback is kept, seconds.
    ParkedSeconds,
    /// Gas of a payer's callbacks in a period, where gas has no price.
    QuotaGas,
}

impl Parameter {
    pub(crate) const ALL: [Self; 7] = [
        Self::GasLimit,
        Self::BlockPeriodMs,
        Self::EmptyBlockPeriodMs,
        Self::SystemGasSharePercent,
        Self::FetchFee,
        Self::ParkedSeconds,
        Self::QuotaGas,
    ];

    /// Its name on the chain, ASCII.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GasLimit => "gasLimit",
            Self::BlockPeriodMs => "blockPeriodMs",
            Self::EmptyBlockPeriodMs => "emptyBlockPeriodMs",
            Self::SystemGasSharePercent => "systemGasSharePercent",
            Self::FetchFee => "fetchFee",
            Self::ParkedSeconds => "parkedSeconds",
            Self::QuotaGas => "quotaGas",
        }
    }

    /// The parameter of this name, which is filled up with zeros on the right.
    pub(crate) fn named(name: B256) -> Option<Self> {
        Self::ALL.into_iter().find(|parameter| parameter.key() == name)
    }

    /// Its name as a word.
    pub(crate) fn key(self) -> B256 {
        B256::right_padding_from(self.name().as_bytes())
    }

    /// The least and the greatest value.
    pub(crate) const fn range(self) -> (u64, u64) {
        match self {
            Self::GasLimit => (params::GAS_LIMIT_MIN, params::GAS_LIMIT_MAX),
            Self::BlockPeriodMs => (0, params::BLOCK_PERIOD_MS_MAX),
            Self::EmptyBlockPeriodMs => (0, params::EMPTY_BLOCK_PERIOD_MS_MAX),
            Self::SystemGasSharePercent => (params::SYSTEM_GAS_SHARE_PERCENT_MIN, params::SYSTEM_GAS_SHARE_PERCENT_MAX),
            Self::FetchFee => (0, params::FETCH_FEE_MAX),
            Self::ParkedSeconds => (params::PARKED_SECONDS_MIN, params::PARKED_SECONDS_MAX),
            Self::QuotaGas => (params::QUOTA_GAS_MIN, params::QUOTA_GAS_MAX),
        }
    }

    fn genesis(self, chain: &PervadeConfig) -> u64 {
        match self {
            Self::GasLimit => chain.gas_limit,
            Self::BlockPeriodMs => chain.block_period_ms,
            Self::EmptyBlockPeriodMs => chain.empty_block_period_ms,
            Self::SystemGasSharePercent => chain.system_gas_share_percent,
            Self::FetchFee => 0,
            Self::ParkedSeconds => params::PARKED_SECONDS_DEFAULT,
            Self::QuotaGas => params::QUOTA_GAS_DEFAULT,
        }
    }
}

/// A parameter's value in a block.
pub(crate) fn value_at(frame: &mut Frame<'_>, parameter: Parameter, number: u64) -> Result<u64, PrecompileError> {
    let slot = frame.mapping(PARAMETERS, parameter.key())?;
    let voted = timeline::at(frame, slot, number)?;
    Ok(voted.map_or_else(|| parameter.genesis(frame.call().chain), |value| value.saturating_to()))
}

/// The chain's settings as they are in a block.
pub(super) fn settings_at(frame: &mut Frame<'_>, number: u64) -> Result<PervadeConfig, PrecompileError> {
    let mut settings = frame.call().chain.clone();
    settings.gas_limit = value_at(frame, Parameter::GasLimit, number)?;
    settings.block_period_ms = value_at(frame, Parameter::BlockPeriodMs, number)?;
    settings.empty_block_period_ms = value_at(frame, Parameter::EmptyBlockPeriodMs, number)?;
    settings.system_gas_share_percent = value_at(frame, Parameter::SystemGasSharePercent, number)?;
    Ok(settings)
}

/// Whether a parameter may take this value now: its range, and what it has to do with others.
pub(super) fn check(
    frame: &mut Frame<'_>,
    parameter: Parameter,
    value: U256,
) -> Result<Result<u64, String>, PrecompileError> {
    let (minimum, maximum) = parameter.range();
    let name = parameter.name();
    let Some(value) = u64::try_from(value).ok().filter(|value| (minimum..=maximum).contains(value)) else {
        return Ok(Err(format!("{name} must be {minimum} to {maximum}")));
    };
    // What others will be once every change so far holds.
    let mut period = value_at(frame, Parameter::BlockPeriodMs, u64::MAX)?;
    let mut empty = value_at(frame, Parameter::EmptyBlockPeriodMs, u64::MAX)?;
    match parameter {
        Parameter::BlockPeriodMs => period = value,
        Parameter::EmptyBlockPeriodMs => empty = value,
        _ => return Ok(Ok(value)),
    }
    if empty != 0 && empty < period {
        return Ok(Err("emptyBlockPeriodMs must be 0, or not below blockPeriodMs".to_owned()));
    }
    Ok(Ok(value))
}

/// Sets a parameter from a block on.
pub(super) fn set(
    frame: &mut Frame<'_>,
    parameter: Parameter,
    value: u64,
    from_block: u64,
) -> Result<(), PrecompileError> {
    let slot = frame.mapping(PARAMETERS, parameter.key())?;
    timeline::set(frame, slot, from_block, U256::from(value))
}
