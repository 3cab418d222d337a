// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IThings} from "../IThings.sol";
import {ThingClient} from "../ThingClient.sol";

/// @title The smallest contract that reads a sensor
contract Thermometer is ThingClient {
    bytes32 public immutable sensor;
    /// @notice What the sensor said last, as it said it.
    string public reading;
    /// @notice Why it said nothing; 0 if it did.
    uint16 public failure;

    /// @param id the sensor's id, as registered
    constructor(string memory id) {
        sensor = keccak256(bytes(id));
    }

    /// @notice Asks the sensor; the value sent pays for the answer.
    function ask() external payable returns (uint256 requestId) {
        return _read(sensor, "temperature", IThings.Agreement.Gateway);
    }

    function _onResult(uint256, bytes calldata result) internal override {
        (reading, failure) = (string(result), 0);
    }

    function _onFailure(uint256, uint16 code) internal override {
        failure = code;
    }
}
