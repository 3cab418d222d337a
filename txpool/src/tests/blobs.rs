//! Blob transactions: taken with their blobs on Ethereum's own chains, kept without them.
use super::*;
use crate::{BLOB_TRANSACTION_BYTES_MAX, TxPool, transaction::receive};
use alloy_consensus::{SidecarBuilder, Signed, SimpleCoder, TxEip4844};
use alloy_eips::eip7594::BlobTransactionSidecarVariant;

fn blob_transaction(versioned_hashes: Vec<B256>) -> TxEip4844 {
    TxEip4844 {
        chain_id: CHAIN_ID,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        max_fee_per_blob_gas: 7,
        blob_versioned_hashes: versioned_hashes,
        ..Default::default()
    }
}

/// Blobs of this text, with one proof a blob (EIP-4844) or one a cell (EIP-7594).
fn sidecar(cell_proofs: bool) -> BlobTransactionSidecarVariant {
    let builder = SidecarBuilder::<SimpleCoder>::from_slice(b"a reading of a pump");
    if cell_proofs {
        BlobTransactionSidecarVariant::Eip7594(builder.build_7594().unwrap())
    } else {
        BlobTransactionSidecarVariant::Eip4844(builder.build_4844().unwrap())
    }
}

fn hashes(sidecar: &BlobTransactionSidecarVariant) -> Vec<B256> {
    sidecar.versioned_hashes().collect()
}

/// The network form, signed by key 1.
fn with_blobs(transaction: TxEip4844, sidecar: BlobTransactionSidecarVariant) -> (Vec<u8>, B256) {
    let signature = sign_message(key(1), transaction.signature_hash()).unwrap();
    // The hash leaves the blobs out.
    let without: Transaction = transaction.clone().into_signed(signature).into();
    let hash = keccak256(without.encoded_2718());
    let signed = Signed::new_unhashed(transaction.with_sidecar(sidecar), signature);
    (signed.encoded_2718(), hash)
}

fn check(encoded: &[u8]) -> Result<(), PoolError> {
    let received = receive(encoded, true)?;
    rules_with_blobs(SpecId::OSAKA).check(&received.transaction)?;
    received.blobs.expect("a blob transaction").check()
}

fn pool(dir: &std::path::Path) -> TxPool {
    let chain = Accounts::default();
    TxPool::restore(dir, Box::new(chain), rules_with_blobs(SpecId::OSAKA), 0, config()).unwrap()
}

#[test]
fn both_forms_of_proofs_are_checked() {
    for cell_proofs in [false, true] {
        let blobs = sidecar(cell_proofs);
        let (encoded, hash) = with_blobs(blob_transaction(hashes(&blobs)), blobs);
        assert_eq!(receive(&encoded, true).map(|received| received.hash).ok(), Some(hash));
        check(&encoded).unwrap();
    }
}

#[test]
fn wrong_blobs_are_named() {
    let right = sidecar(true);
    let transaction = blob_transaction(hashes(&right));
    let refusal = |transaction: TxEip4844, blobs| message(check(&with_blobs(transaction, blobs).0));

    let other = vec![B256::repeat_byte(1)];
    assert!(refusal(blob_transaction(other), right.clone()).starts_with("invalid blobs: wrong versioned hash"));
    let two = [hashes(&right), hashes(&right)].concat();
    assert_eq!(refusal(blob_transaction(two), right.clone()), "invalid blobs: 1 blobs and 1 commitments for 2 hashes");
    assert_eq!(refusal(blob_transaction(Vec::new()), right.clone()), "blobless blob transaction");
    let free = TxEip4844 { max_fee_per_blob_gas: 0, ..transaction.clone() };
    assert!(refusal(free, right.clone()).ends_with("blob fee cap 0, minimum needed 1"));

    let mut blobs = right.clone().into_eip7594().unwrap();
    blobs.blobs[0][40] ^= 1;
    let changed = BlobTransactionSidecarVariant::Eip7594(blobs);
    assert_eq!(refusal(transaction, changed), "invalid blobs: invalid KZG proof");
}

#[test]
fn six_blobs_are_the_most() {
    let one = sidecar(false).into_eip4844().unwrap();
    let many = |count: usize| {
        let mut blobs = one.clone();
        blobs.blobs = vec![one.blobs[0]; count];
        blobs.commitments = vec![one.commitments[0]; count];
        blobs.proofs = vec![one.proofs[0]; count];
        let blobs = BlobTransactionSidecarVariant::Eip4844(blobs);
        with_blobs(blob_transaction(hashes(&blobs)), blobs).0
    };
    assert!(many(6).len() < BLOB_TRANSACTION_BYTES_MAX);
    check(&many(6)).unwrap();
    assert_eq!(message(check(&many(7))), "too many blobs in transaction: have 7, permitted 6");
    let above = BLOB_TRANSACTION_BYTES_MAX + 1;
    let text = message(receive(&[&[3][..], &vec![0; above - 1]].concat(), true).map(|_| ()));
    assert_eq!(text, format!("oversized data: transaction size {above}, limit 1048576"));
}

#[test]
fn the_form_of_blocks_is_not_taken_from_clients() {
    let blobs = sidecar(true);
    let without: Transaction = sign(1, blob_transaction(hashes(&blobs)));
    let encoded = without.encoded_2718();
    assert_eq!(message(receive(&encoded, true).map(|_| ())), "missing sidecar in blob transaction");
    let refused = message(receive(&with_blobs(blob_transaction(hashes(&blobs)), blobs).0, false).map(|_| ()));
    assert_eq!(refused, "transaction type not supported: this network takes no blob transactions");
}

#[tokio::test]
async fn a_blob_transaction_is_kept_without_its_blobs_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let blobs = sidecar(true);
    let (encoded, hash) = with_blobs(blob_transaction(hashes(&blobs)), blobs);
    {
        let pool = pool(dir.path());
        assert_eq!(pool.submit(encoded.clone().into()).await.unwrap(), hash);
        assert_eq!(message(pool.submit(encoded.into()).await), "already known");
    }
    let kept = pool(dir.path()).get(&hash).expect("the journal has it");
    assert!(kept.bytes < 1_000, "{} bytes", kept.bytes);
    assert_eq!(kept.cost, U256::from(21_000u64 * 1_000_000_000 + 131_072 * 7));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = receive(&[&[3][..], &bytes].concat(), true);
    }
}
