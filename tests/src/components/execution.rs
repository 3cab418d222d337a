//! Blocks from transactions: executed, with roots, and committed.
use super::{
    ComponentOptions, Stage,
    chain::{BenchChain, Signer},
};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use pervade_storage::Transaction;

/// Senders that take turns.
const SENDERS: u64 = 400;
/// Wei of each.
const BALANCE: u128 = 1_000_000_000_000_000_000_000;
/// Creation code of `LoadToken`; see `tests/contracts`.
const TOKEN_CODE: &str = include_str!("../../contracts/LoadToken.hex");

pub(super) fn measure(options: &ComponentOptions) -> eyre::Result<Vec<Stage>> {
    let mut signers = (0..SENDERS).map(Signer::new).collect::<eyre::Result<Vec<_>>>()?;
    let funded = signers.iter().map(|signer| (signer.address, U256::from(BALANCE))).collect();
    let chain = BenchChain::new(options.directory.as_deref(), funded)?;
    let count = options.transactions;

    let recovered = transfers(&mut signers, count)?;
    let (recovery, _) = Stage::run("recover (for comparison)", "tx", count, || {
        Ok(recovered.iter().map(|(tx, _)| tx.recover_signer()).collect::<Result<Vec<_>, _>>()?)
    })?;
    let (transfer, block) = Stage::run("propose transfers", "tx", count, || chain.propose(recovered))?;
    let (transfer_commit, ()) = Stage::run("commit transfers", "tx", count, || {
        chain.storage.commit(block)?;
        Ok(chain.storage.sync()?)
    })?;

    let token = deploy(&chain, &mut signers)?;
    let calls = token_transfers(&mut signers, token, count)?;
    let (erc20, block) = Stage::run("propose ERC-20", "tx", count, || chain.propose(calls))?;
    let (erc20_commit, ()) = Stage::run("commit ERC-20", "tx", count, || {
        chain.storage.commit(block)?;
        Ok(chain.storage.sync()?)
    })?;
    let stages = [transfer, transfer_commit, erc20, erc20_commit];
    let stages = stages.map(|stage| stage.relative_to(&recovery));
    Ok([vec![recovery], stages.to_vec()].concat())
}

fn transfers(signers: &mut [Signer], count: usize) -> eyre::Result<Vec<(Transaction, Address)>> {
    let turns = (0..count).map(|turn| {
        let place = turn % signers.len();
        let signer = &mut signers[place];
        Ok((signer.sign(TxKind::Call(recipient(turn)), 1, 21_000, Bytes::new())?, signer.address))
    });
    turns.collect()
}

/// A token of which every signer has some.
fn deploy(chain: &BenchChain, signers: &mut [Signer]) -> eyre::Result<Address> {
    let mut code = hex::decode(TOKEN_CODE.trim())?;
    code.extend(U256::from(u128::MAX).to_be_bytes::<32>());
    let others: Vec<_> = signers.iter().map(|signer| signer.address).collect();
    let Some(owner) = signers.first_mut() else { eyre::bail!("no signers") };
    let creation = owner.sign(TxKind::Create, 0, 3_000_000, code.into())?;
    let nonce = alloy_consensus::Transaction::nonce(&creation);
    let token = owner.address.create(nonce);
    let mut block = vec![(creation, owner.address)];
    for other in others {
        block.push((owner.sign(TxKind::Call(token), 0, 100_000, token_transfer(other, 1 << 40))?, owner.address));
    }
    chain.storage.commit(chain.propose(block)?)?;
    Ok(token)
}

fn token_transfers(signers: &mut [Signer], token: Address, count: usize) -> eyre::Result<Vec<(Transaction, Address)>> {
    let turns = (0..count).map(|turn| {
        let place = turn % signers.len();
        let signer = &mut signers[place];
        let input = token_transfer(recipient(turn), 1);
        Ok((signer.sign(TxKind::Call(token), 0, 100_000, input)?, signer.address))
    });
    turns.collect()
}

fn token_transfer(to: Address, value: u64) -> Bytes {
    [&hex!("a9059cbb")[..], &to.into_word()[..], &U256::from(value).to_be_bytes::<32>()].concat().into()
}

fn recipient(turn: usize) -> Address {
    Address::from_word(keccak256((turn as u64 % SENDERS).to_be_bytes()))
}
