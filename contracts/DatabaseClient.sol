// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IContractDatabase} from "./IContractDatabase.sol";

/// @title Base of contracts that keep their data in the Contract Database
/// @notice The data belongs to a database, not to the contract: the next version takes the database over and goes on.
/// Derive from it, pass the database of the version before (or 0 for a new one), and read and write by table and key.
abstract contract DatabaseClient {
    IContractDatabase internal constant DATABASE = IContractDatabase(0x0000000000000000000000000000000000007102);

    /// @notice The database of this contract and of the versions before it.
    bytes32 public immutable database;
    /// @notice Who may name the next version.
    address public immutable upgrader;
    /// @notice The version that has taken over; 0 while this one works.
    address public successor;

    event HandedOver(address indexed successor);

    error NotUpgrader(address caller);
    error AlreadyHandedOver(address successor);
    error InvalidSuccessor(address next);

    /// @param inherited database of the version before, which must call `handOver` before this one writes; 0 opens a new one
    /// @param upgrader_ who may call `handOver` here
    constructor(bytes32 inherited, address upgrader_) {
        upgrader = upgrader_;
        database = inherited == 0 ? DATABASE.open("DatabaseClient") : inherited;
    }

    /// @notice Makes `next` the database's admin and gives up every right of this contract: it can write no more. It
    /// cannot be undone here: `next` decides from now on who writes.
    function handOver(address next) external {
        if (msg.sender != upgrader) revert NotUpgrader(msg.sender);
        if (successor != address(0)) revert AlreadyHandedOver(successor);
        if (next == address(0) || next == address(this)) revert InvalidSuccessor(next);
        successor = next;
        DATABASE.setRole(database, next, IContractDatabase.Role.Admin);
        DATABASE.setRole(database, address(this), IContractDatabase.Role.None);
        emit HandedOver(next);
    }

    /// @notice Whether this contract may write.
    function isActive() public view returns (bool) {
        return DATABASE.roleOf(database, address(this)) != IContractDatabase.Role.None;
    }

    // Records: any ABI-encodable type, encoded and decoded by the derived contract.

    function _put(bytes32 table, bytes32 key, bytes memory value) internal {
        DATABASE.put(database, table, key, value);
    }

    function _get(bytes32 table, bytes32 key) internal view returns (bytes memory) {
        return DATABASE.get(database, table, key);
    }

    function _exists(bytes32 table, bytes32 key) internal view returns (bool) {
        return DATABASE.exists(database, table, key);
    }

    function _remove(bytes32 table, bytes32 key) internal {
        DATABASE.remove(database, table, key);
    }

    function _count(bytes32 table) internal view returns (uint256) {
        return DATABASE.count(database, table);
    }

    /// @return keys in the order in which they were first put
    /// @return next cursor of the next page; 0 at the end
    function _scan(bytes32 table, uint256 cursor, uint256 limit) internal view returns (bytes32[] memory keys, uint256 next) {
        return DATABASE.scan(database, table, cursor, limit);
    }

    // Words: values of up to 31 bytes stand in their slot, so a number below 2**248 is cheapest.

    function _putUint(bytes32 table, bytes32 key, uint256 value) internal {
        DATABASE.put(database, table, key, value < 1 << 248 ? abi.encodePacked(uint248(value)) : abi.encodePacked(value));
    }

    /// @notice 0 for a key that is not there.
    function _getUint(bytes32 table, bytes32 key) internal view returns (uint256) {
        bytes32[] memory keys = new bytes32[](1);
        keys[0] = key;
        bytes memory value = DATABASE.getMany(database, table, keys)[0];
        if (value.length == 0) return 0;
        return value.length == 31 ? uint248(bytes31(value)) : uint256(bytes32(value));
    }

    // Time series

    function _append(bytes32 series, uint64 timeMs, bytes memory value) internal {
        DATABASE.append(database, series, timeMs, value);
    }

    function _latest(bytes32 series) internal view returns (uint64 timeMs, bytes memory value) {
        return DATABASE.latestEntry(database, series);
    }
}
