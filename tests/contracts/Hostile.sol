// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {IContractDatabase} from "../../contracts/IContractDatabase.sol";
import {IGovernance} from "../../contracts/IGovernance.sol";
import {ISemantics} from "../../contracts/ISemantics.sol";
import {IThings} from "../../contracts/IThings.sol";

/// @notice A contract whose function does the worst that it can when the protocol calls it.
contract Hostile {
    IThings constant THINGS = IThings(0x0000000000000000000000000000000000007101);
    IContractDatabase constant DATABASE = IContractDatabase(0x0000000000000000000000000000000000007102);
    ISemantics constant SEMANTICS = ISemantics(0x0000000000000000000000000000000000007103);
    IGovernance constant GOVERNANCE = IGovernance(0x0000000000000000000000000000000000007104);

    enum Deed { Nothing, Revert, BurnGas, ReturnMegabyte, SelfDestruct, CallEverything, Unwatch, Wake, Again }

    Deed public deed;
    uint256 public calls;
    /// @notice A bit for each call to a precompile that succeeded.
    uint256 public outcomes;

    constructor(Deed deed_) payable {
        deed = deed_;
    }

    function watch(uint64 firstTime) external payable returns (uint256) {
        return THINGS.watch{value: msg.value}(_trigger(firstTime));
    }

    function _trigger(uint64 firstTime) private pure returns (IThings.Trigger memory trigger) {
        (trigger.kind, trigger.firstTime, trigger.interval) = (IThings.TriggerKind.Every, firstTime, 10);
        (trigger.action, trigger.actionGas, trigger.maxFeePerGas) = (this.act.selector, 2_000_000, 100 gwei);
    }

    function act(uint256 triggerId, bytes32, bytes32, int256, int8, uint64) external {
        require(msg.sender == address(THINGS), "only the protocol");
        calls += 1;
        if (deed == Deed.Revert) revert("as it likes");
        if (deed == Deed.BurnGas) while (true) {}
        if (deed == Deed.ReturnMegabyte) assembly { return(0, 1000000) }
        if (deed == Deed.SelfDestruct) selfdestruct(payable(address(THINGS)));
        if (deed == Deed.CallEverything) _callEverything(triggerId);
        if (deed == Deed.Unwatch) THINGS.unwatch(triggerId);
        if (deed == Deed.Wake) _note(0, address(THINGS), abi.encodeWithSignature("wake(uint256)", triggerId));
        if (deed == Deed.Again) THINGS.watch(_trigger(uint64(block.timestamp)));
    }

    function _callEverything(uint256 triggerId) private {
        _note(0, address(THINGS), abi.encodeCall(IThings.watch, _trigger(uint64(block.timestamp))));
        _note(1, address(THINGS), abi.encodeCall(IThings.fund, (address(this))));
        _note(2, address(THINGS), abi.encodeCall(IThings.withdraw, (address(this), 1)));
        _note(3, address(THINGS), abi.encodeCall(IThings.triggerOf, (triggerId)));
        _note(4, address(DATABASE), abi.encodeCall(IContractDatabase.open, (bytes32(block.number))));
        _note(5, address(SEMANTICS), abi.encodeCall(ISemantics.bindingOf, (address(this), bytes32(0))));
        _note(6, address(GOVERNANCE), abi.encodeCall(IGovernance.permissionsOf, (address(this))));
        // Refused, each for its own reason.
        _note(7, address(GOVERNANCE), abi.encodeCall(IGovernance.vote, (1, true)));
        _note(8, address(THINGS), abi.encodeCall(IThings.resume, (1)));
        _note(9, address(THINGS), abi.encodeCall(IThings.withdraw, (address(this), type(uint256).max)));
        // Straight into the bookkeeping, as the protocol calls itself.
        _note(10, address(THINGS), abi.encode(triggerId | 1 << 248));
    }

    function _note(uint256 place, address to, bytes memory input) private {
        (bool succeeded,) = to.call(input);
        if (succeeded) outcomes |= 1 << place;
    }

    receive() external payable {}
}
