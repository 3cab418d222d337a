// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IThings} from "../../contracts/IThings.sol";
import {ThingClient} from "../../contracts/ThingClient.sol";

/// @title What shipping a device costs, as the carrier's service says it
/// @notice Asks the service through all gateways. More than two thirds of them must bring the same answer; else the price
/// that was agreed beforehand holds.
contract Shipping is ThingClient {
    bytes32 public immutable carrier;
    uint256 public immutable fallbackPrice;
    uint8 public immutable leastGateways;

    /// @notice In slot 0, for whoever proves it.
    uint256 public price;
    uint16 public failure;
    uint256 public lastRequest;

    error NotANumber();

    /// @param gateways_ least number of gateways that must serve the carrier
    constructor(bytes32 carrier_, uint256 fallbackPrice_, uint8 gateways_) {
        (carrier, fallbackPrice, leastGateways) = (carrier_, fallbackPrice_, gateways_);
    }

    /// @param device what is shipped; letters and digits
    function ask(string calldata device) external {
        bytes memory input = abi.encodePacked('{"uriVariables":{"device":"', device, '"}}');
        lastRequest =
            _request(carrier, IThings.Operation.ReadProperty, "shipmentCost", input, IThings.Agreement.Identical, 0);
    }

    function _gateways() internal view override returns (uint8) { return leastGateways; }

    function _attempts() internal pure override returns (uint8) { return 1; }

    function _onResult(uint256, bytes calldata result) internal override {
        price = _parse(result);
        failure = 0;
    }

    function _onFailure(uint256, uint16 code) internal override {
        price = fallbackPrice;
        failure = code;
    }

    function _parse(bytes calldata digits) private pure returns (uint256 number) {
        if (digits.length == 0 || digits.length > 30) revert NotANumber();
        for (uint256 i = 0; i < digits.length; i++) {
            uint8 digit = uint8(digits[i]);
            if (digit < 48 || digit > 57) revert NotANumber();
            number = number * 10 + digit - 48;
        }
    }
}
