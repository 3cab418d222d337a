//! Votes of validators, as their operators cast them.
use super::{Fees, Rpc, parse_quantity, sign_call};
use alloy_primitives::{Address, B256, Bytes, U256, address};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue};
use eyre::{bail, eyre};
use pervade_node::keys::compressed_public_key;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The precompile.
pub const GOVERNANCE: Address = address!("0000000000000000000000000000000000007104");
/// What the most expensive vote, one that is enacted, may use.
const VOTE_GAS: u64 = 2_000_000;
/// Proposals of tests are open for so long, seconds.
const OPEN_S: u64 = 3_600;
/// Time between two looks for a receipt.
const POLL: Duration = Duration::from_millis(20);

alloy_sol_types::sol! {
    /// What tests call of `IGovernance.sol`.
    interface IGovernance {
        enum Action { SetValidator, SetGateway, SetParameter, SetPermission, ScheduleFork }
        function propose(Action action, bytes arguments, uint64 expiry) external returns (uint256 proposalId);
        function vote(uint256 proposalId, bool support) external;
    }
}

/// Something that validators vote on.
#[derive(Clone)]
pub struct Change {
    action: IGovernance::Action,
    arguments: Bytes,
}

impl Change {
    /// A validator whose account's key signs blocks too gets this power; 0 removes it.
    pub fn power(validator: &PrivateKeySigner, power: u64) -> Self {
        let arguments = (validator.address(), compressed_public_key(validator), power).abi_encode_params();
        Self { action: IGovernance::Action::SetValidator, arguments: arguments.into() }
    }

    /// A parameter gets this value.
    pub fn parameter(name: &str, value: u64) -> Self {
        let mut word = B256::ZERO;
        word[..name.len()].copy_from_slice(name.as_bytes());
        let arguments = (word, U256::from(value)).abi_encode_params();
        Self { action: IGovernance::Action::SetParameter, arguments: arguments.into() }
    }

    /// The first of `voters` proposes it, the others vote for it, on the node that `rpc` asks; each must have money. Returns
    /// the number of the block that enacts it.
    ///
    /// # Errors
    /// A vote is refused, or does not come into a block in time.
    pub async fn pass(&self, rpc: &Rpc, voters: &[&PrivateKeySigner], time_max: Duration) -> eyre::Result<u64> {
        let head = rpc.call("eth_getBlockByNumber", json!(["latest", false])).await?;
        let expiry = parse_quantity(&head["timestamp"])?.to::<u64>() + OPEN_S;
        let (first, others) = voters.split_first().ok_or_else(|| eyre!("nobody votes"))?;
        let propose = IGovernance::proposeCall { action: self.action, arguments: self.arguments.clone(), expiry };
        let proposed = send(rpc, first, propose.abi_encode(), time_max).await?;
        let id = parse_quantity(&proposed["logs"][0]["topics"][1])?;
        let mut last = proposed;
        for voter in others {
            let vote = IGovernance::voteCall { proposalId: id, support: true };
            last = send(rpc, voter, vote.abi_encode(), time_max).await?;
        }
        Ok(parse_quantity(&last["blockNumber"])?.to())
    }
}

/// Sends a call of the precompile and waits for its receipt.
async fn send(rpc: &Rpc, from: &PrivateKeySigner, input: Vec<u8>, time_max: Duration) -> eyre::Result<Value> {
    let chain_id = parse_quantity(&rpc.call("eth_chainId", json!([])).await?)?.to();
    let nonce = rpc.call("eth_getTransactionCount", json!([from.address(), "pending"])).await?;
    let nonce = parse_quantity(&nonce)?.to();
    let (hash, raw) = sign_call(from, chain_id, nonce, GOVERNANCE, input.into(), VOTE_GAS, Fees::default());
    rpc.call("eth_sendRawTransaction", json!([raw])).await?;
    let begun = Instant::now();
    loop {
        let receipt = rpc.call("eth_getTransactionReceipt", json!([hash])).await?;
        if receipt["status"] == "0x1" {
            return Ok(receipt);
        }
        if !receipt.is_null() {
            bail!("the vote {hash} of {} failed: {receipt}", from.address());
        }
        if begun.elapsed() > time_max {
            bail!("the vote {hash} of {} is in no block after {time_max:?}", from.address());
        }
        tokio::time::sleep(POLL).await;
    }
}
