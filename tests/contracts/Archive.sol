// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {DatabaseClient} from "../../contracts/DatabaseClient.sol";
import {IThings} from "../../contracts/IThings.sol";
import {ThingClient} from "../../contracts/ThingClient.sol";

/// @title Files that stand outside, and their identifiers here
/// @notice `keep` writes a text into an object store that is a thing. When the store has taken it, its content identifier
/// stands in the Contract Database; `read` fetches it by that, whoever has it.
contract Archive is ThingClient, DatabaseClient {
    bytes32 internal constant FILES = "files";

    struct Writing {
        bytes32 name;
        bytes id;
    }

    bytes32 public immutable store;
    mapping(uint256 requestId => Writing) internal writing;
    /// @notice Of what was read last.
    bytes32 public readHash;
    uint256 public done;
    uint16 public failure;

    constructor(bytes32 store_) DatabaseClient(0, msg.sender) {
        store = store_;
    }

    /// @param id content identifier of the text, as the store's addresses have it
    /// @param text nothing that JSON would escape
    function keep(bytes32 name, bytes calldata id, bytes calldata text) external {
        bytes[] memory blocks = new bytes[](1);
        blocks[0] = text;
        DATABASE.verifyContent(id, 0, 0, blocks);
        bytes memory input = abi.encodePacked('{"uriVariables":{"cid":"', id, '"},"data":"', text, '"}');
        uint256 request = _request(store, IThings.Operation.WriteProperty, "file", input, IThings.Agreement.Gateway, 0);
        writing[request] = Writing(name, id);
    }

    function idOf(bytes32 name) public view returns (bytes memory) { return _get(FILES, name); }

    function read(bytes32 name) external { readId(idOf(name)); }

    function readId(bytes memory id) public {
        DATABASE.fetchContent(
            id, 0, 0, _asked(store, IThings.Operation.ReadProperty, "file", "", IThings.Agreement.Gateway, 0)
        );
    }

    function _gateways() internal pure override returns (uint8) { return 1; }

    function _attempts() internal pure override returns (uint8) { return 1; }

    function _resultBytes() internal pure override returns (uint32) { return 4096; }

    function _onResult(uint256 requestId, bytes calldata result) internal override {
        Writing storage written = writing[requestId];
        if (written.id.length > 0) {
            _put(FILES, written.name, written.id);
            delete writing[requestId];
        } else {
            readHash = keccak256(result);
        }
        done++;
    }

    function _onFailure(uint256, uint16 code) internal override {
        failure = code;
        done++;
    }
}
