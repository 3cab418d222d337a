//! Import and export of RLP chains.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use alloy_primitives::B256;
use alloy_rlp::Encodable;
use network::{extend, ledger, network};
use pervade_node::{
    NodeError,
    commands::{export::export, import::import},
    datadir::DataDir,
    ledger::Ledger,
    shutdown::Shutdown,
};
use pervade_storage::StorageOptions;
use std::{io::Cursor, path::Path};

/// A chain of `blocks` blocks: its network and its RLP file.
fn chain(blocks: u64) -> (pervade_node::dev::DevNetwork, Vec<u8>) {
    let network = network(2);
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(&network, dir.path());
    extend(&ledger, &network, blocks);
    let file = export(ledger.storage(), 1, blocks, Vec::new()).unwrap();
    (network, file)
}

fn import_bytes(ledger: &Ledger, bytes: &[u8]) -> (u64, u64, Result<(), NodeError>) {
    let (imported, result) =
        import(ledger, Cursor::new(bytes.to_vec()), "chain.rlp", Some(bytes.len() as u64), &Shutdown::default());
    (imported.blocks, imported.skipped, result)
}

#[test]
fn an_exported_chain_is_imported_to_the_same_head() {
    let (network, file) = chain(5);
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(&network, dir.path());
    let (blocks, skipped, result) = import_bytes(&ledger, &file);
    result.unwrap();
    assert_eq!((blocks, skipped), (5, 0));
    assert_eq!(export(ledger.storage(), 1, 5, Vec::new()).unwrap(), file);
}

#[test]
fn an_import_goes_on_where_it_was_cut() {
    let (network, file) = chain(5);
    let dir = tempfile::tempdir().unwrap();
    {
        let ledger = ledger(&network, dir.path());
        let (blocks, _, result) = import_bytes(&ledger, &file[..file.len() - 10]);
        let error = result.unwrap_err().to_string();
        assert_eq!(blocks, 4);
        assert!(error.contains(&format!("byte {}", file.len() - 10)), "{error}");
    }
    let ledger = ledger(&network, dir.path());
    assert_eq!(ledger.head().number(), 4);
    let (blocks, skipped, result) = import_bytes(&ledger, &file);
    result.unwrap();
    assert_eq!((blocks, skipped), (1, 4));
}

#[test]
fn an_invalid_block_is_named_and_what_came_before_it_stays() {
    let (network, file) = chain(5);
    let mut blocks: Vec<_> = pervade_node::rlp_chain::ChainReader::new(file.as_slice(), "chain.rlp")
        .map(|record| record.unwrap().block)
        .collect();
    blocks[2].header.state_root = B256::repeat_byte(7);
    let mut bad = Vec::new();
    blocks.iter().for_each(|block| block.encode(&mut bad));

    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(&network, dir.path());
    let (imported, _, result) = import_bytes(&ledger, &bad);
    let error = result.unwrap_err().to_string();
    assert_eq!(imported, 2);
    assert_eq!(ledger.head().number(), 2);
    assert!(error.contains("block 3") && error.contains("stateRoot"), "{error}");
    import_bytes(&ledger, &file).2.unwrap();
    assert_eq!(ledger.head().number(), 5);
}

#[test]
fn another_chain_below_the_head_is_refused() {
    let (network, file) = chain(2);
    let dir = tempfile::tempdir().unwrap();
    let ledger = ledger(&network, dir.path());
    import_bytes(&ledger, &file).2.unwrap();
    let mut block = pervade_node::rlp_chain::ChainReader::new(file.as_slice(), "f").next().unwrap().unwrap().block;
    block.header.extra_data = vec![1].into();
    let mut other = Vec::new();
    block.encode(&mut other);
    let error = import_bytes(&ledger, &other).2.unwrap_err().to_string();
    assert!(error.contains("another chain"), "{error}");
}

/// Needs the folder of Ethereum's recorded chains in `PERVADE_FIXTURES`.
#[test]
fn ethereums_recorded_chain_reaches_its_head() {
    let Some(fixtures) = std::env::var_os("PERVADE_FIXTURES") else {
        eprintln!("skipped: PERVADE_FIXTURES names no folder of fixtures");
        return;
    };
    let folder = Path::new(&fixtures).join("rpc");
    let dir = tempfile::tempdir().unwrap();
    let (spec, storage) =
        DataDir::new(dir.path()).open_chain(Some(&folder.join("genesis.json")), StorageOptions::default()).unwrap();
    let ledger = Ledger::open(spec, storage).unwrap();
    let file = std::fs::read(folder.join("chain.rlp")).unwrap();
    import_bytes(&ledger, &file).2.unwrap();
    assert_eq!(ledger.head().number(), 54);
    let expected = "0xd226371d0b1551adb03fb52b71f08e3e11247fe9b1af994768af8cdaa8e7dcd7";
    assert_eq!(ledger.head().hash.to_string(), expected);
}
