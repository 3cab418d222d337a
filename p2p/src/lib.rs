//! The network between nodes: one libp2p swarm, its peers, and what they may do.
//!
//! ```text
//!            NetworkHandle                                NetworkEvents
//!   publish, validate, request, respond          peers │ consensus │ requests │ gateway │ transactions
//!   report, update_head, protect, peers                 ▲ bounded queues, by urgency
//!                │ bounded queues                       │
//!                ▼                                      │
//!   ┌─ driver: one task ────────────────────────────────┴──────────────────────────────────────────┐
//!   │ address book, dials     handshake: chain id, genesis, forks      reputation, bans            │
//!   ├──────────────────────────────────────────────────────────────────────────────────────────────┤
//!   │ gate │ gossipsub: four topics a chain │ status, peers, sync, content: requests │ identify, ping │
//!   ├──────────────────────────────────────────────────────────────────────────────────────────────┤
//!   │ throttle: bytes a second of each peer                                                        │
//!   │ TCP + noise + yamux │ QUIC │ names                                                           │
//!   └──────────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! ```no_run
//! # async fn example(spec: pervade_chainspec::ChainSpec) -> Result<(), pervade_p2p::NetworkError> {
//! use pervade_p2p::{ChainIdentity, Head, NetworkConfig, NetworkEvent, Topic, Verdict};
//!
//! let config = NetworkConfig::new("data/nodekey".into());
//! let (network, mut events) = pervade_p2p::start(config, ChainIdentity::new(&spec), Head::default())?;
//! network.publish(Topic::Transactions, "a batch".into()).await?;
//! while let Some(event) = events.recv().await {
//!     match event {
//!         NetworkEvent::Message(message) => network.validate(message.token, Verdict::Accept),
//!         NetworkEvent::Request(request) => request.responder.respond("an answer".into())?,
//!         NetworkEvent::PeerConnected { peer, status, .. } => println!("{peer} is at {}", status.head.number),
//!         NetworkEvent::PeerStatus { .. } | NetworkEvent::PeerDisconnected { .. } => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! What holds:
//! - Nothing a peer sends makes this crate panic, and everything it can fill has a limit: see [`limits`].
//! - A slow consumer loses messages, each counted; it never slows the swarm down, and transactions never take the place
//!   of votes. Events about peers are not lost.
//! - A message is forwarded after the consumer accepted it, not before. What it rejects costs its sender.
//! - Strangers never take the place of trusted peers and validators, and a peer of another chain gets no further than the
//!   handshake.
//! - Identities are proved: a peer id is the hash of a key that its owner has (noise, TLS). What peers *say*, their status
//!   and addresses, is a claim.
//!
//! Not here: what messages mean, whether blocks, votes and transactions are valid, what to ask whom, and validator keys.
//! The bytes on the wire are drawn in the modules that write them, and in `docs/network-protocol.md`.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod address_book;
mod address_file;
mod backlog;
mod behaviour;
mod chain;
mod config;
mod driver;
mod error;
mod event;
mod gate;
mod gossip;
mod handle;
pub mod limits;
mod metrics;
mod node_key;
mod peer_exchange;
mod rate;
mod reputation;
mod request;
mod status;
mod throttle;
mod topic;
mod transport;

pub use address_file::ADDRESS_BOOK_VERSION;
pub use alloy_eips::eip2124::{ForkFilterKey, ForkHash, ForkId};
pub use chain::ChainIdentity;
pub use config::{
    BAN_DEFAULT, NetworkConfig, PEERS_MAX_DEFAULT, PEERS_PER_ADDRESS_MAX_DEFAULT, PORT_DEFAULT, PROTECTED_BAN_DEFAULT,
};
pub use driver::start;
pub use error::{NetworkError, RequestError};
pub use event::{Direction, GossipMessage, InboundRequest, Lane, MessageToken, NetworkEvent, NetworkEvents};
pub use handle::{NetworkCounts, NetworkHandle, PeerInfo, Responder};
pub use libp2p::{Multiaddr, PeerId};
pub use node_key::load_or_create_node_key;
pub use peer_exchange::PEERS_VERSION;
pub use reputation::{BAN_SCORE, Offence, RECOVERY_PER_POINT};
pub use request::Protocol;
pub use status::{Head, STATUS_BYTES, STATUS_VERSION, Status};
pub use topic::{GOSSIP_VERSION, Topic, Verdict};
