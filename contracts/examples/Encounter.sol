// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ISemantics} from "../ISemantics.sol";
import {SemanticClient} from "../SemanticClient.sol";
import {TriggerClient} from "../TriggerClient.sol";

/// @title Proof of delivery where no satellite reaches: two devices that heard each other by short-range radio
/// @notice Each device broadcasts a nonce, and signs a message that names the other device and the nonce it heard from it. The
/// supplier is paid when each of them heard what the other one sent, both a short while ago.
contract Encounter is TriggerClient, SemanticClient {
    /// @notice The model of the devices' messages, and its two properties: the nonce that a device sends, with the device
    /// itself as subject, and the one that it heard, with the other device as subject.
    bytes32 public immutable model;
    bytes32 internal constant SENT = keccak256("urn:pervade:property:nonceSent");
    bytes32 internal constant HEARD = keccak256("urn:pervade:property:nonceHeard");

    bytes32 public immutable courier;
    bytes32 public immutable door;
    address payable public immutable supplier;
    uint256 public trigger;
    bool public delivered;

    error AlreadyArmed();

    constructor(bytes32 model_, bytes32 courier_, bytes32 door_, address payable supplier_) payable {
        (model, courier, door, supplier) = (model_, courier_, door_, supplier_);
    }

    function arm() external payable {
        if (trigger != 0) revert AlreadyArmed();
        trigger = _watchEncounter(courier, door, 30, 0);
    }

    function _onTrigger(uint256, bytes32, bytes32, int256, int8, uint64) internal override {
        if (delivered || !_heard(courier, door) || !_heard(door, courier)) return;
        delivered = true;
        (bool sent,) = supplier.call{value: address(this).balance}("");
        require(sent, "the payment was refused");
    }

    /// @dev Whether a device heard the nonce that the other one sent.
    function _heard(bytes32 listener, bytes32 sender) private view returns (bool) {
        ISemantics.Observation memory heard = SEMANTICS.latest(listener, sender, model, HEARD);
        ISemantics.Observation memory sent = SEMANTICS.latest(sender, sender, model, SENT);
        return keccak256(heard.data) == keccak256(sent.data);
    }
}
