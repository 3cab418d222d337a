//! Errors of the load tool.

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The node cannot be reached, or hung up.
    #[error("{url}: {source}")]
    Connection {
        /// The node.
        url: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Only plain `http://host:port` is spoken.
    #[error("{url}: not of the form http://host:port")]
    Url {
        /// What was given.
        url: String,
    },
    /// The answer is not HTTP or not JSON-RPC.
    #[error("{url}: unexpected answer: {reason}")]
    Answer {
        /// The node.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The node answered with an error.
    #[error("{method}: {message}")]
    Rpc {
        /// What was asked.
        method: String,
        /// The error.
        message: String,
    },
    /// Not everything was included in time.
    #[error("only {included} of {expected} transactions were included: nothing new for {waited_s} s")]
    Stalled {
        /// Included so far.
        included: u64,
        /// Submitted.
        expected: u64,
        /// How long nothing came.
        waited_s: u64,
    },
    /// What the chain says afterwards is not what was sent.
    #[error("verification: {reason}")]
    Verification {
        /// What differs.
        reason: String,
    },
    /// An option cannot be used.
    #[error("{option}: {reason}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Why.
        reason: String,
    },
    /// A server under test cannot be run.
    #[error("{program}: {reason}")]
    Server {
        /// Its program.
        program: String,
        /// Why.
        reason: String,
    },
}
