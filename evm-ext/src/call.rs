//! Single calls on a state: eth_call, eth_estimateGas, eth_createAccessList.
