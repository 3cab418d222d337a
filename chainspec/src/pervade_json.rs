//! Reads `config.pervade`. Unknown fields are refused: a misspelt one would otherwise fall back to a default
//! in silence, and nodes that disagree on a default disagree on blocks.
use crate::{
    Activation, BaseFeeRule, BeneficiaryRule, PermissionRule, PervadeConfig, PrecompileActivations, ValidatorConfig,
    error::Refusal,
    json::{Object, Value},
    params,
};

const FIELDS: &[&str] = &[
    "validators",
    "blockPeriodMs",
    "emptyBlockPeriodMs",
    "gasLimit",
    "baseFee",
    "systemGasSharePercent",
    "permissions",
    "precompiles",
    "beneficiary",
];

/// Reads the section; `gas_limit` is the genesis header's.
pub(crate) fn read(section: &Value<'_>, gas_limit: u64) -> Result<PervadeConfig, Refusal> {
    let mut object = section.object()?;
    let validators = object.required("validators")?.array()?.iter().map(validator).collect::<Result<_, _>>()?;
    let mut config = PervadeConfig::new(validators, gas_limit);
    read_into(&mut config.block_period_ms, &mut object, "blockPeriodMs", Value::u64)?;
    read_into(&mut config.empty_block_period_ms, &mut object, "emptyBlockPeriodMs", Value::u64)?;
    read_into(&mut config.gas_limit, &mut object, "gasLimit", Value::u64)?;
    read_into(&mut config.base_fee, &mut object, "baseFee", base_fee)?;
    read_into(&mut config.system_gas_share_percent, &mut object, "systemGasSharePercent", Value::u64)?;
    read_into(&mut config.permissions, &mut object, "permissions", permissions)?;
    read_into(&mut config.precompiles, &mut object, "precompiles", precompiles)?;
    read_into(&mut config.beneficiary, &mut object, "beneficiary", beneficiary)?;
    object.refuse_rest(FIELDS)?;
    Ok(config)
}

fn read_into<'a, T>(
    target: &mut T,
    object: &mut Object<'a>,
    key: &str,
    reader: impl FnOnce(&Value<'a>) -> Result<T, Refusal>,
) -> Result<(), Refusal> {
    if let Some(value) = object.read(key, reader)? {
        *target = value;
    }
    Ok(())
}

fn validator(value: &Value<'_>) -> Result<ValidatorConfig, Refusal> {
    let mut object = value.object()?;
    let validator = ValidatorConfig {
        account: object.required("account")?.address()?,
        public_key: object.required("publicKey")?.bytes()?,
        power: object.read("power", Value::u64)?.unwrap_or(params::POWER_DEFAULT),
    };
    object.refuse_rest(&["account", "publicKey", "power"])?;
    Ok(validator)
}

fn base_fee(value: &Value<'_>) -> Result<BaseFeeRule, Refusal> {
    let mut object = value.object()?;
    let kind = object.required("kind")?;
    let (rule, known): (_, &[&str]) = match kind.string()?.as_str() {
        "dynamic" => {
            let minimum = object.read("minimum", Value::u64)?.unwrap_or(params::BASE_FEE_MINIMUM_DEFAULT);
            (BaseFeeRule::Dynamic { minimum }, &["kind", "minimum"])
        }
        "fixed" => (BaseFeeRule::Fixed { value: object.required("value")?.u64()? }, &["kind", "value"]),
        "zero" => (BaseFeeRule::Zero, &["kind"]),
        other => return Err(kind.refuse(format!("unknown kind {other:?}; known are dynamic, fixed, zero"))),
    };
    object.refuse_rest(known)?;
    Ok(rule)
}

fn permissions(value: &Value<'_>) -> Result<PermissionRule, Refusal> {
    match value.string()?.as_str() {
        "off" => Ok(PermissionRule::Off),
        "on" => Ok(PermissionRule::On),
        other => Err(value.refuse(format!("unknown rule {other:?}; known are off, on"))),
    }
}

fn precompiles(value: &Value<'_>) -> Result<PrecompileActivations, Refusal> {
    let mut object = value.object()?;
    let mut read = |key| Ok::<_, Refusal>(object.read(key, activation)?.unwrap_or_default());
    let activations = PrecompileActivations {
        things: read("things")?,
        contract_database: read("contractDatabase")?,
        semantics: read("semantics")?,
        governance: read("governance")?,
    };
    object.refuse_rest(&["things", "contractDatabase", "semantics", "governance"])?;
    Ok(activations)
}

fn activation(value: &Value<'_>) -> Result<Activation, Refusal> {
    let mut object = value.object()?;
    let block = object.read("block", Value::u64)?;
    let time = object.read("time", Value::u64)?;
    object.refuse_rest(&["block", "time"])?;
    match (block, time) {
        (Some(block), None) => Ok(Activation::Block(block)),
        (None, Some(time)) => Ok(Activation::Time(time)),
        _ => Err(value.refuse("give either block or time; leave the precompile out to keep it inactive")),
    }
}

fn beneficiary(value: &Value<'_>) -> Result<BeneficiaryRule, Refusal> {
    let mut object = value.object()?;
    let kind = object.required("kind")?;
    let (rule, known): (_, &[&str]) = match kind.string()?.as_str() {
        "proposer" => (BeneficiaryRule::Proposer, &["kind"]),
        "fixed" => (BeneficiaryRule::Fixed { address: object.required("address")?.address()? }, &["kind", "address"]),
        other => return Err(kind.refuse(format!("unknown kind {other:?}; known are proposer, fixed"))),
    };
    object.refuse_rest(known)?;
    Ok(rule)
}
