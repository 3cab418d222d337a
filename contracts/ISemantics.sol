// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// @title Semantics, the precompile at 0x0000000000000000000000000000000000007103
/// @notice Brings payloads of devices, and events and calls of contracts, into one general form with exact numbers and
/// units. A number is `number * 10**exponent`; nothing is ever computed in floating point.
interface ISemantics {
    enum Format { Json, Cbor, SenmlJson, SenmlCbor, Binary, Epcis, AbiEvent, AbiCall }

    /// @notice Position: `number` holds latitude in its high and longitude in its low 128 bits, both int128 in units of
    /// 1e-7 degree, WGS 84.
    enum ValueKind { Number, Text, Bool, Bytes, Position }

    /// @param property keccak256 of the IRI's bytes
    /// @param iri a term of a public vocabulary: SOSA, SAREF, QUDT, GS1
    /// @param unit case-sensitive UCUM; empty for none
    /// @param exponent scale of canonical numbers
    /// @param minimum least canonical number, at that scale
    /// @param maximum largest canonical number, at that scale
    struct Property {
        bytes32 property;
        string iri;
        ValueKind kind;
        string unit;
        int8 exponent;
        int256 minimum;
        int256 maximum;
    }

    /// @param subject the thing, or the asset that it is about
    /// @param number value of Number, Bool (0 or 1) and Position
    /// @param data value of Text and Bytes
    /// @param timeMs unix milliseconds
    struct Observation {
        bytes32 subject;
        bytes32 property;
        ValueKind kind;
        int256 number;
        int8 exponent;
        bytes data;
        string unit;
        uint64 timeMs;
    }

    event ModelDefined(bytes32 indexed model, string iri);
    event MappingDefined(bytes32 indexed mappingId, bytes32 indexed model, Format format);
    /// @notice A zero mapping ends the binding.
    event EventBound(address indexed emitter, bytes32 indexed topic0, bytes32 indexed mappingId);
    /// @notice A zero mapping ends the binding.
    event CallBound(address indexed target, bytes4 indexed selector, bytes32 indexed mappingId);
    /// @param source the account that recorded it, as bytes32; the thing, if a thing said it
    event Observed(bytes32 indexed source, bytes32 indexed subject, bytes32 indexed property, bytes32 mappingId, Observation observation, bytes32 payloadHash);

    error UnknownModel(bytes32 model);
    error UnknownMapping(bytes32 mappingId);
    error InvalidModel(string reason);
    /// @param reason where in the document, and what to change; also for units and queries that are no such
    error InvalidMapping(string reason);
    /// @param offset byte of the payload; in SenML and EPCIS the position of the record or event
    error MalformedPayload(uint256 offset);
    error Incommensurable(string from, string to);
    error Inexact();
    error OutOfRange(bytes32 property);
    error NoValue();
    error LimitExceeded(string what, uint256 limit);
    error NotAuthorized(address caller);

    /// @return model keccak256(abi.encode(iri, properties)); defining it again changes nothing
    function defineModel(string calldata iri, Property[] calldata properties) external returns (bytes32 model);
    function modelOf(bytes32 model) external view returns (string memory iri, Property[] memory properties);
    /// @param program a JSON document, see docs/mappings.md
    /// @return mappingId keccak256(abi.encode(model, format, program)); defining it again changes nothing
    function defineMapping(bytes32 model, Format format, bytes calldata program) external returns (bytes32 mappingId);
    function mappingOf(bytes32 mappingId) external view returns (bytes32 model, Format format, bytes memory program);

    /// @notice Observations without a time of their own have the block's.
    function normalize(bytes32 mappingId, bytes32 subject, bytes calldata payload) external view returns (Observation[] memory);
    /// @notice Writes what one mapping reads in the way of another one of the same model.
    function translate(bytes32 from, bytes32 to, bytes32 subject, bytes calldata payload) external view returns (bytes memory);
    /// @notice Normalizes, keeps each value as the caller's latest and emits Observed. The source is always the caller.
    function record(bytes32 mappingId, bytes32 subject, bytes calldata payload) external returns (uint256 observations);
    /// @param source an account as bytes32(uint256(uint160(account))), or a thing's id
    function latest(bytes32 source, bytes32 subject, bytes32 model, bytes32 property) external view returns (Observation memory);

    /// @notice Reverts with Inexact if toExponent does not give enough digits.
    function convert(int256 number, int8 exponent, string calldata from, string calldata to, int8 toExponent) external pure returns (int256);
    /// @notice Rounds half to even.
    function convertRounded(int256 number, int8 exponent, string calldata from, string calldata to, int8 toExponent) external pure returns (int256);
    /// @param path singular query of RFC 9535
    /// @return kind Number, Text, Bool or Bytes
    /// @return value abi.encode(int256 number, int8 exponent) of a Number, abi.encode(bool) of a Bool, else the bytes themselves
    function extract(Format format, bytes calldata document, string calldata path) external pure returns (ValueKind kind, bytes memory value);

    /// @notice Lets a mapping read an emitter's logs. The caller is the emitter, governance, or the emitter's deployer.
    /// @param deployment how the deployer created it: abi.encode(uint64 nonce) for CREATE, abi.encode(bytes32 salt, bytes32
    /// initCodeHash) for CREATE2; empty for the contract itself and for governance
    function bindEvent(address emitter, bytes32 topic0, bytes32 mappingId, bytes calldata deployment) external;
    /// @notice As bindEvent, for calls of a function.
    function bindCall(address target, bytes4 selector, bytes32 mappingId, bytes calldata deployment) external;
    function unbindEvent(address emitter, bytes32 topic0, bytes calldata deployment) external;
    function unbindCall(address target, bytes4 selector, bytes calldata deployment) external;
    /// @param topicOrSelector topic0 of an event, or a selector filled up with zeros on the right
    function bindingOf(address contract_, bytes32 topicOrSelector) external view returns (bytes32 mappingId);
}
