//! `pervade verify`: follows a chain's validators from its genesis, or from a trusted block, to the head that a node
//! shows, and believes nothing that is not proved.
//!
//! ```text
//! genesis ── set 0 ──► block a (certificate of set 0, names set 1) ──► block b (set 1, names set 2) ──► ... ──► head
//! ```
//! Between two changes of the set no block is needed. A node can hide new blocks; it cannot make any up, unless more than
//! a third of a set that once decided blocks signs what it likes.
use crate::{NodeError, remote::Remote};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, U64, keccak256};
use alloy_rlp::Decodable;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pervade_chainspec::{ChainSpec, ValidatorConfig, validator_set_hash};
use pervade_consensus::{
    ChainIdentity, CommitCertificate, Secp256k1Verifier,
    light::{LightState, LightStep},
};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::{path::PathBuf, str::FromStr};

/// Pages of validator changes that one walk reads: some hundred thousand changes, more than any network makes.
const PAGES_MAX: usize = 1_024;

/// Arguments of `pervade verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// JSON-RPC of the node to ask
    #[arg(long, env = "PERVADE_RPC", value_name = "URL", default_value = "http://127.0.0.1:8545")]
    pub rpc: String,
    /// Genesis file of the chain: what is trusted
    #[arg(long, value_name = "FILE")]
    pub from_genesis: PathBuf,
    /// Block to begin with instead of the genesis, known to be of this chain: what is trusted then
    #[arg(long, value_name = "NUMBER:HASH")]
    pub checkpoint: Option<Checkpoint>,
}

/// A block that somebody trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

impl FromStr for Checkpoint {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, hash) = text.split_once(':').ok_or("write NUMBER:HASH")?;
        Ok(Self {
            number: number.parse().map_err(|_| format!("`{number}` is not a block number"))?,
            hash: hash.parse().map_err(|_| format!("`{hash}` is not a block hash"))?,
        })
    }
}

/// A header that was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedHead {
    /// The header.
    pub header: Header,
    /// Its hash.
    pub hash: B256,
    /// Changes of the validator set on the way.
    pub changes: usize,
}

/// A header with its certificate, as a node shows it.
#[derive(Debug, Deserialize)]
struct CertifiedHeader {
    header: Bytes,
    certificate: Option<Bytes>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValidatorChange {
    #[serde(flatten)]
    block: CertifiedHeader,
    #[serde(deserialize_with = "validators")]
    next_validators: Vec<ValidatorConfig>,
}

fn validators<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ValidatorConfig>, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        account: alloy_primitives::Address,
        public_key: Bytes,
        power: u64,
    }
    let entries = Vec::<Entry>::deserialize(deserializer)?;
    let validator = |Entry { account, public_key, power }| ValidatorConfig { account, public_key, power };
    Ok(entries.into_iter().map(validator).collect())
}

/// Runs `pervade verify ...`.
///
/// # Errors
/// The node does not answer, or shows what does not hold.
pub fn run(args: &VerifyArgs) -> Result<(), NodeError> {
    let spec = ChainSpec::read(&args.from_genesis)?;
    let head = super::block_on(verify(&Remote::new(&args.rpc), &spec, args.checkpoint))??;
    println!("verified   block {} ({})", head.header.number, head.hash);
    println!("state root {}", head.header.state_root);
    println!("time       {} (Unix seconds)", head.header.timestamp);
    println!("on the way {} changes of the validator set", head.changes);
    Ok(())
}

/// Walks to the head that `remote` shows.
///
/// # Errors
/// As [`run`].
pub async fn verify(
    remote: &Remote,
    spec: &ChainSpec,
    checkpoint: Option<Checkpoint>,
) -> Result<VerifiedHead, NodeError> {
    let progress = ProgressBar::new_spinner();
    progress.set_style(
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    let mut walk = Walk::from_genesis(spec)?;
    if let Some(checkpoint) = checkpoint {
        walk.begin_at(remote, checkpoint).await?;
    }
    for _ in 0..PAGES_MAX {
        progress.set_message(format!("block {}: {} changes of the validator set", walk.header.number, walk.changes));
        progress.tick();
        let from = U64::from(walk.header.number.saturating_add(1));
        let head: CertifiedHeader = remote.call("pervade_getCommitCertificate", json!(["latest"])).await?;
        let number = decode_header(&head.header)?.number;
        let page: Vec<ValidatorChange> = if number > walk.header.number {
            remote.call("pervade_getValidatorChanges", json!([from, U64::from(number)])).await?
        } else {
            Vec::new()
        };
        let last = page.is_empty();
        for change in page {
            walk.change(&change)?;
        }
        // A head that came with a change is in the next page.
        if last && walk.finish(&head)? {
            progress.finish_and_clear();
            return Ok(walk.verified());
        }
    }
    Err(refuse("the node shows changes of the validator set without end"))
}

/// How far the walk is.
struct Walk {
    chain: ChainIdentity,
    verifier: Secp256k1Verifier,
    state: LightState,
    /// The header of `state`.
    header: Header,
    changes: usize,
}

impl Walk {
    fn from_genesis(spec: &ChainSpec) -> Result<Self, NodeError> {
        let members = spec.pervade().map(|pervade| pervade.validators.as_slice()).unwrap_or_default();
        let header = spec.genesis_header().clone();
        Ok(Self {
            chain: ChainIdentity { chain_id: spec.chain_id(), genesis_hash: spec.genesis_hash() },
            verifier: Secp256k1Verifier::default(),
            state: LightState::begin(0, spec.genesis_hash(), named(&header), members)?,
            header,
            changes: 0,
        })
    }

    /// Trusts a block, and takes the set that its header names.
    async fn begin_at(&mut self, remote: &Remote, checkpoint: Checkpoint) -> Result<(), NodeError> {
        let Checkpoint { number, hash } = checkpoint;
        let shown: CertifiedHeader = remote.call("pervade_getCommitCertificate", json!([U64::from(number)])).await?;
        if keccak256(&shown.header) != hash {
            return Err(refuse(format!("block {number} of the node is not {hash}")));
        }
        let header = decode_header(&shown.header)?;
        if named(&header) == self.state.validators.hash() {
            (self.state.height, self.state.block_hash, self.header) = (number, hash, header);
            return Ok(());
        }
        let mut from = 0;
        for _ in 0..PAGES_MAX {
            let page: Vec<ValidatorChange> =
                remote.call("pervade_getValidatorChanges", json!([U64::from(from), U64::from(number)])).await?;
            // Which of the sets is in force is proved by its hash alone.
            let in_force = |change: &&ValidatorChange| validator_set_hash(&change.next_validators) == named(&header);
            if let Some(change) = page.iter().rev().find(in_force) {
                self.state = LightState::begin(number, hash, named(&header), &change.next_validators)?;
                self.header = header;
                return Ok(());
            }
            let Some(last) = page.last() else { break };
            from = decode_header(&last.block.header)?.number.saturating_add(1);
        }
        Err(refuse(format!("the node does not show the validators that block {number} names")))
    }

    /// Takes one step: a block decided by the present set that names another.
    fn change(&mut self, change: &ValidatorChange) -> Result<(), NodeError> {
        self.advance(&change.block, Some(change.next_validators.clone()))?;
        self.changes = self.changes.saturating_add(1);
        Ok(())
    }

    /// Takes the head. `false`: it names another set, so that there is a step before it.
    fn finish(&mut self, head: &CertifiedHeader) -> Result<bool, NodeError> {
        if keccak256(&head.header) == self.state.block_hash {
            return Ok(true);
        }
        if named(&decode_header(&head.header)?) != self.state.validators.hash() {
            return Ok(false);
        }
        self.advance(head, None)?;
        Ok(true)
    }

    fn advance(
        &mut self,
        block: &CertifiedHeader,
        next_validators: Option<Vec<ValidatorConfig>>,
    ) -> Result<(), NodeError> {
        let header = decode_header(&block.header)?;
        let Some(certificate) = &block.certificate else {
            return Err(refuse(format!("the node has no certificate of block {}", header.number)));
        };
        let step = LightStep {
            height: header.number,
            block_hash: keccak256(&block.header),
            extra_data: named(&header),
            certificate: CommitCertificate::decode_exact(certificate)?,
            next_validators,
        };
        self.state.advance(&step, &self.chain, &self.verifier)?;
        self.header = header;
        Ok(())
    }

    fn verified(self) -> VerifiedHead {
        VerifiedHead { hash: self.state.block_hash, header: self.header, changes: self.changes }
    }
}

/// Hash of the set that decides the next block; zero, which is no set's, where the header has none.
fn named(header: &Header) -> B256 {
    B256::try_from(&header.extra_data[..]).unwrap_or_default()
}

fn decode_header(mut bytes: &[u8]) -> Result<Header, NodeError> {
    match Header::decode(&mut bytes) {
        Ok(header) if bytes.is_empty() => Ok(header),
        _ => Err(refuse("a header of the node is not one")),
    }
}

fn refuse(reason: impl Into<String>) -> NodeError {
    NodeError::Chain { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_a_number_and_a_hash() {
        let hash = B256::repeat_byte(7);
        assert_eq!(format!("12:{hash}").parse(), Ok(Checkpoint { number: 12, hash }));
        for wrong in ["12", "x:0x00", &format!("x:{hash}"), "12:0x12"] {
            assert!(wrong.parse::<Checkpoint>().is_err(), "{wrong}");
        }
    }
}
