//! Catch-up: blocks with their certificates, from whoever has them.
mod client;
mod message;
mod server;

pub(crate) use client::{Fetched, SyncClient};
pub(crate) use message::{SyncRequest, SyncResponse};
pub(crate) use server::SyncServer;

/// Blocks asked for, and answered, at once.
pub const SYNC_BATCH_MAX: u64 = 64;
/// Bodies of an answer, bytes: it ends with the block that reaches this.
pub const SYNC_BATCH_BYTES: usize = 4 << 20;
/// Largest answer, bytes: what [`SYNC_BATCH_BYTES`] lets in, one largest body, certificates.
pub const SYNC_RESPONSE_BYTES_MAX: usize =
    SYNC_BATCH_BYTES + pervade_chainspec::params::BLOCK_BODY_BYTES_MAX + (1 << 20);
/// Largest request, bytes.
pub const SYNC_REQUEST_BYTES_MAX: usize = 64;
