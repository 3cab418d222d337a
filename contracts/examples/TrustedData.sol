// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IContractDatabase} from "../IContractDatabase.sol";
import {IThings} from "../IThings.sol";
import {ThingClient} from "../ThingClient.sol";

/// @title Data from outside that proves itself
/// @notice `ask` gets what a provider signed, `askFile` bytes of a file by its content identifier. Who brought it does not
/// matter: the proof is checked before the callback.
contract TrustedData is ThingClient {
    IContractDatabase internal constant DATABASE = IContractDatabase(0x0000000000000000000000000000000000007102);

    bytes32 public immutable thing;
    bytes32 public immutable provider;
    bytes public data;
    uint16 public failure;

    constructor(bytes32 thing_, bytes32 provider_) {
        (thing, provider) = (thing_, provider_);
    }

    function ask(string calldata property) external payable returns (uint256 requestId) {
        IThings.Request memory asked =
            _asked(thing, IThings.Operation.ReadProperty, property, "", IThings.Agreement.Gateway, 0);
        return DATABASE.fetch{value: msg.value}(provider, asked);
    }

    /// @param length 0 for the whole file
    function askFile(bytes calldata cid, uint64 offset, uint32 length) external payable returns (uint256 requestId) {
        IThings.Request memory asked =
            _asked(thing, IThings.Operation.ReadProperty, "file", "", IThings.Agreement.Gateway, 0);
        return DATABASE.fetchContent{value: msg.value}(cid, offset, length, asked);
    }

    function _onResult(uint256, bytes calldata result) internal override {
        (data, failure) = (result, 0);
    }

    function _onFailure(uint256, uint16 code) internal override {
        failure = code;
    }
}
