//! Validator sets as agreement sees them, and whose turn it is.
use crate::{
    error::ConsensusError,
    signing::{PublicKey, consensus_address},
};
use alloy_primitives::{Address, B256};
use pervade_chainspec::{ValidatorConfig, params, validator_set_hash};

/// A validator of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validator {
    /// Name in votes: the address of the consensus key.
    pub address: Address,
    /// The consensus key.
    pub public_key: PublicKey,
    /// Voting power, at least 1.
    pub power: u64,
    /// Account that votes in governance.
    pub account: Address,
}

/// The set that decides a height: not empty, keys distinct, in ascending order of consensus address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorSet {
    validators: Vec<Validator>,
    total_power: u64,
    hash: B256,
}

impl ValidatorSet {
    /// The set of these validators, in any order.
    ///
    /// # Errors
    /// [`ConsensusError::ValidatorSet`] and [`ConsensusError::PublicKey`] if nobody could decide with it.
    pub fn new(members: &[ValidatorConfig]) -> Result<Self, ConsensusError> {
        let refuse = |reason| Err(ConsensusError::ValidatorSet { reason });
        if members.is_empty() {
            return refuse("it is empty");
        }
        if members.len() > params::VALIDATORS_MAX {
            return refuse("it has more members than a certificate may have signatures");
        }
        let mut validators = members.iter().map(Validator::new).collect::<Result<Vec<_>, _>>()?;
        validators.sort_by_key(|validator| validator.address);
        if validators.windows(2).any(|pair| matches!(pair, [a, b] if a.address == b.address)) {
            return refuse("two members have the same key");
        }
        let mut total_power = 0_u64;
        for validator in &validators {
            total_power = total_power.saturating_add(validator.power);
            if validator.power == 0 {
                return refuse("a member has no power");
            }
        }
        if total_power > params::TOTAL_POWER_MAX {
            return refuse("its power does not leave room for counting three times");
        }
        Ok(Self { validators, total_power, hash: validator_set_hash(members) })
    }

    /// Members, by consensus address in ascending order.
    pub fn members(&self) -> &[Validator] {
        &self.validators
    }

    /// Sum of all power.
    pub fn total_power(&self) -> u64 {
        self.total_power
    }

    /// What the `extraData` of the header before says of this set.
    pub fn hash(&self) -> B256 {
        self.hash
    }

    /// The member with this consensus address.
    pub fn get(&self, address: &Address) -> Option<&Validator> {
        let index = self.validators.binary_search_by_key(address, |validator| validator.address).ok()?;
        self.validators.get(index)
    }

    /// Whether `power` is more than two thirds of the set's.
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(power).saturating_mul(3) > u128::from(self.total_power).saturating_mul(2)
    }

    /// Whether `power` is more than a third of the set's: one of them is honest.
    pub fn has_honest(&self, power: u64) -> bool {
        u128::from(power).saturating_mul(3) > u128::from(self.total_power)
    }

    /// Whose turn it is to propose.
    ///
    /// Turn `n = height + round` belongs to the validator that gets seat `n` when seats are given out by the method of
    /// Webster (Sainte-Laguë): the next seat goes to the largest `power / (2 * seats + 1)`, the first in order among
    /// equals. So turns are in proportion to power, spread as evenly as can be, plain rotation for equal powers, and a
    /// function of height and round alone.
    pub fn proposer(&self, height: u64, round: u32) -> &Validator {
        let unit = self.validators.iter().fold(0, |unit, validator| gcd(unit, validator.power)).max(1);
        let cycle = u128::from(self.total_power.checked_div(unit).unwrap_or(1).max(1));
        let turn = u128::from(height).saturating_add(u128::from(round)).checked_rem(cycle).unwrap_or(0);
        let members = self.validators.len() as u128;
        // What each has for certain before this turn: its share of the turns, less what rounding can take.
        let mut seats: Vec<(u128, u128)> = Vec::with_capacity(self.validators.len());
        let mut given = 0_u128;
        for validator in &self.validators {
            let power = u128::from(validator.power.checked_div(unit).unwrap_or(1));
            let doubled = turn.saturating_mul(2).saturating_sub(members);
            let floor = power.saturating_mul(doubled).checked_div(cycle.saturating_mul(2)).unwrap_or(0);
            let certain = floor.saturating_sub(1);
            given = given.saturating_add(certain);
            seats.push((power, certain));
        }
        let mut last = 0;
        while given <= turn {
            let mut best: Option<(usize, u128, u128)> = None;
            for (index, (power, taken)) in seats.iter().enumerate() {
                let divisor = taken.saturating_mul(2).saturating_add(1);
                // power / divisor > best_power / best_divisor, without fractions. At most 2^60 * 2^62.
                let better = best.is_none_or(|(_, best_power, best_divisor)| {
                    power.saturating_mul(best_divisor) > best_power.saturating_mul(divisor)
                });
                if better {
                    best = Some((index, *power, divisor));
                }
            }
            last = best.map_or(0, |(index, _, _)| index);
            if let Some((_, taken)) = seats.get_mut(last) {
                *taken = taken.saturating_add(1);
            }
            given = given.saturating_add(1);
        }
        // A set is never empty, and `last` is one of its indices.
        #[allow(clippy::indexing_slicing)]
        &self.validators[last]
    }
}

impl Validator {
    fn new(member: &ValidatorConfig) -> Result<Self, ConsensusError> {
        let wrong = || ConsensusError::PublicKey { account: member.account };
        let public_key = PublicKey::try_from(member.public_key.as_ref()).map_err(|_| wrong())?;
        let address = consensus_address(&public_key).ok_or_else(wrong)?;
        Ok(Self { address, public_key, power: member.power, account: member.account })
    }
}

/// Greatest common divisor (Euclid).
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while let Some(rest) = a.checked_rem(b) {
        (a, b) = (b, rest);
    }
    a
}
