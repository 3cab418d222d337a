//! What can go wrong in this crate.
use libp2p::PeerId;
use std::path::PathBuf;

/// The network cannot start, or does not take a command.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// A file cannot be read or written.
    #[error("{}: {error}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// The node key is not one.
    #[error("node key {}: {problem}; restore it from a backup, or remove it to get a new identity", file.display())]
    NodeKey {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An address cannot be used.
    #[error("{setting}: {address}: {problem}")]
    Address {
        /// The setting or command that named it.
        setting: &'static str,
        /// The address as given.
        address: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A setting is out of range.
    #[error("{setting} is {value}; it must be {rule}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: usize,
        /// What it must be.
        rule: &'static str,
    },
    /// The node cannot listen, or a part of libp2p refuses its settings.
    #[error("{what}: {problem}")]
    Transport {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        problem: String,
    },
    /// A message or answer is larger than its protocol allows.
    #[error("{bytes} bytes; a message of {kind} has at most {bytes_max}")]
    TooLarge {
        /// Topic or protocol.
        kind: &'static str,
        /// Size of the message.
        bytes: usize,
        /// Largest size.
        bytes_max: usize,
    },
    /// The queue to the network is full.
    #[error("the network is busy: {queue} commands wait")]
    Busy {
        /// Length of the queue.
        queue: usize,
    },
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}

/// A request to a peer has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The peer is not connected, or its handshake is not done.
    #[error("{peer} is not connected")]
    NotConnected {
        /// The peer.
        peer: PeerId,
    },
    /// Too many requests are in progress; try later or ask another peer.
    #[error("{in_progress} requests are in progress")]
    Busy {
        /// How many.
        in_progress: usize,
    },
    /// No answer in time.
    #[error("{peer} did not answer in time")]
    Timeout {
        /// The peer.
        peer: PeerId,
    },
    /// The peer has nothing to say, does not speak the protocol, or closed the connection.
    #[error("{peer} failed to answer: {reason}")]
    Failed {
        /// The peer.
        peer: PeerId,
        /// Why.
        reason: String,
    },
    /// The request is larger than the protocol allows.
    #[error("a request of {bytes} bytes; at most {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// Largest size.
        bytes_max: usize,
    },
    /// The network has stopped.
    #[error("the network has stopped")]
    Stopped,
}
