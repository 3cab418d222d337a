//! Names of networks in the tests, as `config` of a genesis file.
use super::{LATER_FORK, Verdict, json};
use serde_json::{Map, Value, json};

/// A fork of the tests: its names and the fields of `config` that switch it on.
struct Fork {
    names: &'static [&'static str],
    fields: &'static [&'static str],
}

const fn fork(names: &'static [&'static str], fields: &'static [&'static str]) -> Fork {
    Fork { names, fields }
}

/// In order. Fields that end in `Time` are times; Paris is switched on by total difficulty.
const FORKS: &[Fork] = &[
    fork(&["Frontier"], &[]),
    fork(&["Homestead"], &["homesteadBlock"]),
    fork(&["EIP150", "TangerineWhistle"], &["eip150Block"]),
    fork(&["EIP158", "SpuriousDragon"], &["eip155Block", "eip158Block"]),
    fork(&["Byzantium"], &["byzantiumBlock"]),
    fork(&["Constantinople"], &["constantinopleBlock"]),
    fork(&["ConstantinopleFix", "Petersburg"], &["petersburgBlock"]),
    fork(&["Istanbul"], &["istanbulBlock"]),
    fork(&["MuirGlacier"], &["muirGlacierBlock"]),
    fork(&["Berlin"], &["berlinBlock"]),
    fork(&["London"], &["londonBlock"]),
    fork(&["ArrowGlacier"], &["arrowGlacierBlock"]),
    fork(&["GrayGlacier"], &["grayGlacierBlock"]),
    fork(&["Paris", "Merge"], &[]),
    fork(&["Shanghai"], &["shanghaiTime"]),
    fork(&["Cancun"], &["cancunTime"]),
    fork(&["Prague"], &["pragueTime"]),
    fork(&["Osaka"], &["osakaTime"]),
    fork(&["BPO1"], &["bpo1Time"]),
    fork(&["BPO2"], &["bpo2Time"]),
    fork(&["BPO3"], &["bpo3Time"]),
    fork(&["BPO4"], &["bpo4Time"]),
    fork(&["BPO5"], &["bpo5Time"]),
];
/// Position of Paris in [`FORKS`].
const PARIS: usize = 13;
/// Position of Constantinople, which without its successor is a fork of its own.
const CONSTANTINOPLE: usize = 5;
/// The DAO fork is no step of that ladder: only networks that name it have it.
const DAO: &str = "Dao";
/// Forks after Osaka.
const LATER: &[&str] = &["Amsterdam", "Bogota", "Verkle", "EIP7692", "CancunEIP7692"];

/// Whether blocks of this network are proof-of-stake blocks from the first on.
pub(super) fn is_merged(network: &str) -> Result<bool, Verdict> {
    Ok(position(network.split_once("To").map_or(network, |(from, _)| from))? >= PARIS)
}

/// `config` of a genesis file for a network like `Cancun`, `BerlinToLondonAt5` or `ParisToShanghaiAtTime15k`.
pub(super) fn config(network: &str, settings: &Value) -> Result<Value, Verdict> {
    let mut config = Map::new();
    let chain_id = json::number_field(settings, "chainid")?.map_or(1, |id| id.saturating_to::<u64>());
    config.insert("chainId".into(), chain_id.into());
    match network.split_once("To") {
        None => activate(&mut config, 0..=position(network)?, 0),
        Some((from, rest)) => {
            let (to, at) = rest.split_once("At").ok_or_else(|| Verdict::Failed(format!("network {network}?")))?;
            let from = position(from)?;
            activate(&mut config, 0..=from, 0);
            if to == DAO {
                config.insert("daoForkBlock".into(), decimal(at)?.into());
                config.insert("daoForkSupport".into(), true.into());
            } else if let Some(difficulty) = at.strip_prefix("Diff") {
                let difficulty = json::number(&format!("0x{difficulty}"))?;
                config.insert("terminalTotalDifficulty".into(), difficulty.to_string().into());
            } else {
                let at = decimal(at.strip_prefix("Time").unwrap_or(at))?;
                activate(&mut config, from + 1..=position(to)?, at);
            }
        }
    }
    if let Some(schedule) = settings["blobSchedule"].as_object() {
        config.insert("blobSchedule".into(), blob_schedule(schedule)?);
    }
    Ok(config.into())
}

fn activate(config: &mut Map<String, Value>, forks: std::ops::RangeInclusive<usize>, at: u64) {
    let last = *forks.end();
    for index in forks {
        for field in FORKS[index].fields {
            config.insert((*field).into(), at.into());
        }
        if index == PARIS {
            config.insert("terminalTotalDifficulty".into(), 0.into());
        }
    }
    if last == CONSTANTINOPLE {
        config.insert("petersburgBlock".into(), u64::MAX.into());
    }
}

fn blob_schedule(schedule: &Map<String, Value>) -> Result<Value, Verdict> {
    let mut entries = Map::new();
    for (name, entry) in schedule {
        if LATER.contains(&name.as_str()) {
            continue;
        }
        let field = |name: &str| json::u64_field(entry, name);
        let entry = json!({
            "target": field("target")?,
            "max": field("max")?,
            "baseFeeUpdateFraction": field("baseFeeUpdateFraction")?,
        });
        entries.insert(name.to_lowercase(), entry);
    }
    Ok(entries.into())
}

fn position(name: &str) -> Result<usize, Verdict> {
    if LATER.contains(&name) {
        return Err(Verdict::Skipped(LATER_FORK));
    }
    let found = FORKS.iter().position(|fork| fork.names.contains(&name));
    found.ok_or_else(|| Verdict::Failed(format!("unknown network {name}")))
}

/// `15k` is fifteen thousand.
fn decimal(text: &str) -> Result<u64, Verdict> {
    match text.strip_suffix('k') {
        Some(thousands) => Ok(thousands.parse::<u64>()?.saturating_mul(1000)),
        None => Ok(text.parse()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(network: &str) -> Value {
        config(network, &Value::Null).unwrap()
    }

    #[test]
    fn a_transition_switches_the_forks_between_its_ends() {
        let config = fields("BerlinToLondonAt5");
        assert_eq!((&config["berlinBlock"], &config["londonBlock"]), (&0.into(), &5.into()));
        assert_eq!(fields("ParisToShanghaiAtTime15k")["shanghaiTime"], 15_000);
        assert_eq!(fields("ArrowGlacierToParisAtDiffC0000")["terminalTotalDifficulty"], "786432");
        assert_eq!(fields("ByzantiumToConstantinopleFixAt5")["petersburgBlock"], 5);
        assert_eq!(fields("HomesteadToDaoAt5")["daoForkBlock"], 5);
        assert!(fields("HomesteadToDaoAt5").get("eip150Block").is_none());
    }

    #[test]
    fn later_forks_are_skipped_and_unknown_ones_fail() {
        assert!(matches!(config("Amsterdam", &Value::Null), Err(Verdict::Skipped(LATER_FORK))));
        assert!(matches!(config("BPO2ToAmsterdamAtTime15k", &Value::Null), Err(Verdict::Skipped(LATER_FORK))));
        assert!(matches!(config("Nonsense", &Value::Null), Err(Verdict::Failed(_))));
    }
}
