//! Governance, at 0x…7104.
use super::{
    Case,
    machine::{Loop, Machine},
};
use alloy_primitives::{Address, Bytes, U256, b256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use pervade_chainspec::params::{GOVERNANCE_ADDRESS, PAGE_ENTRIES_MAX, PERMISSION_SEND};

mod abi {
    #![allow(missing_docs)]
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/IGovernance.sol"
    );
}
use abi::IGovernance::{self, Action};

const TO: Address = GOVERNANCE_ADDRESS;
/// Proposals that are made, and voted on.
const PROPOSALS: u64 = 320;

/// The caller is a validator, and so is its voter: both must agree, and the second vote enacts.
pub(super) fn cases(_machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let propose = (0..PROPOSALS).map(|n| {
        let account = Address::from_word(keccak256(n.to_be_bytes()));
        let arguments: Bytes = (account, U256::from(PERMISSION_SEND)).abi_encode().into();
        IGovernance::proposeCall { action: Action::SetPermission, arguments, expiry: 1_000_000 }.abi_encode().into()
    });
    let vote = (1..=PROPOSALS)
        .map(|id| IGovernance::voteCall { proposalId: U256::from(id), support: true }.abi_encode().into());
    let proposal_of =
        (1..=PROPOSALS).map(|id| IGovernance::proposalOfCall { proposalId: U256::from(id) }.abi_encode().into());
    let permissions_of = (0..PROPOSALS).map(|n| {
        let account = Address::from_word(keccak256(n.to_be_bytes()));
        IGovernance::permissionsOfCall { account }.abi_encode().into()
    });
    let page = IGovernance::proposalsCall { cursor: U256::ZERO, limit: U256::from(PAGE_ENTRIES_MAX) }.abi_encode();
    let name = b256!("6761734c696d6974000000000000000000000000000000000000000000000000");
    let parameter = IGovernance::parameterCall { name }.abi_encode();
    let case = |function, against| Case::new(function, "", against, TO);
    // A call a transaction where every call asks for the same: the next would find it warm.
    let again = |call: Vec<u8>| vec![Bytes::from(call); 100];
    Ok(vec![
        case("governance.propose", Loop::Fill).calls(40, propose),
        case("governance.vote", Loop::Overwrite).calls(40, vote).by_voter(),
        case("governance.proposalOf", Loop::Load).calls(80, proposal_of),
        case("governance.permissionsOf", Loop::Load).calls(80, permissions_of),
        case("governance.proposals", Loop::Load).calls(1, again(page)),
        case("governance.parameter", Loop::Load).calls(1, again(parameter)),
        case("governance.validators", Loop::Load).calls(1, again(IGovernance::validatorsCall {}.abi_encode())),
        case("governance.validatorsAt", Loop::Load)
            .calls(1, again(IGovernance::validatorsAtCall { blockNumber: U256::ONE }.abi_encode())),
        case("governance.gateways", Loop::Load).calls(1, again(IGovernance::gatewaysCall {}.abi_encode())),
    ])
}
