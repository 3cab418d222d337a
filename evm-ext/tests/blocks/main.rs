//! Blocks and calls on a real storage: what is proposed is what validators compute, and questions are answered as
//! geth answers them.
mod calls;
mod network;
mod proposals;
