//! Whole machines on a virtual clock: nodes of a cluster in one thread, with files in memory and a network that delays,
//! loses and reorders. The same seed gives the same run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod agreement;
mod cluster;
mod faults;
mod node;
mod pacing;
