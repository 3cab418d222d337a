//! Starting, asking and killing a node, shared by all tests.
mod accounts;
mod binary;
mod governance;
mod node;
mod proof;
mod rpc;
mod token;

pub use accounts::{DEV_CHAIN_ID, Fees, dev_account, dev_accounts, sign, sign_call, sign_deploy, sign_transfer};
pub use binary::pervade_binary;
pub use governance::{Change, GOVERNANCE};
pub use node::{ExitedCommand, NodeOptions, RunningNode, ValidatorKey, free_ports, run_command};
pub use proof::{Proof, SlotProof};
pub use rpc::{Rpc, RpcFailure, parse_quantity};
pub use token::Token;
