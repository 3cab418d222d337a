//! The chain's hands: from the forms of a Thing Description to requests over HTTP(S), CoAP, MQTT(S) and AMQP(S), and from what
//! things say by themselves to a stream of messages.
//!
//! ```text
//!  description ──► forms of the operation ──┐                                              ┌─► answer of one attempt
//!  input ──► variables, data ───────────────┴─► address ──► policy ──► admitted ──► binding ┴─► messages, each with a receipt
//!                                                             ▲
//!                                       the operator's file: allow list, aliases, credentials
//! ```
//!
//! What holds:
//! - No socket is opened to what the operator's list does not allow, nor to an address that is not of the public internet
//!   unless an alias names it. Names are resolved once and the address pinned; redirects are not followed.
//! - Credentials come from the operator's files only, go to the host that they are configured for only, and are in no log.
//! - An attempt ends within [`limits::ATTEMPT_TIMEOUT`], and its answer has at most [`limits::ANSWER_BYTES_MAX`], counted while
//!   it arrives.
//! - A message of a thing is acknowledged to its broker only when somebody has vouched for it ([`Receipt::accept`]).
//! - Nothing that a description, an input or a thing says makes this crate panic.
//!
//! A binding makes one attempt. Which requests are open, signing, agreement between gateways and trying again: [`service`].
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

mod address;
mod amqp;
mod bindings;
mod coap;
mod config;
mod error;
mod http;
mod ipfs;
pub mod limits;
mod mqtt;
mod policy;
pub mod service;
mod subscription;
mod target;
mod template;
mod thing;
mod tls;
mod wire;

pub use bindings::{Answer, Bindings};
pub use config::GatewayConfig;
pub use error::{Failure, FailureCode, GatewayError};
pub use ipfs::Content;
pub use policy::{Resolve, SystemResolver};
pub use subscription::{Message, Receipt, Subscription};
pub use target::Scheme;
pub use thing::{Input, Operation, Thing};
