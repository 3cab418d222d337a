//! [`Trigger`]: the stored trigger, slot by slot; see the module above for the layout.
use crate::{
    precompiles::{
        Frame,
        slots::{Field, offset, word},
    },
    things::{Result, TRIGGERS, abi::IThings, custom},
};
use alloy_primitives::{Address, B256, FixedBytes, I256, U256};
use pervade_chainspec::params::THINGS_ADDRESS;

const OWNER: Field = Field::new(0, 160);
const KIND: Field = Field::new(160, 8);
const COMPARISON: Field = Field::new(168, 8);
const EXPONENT: Field = Field::new(176, 8);
const STATE: Field = Field::new(184, 8);
const RADIUS: Field = Field::new(0, 32);
const MAX_AGE: Field = Field::new(32, 64);
const FIRST_TIME: Field = Field::new(96, 64);
const INTERVAL: Field = Field::new(160, 64);
const ACTION: Field = Field::new(0, 32);
const ACTION_GAS: Field = Field::new(32, 32);
const MAX_FIRINGS: Field = Field::new(64, 32);
const FIRINGS: Field = Field::new(96, 32);
const MAX_FEE: Field = Field::new(128, 128);
const LAST_FIRING: Field = Field::new(0, 64);
const SCHEDULED: Field = Field::new(64, 64);
const FIRED_EXPONENT: Field = Field::new(0, 8);
const FIRED_TIME: Field = Field::new(8, 64);

/// What a trigger waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::things) enum State {
    /// To be fired.
    Armed = 1,
    /// It fired; to be armed again it must first go back by its hysteresis.
    Fired = 2,
    /// Its action waits in the queue.
    Queued = 3,
    /// Its owner could not pay.
    Asleep = 4,
    /// It has fired as often as it was to, or was taken back.
    Done = 5,
}

/// A stored trigger.
#[derive(Debug, Clone, Copy)]
pub(in crate::things) struct Trigger {
    pub(in crate::things) id: U256,
    slot: U256,
    head: U256,
}

impl Trigger {
    pub(in crate::things) fn find(frame: &mut Frame<'_>, id: U256) -> Result<Option<Self>> {
        let slot = frame.mapping_of(TRIGGERS, id)?;
        let head = frame.load(THINGS_ADDRESS, slot)?;
        Ok((!head.is_zero()).then_some(Self { id, slot, head }))
    }

    /// A trigger whose action waits in the queue.
    pub(in crate::things) fn queued(frame: &mut Frame<'_>, id: U256) -> Result<Option<Self>> {
        Ok(Self::find(frame, id)?.filter(Self::is_queued))
    }

    /// Whether its action waits in the queue, or runs.
    pub(in crate::things) fn is_queued(&self) -> bool {
        self.state() == State::Queued
    }

    pub(super) fn load(frame: &mut Frame<'_>, id: U256) -> Result<Self> {
        Self::find(frame, id)?.ok_or_else(|| custom(&IThings::UnknownTrigger { triggerId: id }))
    }

    /// Writes a new trigger.
    pub(super) fn create(frame: &mut Frame<'_>, id: U256, owner: Address, of: &IThings::Trigger) -> Result<Self> {
        let slot = frame.mapping_of(TRIGGERS, id)?;
        let head = OWNER.set_address(U256::ZERO, owner);
        let head = KIND.set_u64(head, u64::from(of.kind as u8));
        let head = COMPARISON.set_u64(head, u64::from(of.comparison as u8));
        let head = EXPONENT.set_u64(head, u64::from(of.exponent.to_be_bytes()[0]));
        let head = STATE.set_u64(head, State::Armed as u64);
        frame.store(THINGS_ADDRESS, slot, head)?;
        let times = RADIUS.set_u64(U256::ZERO, of.radiusMetres.into());
        let times = MAX_AGE.set_u64(times, of.maxAge);
        let times = INTERVAL.set_u64(FIRST_TIME.set_u64(times, of.firstTime), of.interval);
        let action = ACTION.set(U256::ZERO, U256::from_be_slice(of.action.as_slice()));
        let action = ACTION_GAS.set_u64(action, of.actionGas.into());
        let action = MAX_FIRINGS.set_u64(action, of.maxFirings.into());
        let action = MAX_FEE.set(action, U256::from(of.maxFeePerGas));
        let words = [
            word(of.thing),
            word(of.otherThing),
            word(of.model),
            word(of.property),
            of.threshold.into_raw(),
            of.hysteresis,
            times,
            action,
        ];
        for (place, value) in (1u64..).zip(words) {
            frame.store(THINGS_ADDRESS, offset(slot, place), value)?;
        }
        Ok(Self { id, slot, head })
    }

    fn field(&self, frame: &mut Frame<'_>, place: u64) -> Result<U256> {
        frame.load(THINGS_ADDRESS, offset(self.slot, place))
    }

    fn set_field(&self, frame: &mut Frame<'_>, place: u64, value: U256) -> Result<()> {
        frame.store(THINGS_ADDRESS, offset(self.slot, place), value)
    }

    pub(in crate::things) fn owner(&self) -> Address {
        OWNER.get_address(self.head)
    }

    pub(super) fn kind(&self) -> IThings::TriggerKind {
        IThings::TriggerKind::try_from(KIND.get(self.head).byte(0)).unwrap_or(IThings::TriggerKind::__Invalid)
    }

    pub(super) fn comparison(&self) -> IThings::Comparison {
        IThings::Comparison::try_from(COMPARISON.get(self.head).byte(0)).unwrap_or(IThings::Comparison::__Invalid)
    }

    pub(super) fn exponent(&self) -> i8 {
        i8::from_be_bytes([EXPONENT.get(self.head).byte(0)])
    }

    pub(in crate::things) fn state(&self) -> State {
        match STATE.get_u64(self.head) {
            1 => State::Armed,
            2 => State::Fired,
            3 => State::Queued,
            4 => State::Asleep,
            _ => State::Done,
        }
    }

    pub(in crate::things) fn set_state(&mut self, frame: &mut Frame<'_>, state: State) -> Result<()> {
        self.head = STATE.set_u64(self.head, state as u64);
        frame.store(THINGS_ADDRESS, self.slot, self.head)
    }

    pub(super) fn thing(&self, frame: &mut Frame<'_>) -> Result<B256> {
        Ok(self.field(frame, 1)?.into())
    }

    pub(super) fn other_thing(&self, frame: &mut Frame<'_>) -> Result<B256> {
        Ok(self.field(frame, 2)?.into())
    }

    pub(super) fn model_and_property(&self, frame: &mut Frame<'_>) -> Result<(B256, B256)> {
        Ok((self.field(frame, 3)?.into(), self.field(frame, 4)?.into()))
    }

    pub(super) fn threshold(&self, frame: &mut Frame<'_>) -> Result<I256> {
        Ok(I256::from_raw(self.field(frame, 5)?))
    }

    pub(super) fn hysteresis(&self, frame: &mut Frame<'_>) -> Result<U256> {
        self.field(frame, 6)
    }

    /// Radius (metres), maximal age (seconds), interval (seconds).
    pub(super) fn reach(&self, frame: &mut Frame<'_>) -> Result<(u64, u64, u64)> {
        let times = self.field(frame, 7)?;
        Ok((RADIUS.get_u64(times), MAX_AGE.get_u64(times), INTERVAL.get_u64(times)))
    }

    pub(super) fn last_firing(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(LAST_FIRING.get_u64(self.field(frame, 9)?))
    }

    pub(super) fn scheduled(&self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(SCHEDULED.get_u64(self.field(frame, 9)?))
    }

    pub(super) fn set_scheduled(&self, frame: &mut Frame<'_>, time: u64) -> Result<()> {
        let word = self.field(frame, 9)?;
        self.set_field(frame, 9, SCHEDULED.set_u64(word, time))
    }

    /// Highest price of gas at which the action runs, wei.
    pub(in crate::things) fn max_fee(&self, frame: &mut Frame<'_>) -> Result<U256> {
        Ok(MAX_FEE.get(self.field(frame, 8)?))
    }

    pub(in crate::things) fn action_gas(&self, frame: &mut Frame<'_>) -> Result<u32> {
        Ok(ACTION_GAS.get(self.field(frame, 8)?).saturating_to())
    }

    pub(super) fn action(&self, frame: &mut Frame<'_>) -> Result<FixedBytes<4>> {
        let selector: u32 = ACTION.get(self.field(frame, 8)?).saturating_to();
        Ok(selector.to_be_bytes().into())
    }

    pub(in crate::things) fn firings(&self, frame: &mut Frame<'_>) -> Result<u32> {
        Ok(FIRINGS.get(self.field(frame, 8)?).saturating_to())
    }

    pub(super) fn count_firing(&self, frame: &mut Frame<'_>, now: u64) -> Result<()> {
        let word = self.field(frame, 8)?;
        let firings = FIRINGS.get_u64(word).saturating_add(1);
        self.set_field(frame, 8, FIRINGS.set_u64(word, firings))?;
        let word = self.field(frame, 9)?;
        self.set_field(frame, 9, LAST_FIRING.set_u64(word, now))
    }

    /// Whether it has fired as often as it was to.
    pub(super) fn is_over(&self, frame: &mut Frame<'_>) -> Result<bool> {
        let word = self.field(frame, 8)?;
        let most = MAX_FIRINGS.get_u64(word);
        let once = self.kind() == IThings::TriggerKind::AtTime;
        Ok(once || (most != 0 && FIRINGS.get_u64(word) >= most))
    }

    /// Whether it may fire again without going back first.
    pub(super) fn rearms_at_once(&self) -> bool {
        !matches!(self.kind(), IThings::TriggerKind::Threshold | IThings::TriggerKind::Colocated)
    }

    /// The first time after `now` at which a timed trigger is due; the very first one may be past.
    pub(super) fn next_time(&self, frame: &mut Frame<'_>, now: u64) -> Result<Option<u64>> {
        let times = self.field(frame, 7)?;
        let (first, interval) = (FIRST_TIME.get_u64(times), INTERVAL.get_u64(times));
        let has_fired = self.firings(frame)? > 0;
        Ok(match self.kind() {
            IThings::TriggerKind::AtTime => Some(first),
            IThings::TriggerKind::Every if !has_fired || first > now => Some(first.max(now)),
            IThings::TriggerKind::Every => {
                let passed = now.saturating_sub(first).checked_div(interval).unwrap_or_default();
                Some(first.saturating_add(passed.saturating_add(1).saturating_mul(interval)))
            }
            _ => None,
        })
    }

    pub(super) fn set_firing(
        &self,
        frame: &mut Frame<'_>,
        things: (B256, B256),
        (number, exponent): (I256, i8),
        time_ms: u64,
    ) -> Result<()> {
        let exponent = u64::from(exponent.to_be_bytes()[0]);
        self.set_field(frame, 10, number.into_raw())?;
        self.set_field(frame, 11, FIRED_TIME.set_u64(FIRED_EXPONENT.set_u64(U256::ZERO, exponent), time_ms))?;
        self.set_field(frame, 12, word(things.0))?;
        self.set_field(frame, 13, word(things.1))
    }

    pub(super) fn firing(&self, frame: &mut Frame<'_>) -> Result<((B256, B256), (I256, i8), u64)> {
        let number = I256::from_raw(self.field(frame, 10)?);
        let word = self.field(frame, 11)?;
        let exponent = i8::from_be_bytes([FIRED_EXPONENT.get(word).byte(0)]);
        let things = (self.field(frame, 12)?.into(), self.field(frame, 13)?.into());
        Ok((things, (number, exponent), FIRED_TIME.get_u64(word)))
    }

    /// As it was given to `watch`.
    pub(super) fn to_abi(self, frame: &mut Frame<'_>) -> Result<IThings::Trigger> {
        let (model, property) = self.model_and_property(frame)?;
        let (radius, max_age, interval) = self.reach(frame)?;
        let (times, action) = (self.field(frame, 7)?, self.field(frame, 8)?);
        Ok(IThings::Trigger {
            kind: self.kind(),
            thing: self.thing(frame)?,
            otherThing: self.other_thing(frame)?,
            model,
            property,
            comparison: self.comparison(),
            threshold: self.threshold(frame)?,
            exponent: self.exponent(),
            hysteresis: self.hysteresis(frame)?,
            radiusMetres: u32::try_from(radius).unwrap_or_default(),
            maxAge: max_age,
            firstTime: FIRST_TIME.get_u64(times),
            interval,
            maxFirings: MAX_FIRINGS.get(action).saturating_to(),
            action: self.action(frame)?,
            actionGas: self.action_gas(frame)?,
            maxFeePerGas: MAX_FEE.get(action).saturating_to(),
        })
    }
}
