//! [`Request`]: the stored request.
//!
//! ```text
//! Request at keccak256(id . 14):
//!   +0   bits 0-159 requester, 160 status (8), 168 operation (8), 176 agreement (8), 184 minGateways (8),
//!        192 maxAttempts (8), 200 callback that is due (8), 208-223 code, 224 what it observes speaks for the thing,
//!        232 kind of source (8; source.rs)
//!   +1   thing, +2 mapping
//!   +3   bits 0-63 deadline, 64-127 created, 128-159 maxResultBytes, 160-191 callbackGas, 192-223 bytes of the input,
//!        224-255 bytes of the result
//!   +4   bits 0-31 onResult, 32-63 onFailure, 64-191 maxFeePerGas
//!   +5   string affordance, +6 input, +7 result: inline or by hash; +8 keccak256 of the result
//!   +9   bits 0-127 wei set aside, 128-255 of that the fetch fee
//!   +10  address[] gateways that it began with
//!   +11  bits 0-63 generation of the thing, 64-127 parked until (unix seconds)
//!   +12  bits 0-127 previous open request of the thing, 128-255 next one
//!   +13, +14 the source, unless it is the thing alone (source.rs)
//! ```
use super::{
    callback_price,
    source::{ContentRange, LENGTH, OFFSET, Source},
};
use crate::{
    precompiles::{
        Frame,
        slots::{Field, offset, word},
    },
    things::{
        REQUESTS, Result,
        abi::IThings::{self, Agreement, Operation, Status},
        custom,
        registry::{read_accounts, write_accounts},
    },
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use pervade_chainspec::params::THINGS_ADDRESS;

const REQUESTER: Field = Field::new(0, 160);
const STATUS: Field = Field::new(160, 8);
const OPERATION: Field = Field::new(168, 8);
const AGREEMENT: Field = Field::new(176, 8);
const MIN_GATEWAYS: Field = Field::new(184, 8);
const MAX_ATTEMPTS: Field = Field::new(192, 8);
const CALLBACK: Field = Field::new(200, 8);
const CODE: Field = Field::new(208, 16);
const SPEAKS: Field = Field::new(224, 8);
const SOURCE: Field = Field::new(232, 8);
const DEADLINE: Field = Field::new(0, 64);
const CREATED: Field = Field::new(64, 64);
const MAX_RESULT: Field = Field::new(128, 32);
const CALLBACK_GAS: Field = Field::new(160, 32);
const INPUT_BYTES: Field = Field::new(192, 32);
const RESULT_BYTES: Field = Field::new(224, 32);
const ON_RESULT: Field = Field::new(0, 32);
const ON_FAILURE: Field = Field::new(32, 32);
const MAX_FEE: Field = Field::new(64, 128);
const RESERVED: Field = Field::new(0, 128);
const FETCH_FEE: Field = Field::new(128, 128);
const GENERATION: Field = Field::new(0, 64);
const PARKED_UNTIL: Field = Field::new(64, 64);

/// Which function of the requester is to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callback {
    None = 0,
    Result = 1,
    Failure = 2,
}

/// What a new request is beside what the requester says.
pub(super) struct Origin<'a> {
    pub(super) requester: Address,
    /// Of the thing.
    pub(super) generation: u64,
    pub(super) gateways: &'a [Address],
    /// Set aside: all of it, and of that the fetch fee, wei.
    pub(super) wei: (U256, U256),
    /// Its mapping is one that the thing speaks by.
    pub(super) speaks: bool,
    pub(super) source: &'a Source,
}

/// A stored request.
#[derive(Debug, Clone, Copy)]
pub(in crate::things) struct Request {
    pub(in crate::things) id: U256,
    slot: U256,
    head: U256,
}

impl Request {
    pub(super) fn find(frame: &mut Frame<'_>, id: U256) -> Result<Option<Self>> {
        let slot = frame.mapping_of(REQUESTS, id)?;
        let head = frame.load(THINGS_ADDRESS, slot)?;
        Ok((!head.is_zero()).then_some(Self { id, slot, head }))
    }

    pub(in crate::things) fn load(frame: &mut Frame<'_>, id: U256) -> Result<Self> {
        Self::find(frame, id)?.ok_or_else(|| custom(&IThings::UnknownRequest { requestId: id }))
    }

    pub(super) fn create(frame: &mut Frame<'_>, id: U256, of: &IThings::Request, origin: &Origin<'_>) -> Result<Self> {
        let slot = frame.mapping_of(REQUESTS, id)?;
        let head = REQUESTER.set_address(U256::ZERO, origin.requester);
        let head = SPEAKS.set_u64(head, origin.speaks.into());
        let head = SOURCE.set_u64(head, origin.source.kind());
        let head = STATUS.set_u64(head, u64::from(Status::Pending as u8));
        let head = OPERATION.set_u64(head, u64::from(of.operation as u8));
        let head = AGREEMENT.set_u64(head, u64::from(of.agreement as u8));
        let head = MIN_GATEWAYS.set_u64(head, of.minGateways.into());
        let head = MAX_ATTEMPTS.set_u64(head, of.maxAttempts.into());
        frame.store(THINGS_ADDRESS, slot, head)?;
        let times = DEADLINE.set_u64(U256::ZERO, of.deadline);
        let times = CREATED.set_u64(times, frame.call().block_timestamp);
        let times = MAX_RESULT.set_u64(times, of.maxResultBytes.into());
        let times = CALLBACK_GAS.set_u64(times, of.callbackGas.into());
        let times = INPUT_BYTES.set_u64(times, u64::try_from(of.input.len()).unwrap_or(u64::MAX));
        let calls = ON_RESULT.set(U256::ZERO, U256::from_be_slice(of.onResult.as_slice()));
        let calls = ON_FAILURE.set(calls, U256::from_be_slice(of.onFailure.as_slice()));
        let calls = MAX_FEE.set(calls, U256::from(of.maxFeePerGas));
        for (place, value) in (1u64..).zip([word(of.thing), word(of.mappingId), times, calls]) {
            frame.store(THINGS_ADDRESS, offset(slot, place), value)?;
        }
        frame.store_bytes(THINGS_ADDRESS, offset(slot, 5), of.affordance.as_bytes())?;
        if !of.input.is_empty() {
            frame.store_value(THINGS_ADDRESS, offset(slot, 6), &of.input)?;
        }
        let (reserved, fetch_fee) = origin.wei;
        let wei = FETCH_FEE.set(RESERVED.set(U256::ZERO, reserved), fetch_fee);
        frame.store(THINGS_ADDRESS, offset(slot, 9), wei)?;
        write_accounts(frame, offset(slot, 10), origin.gateways)?;
        frame.store(THINGS_ADDRESS, offset(slot, 11), GENERATION.set_u64(U256::ZERO, origin.generation))?;
        if *origin.source != Source::Thing {
            frame.store(THINGS_ADDRESS, offset(slot, 13), origin.source.word())?;
        }
        if let Source::Content(range) = origin.source {
            frame.store_bytes(THINGS_ADDRESS, offset(slot, 14), &range.cid)?;
        }
        Ok(Self { id, slot, head })
    }

    fn field(&self, frame: &mut Frame<'_>, place: u64) -> Result<U256> {
        frame.load(THINGS_ADDRESS, offset(self.slot, place))
    }

    fn set_field(&self, frame: &mut Frame<'_>, place: u64, value: U256) -> Result<()> {
        frame.store(THINGS_ADDRESS, offset(self.slot, place), value)
    }

    fn set_head(&mut self, frame: &mut Frame<'_>, head: U256) -> Result<()> {
        self.head = head;
        frame.store(THINGS_ADDRESS, self.slot, head)
    }

    pub(in crate::things) fn requester(&self) -> Address {
        REQUESTER.get_address(self.head)
    }

    pub(super) fn status(&self) -> Status {
        Status::try_from(STATUS.get(self.head).byte(0)).unwrap_or(Status::None)
    }

    /// Waits for an answer.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status(), Status::Pending | Status::Queued)
    }

    pub(super) fn set_status(&mut self, frame: &mut Frame<'_>, status: Status) -> Result<()> {
        let head = STATUS.set_u64(self.head, u64::from(status as u8));
        self.set_head(frame, head)
    }

    fn operation(&self) -> Operation {
        Operation::try_from(OPERATION.get(self.head).byte(0)).unwrap_or(Operation::__Invalid)
    }

    pub(super) fn agreement(&self) -> Agreement {
        Agreement::try_from(AGREEMENT.get(self.head).byte(0)).unwrap_or(Agreement::__Invalid)
    }

    pub(super) fn callback(&self) -> Callback {
        match CALLBACK.get_u64(self.head) {
            1 => Callback::Result,
            2 => Callback::Failure,
            _ => Callback::None,
        }
    }

    pub(super) fn set_callback(&mut self, frame: &mut Frame<'_>, callback: Callback) -> Result<()> {
        let head = CALLBACK.set_u64(self.head, callback as u64);
        self.set_head(frame, head)
    }

    pub(super) fn thing(&self, frame: &mut Frame<'_>) -> Result<B256> {
        Ok(self.field(frame, 1)?.into())
    }

    pub(super) fn mapping(&self, frame: &mut Frame<'_>) -> Result<B256> {
        Ok(self.field(frame, 2)?.into())
    }

    /// Whether what it observes is the thing's word.
    pub(super) fn speaks_for_thing(&self) -> bool {
        !SPEAKS.get(self.head).is_zero()
    }

    pub(in crate::things) fn source(&self, frame: &mut Frame<'_>) -> Result<Source> {
        let kind = SOURCE.get_u64(self.head);
        if kind == 0 {
            return Ok(Source::Thing);
        }
        let word = self.field(frame, 13)?;
        if kind == 1 {
            return Ok(Source::Provider(word.into()));
        }
        let cid = frame.load_bytes(THINGS_ADDRESS, offset(self.slot, 14))?.into();
        Ok(Source::Content(ContentRange {
            cid,
            offset: OFFSET.get_u64(word),
            length: LENGTH.get(word).saturating_to(),
        }))
    }

    pub(super) fn generation(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(GENERATION.get_u64(self.field(frame, 11)?))
    }

    pub(super) fn deadline(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(DEADLINE.get_u64(self.field(frame, 3)?))
    }

    pub(super) fn created(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(CREATED.get_u64(self.field(frame, 3)?))
    }

    pub(super) fn max_result_bytes(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(MAX_RESULT.get_u64(self.field(frame, 3)?))
    }

    pub(super) fn max_attempts(&self) -> u64 {
        MAX_ATTEMPTS.get_u64(self.head)
    }

    pub(in crate::things) fn callback_gas(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(CALLBACK_GAS.get_u64(self.field(frame, 3)?))
    }

    pub(super) fn max_fee(&self, frame: &mut Frame<'_>) -> Result<U256> {
        Ok(MAX_FEE.get(self.field(frame, 4)?))
    }

    /// The most that its callback can cost, wei.
    pub(super) fn callback_price(&self, frame: &mut Frame<'_>) -> Result<U256> {
        Ok(callback_price(self.callback_gas(frame)?, self.max_fee(frame)?))
    }

    pub(super) fn on_result(&self, frame: &mut Frame<'_>) -> Result<FixedBytes<4>> {
        let selector: u32 = ON_RESULT.get(self.field(frame, 4)?).saturating_to();
        Ok(selector.to_be_bytes().into())
    }

    pub(super) fn on_failure(&self, frame: &mut Frame<'_>) -> Result<FixedBytes<4>> {
        let selector: u32 = ON_FAILURE.get(self.field(frame, 4)?).saturating_to();
        Ok(selector.to_be_bytes().into())
    }

    pub(super) fn gateways(&self, frame: &mut Frame<'_>) -> Result<Vec<Address>> {
        read_accounts(frame, offset(self.slot, 10))
    }

    pub(super) fn reserved(&self, frame: &mut Frame<'_>) -> Result<U256> {
        Ok(RESERVED.get(self.field(frame, 9)?))
    }

    pub(super) fn fetch_fee(&self, frame: &mut Frame<'_>) -> Result<U256> {
        Ok(FETCH_FEE.get(self.field(frame, 9)?))
    }

    pub(super) fn set_reserved(&self, frame: &mut Frame<'_>, wei: U256) -> Result<()> {
        let word = self.field(frame, 9)?;
        self.set_field(frame, 9, RESERVED.set(word, wei))
    }

    /// Failure code (0: none) and hash of the result.
    pub(super) fn outcome(&self, frame: &mut Frame<'_>) -> Result<(u16, B256)> {
        let code = u16::try_from(CODE.get_u64(self.head)).unwrap_or(u16::MAX);
        Ok((code, self.field(frame, 8)?.into()))
    }

    pub(super) fn set_outcome(&mut self, frame: &mut Frame<'_>, code: u16, result: &[u8]) -> Result<B256> {
        let head = CODE.set_u64(self.head, code.into());
        self.set_head(frame, head)?;
        let hash = frame.keccak(result)?;
        if !result.is_empty() {
            frame.store_value(THINGS_ADDRESS, offset(self.slot, 7), result)?;
        }
        let times = self.field(frame, 3)?;
        let length = u64::try_from(result.len()).unwrap_or(u64::MAX);
        self.set_field(frame, 3, RESULT_BYTES.set_u64(times, length))?;
        self.set_field(frame, 8, word(hash))?;
        Ok(hash)
    }

    pub(super) fn result(&self, frame: &mut Frame<'_>) -> Result<Bytes> {
        let length = RESULT_BYTES.get(self.field(frame, 3)?).saturating_to();
        frame.load_value(THINGS_ADDRESS, offset(self.slot, 7), length)
    }

    /// Lets the result go; its hash stays.
    pub(super) fn drop_result(&self, frame: &mut Frame<'_>) -> Result<()> {
        let times = self.field(frame, 3)?;
        self.set_field(frame, 3, RESULT_BYTES.set_u64(times, 0))?;
        self.set_field(frame, 7, U256::ZERO)
    }

    pub(super) fn parked_until(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(PARKED_UNTIL.get_u64(self.field(frame, 11)?))
    }

    pub(super) fn set_parked_until(&self, frame: &mut Frame<'_>, time: u64) -> Result<()> {
        let word = self.field(frame, 11)?;
        self.set_field(frame, 11, PARKED_UNTIL.set_u64(word, time))
    }

    /// Its neighbours among the thing's open requests.
    pub(super) fn links(&self, frame: &mut Frame<'_>) -> Result<U256> {
        self.field(frame, 12)
    }

    pub(super) fn set_links(&self, frame: &mut Frame<'_>, links: U256) -> Result<()> {
        self.set_field(frame, 12, links)
    }

    /// As it was given to `request`.
    pub(super) fn to_abi(self, frame: &mut Frame<'_>) -> Result<IThings::Request> {
        let times = self.field(frame, 3)?;
        let affordance = frame.load_bytes(THINGS_ADDRESS, offset(self.slot, 5))?;
        let input_bytes = INPUT_BYTES.get(times).saturating_to();
        Ok(IThings::Request {
            thing: self.thing(frame)?,
            operation: self.operation(),
            affordance: String::from_utf8(affordance).unwrap_or_default(),
            input: frame.load_value(THINGS_ADDRESS, offset(self.slot, 6), input_bytes)?,
            mappingId: self.field(frame, 2)?.into(),
            agreement: self.agreement(),
            minGateways: MIN_GATEWAYS.get(self.head).byte(0),
            deadline: DEADLINE.get_u64(times),
            maxAttempts: MAX_ATTEMPTS.get(self.head).byte(0),
            maxResultBytes: MAX_RESULT.get(times).saturating_to(),
            onResult: self.on_result(frame)?,
            onFailure: self.on_failure(frame)?,
            callbackGas: CALLBACK_GAS.get(times).saturating_to(),
            maxFeePerGas: self.max_fee(frame)?.saturating_to(),
        })
    }
}
