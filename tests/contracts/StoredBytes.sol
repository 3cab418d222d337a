// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// What a contract does without the Contract Database: `bytes` in its own storage.
contract StoredBytes {
    mapping(bytes32 => bytes) private values;

    function put(bytes32 key, bytes calldata value) external {
        values[key] = value;
    }

    function get(bytes32 key) external view returns (bytes memory) {
        return values[key];
    }
}
