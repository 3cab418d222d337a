// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IThings} from "../../contracts/IThings.sol";

/// @title Pays a supplier when the receiving dock confirms a delivery, and the buyer back when it never does
/// @notice The dock is a thing: the first message that it signs and publishes is the confirmation.
contract Delivery {
    IThings internal constant THINGS = IThings(0x0000000000000000000000000000000000007101);

    address public immutable buyer;
    address public immutable supplier;
    bytes32 public immutable dock;
    uint64 public immutable deadline;

    uint256 public confirmation;
    uint256 public expiry;
    uint256 public payments;
    uint256 public refunds;

    error CallerIsNotThings(address caller);
    error OnlyBuyer();
    error Begun();
    error NotPaid(address to);

    modifier onlyThings() {
        if (msg.sender != address(THINGS)) revert CallerIsNotThings(msg.sender);
        _;
    }

    constructor(address supplier_, bytes32 dock_, uint64 deadline_) payable {
        (buyer, supplier, dock, deadline) = (msg.sender, supplier_, dock_, deadline_);
    }

    /// @notice Begins to watch; the dock's owner has granted it. The value pays for the triggers.
    function begin() external payable {
        if (msg.sender != buyer) revert OnlyBuyer();
        if (confirmation != 0) revert Begun();
        confirmation = THINGS.watch{value: msg.value}(_trigger(IThings.TriggerKind.Published, this.confirmed.selector, 0));
        expiry = THINGS.watch(_trigger(IThings.TriggerKind.AtTime, this.expired.selector, deadline));
    }

    function confirmed(uint256, bytes32, bytes32, int256, int8, uint64) external onlyThings {
        if (payments + refunds == 0) {
            payments = 1;
            _pay(supplier);
        }
    }

    function expired(uint256, bytes32, bytes32, int256, int8, uint64) external onlyThings {
        if (payments + refunds == 0) {
            refunds = 1;
            _pay(buyer);
        }
    }

    function _pay(address to) private {
        (bool paid,) = to.call{value: address(this).balance}("");
        if (!paid) revert NotPaid(to);
    }

    function _trigger(IThings.TriggerKind kind, bytes4 action, uint64 time) private view returns (IThings.Trigger memory t) {
        t.kind = kind;
        if (kind == IThings.TriggerKind.Published) t.thing = dock;
        t.maxAge = 1 days;
        t.firstTime = time;
        t.maxFirings = 1;
        t.action = action;
        t.actionGas = 150_000;
        t.maxFeePerGas = uint128(block.basefee * 4);
    }
}
