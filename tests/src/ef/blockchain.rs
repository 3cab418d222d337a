//! Blockchain tests: a genesis, blocks as bytes (some invalid, some on side branches), and the state at the end.
use super::{
    Verdict,
    json::{self, failed},
    network,
    store::{self, TestStore},
};
use alloy_consensus::BlockBody;
use alloy_primitives::{B256, U256};
use alloy_rlp::Decodable;
use pervade_chainspec::ChainSpec;
use pervade_evm_ext::{execute_block, is_merged_after, recover_block, validate_block};
use pervade_storage::{Block, RecoveredBlock};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Runs one test.
pub(super) fn run(test: &Value) -> Result<(), Verdict> {
    let config = network::config(json::text(test, "network")?, &test["config"])?;
    let header = &test["genesisBlockHeader"];
    let spec = store::chain_spec(&store::genesis(config, header, &test["pre"]))?;
    check_genesis(&spec, test)?;
    let mut chain = Chain::new(&spec)?;
    let blocks = test["blocks"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    for (index, block) in blocks.iter().enumerate() {
        let expected = exception(block);
        match (chain.import(&json::bytes(json::text(block, "rlp")?)?), expected) {
            (Ok(()), None) | (Err(Refusal::Invalid(_)), Some(_)) => {}
            (Ok(()), Some(expected)) => return failed(format!("block {index} was accepted, must fail: {expected}")),
            (Err(Refusal::Invalid(reason)), None) => return failed(format!("block {index} was refused: {reason}")),
            (Err(Refusal::Broken(verdict)), _) => return Err(verdict),
        }
    }
    let last = json::hash_field(test, "lastblockhash")?.unwrap_or_default();
    if chain.best != last {
        return failed(format!("the last block is {}, must be {last}", chain.best));
    }
    chain.switch_to(last)?;
    if let Some(root) = json::hash_field(test, "postStateHash")?
        && chain.store.storage.latest_view().state_root() != root
    {
        return failed("the state root differs from postStateHash");
    }
    store::check_accounts(&chain.store.storage, &test["postState"])
}

/// `expectException`, by whatever of its names.
fn exception(block: &Value) -> Option<String> {
    let fields = block.as_object()?;
    fields.iter().find(|(name, _)| name.starts_with("expectException")).map(|(_, value)| value.to_string())
}

fn check_genesis(spec: &ChainSpec, test: &Value) -> Result<(), Verdict> {
    let expected = json::hash_field(&test["genesisBlockHeader"], "hash")?.unwrap_or_default();
    if spec.genesis_hash() != expected {
        return failed(format!("genesis hash {}, must be {expected}", spec.genesis_hash()));
    }
    let Some(rlp) = test["genesisRLP"].as_str() else { return Ok(()) };
    let header = spec.genesis_header().clone();
    let withdrawals = header.withdrawals_root.map(|_| Default::default());
    let body = BlockBody { transactions: Vec::new(), ommers: Vec::new(), withdrawals };
    if alloy_rlp::encode(Block { header, body }) != json::bytes(rlp)? {
        return failed("the genesis block's RLP differs");
    }
    Ok(())
}

/// Why a block was not imported.
enum Refusal {
    /// As it should be, if the test says so.
    Invalid(String),
    /// The product or the test is broken.
    Broken(Verdict),
}

/// All blocks of a test, of which the storage holds one branch.
struct Chain<'a> {
    spec: &'a ChainSpec,
    store: TestStore,
    known: BTreeMap<B256, Known>,
    /// The canonical head: of the greatest total difficulty, after the merge the newest.
    best: B256,
}

#[derive(Clone)]
struct Known {
    block: Arc<RecoveredBlock>,
    total_difficulty: U256,
    merged: bool,
}

impl<'a> Chain<'a> {
    fn new(spec: &'a ChainSpec) -> Result<Self, Verdict> {
        let store = TestStore::open(spec)?;
        let block = store.storage.head();
        if block.hash != spec.genesis_hash() {
            return failed("the storage begins with another block");
        }
        let genesis = Known { total_difficulty: block.header().difficulty, merged: spec.genesis_is_merged(), block };
        let best = spec.genesis_hash();
        Ok(Self { spec, store, known: BTreeMap::from([(best, genesis)]), best })
    }

    fn import(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let invalid = |reason: String| Refusal::Invalid(reason);
        let rest = &mut &*bytes;
        let block = Block::decode(rest).map_err(|error| invalid(format!("RLP: {error}")))?;
        if !rest.is_empty() {
            return Err(invalid("RLP: bytes after the block".into()));
        }
        let block = recover_block(block, &|_| None).map_err(|error| invalid(error.to_string()))?;
        if self.known.contains_key(&block.hash) {
            return Ok(());
        }
        let parent = self.known.get(&block.header().parent_hash);
        let parent = parent.ok_or_else(|| invalid("the parent is unknown".into()))?.clone();
        self.switch_to(parent.block.hash).map_err(Refusal::Broken)?;
        let storage = &self.store.storage;
        validate_block(self.spec, parent.block.header(), parent.total_difficulty, &block, storage)
            .map_err(|error| invalid(error.to_string()))?;
        let known = Known {
            merged: is_merged_after(self.spec, parent.total_difficulty),
            total_difficulty: parent.total_difficulty.saturating_add(block.header().difficulty),
            block: Arc::new(block),
        };
        self.execute(&known).map_err(|error| match error {
            pervade_evm_ext::BlockError::Storage(error) => Refusal::Broken(Verdict::from(error)),
            error => invalid(error.to_string()),
        })?;
        let best = self.known.get(&self.best);
        if known.merged || best.is_none_or(|best| known.total_difficulty > best.total_difficulty) {
            self.best = known.block.hash;
        }
        self.known.insert(known.block.hash, known);
        Ok(())
    }

    /// Executes a block on the storage's head and commits it.
    fn execute(&self, known: &Known) -> Result<(), pervade_evm_ext::BlockError> {
        let view = self.store.storage.latest_view();
        let executed = execute_block(self.spec, &view, known.block.clone(), known.merged, known.total_difficulty)?;
        Ok(self.store.storage.commit_unsynced(executed)?)
    }

    /// Makes a block the storage's head: unwinds to the common ancestor and executes the branch again.
    fn switch_to(&self, target: B256) -> Result<(), Verdict> {
        let storage = &self.store.storage;
        let mut branch = Vec::new();
        let mut at = target;
        let ancestor = loop {
            let Some(known) = self.known.get(&at) else { return failed(format!("block {at} is unknown")) };
            let number = known.block.number();
            if number <= storage.head().number() && storage.block_hash(number)? == Some(at) {
                break number;
            }
            branch.push(known.clone());
            at = known.block.header().parent_hash;
        };
        if ancestor < storage.head().number() {
            storage.unwind(ancestor)?;
        }
        for known in branch.iter().rev() {
            self.execute(known)?;
        }
        Ok(())
    }
}
