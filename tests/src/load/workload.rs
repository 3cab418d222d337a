//! What the senders do.
use super::{
    Chain, LoadError,
    wallet::{Call, Signed, Terms, Wallet},
};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use rayon::prelude::*;

/// Creation code of `LoadToken` in `tests/contracts/LoadToken.sol`; its constructor's argument follows it.
const TOKEN_CODE: &str = include_str!("../../contracts/LoadToken.hex");
/// Creation code of `FreshSlots` there.
const FRESH_SLOTS_CODE: &str = include_str!("../../contracts/FreshSlots.hex");
/// `transfer(address,uint256)`
const TRANSFER: [u8; 4] = hex!("a9059cbb");
/// `balanceOf(address)`
const BALANCE_OF: [u8; 4] = hex!("70a08231");
/// `write(uint256)`
const WRITE: [u8; 4] = hex!("2f048afa");
/// `slots(uint256)`
const SLOTS: [u8; 4] = hex!("387dd9e9");
/// Slots that one `write` fills.
const SLOTS_PER_WRITE: u64 = 4;
/// Written slots that the verification reads.
const SLOTS_CHECKED: usize = 200;
/// Tokens that each sender gets: enough for any run.
const TOKENS: u64 = 1 << 40;

/// A kind of load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Workload {
    /// One wei to one of as many recipients as there are senders.
    Transfers,
    /// One unit of an ERC-20 token to one of as many recipients.
    Erc20,
    /// Four slots that were never written.
    FreshSlots,
    /// `eth_getBalance` and `eth_call`, alternating. Nothing is sent.
    Reads,
}

impl Workload {
    /// As the tables name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::Erc20 => "ERC-20",
            Self::FreshSlots => "fresh slots",
            Self::Reads => "reads",
        }
    }

    /// Gas limit of one transaction.
    pub(crate) fn gas(self) -> u64 {
        match self {
            Self::Transfers => 21_000,
            Self::Erc20 | Self::Reads => 70_000,
            Self::FreshSlots => 130_000,
        }
    }
}

/// A workload ready to run against one node.
pub(crate) struct Prepared {
    workload: Workload,
    contract: Address,
    recipients: Vec<Address>,
    /// Of each recipient before the run.
    before: Vec<U256>,
    /// What each recipient must have got.
    expected: Vec<u64>,
    /// Keys of the slots that some transactions write.
    slots: Vec<U256>,
}

impl Prepared {
    /// Deploys what the workload needs and gives the senders their tokens.
    pub(crate) fn new(
        workload: Workload,
        chain: &mut Chain,
        owner: &mut Wallet,
        senders: &[Wallet],
        terms: &Terms,
    ) -> Result<Self, LoadError> {
        let recipients: Vec<_> = (0..senders.len() as u64).map(recipient).collect();
        let contract = match workload {
            Workload::Transfers => Address::ZERO,
            Workload::Erc20 | Workload::Reads => {
                let mut code = bytecode(TOKEN_CODE)?;
                code.extend(U256::from(u128::MAX).to_be_bytes::<32>());
                let token = chain.deploy(owner, terms, code)?;
                let gifts = senders.iter().map(|sender| transfer(token, sender.address, TOKENS));
                let gifts = gifts.map(|call| owner.sign(terms, call)).collect::<Result<Vec<_>, _>>()?;
                chain.include(&gifts)?;
                token
            }
            Workload::FreshSlots => chain.deploy(owner, terms, bytecode(FRESH_SLOTS_CODE)?)?,
        };
        let expected = vec![0; recipients.len()];
        let mut prepared = Self { workload, contract, recipients, before: Vec::new(), expected, slots: Vec::new() };
        prepared.before = prepared.balances(chain)?;
        Ok(prepared)
    }

    /// Signs `count` transactions of each sender; those of one sender in nonce order.
    pub(crate) fn sign(
        &mut self,
        senders: &mut [Wallet],
        count: u64,
        terms: &Terms,
    ) -> Result<Vec<Vec<Signed>>, LoadError> {
        let recipients = self.recipients.len() as u64;
        let target = |sender: u64, turn: u64| (sender.wrapping_mul(7).wrapping_add(turn) % recipients) as usize;
        for sender in 0..senders.len() as u64 {
            for turn in 0..count {
                self.expected[target(sender, turn)] += 1;
            }
        }
        let first_slot = |wallet: &Wallet, nonce: u64| {
            U256::from_be_slice(wallet.address.as_slice()) << 64 | U256::from(nonce * SLOTS_PER_WRITE)
        };
        self.slots = senders.iter().map(|wallet| first_slot(wallet, wallet.nonce)).take(SLOTS_CHECKED).collect();
        let this = &*self;
        let sign_all = |(index, wallet): (usize, &mut Wallet)| {
            let calls = (0..count).map(|turn| {
                let call = match this.workload {
                    Workload::FreshSlots => call(this.contract, WRITE, &[first_slot(wallet, wallet.nonce)]),
                    Workload::Transfers => Call {
                        to: TxKind::Call(this.recipients[target(index as u64, turn)]),
                        value: U256::from(1),
                        gas: 0,
                        input: Bytes::new(),
                    },
                    Workload::Erc20 | Workload::Reads => {
                        transfer(this.contract, this.recipients[target(index as u64, turn)], 1)
                    }
                };
                wallet.sign(terms, Call { gas: this.workload.gas(), ..call })
            });
            calls.collect()
        };
        senders.par_iter_mut().enumerate().map(sign_all).collect()
    }

    /// Bodies of `count` reads in batches.
    pub(crate) fn read_batches(&self, count: u64, batch: usize) -> Vec<Vec<u8>> {
        let reads: Vec<_> = (0..count)
            .map(|turn| {
                let address = self.recipients[turn as usize % self.recipients.len()];
                let (method, params) = if turn % 2 == 0 {
                    ("eth_getBalance", serde_json::json!([address, "latest"]))
                } else {
                    let Call { input, .. } = call(self.contract, BALANCE_OF, &[address.into_word().into()]);
                    ("eth_call", serde_json::json!([{ "to": self.contract, "data": input }, "latest"]))
                };
                serde_json::json!({ "jsonrpc": "2.0", "id": turn, "method": method, "params": params })
            })
            .collect();
        reads.chunks(batch).map(|reads| serde_json::json!(reads).to_string().into_bytes()).collect()
    }

    /// Checks that everybody got what was sent to them.
    pub(crate) fn verify(&self, chain: &mut Chain) -> Result<(), LoadError> {
        if self.workload == Workload::FreshSlots {
            return self.verify_slots(chain);
        }
        let after = self.balances(chain)?;
        for (index, recipient) in self.recipients.iter().enumerate() {
            let want = self.before[index] + U256::from(self.expected[index]);
            if after[index] != want {
                let reason = format!("balance of {recipient} is {}, not {want}", after[index]);
                return Err(LoadError::Verification { reason });
            }
        }
        Ok(())
    }

    fn verify_slots(&self, chain: &mut Chain) -> Result<(), LoadError> {
        let last = U256::from(SLOTS_PER_WRITE - 1);
        let inputs: Vec<_> = self.slots.iter().map(|first| call(self.contract, SLOTS, &[first + last]).input).collect();
        for (first, value) in self.slots.iter().zip(chain.words(self.contract, &inputs)?) {
            if value != first + last + U256::from(1) {
                let reason = format!("slot {} is {value}", first + last);
                return Err(LoadError::Verification { reason });
            }
        }
        Ok(())
    }

    fn balances(&self, chain: &mut Chain) -> Result<Vec<U256>, LoadError> {
        match self.workload {
            Workload::Transfers => chain.balances(&self.recipients),
            Workload::Erc20 | Workload::Reads => {
                let of = |address: &Address| call(self.contract, BALANCE_OF, &[address.into_word().into()]).input;
                chain.words(self.contract, &self.recipients.iter().map(of).collect::<Vec<_>>())
            }
            Workload::FreshSlots => Ok(Vec::new()),
        }
    }
}

/// An address that has no key anybody knows.
fn recipient(index: u64) -> Address {
    Address::from_word(keccak256([b"load recipient".as_slice(), &index.to_be_bytes()].concat()))
}

fn transfer(token: Address, to: Address, value: u64) -> Call {
    call(token, TRANSFER, &[to.into_word().into(), U256::from(value)])
}

fn call(contract: Address, selector: [u8; 4], words: &[U256]) -> Call {
    let mut input = selector.to_vec();
    for word in words {
        input.extend(word.to_be_bytes::<32>());
    }
    Call { to: TxKind::Call(contract), value: U256::ZERO, gas: 70_000, input: input.into() }
}

fn bytecode(text: &str) -> Result<Vec<u8>, LoadError> {
    hex::decode(text.trim()).map_err(|error| LoadError::Verification { reason: format!("embedded bytecode: {error}") })
}
