//! The pool on a real chain: storage, execution, restarts.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_consensus::{SignableTransaction, TxEip1559, crypto::secp256k1::sign_message};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256};
use pervade_chainspec::{BaseFeeRule, ChainSpec, NetworkParams, PermissionRule, ValidatorConfig};
use pervade_evm_ext::{ProposalAttributes, propose_block};
use pervade_storage::{HistoryMode, Storage, StorageOptions, Transaction};
use pervade_txpool::{PoolConfig, TxPool};
use std::{path::Path, sync::Arc, time::Duration};
use tempfile::TempDir;

const CHAIN_ID: u64 = 1337;
/// Generator point of secp256k1: the public key of the private key 1.
const PUBLIC_KEY: [u8; 33] = hex!("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
/// Address of the private key 1.
const VALIDATOR: Address = address!("7e5f4552091a69125d5dfcb7b8c2659029395bdf");

struct Node {
    spec: Arc<ChainSpec>,
    storage: Storage,
    pool: TxPool,
}

fn spec(base_fee: BaseFeeRule, permissions: PermissionRule) -> Arc<ChainSpec> {
    let validator = ValidatorConfig { account: VALIDATOR, public_key: PUBLIC_KEY.into(), power: 1 };
    let network = NetworkParams { base_fee, permissions, ..NetworkParams::new(CHAIN_ID, vec![validator]) };
    Arc::new(ChainSpec::from_genesis(ChainSpec::new_network(network), None).unwrap())
}

impl Node {
    fn open(dir: &Path, base_fee: BaseFeeRule) -> Self {
        Self::open_with(dir, base_fee, PermissionRule::Off)
    }

    fn open_with(dir: &Path, base_fee: BaseFeeRule, permissions: PermissionRule) -> Self {
        let spec = spec(base_fee, permissions);
        let options = StorageOptions {
            history: HistoryMode::Window { blocks: 100 },
            block_cache_bytes: 1 << 20,
            node_cache_bytes: 1 << 20,
            open_files_max: 64,
            read_only: false,
        };
        let storage = Storage::open(dir, &spec, options).unwrap();
        let pool = TxPool::open(&dir.join("pool"), spec.clone(), storage.clone(), PoolConfig::default()).unwrap();
        Self { spec, storage, pool }
    }

    /// A block of what the pool offers; how many transactions it has.
    fn produce(&self) -> usize {
        let head = self.storage.head();
        let forks = self.spec.forks_at(head.number() + 1, head.header().timestamp + 1, true);
        let base_fee = self.spec.next_base_fee(head.header(), forks);
        let attributes = ProposalAttributes {
            timestamp: head.header().timestamp + 1,
            proposer: VALIDATOR,
            time_max: Duration::from_secs(10),
        };
        let view = self.storage.latest_view();
        let mut best = self.pool.best(base_fee);
        let proposal = propose_block(&self.spec, head.header(), head.hash, &view, &attributes, &mut best).unwrap();
        assert!(proposal.refused.is_empty(), "{:?}", proposal.refused);
        let executed = proposal.executed;
        self.storage.commit(executed.clone()).unwrap();
        self.pool.on_block(&executed);
        executed.block.senders.len()
    }
}

fn key(index: u8) -> B256 {
    keccak256([index])
}

fn transfer(index: u8, nonce: u64, price: u128, value: u64, to: Address) -> Bytes {
    transfer_from(key(index), nonce, price, value, to)
}

fn transfer_from(key: B256, nonce: u64, price: u128, value: u64, to: Address) -> Bytes {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: price,
        max_priority_fee_per_gas: price,
        to: TxKind::Call(to),
        value: U256::from(value),
        ..Default::default()
    };
    let signature = sign_message(key, transaction.signature_hash()).unwrap();
    Transaction::from(transaction.into_signed(signature)).encoded_2718().into()
}

#[tokio::test]
async fn senders_without_money_are_included_on_a_network_without_fees() {
    let dir = TempDir::new().unwrap();
    let node = Node::open(dir.path(), BaseFeeRule::Zero);
    let nobody = Address::repeat_byte(9);
    for nonce in [0, 1, 2, 4] {
        node.pool.submit(transfer(1, nonce, 0, 0, nobody)).await.unwrap();
    }
    node.pool.submit(transfer(2, 0, 0, 0, nobody)).await.unwrap();
    node.pool.wait_for_pending().await;
    assert_eq!(node.produce(), 4);
    assert_eq!((node.pool.status().pending, node.pool.status().queued), (0, 1));
    node.pool.submit(transfer(1, 3, 0, 0, nobody)).await.unwrap();
    assert_eq!(node.produce(), 2);
    assert_eq!(node.pool.status(), Default::default());
    let refused = node.pool.submit(transfer(1, 4, 0, 0, nobody)).await.unwrap_err();
    assert_eq!(refused.to_string(), "nonce too low: next nonce 5, tx nonce 4");
}

#[tokio::test]
async fn where_permissions_are_on_only_those_who_have_them_get_in() {
    let dir = TempDir::new().unwrap();
    let node = Node::open_with(dir.path(), BaseFeeRule::Zero, PermissionRule::On);
    let nobody = Address::repeat_byte(9);
    let refused = node.pool.submit(transfer(1, 0, 0, 0, nobody)).await.unwrap_err().to_string();
    assert!(refused.contains("may not send transactions"), "{refused}");
    let validators_key = B256::with_last_byte(1);
    node.pool.submit(transfer_from(validators_key, 0, 0, 0, nobody)).await.unwrap();
    assert_eq!(node.produce(), 1);
}

#[tokio::test]
async fn what_a_block_took_is_gone_after_a_restart_and_the_rest_is_back() {
    let dir = TempDir::new().unwrap();
    let node = Node::open(dir.path(), BaseFeeRule::Zero);
    let nobody = Address::repeat_byte(9);
    for nonce in [0, 1] {
        node.pool.submit(transfer(1, nonce, 0, 0, nobody)).await.unwrap();
    }
    assert_eq!(node.produce(), 2);
    for nonce in [2, 3, 5] {
        node.pool.submit(transfer(1, nonce, 0, 0, nobody)).await.unwrap();
    }
    drop(node);
    let node = Node::open(dir.path(), BaseFeeRule::Zero);
    assert_eq!((node.pool.status().pending, node.pool.status().queued), (2, 1));
    assert_eq!(node.produce(), 2);
}

#[tokio::test]
async fn with_fees_senders_need_money() {
    let dir = TempDir::new().unwrap();
    let node = Node::open(dir.path(), BaseFeeRule::Dynamic { minimum: 7 });
    let nobody = Address::repeat_byte(9);
    let refused = node.pool.submit(transfer(1, 0, 7, 0, nobody)).await.unwrap_err().to_string();
    assert_eq!(refused, "insufficient funds for gas * price + value: balance 0, tx cost 147000, overshot 147000");
}
