// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Token} from "../src/Token.sol";

/// The cheat codes that this script needs.
interface Vm {
    function startBroadcast(uint256 key) external;
    function stopBroadcast() external;
    function envUint(string calldata name) external returns (uint256);
}

/// Deploys a token and uses it, all as broadcast transactions.
contract Use {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;

    function run() external returns (Token token) {
        vm.startBroadcast(vm.envUint("KEY"));
        token = new Token(1000 ether);
        token.transfer(address(0xF0F0), 17);
        token.approve(address(0xF1F1), 18);
        vm.stopBroadcast();
        require(token.balanceOf(address(0xF0F0)) == 17, "balance");
    }
}
