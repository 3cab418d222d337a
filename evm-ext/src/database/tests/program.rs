//! Programs of contracts that call the database and each other, and what they come to in a plain model.
use super::*;
use std::collections::BTreeMap;

/// What a contract does, in order, and how it ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Script {
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A call of the database, with this much gas if not all.
    Database { action: Action, how: How, gas: Option<u32> },
    /// Another contract's turn.
    Enter { script: Script, how: How },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Call,
    CallCode,
    Delegate,
    Static,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum End {
    #[default]
    Stop,
    Revert,
    /// Every instruction fails that is none.
    Fail,
    SelfDestruct,
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    Put(u64, usize),
    PutTwo(u64, u64),
    Remove(u64),
    Append(u64, usize),
    Trim(u64, u64),
    Get(u64),
}

impl Action {
    fn encode(&self, database: B256) -> Vec<u8> {
        match *self {
            Self::Put(n, length) => put(database, n, &bytes(length)).abi_encode(),
            Self::PutTwo(one, two) => abi::putManyCall {
                database,
                table: TABLE,
                keys: vec![key(one), key(two)],
                values: vec![bytes(33), bytes(2)],
            }
            .abi_encode(),
            Self::Remove(n) => abi::removeCall { database, table: TABLE, key: key(n) }.abi_encode(),
            Self::Append(time_ms, length) => {
                abi::appendCall { database, series: TABLE, timeMs: time_ms, value: bytes(length) }.abi_encode()
            }
            Self::Trim(before_ms, limit) => {
                abi::trimCall { database, series: TABLE, beforeMs: before_ms, limit: U256::from(limit) }.abi_encode()
            }
            Self::Get(n) => abi::getCall { database, table: TABLE, key: key(n) }.abi_encode(),
        }
    }
}

/// A table and a series, plainly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) rows: Vec<(u64, Bytes)>,
    pub(super) entries: Vec<(u64, Bytes)>,
}

impl Model {
    fn put(&mut self, n: u64, value: Bytes) {
        match self.rows.iter_mut().find(|(key, _)| *key == n) {
            Some((_, found)) => *found = value,
            None => self.rows.push((n, value)),
        }
    }

    /// False: it is refused.
    fn apply(&mut self, action: &Action) -> bool {
        match *action {
            Action::Put(n, length) => self.put(n, bytes(length)),
            Action::PutTwo(one, two) => {
                self.put(one, bytes(33));
                self.put(two, bytes(2));
            }
            Action::Remove(n) => {
                let Some(place) = self.rows.iter().position(|(key, _)| *key == n) else { return false };
                self.rows.remove(place);
            }
            Action::Append(time_ms, length) => {
                let place = self.entries.partition_point(|(at, _)| *at <= time_ms);
                self.entries.insert(place, (time_ms, bytes(length)));
            }
            Action::Trim(before_ms, limit) => {
                let early = self.entries.iter().take_while(|(at, _)| *at < before_ms).count();
                self.entries.drain(..early.min(limit as usize));
            }
            Action::Get(n) => return self.rows.iter().any(|(key, _)| *key == n),
        }
        true
    }
}

/// A script and all that it enters, as contracts.
#[derive(Default)]
pub(super) struct Contracts {
    pub(super) code: Vec<(Address, Vec<u8>)>,
    steps: u16,
}

impl Contracts {
    /// Compiles a script to a contract and returns its address. Every call of the database outside of static calls
    /// logs its number and whether it succeeded.
    pub(super) fn add(&mut self, script: &Script, database: B256, is_static: bool) -> Address {
        let mut code = Code::default();
        for step in &script.steps {
            match step {
                Step::Database { action, how, gas } => {
                    code.call(DATABASE, *how, *gas, action.encode(database));
                    self.steps += 1;
                    match is_static {
                        true => code.op(&[0x50]),
                        false => code.log(self.steps),
                    }
                }
                Step::Enter { script, how } => {
                    let target = self.add(script, database, is_static || *how == How::Static);
                    code.call(target, *how, None, Vec::new());
                    code.op(&[0x50]);
                }
            }
        }
        match script.end {
            End::Stop => code.op(&[0x00]),
            End::Revert => code.op(&[0x5f, 0x5f, 0xfd]),
            End::Fail => code.op(&[0xfe]),
            End::SelfDestruct => code.op(&[0x30, 0xff]),
        }
        let address = address_of(self.code.len());
        self.code.push((address, code.finish()));
        address
    }
}

/// Address of a program's contract.
pub(super) fn address_of(index: usize) -> Address {
    Address::left_padding_from(&[0xc0, 0xde, index as u8])
}

/// Every fourth contract may not write.
pub(super) fn may_write(contract: Address) -> bool {
    contract[19] % 4 != 3
}

#[derive(Default)]
struct Code {
    code: Vec<u8>,
    data: Vec<u8>,
    /// Places of offsets into the data.
    patches: Vec<(usize, usize)>,
}

impl Code {
    fn op(&mut self, bytes: &[u8]) {
        self.code.extend(bytes);
    }

    fn push3(&mut self, number: usize) {
        self.op(&[0x62]);
        self.op(&(number as u32).to_be_bytes()[1..]);
    }

    fn call(&mut self, to: Address, how: How, gas: Option<u32>, input: Vec<u8>) {
        self.push3(input.len());
        self.patches.push((self.code.len() + 1, self.data.len()));
        self.push3(0);
        self.op(&[0x5f, 0x39]);
        self.op(&[0x5f, 0x5f]);
        self.push3(input.len());
        self.op(&[0x5f]);
        if matches!(how, How::Call | How::CallCode) {
            self.op(&[0x5f]);
        }
        self.op(&[0x73]);
        self.op(to.as_slice());
        match gas {
            None => self.op(&[0x5a]),
            Some(gas) => {
                self.op(&[0x63]);
                self.op(&gas.to_be_bytes());
            }
        }
        self.op(&[match how {
            How::Call => 0xf1,
            How::CallCode => 0xf2,
            How::Delegate => 0xf4,
            How::Static => 0xfa,
        }]);
        self.data.extend(input);
    }

    fn log(&mut self, step: u16) {
        self.op(&[0x5f, 0x52, 0x61]);
        self.op(&step.to_be_bytes());
        self.op(&[0x60, 0x20, 0x5f, 0xa1]);
    }

    fn finish(mut self) -> Vec<u8> {
        for (place, offset) in self.patches {
            let offset = (self.code.len() + offset) as u32;
            self.code[place..place + 3].copy_from_slice(&offset.to_be_bytes()[1..]);
        }
        [self.code, self.data].concat()
    }
}

/// What a script comes to, given which of its calls succeeded.
pub(super) struct Run<'a> {
    /// By number; those whose frame was undone are missing.
    pub(super) succeeded: &'a BTreeMap<u16, bool>,
    contracts: usize,
    steps: u16,
}

impl<'a> Run<'a> {
    pub(super) fn new(succeeded: &'a BTreeMap<u16, bool>) -> Self {
        Self { succeeded, contracts: 0, steps: 0 }
    }

    /// Runs a script in the model, in the name of `name` or of its own address; the numbering is that of
    /// [`Contracts::add`].
    pub(super) fn script(&mut self, script: &Script, model: &Model, name: Option<Address>, is_static: bool) -> Model {
        // Addresses are given when a contract is complete: after all that it enters.
        let entered = script.steps.iter().map(contracts_of).sum::<usize>();
        let own = name.unwrap_or_else(|| address_of(self.contracts + entered));
        let mut now = model.clone();
        for step in &script.steps {
            match step {
                Step::Database { action, how, gas } => {
                    self.steps += 1;
                    let reads = matches!(action, Action::Get(_));
                    let allowed = reads || (*how == How::Call && !is_static && may_write(own));
                    let mut after = now.clone();
                    let expected = allowed && after.apply(action);
                    let found = self.succeeded.get(&self.steps).copied();
                    if gas.is_none() {
                        assert!(found.is_none_or(|found| found == expected), "call {}: {action:?} {how:?}", self.steps);
                    } else {
                        assert!(expected || found != Some(true), "call {}: {action:?} {how:?}", self.steps);
                    }
                    if found.unwrap_or(expected && gas.is_none()) && !is_static {
                        now = after;
                    }
                }
                Step::Enter { script, how } => {
                    let name = matches!(how, How::Delegate | How::CallCode).then_some(own);
                    now = self.script(script, &now, name, is_static || *how == How::Static);
                }
            }
        }
        self.contracts += 1;
        // A static frame may not end itself so; it changed nothing anyway.
        if matches!(script.end, End::Stop | End::SelfDestruct) { now } else { model.clone() }
    }
}

fn contracts_of(step: &Step) -> usize {
    match step {
        Step::Database { .. } => 0,
        Step::Enter { script, .. } => 1 + script.steps.iter().map(contracts_of).sum::<usize>(),
    }
}
