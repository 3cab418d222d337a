//! Contracts, gateways and things together: real nodes, real brokers and servers, and everything between them cut.
//!
//! ```text
//!   contract ◄──► nodes ◄──► gateways ◄──► servers of this process, mosquitto
//!                   ▲                            ▲
//!                   └── scenario: kills, lies, cuts, and counts what came of it
//! ```
mod broker;
mod client;
mod commands;
mod delivery;
mod device;
mod process;
mod service;
mod shipping;
mod throughput;

pub use broker::Mosquitto;
pub use client::{Client, Proof, proved_slot};
pub use commands::{CommandReport, command_once};
pub use delivery::{DeliveryReport, intermittent_delivery};
pub use device::Device;
pub use process::GatewayProcess;
pub use service::{HttpService, Replies};
pub use shipping::{ShippingReport, shipping_cost};
pub use throughput::{Pace, messages, requests};

use crate::harness::dev_account;
use alloy_signer_local::PrivateKeySigner;
use pervade_node::keys::write_keystore;
use std::{fs, path::Path};

/// Name of a gateway's configuration in its node's folder.
pub const CONFIG_FILE: &str = "gateway.toml";
const KEY_FILE: &str = "gateway.json";
const PASSWORD_FILE: &str = "gateway.password";
/// Development accounts from this one on are the gateways'.
const FIRST_GATEWAY: u32 = 4;

/// Arguments of a node in whose folder [`write_gateway`] was.
pub const GATEWAY_ARGUMENTS: [&str; 6] =
    ["--gateway", CONFIG_FILE, "--gateway.key", KEY_FILE, "--gateway.password", PASSWORD_FILE];

/// The account of a gateway; it has money.
pub fn gateway_key(index: u32) -> PrivateKeySigner {
    dev_account(FIRST_GATEWAY + index)
}

/// Writes a gateway's configuration, key and password into a folder.
///
/// # Errors
/// A file cannot be written.
pub fn write_gateway(folder: &Path, index: u32, config: &str) -> eyre::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(CONFIG_FILE), config)?;
    fs::write(folder.join(PASSWORD_FILE), "gateway\n")?;
    let key = folder.join(KEY_FILE);
    if !key.exists() {
        write_keystore(&key, &gateway_key(index), "gateway")?;
    }
    Ok(())
}

/// A configuration that allows one host, by an alias, at one port.
pub fn allow(scheme: &str, host: &str, address: &str, port: u16) -> String {
    format!(
        "[[allow]]\nscheme = \"{scheme}\"\nhost = \"{host}\"\nport = {port}\npath = \"/**\"\n\n\
         [[alias]]\nhost = \"{host}\"\naddress = \"{address}\"\n"
    )
}
