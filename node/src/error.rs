//! Errors of this crate.
use alloy_primitives::B256;
use pervade_chainspec::ChainSpecError;
use pervade_consensus::ConsensusError;
use pervade_evm_ext::BlockError;
use pervade_gateway::GatewayError;
use pervade_p2p::NetworkError;
use pervade_storage::StorageError;
use pervade_txpool::PoolError;
use std::path::PathBuf;

/// Why a command fails or a node stops.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration file cannot be used.
    #[error("configuration file {}: {reason}", file.display())]
    ConfigFile {
        /// The file.
        file: PathBuf,
        /// What is wrong, with line and key.
        reason: String,
    },
    /// A setting is out of range or contradicts another.
    #[error("--{setting}: {reason}")]
    Setting {
        /// The flag's name without dashes, which is also the key of the file.
        setting: &'static str,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The chain's genesis is refused.
    #[error(transparent)]
    ChainSpec(#[from] ChainSpecError),
    /// The chain cannot be run by this version in this role.
    #[error("this chain cannot be run: {reason}")]
    Chain {
        /// What is wrong and what to do.
        reason: String,
    },
    /// A keystore or password file cannot be used.
    #[error("{}: {field}: {reason}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The JSON path in it, or what was being done.
        field: String,
        /// What is wrong.
        reason: String,
    },
    /// A model, a mapping or a payload is refused.
    #[error("{}: {reason}", file.display())]
    Mapping {
        /// The file, or the payload as it was given.
        file: PathBuf,
        /// Where in it, and what is wrong.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// `read`, `write`, ...
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// A file of blocks is not what it should be.
    #[error("{file}: malformed at byte {offset} (block record {record}): {reason}")]
    ChainFile {
        /// The file's name, `-` for standard input.
        file: String,
        /// Where the record begins, or where reading stopped.
        offset: u64,
        /// Position of the record in the file, from 0.
        record: u64,
        /// What is wrong.
        reason: String,
    },
    /// A block breaks a rule.
    #[error("block {number} ({hash}) is invalid: {source}")]
    Block {
        /// Its number.
        number: u64,
        /// Its hash.
        hash: B256,
        /// Field and reason. Boxed: every result would be as large as it is.
        source: Box<BlockError>,
    },
    /// A block could not be built.
    #[error("cannot propose block {number}: {source}")]
    Propose {
        /// Its number.
        number: u64,
        /// Why.
        source: Box<BlockError>,
    },
    /// The database failed or is damaged.
    #[error("storage: {0}")]
    Storage(#[from] StorageError),
    /// `pervade db check` found damage.
    #[error("the data directory has {problems} problems: restore it from a copy, or import its chain again")]
    DamagedDirectory {
        /// How many, counted to a limit.
        problems: usize,
    },
    /// Content that the state names is missing or damaged, and there is nobody to fetch it from.
    #[error(
        "{missing} values that the state names are missing or damaged: restore the data directory from a copy, or import \
         its chain again; a node with peers fetches them when it starts"
    )]
    MissingContent {
        /// How many, counted to a limit.
        missing: usize,
    },
    /// The transaction pool failed.
    #[error("transaction pool: {0}")]
    Pool(#[from] PoolError),
    /// The network cannot start.
    #[error("network: {0}")]
    Network(#[from] NetworkError),
    /// The files of agreement cannot be used, or a key or set is wrong.
    #[error("consensus: {0}")]
    Consensus(Box<ConsensusError>),
    /// The validator's key has signed what its record does not know of.
    #[error(
        "block {height} is signed by this validator's key, but its signing record ends at height {recorded}: another \
         process signs with this key, or an old copy of data/consensus was put back. Stop the other process; if there \
         is none, remove the whole data directory and start again"
    )]
    KeyElsewhere {
        /// Number of the block.
        height: u64,
        /// Height of the last signature that the record knows.
        recorded: u64,
    },
    /// The gateway's configuration cannot be used.
    #[error("gateway: {0}")]
    Gateway(Box<GatewayError>),
    /// Another node does not answer as it should.
    #[error("{url}: {reason}")]
    Remote {
        /// The node.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// A child process cannot be kept running.
    #[error("{name} ended {reason}")]
    Child {
        /// Which.
        name: String,
        /// How, and what it said.
        reason: String,
    },
    /// A server cannot listen.
    #[error("cannot serve {what}: {source}")]
    Serve {
        /// Which server.
        what: String,
        /// The operating system's word.
        source: std::io::Error,
    },
    /// The node was asked to stop before it had begun.
    #[error("stopped while waiting for {waiting_for}")]
    Interrupted {
        /// What had not come.
        waiting_for: &'static str,
    },
    /// A part of the node ended that never should.
    #[error("{part} stopped unexpectedly: {reason}")]
    Stopped {
        /// Which.
        part: &'static str,
        /// Why.
        reason: String,
    },
}

impl NodeError {
    /// The process's exit code: 1 for what the operator can put right (settings, files, blocks), 3 for what stopped a
    /// node because its disk or data failed. (2 is clap's, for a wrong command line.)
    pub fn exit_code(&self) -> u8 {
        if self.is_fatal() { 3 } else { 1 }
    }

    /// The disk or the data on it can no longer be trusted, or a part of the node is gone.
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Storage(error) => error.is_fatal(),
            Self::Pool(error) => error.is_fatal(),
            Self::Block { source, .. } => matches!(&**source, BlockError::Storage(error) if error.is_fatal()),
            Self::Consensus(error) => matches!(**error, ConsensusError::File { .. }),
            Self::Propose { .. }
            | Self::Stopped { .. }
            | Self::DamagedDirectory { .. }
            | Self::MissingContent { .. } => true,
            _ => false,
        }
    }

    /// For `map_err`: a failed action on a file.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

impl From<ConsensusError> for NodeError {
    fn from(error: ConsensusError) -> Self {
        Self::Consensus(Box::new(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_be_in_every_result() {
        assert!(size_of::<NodeError>() < 128, "{} bytes", size_of::<NodeError>());
    }

    #[test]
    fn failed_disks_and_wrong_input_have_different_exit_codes() {
        let stopped = || StorageError::Stopped { reason: "disk full".into() };
        assert_eq!(NodeError::Storage(stopped()).exit_code(), 3);
        let block = |source| NodeError::Block { number: 1, hash: B256::ZERO, source: Box::new(source) };
        assert_eq!(block(BlockError::Storage(stopped())).exit_code(), 3);
        assert_eq!(block(BlockError::Invalid { field: "stateRoot", reason: "other".into() }).exit_code(), 1);
        assert_eq!(NodeError::Chain { reason: "none".into() }.exit_code(), 1);
    }
}
