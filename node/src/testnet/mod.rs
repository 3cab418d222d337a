//! Everything that a network of validators needs before its first start, in one folder.
//!
//! ```text
//! DIR/genesis.json       the chain: validators, ten funded accounts of the well-known mnemonic
//! DIR/compose.yaml       the whole network with Docker, on one machine
//! DIR/node0/             all that validator 0 needs, to be moved to its host as it is
//!     node.toml          settings, all paths relative to the folder
//!     genesis.json       the same file as above
//!     validator.json     keystore of the consensus key
//!     password.txt       its password
//!     nodekey            identity in the peer-to-peer network
//!     pervade.service    systemd unit
//!     data/              data directory; made by the node
//! DIR/node1/ ...
//! ```
mod files;
mod settings;

pub use files::{FUNDED_ACCOUNTS, Testnet, ValidatorFolder, folder};
pub use settings::{Listening, TestnetPlan};

/// Genesis file of a network's folder, and of each of its nodes.
pub const GENESIS_FILE: &str = "genesis.json";
/// Settings of a node.
pub const CONFIG_FILE: &str = "node.toml";
/// Keystore of a validator.
pub const KEYSTORE_FILE: &str = "validator.json";
/// Password of that keystore.
pub const PASSWORD_FILE: &str = "password.txt";
/// Key of a node's identity.
pub const NODE_KEY_FILE: &str = "nodekey";
/// Data directory of a node.
pub const DATA_FOLDER: &str = "data";
