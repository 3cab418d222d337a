//! The servers as a client sees them.
mod access;
mod harness;
mod limits;
mod reads;
mod submit;
mod subscriptions;
