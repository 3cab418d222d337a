//! [`World`]: a chain with contracts that ask things and set triggers, as many as wanted.
use crate::components::chain::{BenchChain, Signer};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolEvent};
use pervade_chainspec::{BaseFeeRule, PrecompileActivations, params::THINGS_ADDRESS};
use pervade_evm_ext::things::{Register, digest};
use pervade_storage::{ExecutedBlock, StorageOptions, Transaction};
use std::path::Path;

#[allow(missing_docs)]
mod abi {
    alloy_sol_types::sol!("../contracts/IThings.sol");
}
use abi::IThings;

/// Base fee, wei per gas: fixed, so that nothing but gas counts.
const BASE_FEE: u64 = 1;
/// Wei of the account that sends everything.
const WEALTH: u128 = 1_000_000_000_000_000_000_000_000;
/// Wei that each contract has at the precompile.
const FUNDS: u64 = 1_000_000_000_000_000;
/// Requests or triggers that one transaction makes; EIP-7825 bounds its gas.
const BATCH: usize = 25;
/// Gas of such a transaction, and of any other.
const BATCH_GAS: u64 = 16_700_000;
/// Transactions of a block while a chain is prepared.
const BLOCK_TRANSACTIONS: usize = 400;
/// Requests of a thing: below its limit.
const THING_REQUESTS: usize = 200;
/// Gas of an action: what it costs to do nothing.
const ACTION_GAS: u32 = 50_000;

/// A chain with contracts that ask and watch.
pub(super) struct World {
    pub(super) chain: BenchChain,
    sender: Signer,
    contracts: Vec<Address>,
    waiting: Vec<(Transaction, Address)>,
    /// Contract of each trigger, in order of their ids.
    owners: Vec<usize>,
    things: usize,
}

impl World {
    /// A chain with so many contracts, all of them with money at the precompile.
    pub(super) fn new(contracts: usize, directory: Option<&Path>) -> eyre::Result<Self> {
        let sender = Signer::paying(0, u128::from(BASE_FEE))?;
        let funded = vec![(sender.address, U256::from(WEALTH))];
        let chain = BenchChain::with(directory, funded, StorageOptions::default(), |network| {
            network.base_fee = BaseFeeRule::Fixed { value: BASE_FEE };
            network.precompiles = PrecompileActivations::all_from_genesis();
        })?;
        let mut world =
            Self { chain, sender, contracts: Vec::new(), waiting: Vec::new(), owners: Vec::new(), things: 0 };
        for _ in 0..contracts {
            let address = world.sender.address.create(world.sender.nonce());
            world.contracts.push(address);
            world.send(TxKind::Create, 0, creation(&repeater()))?;
            let fund = IThings::fundCall { account: address };
            world.send(TxKind::Call(THINGS_ADDRESS), FUNDS, fund.abi_encode().into())?;
        }
        world.flush()?;
        Ok(world)
    }

    /// Time of the newest block, unix seconds.
    pub(super) fn now(&self) -> u64 {
        self.chain.storage.head().header().timestamp
    }

    fn send(&mut self, to: TxKind, value: u64, input: Bytes) -> eyre::Result<()> {
        let transaction = self.sender.sign(to, value, BATCH_GAS, input)?;
        self.waiting.push((transaction, self.sender.address));
        if self.waiting.len() >= BLOCK_TRANSACTIONS { self.flush() } else { Ok(()) }
    }

    /// A block of all that waits to be sent.
    fn flush(&mut self) -> eyre::Result<()> {
        if !self.waiting.is_empty() {
            let executed = self.chain.propose(std::mem::take(&mut self.waiting))?;
            self.chain.storage.commit(executed)?;
        }
        Ok(())
    }

    /// Lets a contract make the same call of the precompile so often.
    fn repeat(&mut self, contract: usize, count: usize, call: &impl SolCall) -> eyre::Result<()> {
        let to = TxKind::Call(self.contracts[contract]);
        let mut left = count;
        while left > 0 {
            let times = left.min(BATCH);
            let input = [&U256::from(times).to_be_bytes::<32>()[..], &call.abi_encode()].concat();
            self.send(to, 0, input.into())?;
            left -= times;
        }
        Ok(())
    }

    /// Open requests of all contracts, as many of each as of any other, with deadlines after so many seconds or later.
    pub(super) fn ask(&mut self, count: usize, after: u64) -> eyre::Result<()> {
        let share = count.div_ceil(self.contracts.len());
        let mut left = count;
        let mut room = 0;
        for contract in 0..self.contracts.len() {
            let mut mine = share.min(left);
            left -= mine;
            while mine > 0 {
                if room == 0 {
                    self.register()?;
                    room = THING_REQUESTS;
                }
                let now = mine.min(room);
                self.request(contract, now, after)?;
                (mine, room) = (mine - now, room - now);
            }
        }
        self.flush()
    }

    /// One more thing, served by one gateway.
    fn register(&mut self) -> eyre::Result<()> {
        self.things += 1;
        let id = thing_id(self.things);
        let device = Signer::new(u64::MAX - self.things as u64)?;
        let chain_id = self.chain.spec.chain_id();
        let register = IThings::registerCall {
            id: id.clone(),
            keyType: IThings::KeyType::Secp256k1,
            key: device.public_key()?,
            description: description(&id).into_bytes().into(),
            possession: device
                .sign_digest(digest(&Register { id: id.clone(), owner: self.sender.address }, chain_id))?,
        };
        self.send(TxKind::Call(THINGS_ADDRESS), 0, register.abi_encode().into())?;
        let assign = IThings::assignGatewaysCall { thing: keccak256(id), gateways: vec![self.sender.address] };
        self.send(TxKind::Call(THINGS_ADDRESS), 0, assign.abi_encode().into())
    }

    /// Requests of a contract to the newest thing.
    fn request(&mut self, contract: usize, count: usize, after: u64) -> eyre::Result<()> {
        let thing = keccak256(thing_id(self.things));
        let consumer = self.contracts[contract];
        let grant = IThings::grantCall { thing, consumer, operations: 1, expiry: u64::MAX };
        self.send(TxKind::Call(THINGS_ADDRESS), 0, grant.abi_encode().into())?;
        let request = IThings::Request {
            thing,
            operation: IThings::Operation::ReadProperty,
            affordance: "p".into(),
            input: Bytes::new(),
            mappingId: B256::ZERO,
            agreement: IThings::Agreement::Gateway,
            minGateways: 1,
            // Not all at the same second.
            deadline: self.now() + after + (contract % 1_000) as u64,
            maxAttempts: 1,
            maxResultBytes: 32,
            onResult: FixedBytes([1; 4]),
            onFailure: FixedBytes([0; 4]),
            callbackGas: ACTION_GAS,
            maxFeePerGas: BASE_FEE.into(),
        };
        self.repeat(contract, count, &IThings::requestCall { request_: request })
    }

    /// Triggers of all contracts, as many of each as of any other, due some time after so many seconds.
    pub(super) fn watch_in_turn(&mut self, count: usize, after: u64) -> eyre::Result<()> {
        let share = count.div_ceil(self.contracts.len());
        let first = self.now() + after;
        let mut left = count;
        for contract in 0..self.contracts.len() {
            let mine = share.min(left);
            left -= mine;
            self.watch(contract, mine, first + (contract % 1_000) as u64)?;
        }
        Ok(())
    }

    /// Triggers of a contract, all due at a time.
    pub(super) fn watch(&mut self, contract: usize, count: usize, due_at: u64) -> eyre::Result<()> {
        let trigger = IThings::Trigger {
            kind: IThings::TriggerKind::AtTime,
            thing: B256::ZERO,
            otherThing: B256::ZERO,
            model: B256::ZERO,
            property: B256::ZERO,
            comparison: IThings::Comparison::Less,
            threshold: I256::ZERO,
            exponent: 0,
            hysteresis: U256::ZERO,
            radiusMetres: 0,
            maxAge: 0,
            firstTime: due_at,
            interval: 0,
            maxFirings: 0,
            action: FixedBytes([1; 4]),
            actionGas: ACTION_GAS,
            maxFeePerGas: BASE_FEE.into(),
        };
        self.owners.extend(std::iter::repeat_n(contract, count));
        self.repeat(contract, count, &IThings::watchCall { trigger })?;
        self.flush()
    }

    /// Executes a block so many seconds later, without transactions of users.
    pub(super) fn next_block(&self, seconds: u64) -> eyre::Result<ExecutedBlock> {
        Ok(self.chain.propose_at(self.now() + seconds, Vec::new())?.executed)
    }

    /// Lets blocks pass, a second each, in which nothing is due.
    pub(super) fn pass(&self, blocks: usize) -> eyre::Result<()> {
        for _ in 0..blocks {
            let executed = self.next_block(1)?;
            eyre::ensure!(executed.block.senders.is_empty(), "something was due");
            self.chain.storage.commit(executed)?;
        }
        Ok(())
    }

    /// The actions that ran in a block, in order: payer and trigger. Those that failed are none.
    pub(super) fn ran(&self, executed: &ExecutedBlock) -> Vec<(usize, usize)> {
        let logs = executed.receipts.iter().flat_map(|receipt| &receipt.logs);
        let events = logs.filter_map(|log| IThings::Triggered::decode_log_data(&log.data).ok());
        let ids = events.filter(|event| event.succeeded).map(|event| event.triggerId.to::<usize>());
        ids.map(|id| (self.owners[id - 1], id)).collect()
    }
}

fn thing_id(number: usize) -> String {
    format!("urn:bench:thing:{number}")
}

fn description(id: &str) -> String {
    format!(
        r#"{{"@context":"https://www.w3.org/2022/wot/td/v1.1","id":"{id}","title":"T","securityDefinitions":{{"n":{{"scheme":"nosec"}}}},"security":"n","properties":{{"p":{{"forms":[{{"href":"http://t.example/p"}}]}}}}}}"#
    )
}

/// Code of a contract that calls the precompile as often as the first word of its calldata says, with the rest of it. What
/// the precompile itself calls does nothing.
fn repeater() -> Vec<u8> {
    let things = hex::encode(THINGS_ADDRESS);
    // CALLER == precompile: end. Then: length, CALLDATACOPY(0, 32, length), count.
    let head = format!("3373{things}14605257602036038060205f375f35");
    // 0x25: while count: CALL(gas, precompile, 0, 0, length, 0, 0) or revert; count -= 1.
    let body = format!("5b80156052575f5f835f5f73{things}5af11560545760019003602556");
    // 0x52: end. 0x54: revert.
    hex::decode(format!("{head}{body}5b005b5f5ffd")).unwrap_or_default()
}

/// Code that creates a contract with this code, of fewer than 256 bytes.
fn creation(code: &[u8]) -> Bytes {
    // PUSH1 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN; one byte to fill up.
    let length = code.len() as u8;
    [&[0x60, length, 0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3, 0x00][..], code].concat().into()
}
