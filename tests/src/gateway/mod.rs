//! Contracts, gateways and things together: real nodes, real brokers and servers, and everything between them cut.
//!
//! ```text
//!   contract ◄──► nodes ◄──► gateways ◄──link──► servers of this process, mosquitto, RabbitMQ, libcoap ◄── devices
//!                   ▲            ▲        ▲         ▲
//!                   └────────────┴────────┴─────────┴── scenario: kills, lies, cuts, and counts what came of it
//! ```
mod archive;
mod broker;
mod client;
mod coap_server;
mod commands;
mod delivery;
mod device;
mod encounter;
mod hostile;
mod link;
mod manufacturing;
mod mosquitto;
mod nginx;
mod process;
mod rabbitmq;
mod service;
mod shipping;
mod site;
mod throughput;
mod tracking;

pub use archive::{ArchiveReport, archive};
pub use broker::{BROKER_HOST, Broker, Protocol};
pub use client::{Client, proved_slot};
pub use coap_server::CoapServer;
pub use commands::{CommandOptions, CommandReport, command_once};
pub use delivery::{DeliveryReport, intermittent_delivery};
pub use device::{Device, now_ms};
pub use encounter::{EncounterReport, encounter};
pub use hostile::{HostileReport, hostile_callbacks};
pub use link::Link;
pub use manufacturing::{ManufacturingReport, manufacturing};
pub use mosquitto::Mosquitto;
pub use nginx::ObjectStore;
pub use process::GatewayProcess;
pub use rabbitmq::RabbitMq;
pub use service::{HttpService, Replies};
pub use shipping::{ShippingReport, shipping_cost};
pub use site::Site;
pub use throughput::{MessagePace, RequestPace, ThroughputOptions, ThroughputReport, throughput};
pub use tracking::{TrackingReport, asset_tracking};

use crate::harness::dev_account;
use alloy_signer_local::PrivateKeySigner;
use pervade_node::keys::write_keystore;
use std::{fs, path::Path};

/// Name of a gateway's configuration in its folder.
const CONFIG_FILE: &str = "gateway.toml";
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
    write_keystore(&folder.join(KEY_FILE), &gateway_key(index), "gateway")?;
    Ok(())
}

/// A configuration that allows one host, by an alias, at one port.
pub fn allow(scheme: &str, host: &str, address: &str, port: u16) -> String {
    format!(
        "[[allow]]\nscheme = \"{scheme}\"\nhost = \"{host}\"\nport = {port}\npath = \"/**\"\n\n\
         [[alias]]\nhost = \"{host}\"\naddress = \"{address}\"\n"
    )
}
