// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Governance, the precompile at 0x0000000000000000000000000000000000007104
/// @notice Validators decide by vote who validates, which gateways the chain has, its parameters, permissions and forks.
/// A proposal is enacted as soon as more than two thirds of the voting power of that moment supports it; if that happens
/// in block N, its effect begins with block N+2.
interface IGovernance {
    /// @param account proposes and votes; may be a contract
    /// @param publicKey compressed secp256k1 key (33 bytes) that signs blocks, and nothing else
    /// @param power voting power in both consensus and governance
    struct Validator { address account; bytes publicKey; uint64 power; }

    enum Action { SetValidator, SetGateway, SetParameter, SetPermission, ScheduleFork }

    /// @notice Waiting: accepted, but it changes too much of the power for one block, and its turn comes later.
    enum ProposalStatus { None, Open, Waiting, Enacted, Rejected, Expired }

    event Proposed(uint256 indexed proposalId, address indexed proposer, Action action, bytes arguments);
    event Voted(uint256 indexed proposalId, address indexed account, bool support);
    event Enacted(uint256 indexed proposalId, uint256 effectiveBlock);

    error NotAuthorized(address caller);
    error UnknownProposal(uint256 proposalId);
    error WrongStatus(ProposalStatus status);
    error InvalidProposal(string reason);
    error AlreadyVoted(address account);

    /// @return the set that decides this block
    function validators() external view returns (Validator[] memory);
    /// @return the set that decides that block; at most two blocks ahead
    function validatorsAt(uint256 blockNumber) external view returns (Validator[] memory);
    /// @return accounts of the gateways that serve every thing without gateways of its own
    function gateways() external view returns (address[] memory);
    /// @param name the parameter's name as ASCII, filled up with zeros on the right
    /// @notice What holds in this block, and the least and the greatest that a vote may set.
    function parameter(bytes32 name) external view returns (uint256 value, uint256 minimum, uint256 maximum);
    /// @return permissions bit 0: may send; bit 1: may create contracts; bit 2: may register things; bit 3: where gas has
    /// no price, its contracts' requests and triggers run, within a quota
    function permissionsOf(address account) external view returns (uint8 permissions);
    /// @notice Only validators propose. A proposal counts as its proposer's vote in favour.
    /// @param arguments abi.encode of what the action takes: SetValidator (address account, bytes publicKey, uint64 power),
    /// power 0 removes; SetGateway (address account, bool serves); SetParameter (bytes32 name, uint256 value);
    /// SetPermission (address account, uint8 permissions); ScheduleFork (string name, uint64 time)
    /// @param expiry unix seconds; votes count up to this time
    function propose(Action action, bytes calldata arguments, uint64 expiry) external returns (uint256 proposalId);
    /// @notice One vote for each validator's account.
    function vote(uint256 proposalId, bool support) external;
    /// @notice While the proposal is open, powers are counted with the present set.
    function proposalOf(uint256 proposalId) external view returns (address proposer, Action action, bytes memory arguments, uint64 expiry, uint64 powerFor, uint64 powerAgainst, ProposalStatus status);
    /// @notice `next` is where to go on, 0 at the end.
    /// @param cursor the first proposal to list, 0 for the first of all
    function proposals(uint256 cursor, uint256 limit) external view returns (uint256[] memory proposalIds, uint256 next);
}
