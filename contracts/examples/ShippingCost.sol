// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ISemantics} from "../ISemantics.sol";
import {IThings} from "../IThings.sol";
import {ThingClient} from "../ThingClient.sol";

/// @title The paper's query: what does it cost to ship a device?
/// @notice A service is asked by name. More than two thirds of its gateways must have got the same answer; what it says is
/// read through a mapping, so that the cost is an exact number here.
contract ShippingCost is ThingClient {
    bytes32 public immutable service;
    bytes32 public immutable mapping_;

    struct Cost {
        int256 number;
        int8 exponent;
        string unit;
        uint64 timeMs;
    }

    mapping(bytes32 device => Cost) public costOf;
    mapping(uint256 requestId => bytes32 device) public deviceOf;
    /// @notice Of devices whose cost nobody could tell, why.
    mapping(bytes32 device => uint16 code) public failureOf;

    constructor(bytes32 service_, bytes32 mappingId) {
        service = service_;
        mapping_ = mappingId;
    }

    /// @param device a name without quotes and backslashes
    function ask(string calldata device) external payable returns (uint256 requestId) {
        bytes memory input = abi.encodePacked('{"uriVariables":{"device":"', device, '"}}');
        requestId = _request(
            service, IThings.Operation.ReadProperty, "ShipmentCost", input, IThings.Agreement.Identical, mapping_
        );
        deviceOf[requestId] = keccak256(bytes(device));
    }

    function _onResult(uint256 requestId, bytes calldata result) internal override {
        ISemantics.Observation memory cost = _observations(result)[0];
        costOf[deviceOf[requestId]] = Cost(cost.number, cost.exponent, cost.unit, cost.timeMs);
    }

    function _onFailure(uint256 requestId, uint16 code) internal override {
        failureOf[deviceOf[requestId]] = code;
    }
}
