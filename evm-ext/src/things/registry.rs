//! The registry: who a thing is, whose, and who may use it.
//!
//! ```text
//! Thing at keccak256(id hash . 0):
//!   +0  bits 0-159 owner, 160-223 generation, 224-231 key type, 232 registered now
//!   +1  bytes key
//!   +2  string id
//!   +3  keccak256 of the description, which is in the content table
//!   +4  address[] gateways of its own
//!   +5  mapping(address => Grant): bits 0-63 expiry, 64-71 operations, 72-135 generation in which it was given
//!   +6  mapping(uint64 generation => mapping(uint256 word => uint256)) sequences that were published, a bit each
//!   +7  open requests: bits 0-63 how many
//!   +8  bits 0-31 length of the description
//! ```
//! A thing that is retired and registered again has a new generation; grants, signatures and sequences of the old one
//! mean nothing any more.
use super::{
    Result, THINGS,
    abi::IThings,
    custom, description,
    signatures::{Register, digest_in, key_type, parse_key, signed_by},
};
use crate::{
    governance,
    precompiles::{
        Frame, PrecompileError,
        slots::{Field, address_word, offset, word},
    },
};
use alloy_primitives::{Address, B256, Bytes, U256};
use pervade_chainspec::params::{
    DESCRIPTION_BYTES_MAX, PERMISSION_REGISTER, REQUEST_GATEWAYS_MAX, THING_ID_BYTES_MAX, THING_KEY_BYTES_MAX,
    THINGS_ADDRESS,
};
use pervade_evidence::PublicKey;

const OWNER: Field = Field::new(0, 160);
const GENERATION: Field = Field::new(160, 64);
const KEY_TYPE: Field = Field::new(224, 8);
const REGISTERED: Field = Field::new(232, 8);
const EXPIRY: Field = Field::new(0, 64);
const OPERATIONS: Field = Field::new(64, 8);
const GRANT_GENERATION: Field = Field::new(72, 64);
const KEY: u64 = 1;
const ID: u64 = 2;
const DESCRIPTION: u64 = 3;
const GATEWAYS: u64 = 4;
const GRANTS: u64 = 5;
pub(super) const SEQUENCES: u64 = 6;
pub(super) const OPEN_REQUESTS: u64 = 7;
const DESCRIPTION_BYTES: u64 = 8;
/// Operations of a grant: read, write, invoke, watch.
const OPERATIONS_ALL: u8 = 0b1111;
/// Bit of a grant that lets its consumer watch.
pub(super) const WATCH_BIT: u8 = 3;

/// A registered thing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing {
    pub(super) slot: U256,
    head: U256,
}

impl Thing {
    fn slot_of(frame: &mut Frame<'_>, id: B256) -> Result<(U256, U256)> {
        let slot = frame.mapping(THINGS, id)?;
        Ok((slot, frame.load(THINGS_ADDRESS, slot)?))
    }

    /// The thing, if it is registered now.
    pub(super) fn find(frame: &mut Frame<'_>, id: B256) -> Result<Option<Self>> {
        let (slot, head) = Self::slot_of(frame, id)?;
        Ok((!REGISTERED.get(head).is_zero()).then_some(Self { slot, head }))
    }

    pub(super) fn load(frame: &mut Frame<'_>, id: B256) -> Result<Self> {
        Self::find(frame, id)?.ok_or_else(|| custom(&IThings::UnknownThing { thing: id }))
    }

    fn load_as_owner(frame: &mut Frame<'_>, id: B256) -> Result<Self> {
        let thing = Self::load(frame, id)?;
        let caller = frame.call().caller;
        if thing.owner() != caller {
            return Err(custom(&IThings::NotAuthorized { caller }));
        }
        Ok(thing)
    }

    pub(super) fn owner(&self) -> Address {
        OWNER.get_address(self.head)
    }

    pub(super) fn generation(&self) -> u64 {
        GENERATION.get_u64(self.head)
    }

    fn key_type(&self) -> IThings::KeyType {
        IThings::KeyType::try_from(KEY_TYPE.get(self.head).byte(0)).unwrap_or(IThings::KeyType::__Invalid)
    }

    /// Its key, parsed.
    pub(super) fn key(&self, frame: &mut Frame<'_>) -> Result<PublicKey> {
        let bytes = frame.load_bytes(THINGS_ADDRESS, offset(self.slot, KEY))?;
        let kind = key_type(self.key_type())?;
        parse_key(frame, kind, &bytes)?.ok_or_else(|| custom(&IThings::InvalidProof {}))
    }

    pub(super) fn description(&self, frame: &mut Frame<'_>) -> Result<Bytes> {
        let hash = B256::from(frame.load(THINGS_ADDRESS, offset(self.slot, DESCRIPTION))?);
        let length: usize = frame.load(THINGS_ADDRESS, offset(self.slot, DESCRIPTION_BYTES))?.saturating_to();
        if length == 0 { Ok(Bytes::new()) } else { frame.content(hash) }
    }

    /// Gateways that may serve it now: its own, or else the chain's.
    pub(super) fn gateways(&self, frame: &mut Frame<'_>) -> Result<Vec<Address>> {
        let slot = offset(self.slot, GATEWAYS);
        let count: u64 = frame.load(THINGS_ADDRESS, slot)?.saturating_to();
        if count == 0 {
            return governance::gateways_at(frame, frame.call().block_number);
        }
        read_accounts(frame, slot)
    }

    /// Whether an account may do something: the owner may do all.
    pub(super) fn allows(&self, frame: &mut Frame<'_>, consumer: Address, bit: u8) -> Result<bool> {
        if consumer == self.owner() {
            return Ok(true);
        }
        let (operations, expiry) = self.grant(frame, consumer)?;
        let has = operations & 1u8.checked_shl(u32::from(bit)).unwrap_or_default() != 0;
        Ok(has && frame.call().block_timestamp <= expiry)
    }

    fn grant(&self, frame: &mut Frame<'_>, consumer: Address) -> Result<(u8, u64)> {
        let slot = frame.mapping_of_account(offset(self.slot, GRANTS), consumer)?;
        let grant = frame.load(THINGS_ADDRESS, slot)?;
        if GRANT_GENERATION.get_u64(grant) != self.generation() {
            return Ok((0, 0));
        }
        Ok((OPERATIONS.get(grant).byte(0), EXPIRY.get_u64(grant)))
    }

    fn set_head(&mut self, frame: &mut Frame<'_>, head: U256) -> Result<()> {
        self.head = head;
        frame.store(THINGS_ADDRESS, self.slot, head)
    }

    fn set_description(&self, frame: &mut Frame<'_>, description: &Bytes) -> Result<B256> {
        let hash = frame.keep_content(description.clone())?;
        frame.store(THINGS_ADDRESS, offset(self.slot, DESCRIPTION), word(hash))?;
        let length = u64::try_from(description.len()).unwrap_or(u64::MAX);
        frame.store(THINGS_ADDRESS, offset(self.slot, DESCRIPTION_BYTES), U256::from(length))?;
        Ok(hash)
    }
}

/// Reads an `address[]`.
pub(super) fn read_accounts(frame: &mut Frame<'_>, slot: U256) -> Result<Vec<Address>> {
    let count: u64 = frame.load(THINGS_ADDRESS, slot)?.saturating_to();
    let first = frame.elements(slot)?;
    let mut accounts = Vec::new();
    for place in 0..count {
        accounts.push(Address::from_word(B256::from(frame.load(THINGS_ADDRESS, offset(first, place))?)));
    }
    Ok(accounts)
}

/// Writes an `address[]`.
pub(super) fn write_accounts(frame: &mut Frame<'_>, slot: U256, accounts: &[Address]) -> Result<()> {
    let before: u64 = frame.load(THINGS_ADDRESS, slot)?.saturating_to();
    let after = u64::try_from(accounts.len()).unwrap_or(u64::MAX);
    let first = frame.elements(slot)?;
    frame.store(THINGS_ADDRESS, slot, U256::from(after))?;
    for (place, account) in (0u64..).zip(accounts) {
        frame.store(THINGS_ADDRESS, offset(first, place), address_word(*account))?;
    }
    for place in after..before {
        frame.store(THINGS_ADDRESS, offset(first, place), U256::ZERO)?;
    }
    Ok(())
}

fn exceeded(what: &str, limit: usize) -> PrecompileError {
    custom(&IThings::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) })
}

fn check_description(frame: &mut Frame<'_>, id: &str, text: &[u8]) -> Result<()> {
    if text.len() > DESCRIPTION_BYTES_MAX {
        return Err(exceeded("description", DESCRIPTION_BYTES_MAX));
    }
    frame.charge_words(text.len(), description::CHECK_WORD_GAS)?;
    description::check(id, text).map_err(|reason| custom(&IThings::InvalidDescription { reason }))
}

pub(super) fn register(frame: &mut Frame<'_>, call: IThings::registerCall) -> Result<B256> {
    let owner = frame.call().caller;
    let number = frame.call().block_number;
    if governance::permissions_at(frame, owner, number)? & PERMISSION_REGISTER == 0 {
        return Err(custom(&IThings::NotAuthorized { caller: owner }));
    }
    if call.id.is_empty() || call.id.len() > THING_ID_BYTES_MAX {
        return Err(exceeded("id", THING_ID_BYTES_MAX));
    }
    let id = frame.keccak(call.id.as_bytes())?;
    let (slot, head) = Thing::slot_of(frame, id)?;
    if !REGISTERED.get(head).is_zero() {
        return Err(custom(&IThings::NotAuthorized { caller: owner }));
    }
    check_description(frame, &call.id, &call.description)?;
    let key = checked_key(frame, call.keyType, &call.key)?;
    frame.charge_words(call.id.len(), crate::precompiles::prices::KECCAK_WORD_GAS)?;
    let digest = digest_in(frame, &Register { id: call.id.clone(), owner })?;
    if !signed_by(frame, &key, digest, &call.possession)? {
        return Err(custom(&IThings::InvalidProof {}));
    }
    let generation = GENERATION.get_u64(head).saturating_add(1);
    let head = OWNER.set_address(U256::ZERO, owner);
    let head = GENERATION.set_u64(head, generation);
    let head = REGISTERED.set_u64(KEY_TYPE.set_u64(head, u64::from(call.keyType as u8)), 1);
    frame.store(THINGS_ADDRESS, slot, head)?;
    frame.store_bytes(THINGS_ADDRESS, offset(slot, KEY), &call.key)?;
    frame.store_bytes(THINGS_ADDRESS, offset(slot, ID), call.id.as_bytes())?;
    Thing { slot, head }.set_description(frame, &call.description)?;
    frame.emit(THINGS_ADDRESS, &IThings::ThingRegistered { thing: id, owner, id: call.id, generation })?;
    Ok(id)
}

fn checked_key(frame: &mut Frame<'_>, kind: IThings::KeyType, key: &[u8]) -> Result<PublicKey> {
    if key.len() > THING_KEY_BYTES_MAX {
        return Err(exceeded("key", THING_KEY_BYTES_MAX));
    }
    let kind = key_type(kind)?;
    parse_key(frame, kind, key)?.ok_or_else(|| custom(&IThings::InvalidProof {}))
}

pub(super) fn update(frame: &mut Frame<'_>, call: IThings::updateCall) -> Result<IThings::updateReturn> {
    let thing = Thing::load_as_owner(frame, call.thing)?;
    let id = frame.load_bytes(THINGS_ADDRESS, offset(thing.slot, ID))?;
    let id = String::from_utf8(id).unwrap_or_default();
    check_description(frame, &id, &call.description)?;
    let hash = thing.set_description(frame, &call.description)?;
    frame.emit(THINGS_ADDRESS, &IThings::ThingUpdated { thing: call.thing, descriptionHash: hash })?;
    Ok(IThings::updateReturn {})
}

pub(super) fn rotate_key(frame: &mut Frame<'_>, call: IThings::rotateKeyCall) -> Result<IThings::rotateKeyReturn> {
    let mut thing = Thing::load_as_owner(frame, call.thing)?;
    checked_key(frame, call.keyType, &call.key)?;
    let head = KEY_TYPE.set_u64(thing.head, u64::from(call.keyType as u8));
    thing.set_head(frame, head)?;
    frame.store_bytes(THINGS_ADDRESS, offset(thing.slot, KEY), &call.key)?;
    let event = IThings::KeyRotated { thing: call.thing, keyType: call.keyType, key: call.key };
    frame.emit(THINGS_ADDRESS, &event)?;
    Ok(IThings::rotateKeyReturn {})
}

pub(super) fn transfer(
    frame: &mut Frame<'_>,
    call: IThings::transferThingCall,
) -> Result<IThings::transferThingReturn> {
    let mut thing = Thing::load_as_owner(frame, call.thing)?;
    let head = OWNER.set_address(thing.head, call.owner);
    thing.set_head(frame, head)?;
    frame.emit(THINGS_ADDRESS, &IThings::ThingTransferred { thing: call.thing, owner: call.owner })?;
    Ok(IThings::transferThingReturn {})
}

pub(super) fn retire(frame: &mut Frame<'_>, call: IThings::retireCall) -> Result<IThings::retireReturn> {
    let mut thing = Thing::load_as_owner(frame, call.thing)?;
    write_accounts(frame, offset(thing.slot, GATEWAYS), &[])?;
    let head = OWNER.set_address(REGISTERED.set_u64(thing.head, 0), Address::ZERO);
    thing.set_head(frame, head)?;
    frame.emit(THINGS_ADDRESS, &IThings::ThingRetired { thing: call.thing })?;
    Ok(IThings::retireReturn {})
}

pub(super) fn assign_gateways(
    frame: &mut Frame<'_>,
    call: IThings::assignGatewaysCall,
) -> Result<IThings::assignGatewaysReturn> {
    let thing = Thing::load_as_owner(frame, call.thing)?;
    if call.gateways.len() > REQUEST_GATEWAYS_MAX {
        return Err(exceeded("gateways", REQUEST_GATEWAYS_MAX));
    }
    let mut sorted = call.gateways.clone();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() != call.gateways.len() {
        return Err(PrecompileError::reason("a gateway is named twice"));
    }
    write_accounts(frame, offset(thing.slot, GATEWAYS), &call.gateways)?;
    frame.emit(THINGS_ADDRESS, &IThings::GatewaysAssigned { thing: call.thing, gateways: call.gateways })?;
    Ok(IThings::assignGatewaysReturn {})
}

pub(super) fn grant(frame: &mut Frame<'_>, call: IThings::grantCall) -> Result<IThings::grantReturn> {
    let thing = Thing::load_as_owner(frame, call.thing)?;
    if call.operations & !OPERATIONS_ALL != 0 {
        return Err(exceeded("operations", usize::from(OPERATIONS_ALL)));
    }
    let slot = frame.mapping_of_account(offset(thing.slot, GRANTS), call.consumer)?;
    let word = OPERATIONS.set_u64(EXPIRY.set_u64(U256::ZERO, call.expiry), call.operations.into());
    frame.store(THINGS_ADDRESS, slot, GRANT_GENERATION.set_u64(word, thing.generation()))?;
    let IThings::grantCall { thing, consumer, operations, expiry } = call;
    frame.emit(THINGS_ADDRESS, &IThings::Granted { thing, consumer, operations, expiry })?;
    Ok(IThings::grantReturn {})
}

pub(super) fn thing_of(frame: &mut Frame<'_>, call: IThings::thingOfCall) -> Result<IThings::thingOfReturn> {
    let thing = Thing::load(frame, call.thing)?;
    let id = frame.load_bytes(THINGS_ADDRESS, offset(thing.slot, ID))?;
    Ok(IThings::thingOfReturn {
        id: String::from_utf8(id).unwrap_or_default(),
        owner: thing.owner(),
        generation: thing.generation(),
        keyType: thing.key_type(),
        key: frame.load_bytes(THINGS_ADDRESS, offset(thing.slot, KEY))?.into(),
        description: thing.description(frame)?,
    })
}

pub(super) fn gateways_of(frame: &mut Frame<'_>, call: IThings::gatewaysOfCall) -> Result<Vec<Address>> {
    Thing::load(frame, call.thing)?.gateways(frame)
}

pub(super) fn grant_of(frame: &mut Frame<'_>, call: IThings::grantOfCall) -> Result<IThings::grantOfReturn> {
    let (operations, expiry) = Thing::load(frame, call.thing)?.grant(frame, call.consumer)?;
    Ok(IThings::grantOfReturn { operations, expiry })
}
