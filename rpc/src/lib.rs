//! JSON-RPC over HTTP and WebSocket.
mod config;
mod server;

pub use config::RpcConfig;
pub use server::{RpcContext, RpcHandle, serve};
