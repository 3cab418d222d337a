//! The servers as a client sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod access;
mod cluster;
mod database;
mod harness;
mod limits;
mod observations;
mod reads;
mod simulate;
mod submit;
mod subscriptions;
