// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IThings} from "./IThings.sol";

/// @title Contract Database, the precompile at 0x0000000000000000000000000000000000007102
/// @notice Tables and time series that stay when the contract that wrote them is replaced, and proofs of data from
/// outside. Everything stands in the account's storage, so the state root covers it and eth_getProof shows it.
interface IContractDatabase {
    enum Role { None, Writer, Admin }

    /// @notice Whose word about a thing counts. Signed: that of any of the keys. Quorum: that of more than two thirds of
    /// them. Attested: that of an entity attestation token under the policy. Content: nobody's; the identifier decides.
    enum ProviderKind { Signed, Quorum, Attested, Content }

    event DatabaseOpened(bytes32 indexed database, address indexed admin);
    event RoleSet(bytes32 indexed database, address indexed account, Role role);
    event Written(bytes32 indexed database, bytes32 indexed table, bytes32 indexed key, bytes32 valueHash);
    event Removed(bytes32 indexed database, bytes32 indexed table, bytes32 indexed key);
    event Appended(bytes32 indexed database, bytes32 indexed series, uint64 timeMs, bytes32 valueHash);
    event ProviderSet(bytes32 indexed provider, address indexed owner, ProviderKind kind);

    error UnknownDatabase(bytes32 database);
    error AlreadyOpen(bytes32 database);
    error UnknownProvider(bytes32 provider);
    error NotAuthorized(address caller);
    error NoValue();
    error LimitExceeded(string what, uint256 limit);
    error InvalidEvidence();
    error InvalidContent();

    /// @return database keccak256(abi.encode(msg.sender, salt)), of which the caller is admin
    function open(bytes32 salt) external returns (bytes32 database);
    function setRole(bytes32 database, address account, Role role) external;
    function roleOf(bytes32 database, address account) external view returns (Role);

    function put(bytes32 database, bytes32 table, bytes32 key, bytes calldata value) external;
    function putMany(bytes32 database, bytes32 table, bytes32[] calldata keys, bytes[] calldata values) external;
    function get(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes memory value);
    /// @notice Empty bytes for keys that are not there.
    function getMany(bytes32 database, bytes32 table, bytes32[] calldata keys) external view returns (bytes[] memory values);
    function exists(bytes32 database, bytes32 table, bytes32 key) external view returns (bool);
    function remove(bytes32 database, bytes32 table, bytes32 key) external;
    function count(bytes32 database, bytes32 table) external view returns (uint256);
    /// @notice A page of keys, oldest first. `cursor` is 0 or a `next` that is not 0; pages have at most 256 keys.
    function scan(bytes32 database, bytes32 table, uint256 cursor, uint256 limit) external view returns (bytes32[] memory keys, uint256 next);
    /// @return slot holds keccak256(value); for up to 31 bytes the value itself, left-aligned, and 2 * length at the end
    function slotOf(bytes32 database, bytes32 table, bytes32 key) external view returns (bytes32 slot);

    /// @notice Entries may come late: they are kept by time, and within one time as they came.
    function append(bytes32 database, bytes32 series, uint64 timeMs, bytes calldata value) external;
    function range(bytes32 database, bytes32 series, uint64 fromMs, uint64 toMs, uint256 cursor, uint256 limit) external view returns (uint64[] memory timesMs, bytes[] memory values, uint256 next);
    function latestEntry(bytes32 database, bytes32 series) external view returns (uint64 timeMs, bytes memory value);
    /// @notice Drops the earliest entries, up to `limit`, of times before `beforeMs`.
    /// @return removed how many there were
    function trim(bytes32 database, bytes32 series, uint64 beforeMs, uint256 limit) external returns (uint256 removed);

    /// @param keys for Signed and Quorum: COSE_Keys (RFC 9052)
    /// @param policy for Attested: CBOR {1: [issuer COSE_Key], 2: largest age in s, 3: debug status, 4: [measurement digest]}
    /// @return provider keccak256(abi.encode(msg.sender, kind, thing)), whose keys and policy are replaced if it is there
    function setProvider(ProviderKind kind, bytes32 thing, bytes[] calldata keys, bytes calldata policy) external returns (bytes32 provider);
    function providerOf(bytes32 provider) external view returns (address owner, ProviderKind kind, bytes32 thing, bytes[] memory keys, bytes memory policy);
    /// @notice A request to the provider's thing whose answer must also be proved by the provider. The callback is that of
    /// IThings, to the caller.
    function fetch(bytes32 provider, IThings.Request calldata request) external payable returns (uint256 requestId);
    /// @notice A request for bytes of a file by content identifier (CIDv0, CIDv1); length 0: to its end.
    function fetchContent(bytes calldata cid, uint64 offset, uint32 length, IThings.Request calldata request) external payable returns (uint256 requestId);
    /// @param blocks those on the way to the bytes, depth first; raw or UnixFS in dag-pb
    function verifyContent(bytes calldata cid, uint64 offset, uint32 length, bytes[] calldata blocks) external view returns (bytes memory data);
    /// @param evidence entity attestation token (RFC 9711) in COSE_Sign1 or COSE_Sign
    /// @return claims CBOR, as signed
    function verifyEvidence(bytes calldata policy, bytes32 nonce, bytes calldata evidence) external view returns (bytes memory claims);
}
