//! Archive: a contract writes into an object store, keeps the identifier, and reads by it whatever the store has become.
//!
//! ```text
//!   contract ──keep──► gateway ──PUT /ipfs/ID──► nginx        then ID stands in the Contract Database
//!            ──read──► gateway ──GET /ipfs/ID──► nginx        the blocks prove themselves, or nothing comes
//! ```
use super::{Client, Device, GatewayProcess, ObjectStore, allow, gateway_key, site::ether};
use crate::harness::{NodeOptions, RunningNode, dev_account};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolValue};
use eyre::{ContextCompat, ensure};
use pervade_chainspec::params::{CONTRACT_DATABASE_ADDRESS, THINGS_ADDRESS};
use pervade_evidence::{CarReader, Codec, ContentId, HashFunction, Node, NodeKind, Tally, read_file};
use pervade_evm_ext::things::IThings;
use serde_json::json;
use std::{collections::BTreeMap, fmt, path::Path, time::Duration};

const HOST: &str = "store.test";
const WAIT: Duration = Duration::from_secs(60);
/// Failure code: what came is not what was asked for.
const MALFORMED: u16 = 4;
/// A file of several blocks that Kubo made, among others.
const KUBO: &[u8] = include_bytes!("../../../gateway/tests/data/ipfs/mixed-block-files.car");

alloy_sol_types::sol! {
    /// What the scenario calls of `Archive.sol`.
    contract IArchive {
        function keep(bytes32 name, bytes calldata id, bytes calldata text) external;
        function read(bytes32 name) external;
        function readId(bytes memory id) external;
        function idOf(bytes32 name) external view returns (bytes memory);
        function readHash() external view returns (bytes32);
        function done() external view returns (uint256);
        function failure() external view returns (uint16);
    }
    /// Of the Contract Database.
    contract IVerifier {
        error InvalidContent();
        function verifyContent(bytes calldata cid, uint64 offset, uint32 length, bytes[] calldata blocks) external view returns (bytes memory data);
    }
}

/// Blocks by their identifiers, in the order of reading.
type Blocks = Vec<(ContentId, Vec<u8>)>;

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveReport {
    /// From the call to the identifier in the database.
    pub kept_after: Duration,
    /// From the call to the bytes of one block in the contract.
    pub read_after: Duration,
    /// Blocks of the file that Kubo made.
    pub blocks: usize,
    /// Bits of these blocks that were turned, each refused by `verifyContent` as `InvalidContent`.
    pub bits: usize,
    /// Turned bits in the store that the gateway refused.
    pub refused: u64,
}

impl fmt::Display for ArchiveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept_after, read_after, blocks, bits, refused } = self;
        let [kept, read] = [kept_after, read_after].map(Duration::as_millis);
        writeln!(
            f,
            "| written and kept | read | file of blocks | bits turned: InvalidContent | in the store: refused |"
        )?;
        writeln!(f, "|---|---|---|---|---|")?;
        write!(f, "| {kept} ms | {read} ms | {blocks} | {bits} | {refused} |")
    }
}

/// A contract with an archive, and what it speaks to.
struct Scene {
    owner: Client,
    archive: Address,
    store: ObjectStore,
    done: u64,
    _gateway: GatewayProcess,
    _node: RunningNode,
}

/// Runs it.
///
/// # Errors
/// An identifier is not kept or not the text's, or a turned bit is not noticed.
pub async fn archive(folder: &Path) -> eyre::Result<ArchiveReport> {
    let mut scene = Scene::start(folder).await?;
    let name = keccak256("certificate");
    let text = "Calibrated on 2026-03-01 at 21.5 degrees, deviation 0.02. ".repeat(40).into_bytes();
    let id = ContentId::of(Codec::Raw, HashFunction::Sha2_256, &text, &mut Tally::default())?.to_string();
    let keep = IArchive::keepCall { name, id: id.clone().into_bytes().into(), text: text.clone().into() };
    let kept_after = scene.ask(&keep, 0).await?;
    let kept = scene.owner.view(scene.archive, &IArchive::idOfCall { name }).await?;
    ensure!(kept[..] == *id.as_bytes(), "{kept} is kept, not {id}");
    let stored = std::fs::read(scene.store.object(&id))?;
    ensure!(stored == text, "the store has other bytes");
    let read_after = scene.ask(&IArchive::readCall { name }, 0).await?;
    scene.ensure_read(&text).await?;

    // What the store has become is nobody's word to take.
    let mut refused = 0;
    for place in [0, text.len() / 2, text.len() - 1] {
        scene.turned(&id, place, &IArchive::readCall { name }).await?;
        refused += 1;
    }
    scene.ask(&IArchive::readCall { name }, 0).await?;

    // A file of several blocks, whose blocks are objects.
    let (file, blocks) = file_of_several_blocks()?;
    for (id, block) in &blocks {
        std::fs::write(scene.store.object(&id.to_string()), block)?;
    }
    let whole = read_file(&file, 0, 0, &mut |id: &ContentId| find(&blocks, id), &mut Tally::default())?;
    let read = IArchive::readIdCall { id: file.to_bytes().into() };
    scene.ask(&read, 0).await?;
    scene.ensure_read(&whole).await?;
    for (id, block) in &blocks {
        scene.turned(&id.to_string(), block.len() / 2, &read).await?;
        refused += 1;
    }
    let bits = scene.every_bit(&file, &blocks, &whole).await?;
    Ok(ArchiveReport { kept_after, read_after, blocks: blocks.len(), bits, refused })
}

impl Scene {
    async fn start(folder: &Path) -> eyre::Result<Self> {
        let store_dir = folder.join("store");
        std::fs::create_dir_all(&store_dir)?;
        let store = ObjectStore::start(&store_dir)?;
        let node = NodeOptions::dev(&folder.join("node")).arg("--dev.period").arg("200ms");
        let node = RunningNode::start(&node).await?;
        let port = store.port;
        let config = format!("[[ipfs]]\nurl = \"http://{HOST}:{port}\"\n\n{}", allow("http", HOST, "127.0.0.1", port));
        let gateway = GatewayProcess::start(&folder.join("gateway"), 0, node.rpc.url(), &config).await?;
        let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
        let thing = Device::new("object-store");
        let form = json!({ "href": format!("http://{HOST}:{port}/ipfs/{{cid}}"), "contentType": "text/plain" });
        let property = json!({ "type": "string", "uriVariables": { "cid": { "type": "string" } }, "forms": [form] });
        let affordances = json!({ "properties": { "file": property } });
        thing.register(&mut owner, &affordances, &[gateway_key(0).address()]).await?;
        let code = include_str!("../../contracts/Archive.hex");
        let archive = owner.deploy(code, thing.id().abi_encode(), U256::ZERO).await?;
        thing.grant(&mut owner, archive).await?;
        owner.call(THINGS_ADDRESS, &IThings::fundCall { account: archive }, ether(10)).await?;
        Ok(Self { owner, archive, store, done: 0, _gateway: gateway, _node: node })
    }

    /// Has the contract make a request, and waits for the callback, which must say this.
    async fn ask<C: SolCall>(&mut self, call: &C, code: u16) -> eyre::Result<Duration> {
        self.done += 1;
        let wanted = U256::from(self.done);
        self.owner.call(self.archive, call, U256::ZERO).await?;
        let took = self.owner.wait_for(self.archive, &IArchive::doneCall {}, WAIT, |done| *done == wanted).await?;
        if code > 0 {
            let failure = self.owner.view(self.archive, &IArchive::failureCall {}).await?;
            ensure!(failure == code, "failure {failure}, not {code}");
        }
        Ok(took)
    }

    async fn ensure_read(&self, expected: &[u8]) -> eyre::Result<()> {
        let found = self.owner.view(self.archive, &IArchive::readHashCall {}).await?;
        ensure!(found == keccak256(expected), "other bytes were read");
        Ok(())
    }

    /// Turns a bit of an object: what needs it fails. Turns it back.
    async fn turned<C: SolCall>(&mut self, object: &str, place: usize, call: &C) -> eyre::Result<()> {
        let before: B256 = self.owner.view(self.archive, &IArchive::readHashCall {}).await?;
        let file = self.store.object(object);
        let sound = std::fs::read(&file)?;
        let mut turned = sound.clone();
        turned[place] ^= 1 << (place % 8);
        std::fs::write(&file, turned)?;
        self.ask(call, MALFORMED).await?;
        let after = self.owner.view(self.archive, &IArchive::readHashCall {}).await?;
        ensure!(before == after, "{object}: a turned bit was read");
        Ok(std::fs::write(&file, sound)?)
    }

    /// Asks the node to verify a file with each bit of each block turned.
    async fn every_bit(&self, file: &ContentId, blocks: &[(ContentId, Vec<u8>)], whole: &[u8]) -> eyre::Result<usize> {
        let call = |blocks: &[(ContentId, Vec<u8>)]| {
            let blocks = blocks.iter().map(|(_, block)| block.clone().into()).collect();
            let call = IVerifier::verifyContentCall { cid: file.to_bytes().into(), offset: 0, length: 0, blocks };
            json!([{ "to": CONTRACT_DATABASE_ADDRESS, "data": Bytes::from(call.abi_encode()) }, "latest"])
        };
        let rpc = &self.owner.rpc;
        let found = rpc.call("eth_call", call(blocks)).await?;
        ensure!(verified(&found, whole), "{found}");
        let invalid = Bytes::from(IVerifier::InvalidContent {}.abi_encode()).to_string();
        let mut bits = 0;
        let mut forged = blocks.to_vec();
        for block in 0..blocks.len() {
            for bit in 0..blocks[block].1.len() * 8 {
                forged[block].1[bit / 8] ^= 1 << (bit % 8);
                let refused = rpc.call("eth_call", call(&forged)).await;
                forged[block].1[bit / 8] ^= 1 << (bit % 8);
                let refused = format!("{refused:?}");
                ensure!(refused.contains(&invalid), "block {block}, bit {bit}: {refused}");
                bits += 1;
            }
        }
        Ok(bits)
    }
}

/// Whether an answer of `verifyContent` has these bytes.
fn verified(answer: &serde_json::Value, expected: &[u8]) -> bool {
    let bytes = answer.as_str().and_then(|text| hex::decode(text.trim_start_matches("0x")).ok()).unwrap_or_default();
    IVerifier::verifyContentCall::abi_decode_returns(&bytes).is_ok_and(|data| data[..] == *expected)
}

fn find<'a>(blocks: &'a [(ContentId, Vec<u8>)], id: &ContentId) -> Option<&'a [u8]> {
    blocks.iter().find(|(found, _)| found == id).map(|(_, block)| &block[..])
}

/// The file in Kubo's archive that has most blocks: its identifier, and its blocks.
fn file_of_several_blocks() -> eyre::Result<(ContentId, Blocks)> {
    let mut meter = Tally::default();
    let mut reader = CarReader::new(KUBO, &mut meter)?;
    let (mut all, mut file) = (BTreeMap::new(), None);
    while let Some(block) = reader.next_block()? {
        let id = block.check(&mut meter)?;
        if id.codec() == Codec::DagPb {
            let node = Node::parse(block.bytes, &mut meter)?;
            if node.kind == NodeKind::File && node.links.len() > 1 {
                file = Some(id);
            }
        }
        all.insert(id, block.bytes.to_vec());
    }
    let file = file.wrap_err("the archive has no file of several blocks")?;
    let mut way = Blocks::new();
    let mut source = |id: &ContentId| {
        let block = all.get(id)?;
        way.push((*id, block.clone()));
        Some(&block[..])
    };
    read_file(&file, 0, 0, &mut source, &mut meter)?;
    Ok((file, way))
}
