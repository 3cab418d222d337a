//! A chain with a large state, and contracts that call and load and store as often as gas allows.
//!
//! A call of a precompile is measured among others like it: a contract makes them in a transaction, one after the other,
//! and counts the gas that they take. The same calls to an address where nobody is are taken off, in gas and in time.
//!
//! Time is the processor's, of all threads: it is the same whatever else the machine does. A block is executed several times
//! on the same state, and the fastest counts; it is committed once.
pub(super) use crate::components::chain::CHAIN_ID;
use crate::components::{
    chain::{BenchChain, Signer},
    stage::cpu_ns,
};
use alloy_primitives::{Address, Bytes, TxKind, U256, address, hex, keccak256};
use alloy_signer_local::PrivateKeySigner;
use eyre::{Context, OptionExt};
use pervade_chainspec::{PrecompileActivations, ValidatorConfig, params::TRANSACTION_GAS_MAX};
use pervade_storage::{AccountChange, AccountState, StateChanges, StateReader, StorageOptions, Transaction};
use std::path::Path;

/// Accounts and slots that one block adds while the state is filled.
const FILL_KEYS: u64 = 25_000;
/// Block cache: a state of a million accounts fits.
const BLOCK_CACHE_BYTES: usize = 1 << 30;
/// What a cold account costs more than a warm one (EIP-2929).
const COLD_ACCOUNT_GAS: u64 = 2_500;
/// Nobody is here.
const NOBODY: Address = address!("00000000000000000000000000000000000077ff");
/// Takes calldata `target 32, (length 32, bytes)*`, calls the target with each, and logs the gas of all calls.
const CALLER_CODE: &str = "5f3560205f5b3682106013575f5260205fa0005b8135916020019180835f375a5f5f835f5f895af16032573d5f5f3e3d5ffd5b5a9003909101910190600556";
/// Factor and summand of the numbers that slots are taken from (Knuth's MMIX).
const RANDOM: &str = "675851f42d4c957f2d026714057b7ef767814f01";

/// A measured block is executed so often at least, and again until [`REPEAT_NS`] are over.
const REPEATS_MIN: u32 = 5;
/// No block is executed more often.
const REPEATS_MAX: u32 = 60;
/// Time that is spent on repeating short blocks.
const REPEAT_NS: f64 = 100e6;

/// A chain with accounts and slots, and a sender.
pub(super) struct Machine {
    pub(super) chain: BenchChain,
    signer: Signer,
    /// Makes calls, and so is the `msg.sender` of all of them.
    pub(super) caller: Address,
    /// A second one like it. Both are validators.
    pub(super) voter: Address,
    looper: Address,
    /// Accounts, and slots of the looping contract.
    accounts: u64,
    /// Seed of the next loop: no two load the same slots.
    seed: u64,
}

/// Gas and time of some work.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    pub(super) gas: u64,
    /// Execution and state root.
    pub(super) execution_ns: f64,
    /// Writing the block and its state.
    pub(super) commit_ns: f64,
    /// What the database's files grew by.
    pub(super) disk_bytes: f64,
}

impl Measured {
    pub(super) fn ns(&self) -> f64 {
        self.execution_ns + self.commit_ns
    }

    pub(super) fn ns_per_gas(&self) -> f64 {
        self.ns() / self.gas as f64
    }

    /// Without what the commit took: what only reads leaves nothing to write.
    pub(super) fn reading(self) -> Self {
        Self { commit_ns: 0.0, ..self }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            gas: self.gas.saturating_sub(other.gas),
            execution_ns: (self.execution_ns - other.execution_ns).max(0.0),
            commit_ns: (self.commit_ns - other.commit_ns).max(0.0),
            disk_bytes: self.disk_bytes - other.disk_bytes,
        }
    }
}

/// Whether a block is executed again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    Once,
    ForTheFastest,
}

/// What a loop does with each slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loop {
    /// A cold SLOAD.
    Load,
    /// A cold SSTORE of a slot that has a value.
    Overwrite,
    /// A cold SSTORE of a slot that has none.
    Fill,
}

impl Machine {
    /// A chain with a state of so many accounts and slots, at hand in the block cache.
    pub(super) fn new(parent: Option<&Path>, accounts: u64) -> eyre::Result<Self> {
        let mut signer = Signer::new(1)?;
        let [caller, voter, looper] = [0, 1, 2].map(|nonce| signer.address.create(nonce));
        let options = StorageOptions { block_cache_bytes: BLOCK_CACHE_BYTES, ..StorageOptions::default() };
        let funded = vec![(signer.address, U256::from(u128::MAX))];
        let validators = [caller, voter].into_iter().enumerate().map(|(place, account)| validator(place, account));
        let validators = validators.collect::<eyre::Result<Vec<_>>>()?;
        let chain = BenchChain::with(parent, funded, options, |network| {
            network.validators = validators;
            network.precompiles = PrecompileActivations::all_from_genesis();
        })?;
        let codes = [hex::decode(CALLER_CODE)?, hex::decode(CALLER_CODE)?, looping_code()?];
        let creations = codes.iter().map(|code| {
            let creation = signer.sign(TxKind::Create, 0, 2_000_000, creation_code(code))?;
            Ok((creation, signer.address))
        });
        let creations = creations.collect::<eyre::Result<Vec<_>>>()?;
        chain.storage.commit(chain.propose(creations)?)?;
        fill(&chain, looper, accounts)?;
        let machine = Self { chain: chain.reopen()?, signer, caller, voter, looper, accounts, seed: 1 };
        machine.chain.storage.settle()?;
        machine.warm()?;
        Ok(machine)
    }

    /// Creates a contract with this code.
    pub(super) fn deploy(&mut self, code: &[u8]) -> eyre::Result<Address> {
        let creation = self.signer.sign(TxKind::Create, 0, 2_000_000, creation_code(code))?;
        let contract = self.signer.address.create(alloy_consensus::Transaction::nonce(&creation));
        self.chain.storage.commit(self.chain.propose(vec![(creation, self.signer.address)])?)?;
        Ok(contract)
    }

    /// Reads everything once.
    fn warm(&self) -> eyre::Result<()> {
        let view = self.chain.storage.latest_view();
        for index in 0..self.accounts {
            view.account(&address_of(index))?;
            view.storage(&self.looper, &U256::from(index))?;
        }
        Ok(())
    }

    /// Runs a loop over random slots, `transactions` times as often as a transaction's gas allows.
    pub(super) fn run_loop(&mut self, kind: Loop, transactions: u64) -> eyre::Result<Measured> {
        let (gas_each, modulus) = match kind {
            Loop::Load => (2_200, self.accounts),
            Loop::Overwrite => (5_100, self.accounts),
            Loop::Fill => (22_300, u64::MAX),
        };
        let count = (TRANSACTION_GAS_MAX - 100_000) / gas_each;
        let mut inputs = Vec::new();
        for _ in 0..transactions {
            self.seed += 1;
            let words = [
                U256::from_be_bytes(keccak256(self.seed.to_be_bytes()).0),
                U256::from(count),
                U256::from(modulus),
                U256::from(kind != Loop::Load),
            ];
            inputs.push(words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect());
        }
        let looper = self.looper;
        let measured = self.block(looper, inputs, Repeat::ForTheFastest, |gas, _| gas)?;
        Ok(if kind == Loop::Load { measured.reading() } else { measured })
    }

    /// Makes calls, so many in a transaction, and answers what they took beside the calling.
    pub(super) fn measure(&mut self, to: Address, calls: &[Bytes], per_transaction: usize) -> eyre::Result<Measured> {
        self.measure_by(self.caller, to, calls, per_transaction)
    }

    /// As [`Self::measure`], made by one of the two callers.
    pub(super) fn measure_by(
        &mut self,
        caller: Address,
        to: Address,
        calls: &[Bytes],
        per_transaction: usize,
    ) -> eyre::Result<Measured> {
        let mut nothing = self.call_by(caller, NOBODY, calls, per_transaction, Repeat::ForTheFastest)?;
        // Nobody's account is cold in the first call of a transaction, a precompile never is.
        let transactions = calls.chunks(per_transaction).len() as u64;
        nothing.gas = nothing.gas.saturating_sub(transactions * COLD_ACCOUNT_GAS);
        let all = self.call_by(caller, to, calls, per_transaction, Repeat::ForTheFastest)?;
        Ok(all.minus(nothing))
    }

    /// Makes calls without measuring them.
    pub(super) fn call(&mut self, to: Address, calls: &[Bytes], per_transaction: usize) -> eyre::Result<Measured> {
        self.call_by(self.caller, to, calls, per_transaction, Repeat::Once)
    }

    fn call_by(
        &mut self,
        caller: Address,
        to: Address,
        calls: &[Bytes],
        per_transaction: usize,
        repeat: Repeat,
    ) -> eyre::Result<Measured> {
        let inputs = calls.chunks(per_transaction).map(|calls| {
            let mut input = to.into_word().to_vec();
            for call in calls {
                input.extend(U256::from(call.len()).to_be_bytes::<32>());
                input.extend_from_slice(call);
            }
            input.into()
        });
        self.block(caller, inputs.collect(), repeat, |_, logged| logged)
    }

    /// Executes and commits a block with a transaction for each input. `gas` chooses from a receipt's gas and what its
    /// last log says.
    fn block(
        &mut self,
        to: Address,
        inputs: Vec<Bytes>,
        repeat: Repeat,
        gas: fn(u64, u64) -> u64,
    ) -> eyre::Result<Measured> {
        let unused = self.signer.clone();
        let transactions = self.sign(to, inputs)?;
        let disk_before = self.file_bytes()?;
        let (mut execution_ns, mut spent_ns, mut repeats) = (f64::INFINITY, 0.0, 0);
        let block = loop {
            let again = transactions.clone();
            let begun = cpu_ns()?;
            let proposed = self.chain.propose(again);
            let taken_ns = cpu_ns()? - begun;
            if proposed.is_err() {
                self.signer = unused.clone(); // nothing was committed
            }
            let block = proposed?;
            execution_ns = taken_ns.min(execution_ns);
            spent_ns += taken_ns;
            repeats += 1;
            let enough = repeats >= REPEATS_MIN && (spent_ns >= REPEAT_NS || repeats >= REPEATS_MAX);
            if enough || repeat == Repeat::Once {
                break block;
            }
        };
        let receipts = block.receipts.clone();
        let storage = &self.chain.storage;
        let begun = cpu_ns()?;
        storage.commit_unsynced(block)?;
        storage.sync()?;
        let commit_ns = cpu_ns()? - begun;
        let disk_bytes = self.file_bytes()? as f64 - disk_before as f64;
        let mut before = 0;
        let mut sum = 0;
        for receipt in receipts.iter() {
            let used = receipt.cumulative_gas_used - before;
            before = receipt.cumulative_gas_used;
            let logged = receipt.logs.last().and_then(|log| U256::try_from_be_slice(&log.data.data));
            sum += gas(used, logged.unwrap_or_default().saturating_to());
        }
        Ok(Measured { gas: sum, execution_ns, commit_ns, disk_bytes })
    }

    fn sign(&mut self, to: Address, inputs: Vec<Bytes>) -> eyre::Result<Vec<(Transaction, Address)>> {
        let signed = inputs.into_iter().map(|input| {
            let transaction = self.signer.sign(TxKind::Call(to), 0, TRANSACTION_GAS_MAX, input)?;
            Ok((transaction, self.signer.address))
        });
        signed.collect::<eyre::Result<_>>().wrap_err("signing")
    }

    /// Bytes of all files, nothing left in memory.
    fn file_bytes(&self) -> eyre::Result<u64> {
        self.chain.storage.sync()?;
        self.chain.storage.settle()?;
        Ok(self.chain.storage.stats()?.columns.iter().map(|column| column.file_bytes).sum())
    }
}

/// A validator whose votes the account casts.
fn validator(place: usize, account: Address) -> eyre::Result<ValidatorConfig> {
    let key = PrivateKeySigner::from_bytes(&keccak256(format!("bench validator {place}")))?;
    let public_key = key.credential().verifying_key().to_encoded_point(true);
    Ok(ValidatorConfig { account, public_key: Bytes::copy_from_slice(public_key.as_bytes()), power: 1 })
}

/// Code that creates a contract with this code: CODECOPY and RETURN.
fn creation_code(code: &[u8]) -> Bytes {
    let length = u16::try_from(code.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[0x61, length[0], length[1]], &hex!("80600a5f395ff3")[..], code].concat().into()
}

/// Takes calldata `seed, count, modulus, whether to store`, and loads or stores so many random slots below the modulus.
fn looping_code() -> eyre::Result<Vec<u8>> {
    // Stack: count, number. The number goes on, and its upper part gives the slot.
    let slot = format!("{RANDOM}6040358160401c06");
    let next = |start: u8| format!("90600190039081{}5700", push(start));
    let (load, store) = (0x0b, 0x35);
    let head = format!("6020355f35606035{}57", push(store));
    let loads = format!("5b{slot}5450{}", next(load));
    let stores = format!("5b{slot}819055{}", next(store));
    let code = hex::decode([head, loads, stores].concat())?;
    let (at_load, at_store) = (code.get(usize::from(load)), code.get(usize::from(store)));
    eyre::ensure!((at_load, at_store) == (Some(&0x5b), Some(&0x5b)), "the loops begin elsewhere");
    Ok(code)
}

/// PUSH1.
fn push(byte: u8) -> String {
    format!("60{byte:02x}")
}

/// Adds accounts, and as many slots of the looping contract.
fn fill(chain: &BenchChain, looper: Address, accounts: u64) -> eyre::Result<()> {
    let contract = chain.storage.latest_view().account(&looper)?.ok_or_eyre("the looping contract is missing")?;
    let mut by_hash: Vec<_> = (0..accounts).map(|index| (keccak256(address_of(index)), index)).collect();
    by_hash.sort_unstable();
    for (from, block) in (0u64..).step_by(FILL_KEYS as usize).zip(by_hash.chunks(FILL_KEYS as usize)) {
        let mut changes = StateChanges::default();
        for (_, index) in block {
            let after = AccountState { nonce: 0, balance: U256::ONE, code_hash: alloy_primitives::KECCAK256_EMPTY };
            changes.accounts.insert(address_of(*index), AccountChange { after: Some(after), ..Default::default() });
        }
        let after = AccountState { nonce: contract.nonce, balance: contract.balance, code_hash: contract.code_hash };
        let slots = from..from + block.len() as u64;
        let storage = slots.map(|slot| (U256::from(slot), keccak256(slot.to_be_bytes()).into())).collect();
        changes.accounts.insert(looper, AccountChange { after: Some(after), wiped: false, storage });
        let update = chain.storage.latest_view().update(&changes)?;
        chain.storage.commit_unsynced(chain.block_with_state(update))?;
        eprint!("\rfilled: {} of {accounts} accounts and slots", from + block.len() as u64);
    }
    chain.storage.sync()?;
    eprintln!();
    Ok(())
}

fn address_of(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_load_and_store_cold_slots() {
        let mut machine = Machine::new(None, 20_000).unwrap();
        // The loop itself takes some sixty gas; slots are met twice now and then, and cost less then.
        for (kind, gas_each, price) in
            [(Loop::Load, 2_200, 2_100), (Loop::Overwrite, 5_100, 5_000), (Loop::Fill, 22_300, 22_100)]
        {
            let count = (TRANSACTION_GAS_MAX - 100_000) / gas_each;
            let each = machine.run_loop(kind, 1).unwrap().gas / count;
            assert!((price * 7 / 10..price + 150).contains(&each), "{kind:?}: {each} gas each");
        }
    }

    #[test]
    fn what_the_calling_takes_is_taken_off() {
        let mut machine = Machine::new(None, 10).unwrap();
        let identity = address!("0000000000000000000000000000000000000004");
        let calls = vec![Bytes::from(vec![7; 64]); 10];
        let measured = machine.call(identity, &calls, 5).unwrap();
        let nothing = machine.call(NOBODY, &calls, 5).unwrap();
        // It costs 15 gas and 3 a word. The first call of each transaction finds nobody's account cold.
        assert_eq!(measured.gas - 10 * 21, nothing.gas - 2 * 2_500);
    }
}
