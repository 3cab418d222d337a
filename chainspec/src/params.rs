//! Every value that nodes must agree on.
use alloy_primitives::{Address, address};

/// Account of the Thing Communication precompile.
pub const THINGS_ADDRESS: Address = address!("0000000000000000000000000000000000007101");
/// Account of the Contract Database precompile.
pub const CONTRACT_DATABASE_ADDRESS: Address = address!("0000000000000000000000000000000000007102");
/// Account of the Semantics precompile.
pub const SEMANTICS_ADDRESS: Address = address!("0000000000000000000000000000000000007103");
/// Account of the Governance precompile.
pub const GOVERNANCE_ADDRESS: Address = address!("0000000000000000000000000000000000007104");
