//! Bindings against servers on this machine: some made here, some of others.
mod coap;
mod http;
mod mqtt;
mod servers;
mod ssrf;
mod world;
