//! What a block's header says to the EVM.
use crate::net_gas_metering;
use alloy_consensus::Header;
use alloy_primitives::U256;
use pervade_chainspec::{BlockForks, ChainSpec};
use revm::{
    context::{BlockEnv, CfgEnv},
    context_interface::block::BlobExcessGasAndPrice,
    primitives::hardfork::SpecId,
};

/// Whether a header is one of proof of stake (or of this project's own consensus): Paris rules or later hold.
pub fn is_merged(spec: &ChainSpec, header: &Header) -> bool {
    spec.pervade().is_some()
        || spec.terminal_total_difficulty().is_some_and(|ttd| ttd.is_zero() || header.difficulty.is_zero())
}

/// Rules and block of the EVM.
pub(crate) struct Environment {
    pub(crate) cfg: CfgEnv,
    pub(crate) block: BlockEnv,
    /// SSTORE is priced by EIP-1283.
    pub(crate) net_gas_metering: bool,
}

/// Rules and block of the EVM for a header.
pub(crate) fn environment(chain_id: u64, forks: &BlockForks<'_>, header: &Header) -> Environment {
    let spec_id = forks.spec_id();
    let mut cfg = CfgEnv::new_with_spec(spec_id).with_chain_id(chain_id);
    let blob_params = forks.blob_params();
    if let Some(params) = &blob_params {
        cfg.set_max_blobs_per_tx(params.max_blobs_per_tx);
    }
    let blob_excess_gas_and_price = blob_params.map(|params| {
        let excess_blob_gas = header.excess_blob_gas.unwrap_or_default();
        BlobExcessGasAndPrice { excess_blob_gas, blob_gasprice: params.calc_blob_fee(excess_blob_gas) }
    });
    let merged = spec_id.is_enabled_in(SpecId::MERGE);
    let block = BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or_default(),
        difficulty: if merged { U256::ZERO } else { header.difficulty },
        prevrandao: merged.then_some(header.mix_hash),
        blob_excess_gas_and_price,
        slot_num: 0,
    };
    let net_gas_metering = forks.has_net_gas_metering();
    if net_gas_metering {
        net_gas_metering::set_base_price(&mut cfg);
    }
    Environment { cfg, block, net_gas_metering }
}
