// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ISemantics} from "./ISemantics.sol";
import {IThings} from "./IThings.sol";

/// @title Base of contracts that talk to things
/// @notice `_read`, `_write` and `_invoke` make requests with sensible defaults; the answer arrives in `_onResult`, the
/// failure in `_onFailure`. Only the precompile gets in. Requests are paid from this contract's balance there: `fund` it, or
/// send value along.
abstract contract ThingClient {
    IThings internal constant THINGS = IThings(0x0000000000000000000000000000000000007101);

    /// @notice Somebody else than the precompile called a callback.
    error CallerIsNotThings(address caller);

    modifier onlyThings() {
        if (msg.sender != address(THINGS)) revert CallerIsNotThings(msg.sender);
        _;
    }

    /// @dev What requests are made with; override to change.
    function _life() internal view virtual returns (uint64 lifeSeconds) { return 1 hours; }
    function _attempts() internal view virtual returns (uint8) { return 4; }
    function _resultBytes() internal view virtual returns (uint32) { return 1024; }
    function _callbackGas() internal view virtual returns (uint32) { return 300_000; }
    function _feePerGas() internal view virtual returns (uint128) { return uint128(block.basefee * 4); }
    function _gateways() internal view virtual returns (uint8) { return 4; }

    /// @notice Asks for a property; by default the word of any one gateway counts.
    function _read(bytes32 thing, string memory property, IThings.Agreement agreement) internal returns (uint256 requestId) {
        return _request(thing, IThings.Operation.ReadProperty, property, "", agreement, 0);
    }

    /// @notice The same, read through a semantic mapping: `_observations` makes canonical values of the result.
    function _readThrough(bytes32 mappingId, bytes32 thing, string memory property, IThings.Agreement agreement)
        internal
        returns (uint256 requestId)
    {
        return _request(thing, IThings.Operation.ReadProperty, property, "", agreement, mappingId);
    }

    /// @notice What the result of a request with a mapping says.
    function _observations(bytes memory result) internal pure returns (ISemantics.Observation[] memory) {
        return abi.decode(result, (ISemantics.Observation[]));
    }

    /// @param data JSON
    function _write(bytes32 thing, string memory property, bytes memory data) internal returns (uint256 requestId) {
        bytes memory input = abi.encodePacked('{"data":', data, "}");
        return _request(thing, IThings.Operation.WriteProperty, property, input, IThings.Agreement.Gateway, 0);
    }

    /// @param data JSON, or nothing
    function _invoke(bytes32 thing, string memory action, bytes memory data) internal returns (uint256 requestId) {
        bytes memory input = data.length == 0 ? data : abi.encodePacked('{"data":', data, "}");
        return _request(thing, IThings.Operation.InvokeAction, action, input, IThings.Agreement.Gateway, 0);
    }

    /// @param input JSON {"uriVariables": {...}, "data": ...}, or empty
    /// @param mappingId reads the answer; 0 for its bytes
    function _request(
        bytes32 thing,
        IThings.Operation operation,
        string memory affordance,
        bytes memory input,
        IThings.Agreement agreement,
        bytes32 mappingId
    ) internal returns (uint256 requestId) {
        return THINGS.request{value: msg.value}(_asked(thing, operation, affordance, input, agreement, mappingId));
    }

    /// @dev A request with the defaults; also what `fetch` of the Contract Database takes.
    function _asked(
        bytes32 thing,
        IThings.Operation operation,
        string memory affordance,
        bytes memory input,
        IThings.Agreement agreement,
        bytes32 mappingId
    ) internal view returns (IThings.Request memory) {
        return IThings.Request({
            thing: thing,
            operation: operation,
            affordance: affordance,
            input: input,
            mappingId: mappingId,
            agreement: agreement,
            minGateways: _gateways(),
            deadline: uint64(block.timestamp) + _life(),
            maxAttempts: _attempts(),
            maxResultBytes: _resultBytes(),
            onResult: this.thingResult.selector,
            onFailure: this.thingFailure.selector,
            callbackGas: _callbackGas(),
            maxFeePerGas: _feePerGas()
        });
    }

    /// @notice The precompile brings an answer.
    function thingResult(uint256 requestId, bytes calldata result) external onlyThings {
        _onResult(requestId, result);
    }

    /// @notice The precompile brings a failure; the codes are those of the protocol.
    function thingFailure(uint256 requestId, uint16 code) external onlyThings {
        _onFailure(requestId, code);
    }

    function _onResult(uint256 requestId, bytes calldata result) internal virtual;
    function _onFailure(uint256 requestId, uint16 code) internal virtual;
}
