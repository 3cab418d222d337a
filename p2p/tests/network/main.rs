//! Networks over the loopback interface: of nodes that mean well, and of some that do not.
mod hostile;
mod loopback;
mod node;
mod stranger;
