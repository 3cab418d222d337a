//! Networks over the loopback interface: of nodes that mean well, and of some that do not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod hostile;
mod loopback;
mod node;
mod stranger;
