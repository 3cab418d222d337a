//! What a chain is, in lines for people.
use pervade_chainspec::{
    BaseFeeRule, BeneficiaryRule, ChainSpec, ForkCondition, PermissionRule, PervadeConfig, validator_set_hash,
};
use std::fmt::Write;

/// Identity, rules and forks of a chain.
pub(super) fn summary(spec: &ChainSpec) -> String {
    let header = spec.genesis_header();
    let mut lines = vec![
        ("chain id", spec.chain_id().to_string()),
        ("hash", spec.genesis_hash().to_string()),
        ("state root", header.state_root.to_string()),
        ("accounts", spec.genesis().alloc.len().to_string()),
        ("timestamp", header.timestamp.to_string()),
        ("gas limit", header.gas_limit.to_string()),
    ];
    match spec.pervade() {
        Some(pervade) => lines.extend(rules(pervade)),
        None => lines.push(("validators", "none: blocks are imported, then served read-only".to_owned())),
    }
    let mut text = String::new();
    // Writing to a string cannot fail.
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<15}{value}");
    }
    text.push_str("forks\n");
    for (fork, at) in forks(spec) {
        let _ = writeln!(text, "  {fork:<15}{at}");
    }
    text
}

fn rules(pervade: &PervadeConfig) -> Vec<(&'static str, String)> {
    let power: u64 = pervade.validators.iter().map(|validator| validator.power).sum();
    let base_fee = match pervade.base_fee {
        BaseFeeRule::Dynamic { minimum } => format!("dynamic, at least {minimum} wei"),
        BaseFeeRule::Fixed { value } => format!("fixed at {value} wei"),
        BaseFeeRule::Zero => "zero".to_owned(),
    };
    let empty = match pervade.empty_block_period_ms {
        0 => "no empty blocks".to_owned(),
        ms => format!("empty blocks after {ms} ms"),
    };
    let beneficiary = match pervade.beneficiary {
        BeneficiaryRule::Proposer => "the proposer".to_owned(),
        BeneficiaryRule::Fixed { address } => address.to_string(),
    };
    let permissions = match pervade.permissions {
        PermissionRule::Off => "off",
        PermissionRule::On => "on",
    };
    vec![
        ("validators", format!("{}, power {power}", pervade.validators.len())),
        ("validator set", validator_set_hash(&pervade.validators).to_string()),
        ("block period", format!("{} ms, {empty}", pervade.block_period_ms)),
        ("base fee", base_fee),
        ("fees go to", beneficiary),
        ("system gas", format!("{} ({} %)", pervade.system_gas(), pervade.system_gas_share_percent)),
        ("permissions", permissions.to_owned()),
    ]
}

/// Paris stands where its total difficulty puts it: after the forks by block, before those by time.
fn forks(spec: &ChainSpec) -> Vec<(String, String)> {
    let mut forks: Vec<_> = Vec::new();
    let mut paris = spec.terminal_total_difficulty().map(|total| format!("total difficulty {total}"));
    for (fork, condition) in spec.schedule().activations() {
        if condition.is_timestamp()
            && let Some(at) = paris.take()
        {
            forks.push(("Paris".to_owned(), at));
        }
        let at = match condition {
            ForkCondition::Block(block) => format!("block {block}"),
            ForkCondition::Timestamp(time) => format!("time {time}"),
            ForkCondition::TTD { total_difficulty, .. } => format!("total difficulty {total_difficulty}"),
            ForkCondition::Never => continue,
        };
        forks.push((fork.to_string(), at));
    }
    forks.extend(paris.map(|at| ("Paris".to_owned(), at)));
    forks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_chain_shows_its_forks_in_order() {
        let json =
            br#"{"config": {"chainId": 9, "homesteadBlock": 0, "eip150Block": 2, "eip155Block": 3, "eip158Block": 3,
            "byzantiumBlock": 4, "constantinopleBlock": 5, "petersburgBlock": 5, "istanbulBlock": 6, "berlinBlock": 7,
            "londonBlock": 8, "shanghaiTime": 90, "terminalTotalDifficulty": 1000},
            "gasLimit": "0x47e7c4", "difficulty": "0x20000", "alloc": {}}"#;
        let text = summary(&ChainSpec::from_json("test.json", json).unwrap());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "chain id       9");
        assert!(lines[2].ends_with("0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"));
        assert!(text.contains("validators     none"));
        assert_eq!(
            &lines[lines.len() - 3..],
            ["  London         block 8", "  Paris          total difficulty 1000", "  Shanghai       time 90"]
        );
    }
}
