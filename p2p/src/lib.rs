//! One libp2p swarm: gossip, requests, peer scoring.
