//! Bindings against servers on this machine: some made here, some of others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod coap;
mod http;
mod ipfs;
mod libcoap;
mod mosquitto;
mod mqtt;
mod nginx;
mod rabbitmq;
mod servers;
mod ssrf;
mod world;
