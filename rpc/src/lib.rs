//! JSON-RPC over HTTP and WebSocket: the methods that wallets, explorers and libraries expect of an Ethereum node.
//!
//! ```text
//!  TCP ─> http (hosts, origins, CORS, /health, /ready)
//!           └> jsonrpsee (bodies, batches, WebSockets)
//!                └> middleware (is it served here, metrics, batches side by side)
//!                     └> eth/*  net  web3  txpool  pervade ──> convert ──> JSON
//!                          │ light: at once      │ heavy: bounded blocking threads
//!                          └──────────> storage, txpool, evm-ext
//! ```
//!
//! Invariants:
//! - a transaction hash is answered only after the pool has the transaction on disk, a block or receipt only after
//!   storage has it there;
//! - `latest`, `safe` and `finalized` are one block, since blocks are final; nothing is ever `removed`;
//! - every request, answer, queue and wait has a limit in [`limits`];
//! - no input makes a handler panic: what does not parse is an error with geth's code.
//!
//! Not here: execution (`pervade-evm-ext`), admission of transactions (`pervade-txpool`), keys and signing (nowhere in a
//! node), tracing and simulation.
mod api;
mod block_id;
mod cluster;
mod config;
mod convert;
mod database;
mod errors;
mod eth;
mod gateway;
mod heavy;
mod http;
pub mod limits;
mod local;
mod middleware;
mod net;
mod observations;
mod params;
mod pervade;
mod receipt_proof;
mod server;
mod subscribe;
mod subscription;
mod things;
mod txpool;
mod web3;

pub use cluster::{Cluster, ClusterStatus, ClusterView, PeerStatus, SyncProgress};
pub use config::RpcConfig;
pub use errors::RpcError;
pub use gateway::{AnswerBoard, GatewayView};
pub use http::Probe;
pub use limits::RpcLimits;
pub use local::LocalCalls;
pub use observations::ObservedBlock;
pub use server::{NAMESPACES, RpcContext, RpcHandle, serve};
