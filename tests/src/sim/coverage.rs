//! [`Coverage`]: how often each fault, and each way out of one, was met.
use std::fmt;

macro_rules! paths {
    ($($name:ident: $says:literal,)+) => {
        /// Something that a run must have met.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Path {
            $(#[doc = $says] $name,)+
        }

        impl Path {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// In words.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$name => $says),+ }
            }
        }
    };
}

paths! {
    MessageLost: "message lost",
    MessageDuplicated: "message duplicated",
    MessageOvertaken: "message overtaken by a later one",
    MessageDelayed: "message long delayed",
    MessageCutOff: "message cut off by a partition",
    Partition: "partition",
    Heal: "partition healed",
    ClockSkew: "clock off",
    ClockJump: "clock jumped",
    KilledProcess: "process killed",
    PowerLost: "power lost at any moment",
    PowerLostInConsensusFiles: "power lost at an operation of the consensus files",
    PowerLostInStorage: "power lost at an operation of storage",
    PowerLostInRecovery: "power lost again while a node starts",
    PowerLostInPool: "power lost before the pool's journal was synced",
    StorageWriteLost: "restart without a write of storage that was not synced",
    LogTorn: "restart with a torn log",
    StateExecutedAgain: "restart that executed lost state again",
    JournalTakenBack: "restart that took pooled transactions back",
    LogTakenBack: "restart in the middle of a height, from the log",
    NodeWiped: "validator set up again on empty disks",
    SilentAtHeight: "height at which a validator may not sign",
    Syncing: "node fell behind and fetched blocks",
    RoundAfterFirst: "block decided after the first round",
    MissedTurn: "turn of a proposer missed",
    TimeoutPropose: "timeout while waiting for a proposal",
    TimeoutPrevote: "timeout while waiting for prevotes",
    TimeoutPrecommit: "timeout while waiting for precommits",
    CaughtUp: "block taken by catch-up",
    SyncServed: "blocks served to another node",
    SyncRequestFailed: "request for blocks that failed",
    ReproposedBlock: "block proposed again in a later round",
    InvalidProposalRefused: "invalid block refused",
    FalseBytesRefused: "bytes refused that are not the block",
    ClockSkewRefused: "proposal refused for its timestamp",
    EvidenceStored: "evidence of a double signature stored",
    PeerReported: "peer reported",
    TransactionAcknowledged: "transaction acknowledged",
    Height: "height decided by the cluster",
    ValidatorAdded: "validator added by vote",
    ValidatorRemoved: "validator removed by vote",
    ValidatorReweighed: "validator given another power by vote",
    KeyChanged: "validator given another key by vote",
    ChangeVotedDown: "change of the set voted down",
    ChangeWaited: "change of the set that had to wait for another",
    SmallSetChanged: "set below four changed by more than a third at once",
    NodeJoined: "node that joined from nothing and reached the head",
    NewcomerSigned: "block signed by a validator that was added",
    NewKeySigned: "block signed with a key that took the place of another",
    RemovedFollowed: "block followed by a validator that was removed",
    LightClientFollowed: "client without trust that followed a change of the set",
    SetChangedInStorm: "set changed while things broke",
    WrongBeneficiaryRefused: "block refused that pays another than its proposer",
    EquivocatingProposer: "adversary: two proposals in one round",
    EquivocatingVoter: "adversary: two votes in one step",
    InvalidStateRoot: "adversary: block with a false state root",
    WithheldParts: "adversary: parts of a block withheld",
    BadSignatures: "adversary: signature broken or forged",
    Amnesia: "adversary: log and signing record forgotten",
    FutureRounds: "adversary: votes for rounds and heights to come",
    Garbage: "adversary: garbage sent",
    FalseBeneficiary: "adversary: block that pays another",
    Colluder: "adversary: two blocks for two halves, with accomplices",
}

/// Counts of [`Path`]s.
#[derive(Debug, Clone)]
pub struct Coverage {
    counts: Vec<u64>,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { counts: vec![0; Path::ALL.len()] }
    }
}

impl Coverage {
    /// It was met.
    pub fn hit(&mut self, path: Path) {
        self.counts[path as usize] += 1;
    }

    /// How often.
    pub fn count(&self, path: Path) -> u64 {
        self.counts[path as usize]
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
    }

    /// Those that were never met.
    pub fn missing(&self) -> Vec<Path> {
        Path::ALL.iter().copied().filter(|path| self.count(*path) == 0).collect()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for path in Path::ALL {
            writeln!(f, "{:>12}  {}", self.count(*path), path.says())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_met_is_named() {
        let mut coverage = Coverage::default();
        let mut other = Coverage::default();
        for path in &Path::ALL[1..] {
            other.hit(*path);
        }
        coverage.add(&other);
        assert_eq!(coverage.missing(), [Path::ALL[0]]);
        assert!(coverage.to_string().contains("message lost"));
    }
}
