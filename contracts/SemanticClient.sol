// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ISemantics} from "./ISemantics.sol";

/// @title Base of contracts that read canonical values
/// @notice Nothing here is stored: what a contract trusts is the source that it names.
abstract contract SemanticClient {
    ISemantics internal constant SEMANTICS = ISemantics(0x0000000000000000000000000000000000007103);

    /// @notice A value is missing, too old, or not a number.
    error NotFresh(bytes32 source, bytes32 subject, bytes32 property);

    /// @return source what an account's own records are kept under
    function sourceOf(address account) internal pure returns (bytes32 source) {
        return bytes32(uint256(uint160(account)));
    }

    /// @return property identifier of a property, from its IRI
    function propertyOf(string memory iri) internal pure returns (bytes32 property) {
        return keccak256(bytes(iri));
    }

    /// @notice The latest number, no older than `maxAge` seconds, in a unit and at a scale of the caller's choice.
    function latestNumber(
        bytes32 source,
        bytes32 subject,
        bytes32 model,
        bytes32 property,
        uint256 maxAge,
        string memory unit,
        int8 exponent
    ) internal view returns (int256) {
        ISemantics.Observation memory found = SEMANTICS.latest(source, subject, model, property);
        bool old = uint256(found.timeMs) + maxAge * 1000 < block.timestamp * 1000;
        if (old || found.kind != ISemantics.ValueKind.Number) revert NotFresh(source, subject, property);
        return SEMANTICS.convertRounded(found.number, found.exponent, found.unit, unit, exponent);
    }

    /// @return latitude and longitude of a position, in units of 1e-7 degree
    function unpackPosition(int256 number) internal pure returns (int128 latitude, int128 longitude) {
        latitude = int128(number >> 128);
        longitude = int128(number);
    }

    /// @notice Records a payload in this contract's own name.
    function recordOwn(bytes32 mappingId, bytes32 subject, bytes memory payload) internal returns (uint256 observations) {
        return SEMANTICS.record(mappingId, subject, payload);
    }
}
