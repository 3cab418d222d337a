// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IThings} from "./IThings.sol";

/// @title Base of contracts whose functions run by themselves
/// @notice `_watch...` set triggers; when one fires, `_onTrigger` runs in a transaction of the protocol's own. The owners of
/// the things must have granted this contract to watch them. Actions are paid from this contract's balance at the precompile.
abstract contract TriggerClient {
    IThings internal constant TRIGGERS = IThings(0x0000000000000000000000000000000000007101);

    /// @notice Somebody else than the precompile called an action.
    error CallerIsNotTriggers(address caller);

    /// @dev What triggers are set with; override to change.
    function _actionGas() internal view virtual returns (uint32) { return 300_000; }
    function _actionFeePerGas() internal view virtual returns (uint128) { return uint128(block.basefee * 4); }

    /// @notice Runs when two things are within so many metres of each other, by signed positions younger than `maxAge` seconds;
    /// again only after they were `hysteresis` metres further apart than that.
    function _watchMeeting(bytes32 one, bytes32 other, uint32 metres, uint256 hysteresis, uint64 maxAge, uint32 maxFirings)
        internal
        returns (uint256 triggerId)
    {
        IThings.Trigger memory trigger = _trigger(IThings.TriggerKind.Colocated, one, maxFirings);
        (trigger.otherThing, trigger.radiusMetres) = (other, metres);
        (trigger.hysteresis, trigger.maxAge) = (hysteresis, maxAge);
        return TRIGGERS.watch{value: msg.value}(trigger);
    }

    /// @notice Runs when both things said, within `maxAge` seconds, that they met the other one.
    function _watchEncounter(bytes32 one, bytes32 other, uint64 maxAge, uint32 maxFirings) internal returns (uint256 triggerId) {
        IThings.Trigger memory trigger = _trigger(IThings.TriggerKind.Encountered, one, maxFirings);
        (trigger.otherThing, trigger.maxAge) = (other, maxAge);
        return TRIGGERS.watch{value: msg.value}(trigger);
    }

    /// @notice Runs at `firstTime` and then every `interval` seconds.
    function _watchTime(uint64 firstTime, uint64 interval, uint32 maxFirings) internal returns (uint256 triggerId) {
        IThings.Trigger memory trigger = _trigger(IThings.TriggerKind.Every, 0, maxFirings);
        (trigger.firstTime, trigger.interval) = (firstTime, interval);
        return TRIGGERS.watch{value: msg.value}(trigger);
    }

    function _trigger(IThings.TriggerKind kind, bytes32 thing, uint32 maxFirings)
        internal
        view
        returns (IThings.Trigger memory trigger)
    {
        (trigger.kind, trigger.thing, trigger.maxFirings) = (kind, thing, maxFirings);
        (trigger.action, trigger.actionGas, trigger.maxFeePerGas) = (this.triggered.selector, _actionGas(), _actionFeePerGas());
    }

    /// @notice The precompile says that a trigger fired.
    function triggered(uint256 triggerId, bytes32 thing, bytes32 otherThing, int256 number, int8 exponent, uint64 timeMs) external {
        if (msg.sender != address(TRIGGERS)) revert CallerIsNotTriggers(msg.sender);
        _onTrigger(triggerId, thing, otherThing, number, exponent, timeMs);
    }

    function _onTrigger(uint256 triggerId, bytes32 thing, bytes32 otherThing, int256 number, int8 exponent, uint64 timeMs)
        internal
        virtual;
}
