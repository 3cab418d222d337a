//! The chain's hands: HTTP, MQTT, AMQP, CoAP and IPFS bindings.
