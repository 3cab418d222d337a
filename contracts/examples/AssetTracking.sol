// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {TriggerClient} from "../TriggerClient.sol";

/// @title An escrow that pays when a container has come to the retailer
/// @notice Arrived is: within 50 metres, by positions that both signed and that are younger than a minute. Nobody has to send a
/// transaction for it. Until then the customer's money waits; after the deadline it goes back.
contract AssetTracking is TriggerClient {
    address public immutable customer;
    address payable public immutable supplier;
    bytes32 public immutable container;
    bytes32 public immutable retailer;
    uint64 public immutable deadline;
    /// @notice What the supplier gets.
    uint256 public price;
    uint256 public trigger;

    event Arrived(uint64 timeMs, uint256 paid);

    error NotCustomer(address caller);
    error AlreadyArmed();
    error TooEarly(uint64 deadline);

    constructor(bytes32 container_, bytes32 retailer_, address payable supplier_, uint64 deadline_) payable {
        (customer, supplier, deadline) = (msg.sender, supplier_, deadline_);
        (container, retailer) = (container_, retailer_);
        price = msg.value;
    }

    /// @notice Begins to watch, once the owners of both things have granted it. The value sent pays for the watching.
    function arm() external payable {
        if (msg.sender != customer) revert NotCustomer(msg.sender);
        if (trigger != 0) revert AlreadyArmed();
        trigger = _watchMeeting(container, retailer, 50, 20, 60, 0);
    }

    /// @notice Gives the money back when the deadline has passed.
    function refund() external {
        if (block.timestamp <= deadline) revert TooEarly(deadline);
        _pay(customer);
    }

    function _onTrigger(uint256, bytes32, bytes32, int256, int8, uint64 timeMs) internal override {
        if (block.timestamp > deadline || price == 0) return;
        emit Arrived(timeMs, price);
        _pay(supplier);
    }

    function _pay(address to) private {
        uint256 wei_ = price;
        price = 0;
        (bool sent,) = to.call{value: wei_}("");
        require(sent, "the payment was refused");
    }
}
