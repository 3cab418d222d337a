//! Senders from signatures.
use super::{ComponentOptions, Stage, chain::Signer};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, Bytes, TxKind};
use pervade_evm_ext::recover_senders;
use pervade_storage::Transaction;

pub(super) fn measure(options: &ComponentOptions) -> eyre::Result<Vec<Stage>> {
    let count = options.transactions;
    let mut signer = Signer::new(1)?;
    let to = TxKind::Call(Address::repeat_byte(1));
    let encoded = (0..count)
        .map(|_| Ok(signer.sign(to, 1, 21_000, Bytes::new())?.encoded_2718()))
        .collect::<eyre::Result<Vec<_>>>()?;
    let (decoding, transactions) = Stage::run("decode and hash", "tx", count, || {
        Ok(encoded.iter().map(|bytes| Transaction::decode_2718_exact(bytes)).collect::<Result<Vec<_>, _>>()?)
    })?;
    let (one, _) = Stage::run("recover, one thread", "tx", count, || {
        Ok(transactions.iter().map(|transaction| transaction.recover_signer()).collect::<Result<Vec<_>, _>>()?)
    })?;
    let (all, _) = Stage::run("recover, all threads", "tx", count, || Ok(recover_senders(&transactions, &|_| None)?))?;
    let (known, _) = Stage::run("known to the pool", "tx", count, || {
        Ok(recover_senders(&transactions, &|_| Some(signer.address))?)
    })?;
    let decoding = decoding.relative_to(&one);
    let all = all.relative_to(&one);
    let known = known.relative_to(&one);
    Ok(vec![one, all, known, decoding])
}
