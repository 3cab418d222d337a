// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {MyContractDB} from "./MyContractDB.sol";

/// @title The next version: same data, and an alarm that the first one did not have
/// @notice Deploy it with the database of the first version, then let the first one `handOver` to it.
contract MyContractDBV2 is MyContractDB {
    bytes32 internal constant ALARMS = "alarms";

    event Alarm(bytes32 indexed sensor, uint64 timeMs, int64 value);

    constructor(bytes32 inherited) MyContractDB(inherited) {}

    function setAlarm(bytes32 sensor, int64 above) external {
        if (sensorOf(sensor).owner != msg.sender) revert NotOwner(sensor);
        _put(ALARMS, sensor, abi.encodePacked(above));
    }

    function record(bytes32 sensor, uint64 timeMs, int64 value) external override {
        if (sensorOf(sensor).owner != msg.sender) revert NotOwner(sensor);
        _append(sensor, timeMs, abi.encodePacked(value));
        if (_exists(ALARMS, sensor) && value > int64(uint64(bytes8(_get(ALARMS, sensor))))) {
            emit Alarm(sensor, timeMs, value);
        }
    }
}
