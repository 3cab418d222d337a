// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IThings} from "../../contracts/IThings.sol";
import {ThingClient} from "../../contracts/ThingClient.sol";

/// @title Opens lockers: one command each, carried out once
contract Lockers is ThingClient {
    uint256 public done;
    uint256 public failed;
    uint256 public asked;

    /// @notice Opens lockers `first` to `first + count - 1` of a wall of them.
    function open(bytes32 wall, uint256 first, uint256 count) external {
        for (uint256 number = first; number < first + count; number++) {
            _invoke(wall, "open", abi.encodePacked('{"locker":', _decimal(number), "}"));
        }
        asked += count;
    }

    function _attempts() internal pure override returns (uint8) { return 16; }

    function _callbackGas() internal pure override returns (uint32) { return 60_000; }

    function _onResult(uint256, bytes calldata) internal override { done += 1; }

    function _onFailure(uint256, uint16) internal override { failed += 1; }

    function _decimal(uint256 number) private pure returns (bytes memory digits) {
        if (number == 0) return "0";
        for (; number > 0; number /= 10) digits = abi.encodePacked(uint8(48 + number % 10), digits);
    }
}
