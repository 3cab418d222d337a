//! The forks of a genesis file, in the order in which they must happen.
use crate::error::Refusal;
use alloy_genesis::ChainConfig;
use alloy_hardforks::EthereumHardfork;

/// A fork field of `config`.
pub(crate) struct Fork {
    /// Its name in the file.
    pub(crate) field: &'static str,
    /// The fork it activates; `None` if it changes no rule here.
    pub(crate) hardfork: Option<EthereumHardfork>,
    /// By time, Unix seconds, instead of block number.
    pub(crate) timed: bool,
    /// Later forks may be set without it.
    pub(crate) optional: bool,
    pub(crate) activation: fn(&ChainConfig) -> Option<u64>,
    pub(crate) activation_mut: fn(&mut ChainConfig) -> &mut Option<u64>,
}

macro_rules! forks {
    ($($field:literal $member:ident $hardfork:expr, $timed:literal, $optional:literal;)*) => {
        &[$(Fork {
            field: $field,
            hardfork: $hardfork,
            timed: $timed,
            optional: $optional,
            activation: |config| config.$member,
            activation_mut: |config| &mut config.$member,
        }),*]
    };
}

use EthereumHardfork::*;

/// Field, member, fork, by time, optional.
pub(crate) const FORKS: &[Fork] = forks! {
    "homesteadBlock" homestead_block Some(Homestead), false, false;
    "daoForkBlock" dao_fork_block Some(Dao), false, true;
    "eip150Block" eip150_block Some(Tangerine), false, false;
    "eip155Block" eip155_block None, false, false;
    "eip158Block" eip158_block Some(SpuriousDragon), false, false;
    "byzantiumBlock" byzantium_block Some(Byzantium), false, false;
    "constantinopleBlock" constantinople_block Some(Constantinople), false, false;
    "petersburgBlock" petersburg_block Some(Petersburg), false, false;
    "istanbulBlock" istanbul_block Some(Istanbul), false, false;
    "muirGlacierBlock" muir_glacier_block Some(MuirGlacier), false, true;
    "berlinBlock" berlin_block Some(Berlin), false, false;
    "londonBlock" london_block Some(London), false, false;
    "arrowGlacierBlock" arrow_glacier_block Some(ArrowGlacier), false, true;
    "grayGlacierBlock" gray_glacier_block Some(GrayGlacier), false, true;
    "mergeNetsplitBlock" merge_netsplit_block None, false, true;
    "shanghaiTime" shanghai_time Some(Shanghai), true, false;
    "cancunTime" cancun_time Some(Cancun), true, false;
    "pragueTime" prague_time Some(Prague), true, false;
    "osakaTime" osaka_time Some(Osaka), true, false;
    "bpo1Time" bpo1_time Some(Bpo1), true, true;
    "bpo2Time" bpo2_time Some(Bpo2), true, true;
    "bpo3Time" bpo3_time Some(Bpo3), true, true;
    "bpo4Time" bpo4_time Some(Bpo4), true, true;
    "bpo5Time" bpo5_time Some(Bpo5), true, true;
};

/// Forks come one after the other without gaps, as geth demands. A later fork builds on the earlier ones.
pub(crate) fn check_order(config: &ChainConfig) -> Result<(), Refusal> {
    let mut last: Option<(&Fork, Option<u64>)> = None;
    for fork in FORKS {
        let at = (fork.activation)(config);
        if let (Some((before, before_at)), Some(at)) = (last, at) {
            let refuse = |reason| Err(Refusal::new(format!("config.{}", fork.field), reason));
            match before_at {
                None => return refuse(format!("set, but the fork before it is not; set config.{} too", before.field)),
                Some(before_at) if before.timed == fork.timed && before_at > at => {
                    let unit = if fork.timed { "time" } else { "block" };
                    return refuse(format!(
                        "{unit} {at} comes before config.{} at {before_at}; forks must be in order",
                        before.field
                    ));
                }
                Some(_) => {}
            }
        }
        if !fork.optional || at.is_some() {
            last = Some((fork, at));
        }
    }
    check_spurious_dragon(config)
}

/// EIP-155 and EIP-158 are one fork, Spurious Dragon, on every chain whose blocks are to be had.
fn check_spurious_dragon(config: &ChainConfig) -> Result<(), Refusal> {
    if config.eip155_block == config.eip158_block {
        return Ok(());
    }
    Err(Refusal::new(
        "config.eip158Block",
        "differs from config.eip155Block; the two are one fork, give them one block",
    ))
}
