// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DatabaseClient} from "../DatabaseClient.sol";

/// @title The paper's contract with a database of its own: readings of sensors, kept apart from the contract's code
/// @notice Whoever registered a sensor writes its readings; everybody reads them.
contract MyContractDB is DatabaseClient {
    struct Sensor {
        address owner;
        string place;
    }

    bytes32 internal constant SENSORS = "sensors";

    error AlreadyRegistered(bytes32 sensor);
    error NotOwner(bytes32 sensor);

    constructor(bytes32 inherited) DatabaseClient(inherited, msg.sender) {}

    function register(bytes32 sensor, string calldata place) external {
        if (_exists(SENSORS, sensor)) revert AlreadyRegistered(sensor);
        _put(SENSORS, sensor, abi.encode(Sensor(msg.sender, place)));
    }

    function record(bytes32 sensor, uint64 timeMs, int64 value) external virtual {
        if (sensorOf(sensor).owner != msg.sender) revert NotOwner(sensor);
        _append(sensor, timeMs, abi.encodePacked(value));
    }

    function sensorOf(bytes32 sensor) public view returns (Sensor memory) {
        return abi.decode(_get(SENSORS, sensor), (Sensor));
    }

    function latest(bytes32 sensor) external view returns (uint64 timeMs, int64 value) {
        bytes memory stored;
        (timeMs, stored) = _latest(sensor);
        value = int64(uint64(bytes8(stored)));
    }

    function sensors(uint256 cursor, uint256 limit) external view returns (bytes32[] memory keys, uint256 next) {
        return _scan(SENSORS, cursor, limit);
    }
}
