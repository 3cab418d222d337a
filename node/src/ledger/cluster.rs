//! The ledger as a network of validators drives it: candidates first, one decision a height.
//!
//! ```text
//!   propose ──► executed ─┐                    ┌─► commit with certificate, one sync
//!                         ├─► kept by hash ──► decide
//!   validate ─► executed ─┘                    └─► (not kept: execute, then the same)
//! ```
//! A block is executed before its validator votes for it, and not again when it is decided. Candidates that lose are
//! forgotten with their height.
use super::{Ledger, undecided::Undecided};
use crate::NodeError;
use alloy_consensus::{
    Header,
    proofs::{calculate_ommers_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Encodable};
use pervade_chainspec::{BeneficiaryRule, ChainSpec, ValidatorConfig, decode_validator_set, encode_validator_set};
use pervade_evm_ext::{BlockError, ProposalAttributes, TransactionSource, governance::validator_set};
use pervade_storage::{Block, ExecutedBlock, RecoveredBlock, Seal, StorageError};
use std::sync::Arc;

/// Finds the sender of a transaction that was recovered before.
pub type KnownSenders<'a> = &'a (dyn Fn(&B256) -> Option<Address> + Sync);

/// Proposes, judges and commits the blocks of a network with validators.
pub struct ClusterLedger {
    ledger: Ledger,
    undecided: Undecided,
}

/// A block that this node proposes.
#[derive(Debug, Clone)]
pub struct ProposedBlock {
    /// Its hash: what is voted on.
    pub hash: B256,
    /// RLP of the block.
    pub bytes: Bytes,
    /// Number of its transactions.
    pub transactions: usize,
    /// Candidates that cannot be executed, with the reason: the pool drops them.
    pub refused: Vec<(B256, String)>,
}

/// What a node thinks of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every rule is kept; the outcome of its execution is kept too.
    Valid {
        /// Time of the block, Unix seconds. Nobody has held it to a clock.
        timestamp_s: u64,
        /// Account of the validator that the block pays, on a chain whose blocks pay their proposer. That it was this one who
        /// proposed it is for those to say who know the round.
        paid: Option<Address>,
    },
    /// The bytes are no block with this hash: not the header's bytes, or a body that its header does not commit to.
    Mismatch {
        /// What does not fit.
        reason: String,
    },
    /// A block with this hash that breaks a rule.
    Invalid {
        /// Which, and how.
        reason: String,
    },
}

impl ClusterLedger {
    /// The ledger of a chain that has validators.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, undecided: Undecided::default() }
    }

    /// The plain ledger: head, storage, rules.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Builds a block on the head, and keeps its outcome.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn propose(
        &mut self,
        attributes: &ProposalAttributes,
        source: &mut dyn TransactionSource,
    ) -> Result<ProposedBlock, NodeError> {
        let proposal = self.ledger.propose(attributes, source)?;
        let block = &proposal.executed.block;
        let mut bytes = Vec::with_capacity(block.block.length());
        block.block.encode(&mut bytes);
        let (hash, transactions) = (block.hash, block.senders.len());
        self.undecided.insert(proposal.executed);
        Ok(ProposedBlock { hash, bytes: bytes.into(), transactions, refused: proposal.refused })
    }

    /// Checks and executes a candidate for the height after the head, which must have this hash, and keeps its outcome.
    ///
    /// # Errors
    /// Only what is this node's own fault: the state cannot be read. What is wrong with the block is in the verdict.
    pub fn validate(&mut self, hash: B256, bytes: &[u8], known: KnownSenders<'_>) -> Result<Verdict, NodeError> {
        if let Some(kept) = self.undecided.get(&hash) {
            return Ok(self.valid(kept.block.header()));
        }
        let block = match decode(bytes) {
            Ok(block) => block,
            Err(reason) => return Ok(Verdict::Mismatch { reason }),
        };
        let found = block.header.hash_slow();
        if found != hash {
            return Ok(Verdict::Mismatch { reason: format!("hash: the header's is {found}") });
        }
        let valid = self.valid(&block.header);
        let outcome = match self.check_beneficiary(&block.header)? {
            Some(reason) => Err(reason),
            None => match self.execute(block, known) {
                Ok(executed) => Ok(executed),
                Err(NodeError::Block { source, .. }) if !matches!(*source, BlockError::Storage(_)) => {
                    Err(source.to_string())
                }
                Err(error) => return Err(error),
            },
        };
        match outcome {
            Ok(executed) => {
                self.undecided.insert(executed);
                Ok(valid)
            }
            // Somebody may have put another body under a good header.
            Err(reason) if body_fits(bytes) => Ok(Verdict::Invalid { reason }),
            Err(reason) => Ok(Verdict::Mismatch { reason }),
        }
    }

    /// Makes a decided block the head, with its certificate, durable when this returns. Executes it only if its outcome
    /// is not kept.
    ///
    /// # Errors
    /// Fatal, all of them: a block that more than two thirds decided must be valid here, and must be written.
    pub fn decide(
        &mut self,
        hash: B256,
        bytes: &[u8],
        certificate: Bytes,
        known: KnownSenders<'_>,
    ) -> Result<ExecutedBlock, NodeError> {
        let executed = match self.undecided.take(&hash) {
            Some(executed) => executed,
            None => {
                let number = self.ledger.head().number().saturating_add(1);
                let undecodable = |reason| BlockError::Invalid { field: "block", reason };
                let wrong = |e| NodeError::Block { number, hash, source: Box::new(e) };
                self.execute(decode(bytes).map_err(undecodable).map_err(wrong)?, known)?
            }
        };
        if executed.block.hash != hash {
            let reason = format!("the decided body is that of block {}", executed.block.hash);
            let (number, source) = (executed.block.number(), BlockError::Invalid { field: "block", reason });
            return Err(NodeError::Block { number, hash, source: Box::new(source) });
        }
        let seal = Seal { certificate: Some(certificate), next_validators: self.changed_validators(&executed.block)? };
        self.ledger.storage().commit_sealed(executed.clone(), &seal)?;
        Ok(executed)
    }

    /// The validators that decide block `number`: any block up to the one after the head.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn validators(&self, number: u64) -> Result<Vec<ValidatorConfig>, NodeError> {
        validators(&self.ledger, number)
    }

    fn execute(&self, block: Block, known: KnownSenders<'_>) -> Result<ExecutedBlock, NodeError> {
        self.ledger.validate(Arc::new(Ledger::recover(block, known)?))
    }

    /// What is said of a block with this header, if it is valid.
    fn valid(&self, header: &Header) -> Verdict {
        let rule = self.ledger.spec().pervade().map(|pervade| pervade.beneficiary);
        let paid = (rule == Some(BeneficiaryRule::Proposer)).then_some(header.beneficiary);
        Verdict::Valid { timestamp_s: header.timestamp, paid }
    }

    /// Why the fees may not go where the header sends them. Here the round of a block is not known, so any of those who decide
    /// it will do: agreement holds fresh proposals to the very one.
    fn check_beneficiary(&self, header: &Header) -> Result<Option<String>, NodeError> {
        let paid = header.beneficiary;
        match self.ledger.spec().pervade().map(|pervade| pervade.beneficiary) {
            Some(BeneficiaryRule::Fixed { address }) if paid != address => {
                Ok(Some(format!("beneficiary: {paid}, the chain's is {address}")))
            }
            Some(BeneficiaryRule::Proposer) => {
                let deciders = self.validators(header.number)?;
                let one_of_them = deciders.iter().any(|validator| validator.account == paid);
                Ok((!one_of_them).then(|| format!("beneficiary: {paid} is no validator's account")))
            }
            _ => Ok(None),
        }
    }

    /// The encoded set that decides the block after `block`, if it is another one than decides `block`.
    fn changed_validators(&self, block: &RecoveredBlock) -> Result<Option<Bytes>, NodeError> {
        let head = self.ledger.head();
        if block.header().extra_data == head.header().extra_data {
            return Ok(None);
        }
        Ok(Some(encode_validator_set(&next_validators(&self.ledger)?).into()))
    }
}

/// The validators that decide block `number`: any block up to the one after the head.
///
/// # Errors
/// The record cannot be read.
pub fn validators(ledger: &Ledger, number: u64) -> Result<Vec<ValidatorConfig>, NodeError> {
    // The header of a block names the deciders of the next.
    match ledger.storage().last_validator_change(number.saturating_sub(1))? {
        Some(change) => decode_validator_set(&change.next_validators)
            .map_err(|error| StorageError::Damaged { column: "validator_changes", reason: error.to_string() }.into()),
        None => Ok(genesis_validators(ledger.spec())),
    }
}

/// The set that the child of the head names in its `extraData`: it decides the block after that child. Read from the
/// state after the head.
fn next_validators(ledger: &Ledger) -> Result<Vec<ValidatorConfig>, NodeError> {
    let decided = ledger.head().number().saturating_add(2);
    Ok(validator_set(ledger.spec(), ledger.storage().latest_view(), decided)?)
}

fn genesis_validators(spec: &ChainSpec) -> Vec<ValidatorConfig> {
    spec.pervade().map(|pervade| pervade.validators.clone()).unwrap_or_default()
}

/// A block from its RLP, all of it.
fn decode(mut bytes: &[u8]) -> Result<Block, String> {
    let block = Block::decode(&mut bytes).map_err(|error| format!("block: RLP: {error}"))?;
    if bytes.is_empty() { Ok(block) } else { Err(format!("block: {} bytes follow it", bytes.len())) }
}

/// Whether the body is the one that the header commits to.
fn body_fits(bytes: &[u8]) -> bool {
    decode(bytes).is_ok_and(|Block { header, body }| {
        let withdrawals_root = body.withdrawals.as_ref().map(|withdrawals| calculate_withdrawals_root(withdrawals));
        header.transactions_root == calculate_transaction_root(&body.transactions)
            && header.ommers_hash == calculate_ommers_root(&body.ommers)
            && header.withdrawals_root == withdrawals_root
    })
}
