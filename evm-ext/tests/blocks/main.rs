//! Blocks and calls on a real storage: what is proposed is what validators compute, and questions are answered as
//! geth answers them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod calls;
mod hostile;
mod network;
mod proposals;
mod requests;
mod simulations;
mod system;
mod voting;
