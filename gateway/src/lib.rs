//! A place for the chain's hands: what will speak HTTP, MQTT, AMQP, CoAP and IPFS with things.
//!
//! Nothing is here in this version: the precompiles take reports and messages from whoever sends them.
