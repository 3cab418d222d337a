//! The validator that is copied: what it serves, and what it has signed.
use super::{
    files::copy_folder,
    spy::{Signed, Spy, of_proposal, of_vote},
};
use crate::{
    cluster::{
        Load, LocalCluster,
        network::{block, height},
    },
    harness::{NodeOptions, Rpc, dev_accounts, parse_quantity},
};
use alloy_primitives::Address;
use alloy_rlp::Decodable;
use eyre::{WrapErr, bail, ensure, eyre};
use pervade_consensus::{
    ChainIdentity, ConsensusFiles, FolderStore, MissingRecord, Secp256k1Signer, SignedProposal, SignedVote, Signer,
    signing::consensus_address,
};
use pervade_node::testnet::CONFIG_FILE;
use pervade_p2p::Head;
use serde_json::{Value, json};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The validator under test, and the one whose place the spy takes.
const TESTED: usize = 3;
const SPIED_FROM: usize = 0;
/// Blocks of each of its three lives: one that ends in order, one that does not, and the last.
const BLOCKS: u64 = 12;
/// Longest wait for anything of the cluster.
const WAIT: Duration = Duration::from_secs(60);
/// A vote that has waited for others for so long waits in vain: those of a cluster that decides come in milliseconds.
const VAIN: Duration = Duration::from_secs(1);
/// Kinds of records in the log of agreement.
const LOGGED_VOTE: u8 = 1;
const LOGGED_PROPOSAL: u8 = 2;

/// A stopped validator that had voted at the height after its head.
pub(super) struct Template {
    /// Its folder.
    pub(super) folder: PathBuf,
    /// What it had signed at that height.
    pub(super) signed: Signed,
    /// Hears what copies sign.
    pub(super) spy: Spy,
    /// Questions and the answers of the running validator.
    answers: Vec<(&'static str, Value, Value)>,
}

/// A copy that does not serve what the validator did.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It does not answer, or with an error.
    NoAnswer { reason: String },
    /// It answers something else.
    Answer { question: String, expected: Value, found: Value },
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer { reason } => {
                write!(f, "it does not answer, and its log does not lead to the file: {reason}")
            }
            Self::Answer { question, expected, found } => {
                write!(f, "{question}: {found:.300} instead of {expected:.300}")
            }
        }
    }
}

impl Template {
    /// Runs a cluster until its fourth validator has files of all kinds, and kills it where it has voted.
    pub(super) async fn make(dir: &Path) -> eyre::Result<Self> {
        let mut cluster = LocalCluster::create(dir, 4, 50)?;
        cluster.start_all().await?;
        let url = cluster.node(1).rpc.url().to_owned();
        let load = Load::start(vec![url.clone()], url, 50);
        // An orderly stop keeps the address book; a start after a kill writes tables from the log.
        grow(&cluster).await?;
        cluster.stop(TESTED).await?;
        cluster.start(&[TESTED]).await?;
        grow(&cluster).await?;
        cluster.kill(TESTED)?;
        cluster.start(&[TESTED]).await?;
        grow(&cluster).await?;
        drop(load.finish(WAIT).await);

        cluster.kill(0)?;
        cluster.kill(1)?;
        voted_in_vain(&cluster).await?;
        let tested = &cluster.node(TESTED).rpc;
        let head = height(tested).await?;
        ensure!(height(&cluster.node(2).rpc).await? == head, "the two that are left differ in height");
        cluster.assert_same_block(head).await?;
        let (answers, newest) = (ask(tested, questions(head)).await?, block(tested, head).await?);
        cluster.kill(TESTED)?;
        cluster.kill(2)?;

        let folder = cluster.folder(TESTED);
        let spec = cluster.spec()?;
        let key = Secp256k1Signer::new(&cluster.signer(TESTED)?.to_bytes())?.public_key();
        let chain = ChainIdentity { chain_id: spec.chain_id(), genesis_hash: spec.genesis_hash() };
        let address = consensus_address(&key).ok_or_else(|| eyre!("the validator's key is none"))?;
        // Opened is changed: the template must stay as it was killed.
        let opened = dir.join("opened");
        copy_folder(&folder.join("data/consensus"), &opened)?;
        let store = FolderStore::open(opened)?;
        let (_, recovered) = ConsensusFiles::open(Box::new(store), &chain, Some(&key), MissingRecord::Refuse)?;
        let signed = signed_in(&recovered.log.records, address)?;
        ensure!(recovered.log.height == head + 1 && !signed.is_empty(), "it had not voted at height {}", head + 1);

        let nodekey = cluster.folder(SPIED_FROM).join("nodekey");
        let spy = Spy::start(&spec, &nodekey, port(&cluster.peers()[SPIED_FROM])?, head_of(&newest)?, address)?;
        Ok(Self { folder, signed, spy, answers })
    }

    /// How a copy is started.
    pub(super) fn options(&self, copy: &Path) -> NodeOptions {
        // A listener that moved to another address could not be asked.
        let options = NodeOptions::of_folder(&copy.join("data"), copy).arg("--config").arg(CONFIG_FILE);
        options.arg("--http.addr").arg("127.0.0.1").arg("--metrics").arg("127.0.0.1:0")
    }

    /// Asks a copy everything again.
    pub(super) async fn compare(&self, copy: &Rpc) -> Option<Wrong> {
        for (method, params, expected) in &self.answers {
            match copy.call(method, params.clone()).await {
                Ok(found) if found == *expected => {}
                Ok(found) => {
                    let question = format!("{method} {params}");
                    return Some(Wrong::Answer { question, expected: expected.clone(), found });
                }
                Err(error) => return Some(Wrong::NoAnswer { reason: format!("{method} {params}: {error}") }),
            }
        }
        None
    }
}

/// The cluster decides some more blocks, and the tested validator has them.
async fn grow(cluster: &LocalCluster) -> eyre::Result<()> {
    let wanted = height(&cluster.node(1).rpc).await? + BLOCKS;
    cluster.node(TESTED).wait_for_height(wanted, WAIT).await.map(drop)
}

/// Waits until the tested validator waits for votes that do not come: it has voted at a height that cannot be decided.
async fn voted_in_vain(cluster: &LocalCluster) -> eyre::Result<()> {
    let (begun, mut since) = (Instant::now(), None::<([Value; 3], Instant)>);
    while begun.elapsed() < WAIT {
        let status = cluster.node(TESTED).rpc.call("pervade_nodeStatus", json!([])).await?;
        let place = ["height", "round", "step"].map(|field| status["cluster"][field].clone());
        let place = ["prevote", "precommit"].iter().any(|vote| place[2] == *vote).then_some(place);
        match &since {
            Some((before, at)) if place.as_ref() == Some(before) => {
                if at.elapsed() > VAIN {
                    return Ok(());
                }
            }
            _ => since = place.map(|place| (place, Instant::now())),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bail!("it does not vote in vain within {WAIT:?}")
}

/// Everything that a node serves of its chain.
fn questions(head: u64) -> Vec<(&'static str, Value)> {
    let mut questions = vec![("eth_blockNumber", json!([])), ("eth_chainId", json!([]))];
    for number in 0..=head {
        let number = format!("{number:#x}");
        questions.push(("eth_getBlockByNumber", json!([number, true])));
        questions.push(("eth_getBlockReceipts", json!([number])));
        if number != "0x0" {
            questions.push(("pervade_getCommitCertificate", json!([number])));
        }
    }
    for account in dev_accounts() {
        questions.push(("eth_getProof", json!([account.address(), [], "latest"])));
        questions.push(("eth_getTransactionCount", json!([account.address(), format!("{:#x}", head / 2)])));
    }
    questions
}

async fn ask(node: &Rpc, questions: Vec<(&'static str, Value)>) -> eyre::Result<Vec<(&'static str, Value, Value)>> {
    let mut answers = Vec::with_capacity(questions.len());
    for (method, params) in questions {
        let answer = node.call(method, params.clone()).await.wrap_err_with(|| format!("{method} {params}"))?;
        answers.push((method, params, answer));
    }
    Ok(answers)
}

/// A validator's own votes and proposals among the records of its log; what it heard of others is there too.
fn signed_in(records: &[bytes::Bytes], validator: Address) -> eyre::Result<Signed> {
    let mut signed = Signed::new();
    for record in records {
        let Some((kind, mut rest)) = record.split_first() else { continue };
        let own = match *kind {
            LOGGED_VOTE => Some(SignedVote::decode(&mut rest)?).filter(|vote| vote.validator == validator),
            _ => None,
        };
        signed.extend(own.as_ref().map(of_vote));
        let own = match *kind {
            LOGGED_PROPOSAL => Some(SignedProposal::decode(&mut rest)?).filter(|own| own.proposer == validator),
            _ => None,
        };
        signed.extend(own.as_ref().map(of_proposal));
    }
    Ok(signed)
}

fn head_of(block: &Value) -> eyre::Result<Head> {
    let hash = block["hash"].as_str().ok_or_else(|| eyre!("no hash: {block}"))?.parse()?;
    let [number, timestamp] = ["number", "timestamp"].map(|field| parse_quantity(&block[field]));
    Ok(Head { number: number?.to(), hash, timestamp: timestamp?.to(), earliest: 1 })
}

/// The port in `/ip4/127.0.0.1/tcp/PORT/p2p/ID`.
fn port(address: &str) -> eyre::Result<u16> {
    Ok(address.split('/').nth(4).ok_or_else(|| eyre!("no port in {address}"))?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_port_of_an_address_is_found() {
        assert_eq!(port("/ip4/127.0.0.1/tcp/30303/p2p/12D3").unwrap(), 30_303);
        assert!(port("nothing").is_err());
    }

    #[test]
    fn a_folder_is_copied_with_all_that_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/c"), "d").unwrap();
        copy_folder(&dir.path().join("a"), &dir.path().join("e")).unwrap();
        assert_eq!(fs::read(dir.path().join("e/b/c")).unwrap(), b"d");
    }
}
