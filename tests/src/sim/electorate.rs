//! [`Electorate`]: who validates after which votes, by the rules of governance written down once more in plain maps.
//!
//! ```text
//!   block N: propose, vote ──► more than 2/3 of the power of block N ──► from block N + 2, if no more than a third of the
//!                                                                      power changes with it; else it waits its turn
//!   end of block N: the first that waits, if it fits now
//! ```
use super::{
    coverage::Path,
    keys::{VALIDATOR_KEYS, seat},
};
use alloy_primitives::{Address, B256, keccak256};
use std::collections::{BTreeMap, VecDeque};

/// Power by place. Of the places of one seat, at most one is in it.
pub type Members = BTreeMap<usize, u64>;

/// Sets of fewer validators change as they like.
const BOUND_FROM_VALIDATORS: usize = 4;

/// What a proposal would do: give a node's key the seat of its account with this power; nobody has the seat at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The node.
    pub place: usize,
    /// Its power from then on.
    pub power: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Open,
    Waiting,
    Enacted,
    Rejected,
}

#[derive(Debug, Clone)]
struct Proposal {
    change: Change,
    status: Status,
    /// By seat: accounts vote, whichever key they have.
    votes: BTreeMap<usize, bool>,
}

/// The sets of a chain, and the proposals about them.
#[derive(Debug, Clone)]
pub struct Electorate {
    /// By the first block that they decide.
    sets: BTreeMap<u64, Members>,
    /// The first has id 1.
    proposals: Vec<Proposal>,
    /// Id of the proposal that a transaction made.
    ids: BTreeMap<B256, usize>,
    waiting: VecDeque<usize>,
    /// What was met since it was asked for last.
    met: Vec<Path>,
}

impl Electorate {
    /// Equal validators at the first so many places.
    pub fn new(validators: usize) -> Self {
        Self {
            sets: BTreeMap::from([(0, (0..validators).map(|place| (place, 1)).collect())]),
            proposals: Vec::new(),
            ids: BTreeMap::new(),
            waiting: VecDeque::new(),
            met: Vec::new(),
        }
    }

    /// The set that decides a block, as far as votes up to now say.
    pub fn deciding(&self, block: u64) -> &Members {
        let (_, members) = self.sets.range(..=block).next_back().expect("the first set decides from block 0 on");
        members
    }

    /// The set after all that is enacted.
    pub fn latest(&self) -> &Members {
        self.deciding(u64::MAX)
    }

    /// Sets so far: the genesis has one.
    pub fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Whether a set that is not in force yet, or a proposal that waits, changes who decides after `block`.
    pub fn is_changing(&self, block: u64) -> bool {
        !self.waiting.is_empty() || self.sets.range(block..).next().is_some()
    }

    /// Whether a validator was at this place in some set up to a block.
    pub fn was_member(&self, place: usize, block: u64) -> bool {
        self.sets.range(..=block).any(|(_, members)| members.contains_key(&place))
    }

    /// The id of the proposal that a transaction made; `None`: it was refused, or is in no block.
    pub fn proposal_of(&self, transaction: &B256) -> Option<u64> {
        self.ids.get(transaction).map(|id| *id as u64)
    }

    /// What was met since the last call.
    pub fn take_met(&mut self) -> Vec<Path> {
        std::mem::take(&mut self.met)
    }

    /// A transaction in block `number` proposes a change.
    pub fn propose(&mut self, number: u64, transaction: B256, proposer: usize, change: Change) {
        if !has_seat(self.deciding(number), proposer) || !self.may_be_proposed(change) {
            return;
        }
        self.proposals.push(Proposal { change, status: Status::Open, votes: BTreeMap::new() });
        let id = self.proposals.len();
        self.ids.insert(transaction, id);
        self.cast(number, id, proposer, true);
    }

    /// Whether a change could be enacted as the next one.
    pub fn may_be_proposed(&self, change: Change) -> bool {
        let latest = self.latest();
        let is_removal_of_nobody = change.power == 0 && !has_seat(latest, change.place);
        let after = after(latest, change);
        !is_removal_of_nobody && !after.is_empty() && may_follow(latest, &after)
    }

    /// A transaction in block `number` votes.
    pub fn vote(&mut self, number: u64, id: u64, voter: usize, support: bool) {
        let id = id as usize;
        let has_voted = |proposal: &Proposal| proposal.votes.contains_key(&seat(voter));
        let is_open = |proposal: &Proposal| proposal.status == Status::Open && !has_voted(proposal);
        if has_seat(self.deciding(number), voter) && self.proposals.get(id - 1).is_some_and(is_open) {
            self.cast(number, id, voter, support);
        }
    }

    /// Whether a system transaction must end block `number`, after its other transactions.
    pub fn has_tail(&self, number: u64) -> bool {
        let Some(&id) = self.waiting.front() else { return false };
        let change = self.proposals[id - 1].change;
        let after = after(self.latest(), change);
        !self.carries(number, id)
            || (change.power == 0 && !has_seat(self.latest(), change.place))
            || after.is_empty()
            || may_follow(self.deciding(number + 1), &after)
            || !may_follow(self.latest(), &after)
    }

    /// It ends it.
    pub fn tail(&mut self, number: u64) {
        let Some(id) = self.waiting.pop_front() else { return };
        if !self.carries(number, id) {
            self.proposals[id - 1].status = Status::Open;
            return;
        }
        self.met.push(Path::ChangeWaited);
        if !self.enact(number, id) {
            self.waiting.push_front(id);
        }
    }

    fn power(&self, number: u64, id: usize, support: bool) -> u64 {
        let votes = &self.proposals[id - 1].votes;
        let members = self.deciding(number).iter().filter(|(place, _)| votes.get(&seat(**place)) == Some(&support));
        members.map(|(_, power)| power).sum()
    }

    fn carries(&self, number: u64, id: usize) -> bool {
        self.power(number, id, true) * 3 > total(self.deciding(number)) * 2
    }

    fn cast(&mut self, number: u64, id: usize, voter: usize, support: bool) {
        self.proposals[id - 1].votes.insert(seat(voter), support);
        let total = total(self.deciding(number));
        if (total - self.power(number, id, false)) * 3 <= total * 2 {
            self.proposals[id - 1].status = Status::Rejected;
            self.met.push(Path::ChangeVotedDown);
        } else if self.carries(number, id) && (!self.waiting.is_empty() || !self.enact(number, id)) {
            self.proposals[id - 1].status = Status::Waiting;
            self.waiting.push_back(id);
        }
    }

    /// False: it has to wait.
    fn enact(&mut self, number: u64, id: usize) -> bool {
        let change = self.proposals[id - 1].change;
        if !self.may_be_proposed(change) {
            self.proposals[id - 1].status = Status::Rejected;
            return true;
        }
        let (before, after) = (self.deciding(number + 1).clone(), after(self.latest(), change));
        if !may_follow(&before, &after) {
            return false;
        }
        let latest = self.latest();
        let met = match (has_seat(latest, change.place), change.power) {
            (false, _) => Path::ValidatorAdded,
            (true, 0) => Path::ValidatorRemoved,
            (true, _) if latest.contains_key(&change.place) => Path::ValidatorReweighed,
            (true, _) => Path::KeyChanged,
        };
        self.met.push(met);
        if before.len() < BOUND_FROM_VALIDATORS && moved(&before, &after) * 3 > total(&before) {
            self.met.push(Path::SmallSetChanged);
        }
        self.sets.insert(number + 2, after);
        self.proposals[id - 1].status = Status::Enacted;
        true
    }
}

/// A set after a change.
pub fn after(members: &Members, change: Change) -> Members {
    let others = members.iter().filter(|(place, _)| seat(**place) != seat(change.place));
    let mut after: Members = others.map(|(place, power)| (*place, *power)).collect();
    if change.power > 0 {
        after.insert(change.place, change.power);
    }
    after
}

/// Whether a node's account has power, with whichever key.
fn has_seat(members: &Members, place: usize) -> bool {
    members.keys().any(|member| seat(*member) == seat(place))
}

/// All power of a set.
pub fn total(members: &Members) -> u64 {
    members.values().sum()
}

/// The larger of what is gained and what is lost. A new key gains what the old one loses.
fn moved(before: &Members, after: &Members) -> u64 {
    let gain = |from: &Members, to: &Members| -> u64 {
        to.iter().map(|(place, power)| power.saturating_sub(from.get(place).copied().unwrap_or(0))).sum()
    };
    gain(before, after).max(gain(after, before))
}

fn may_follow(before: &Members, after: &Members) -> bool {
    before.len() < BOUND_FROM_VALIDATORS || moved(before, after) * 3 <= total(before)
}

/// What the `extraData` of the block before says of a set: the hash of `1`, the number of validators in four bytes, and
/// account, key and power (eight bytes) of each, by account.
pub fn set_hash(members: &Members) -> B256 {
    let mut entries: Vec<_> = members.iter().map(|(place, power)| (&VALIDATOR_KEYS[*place], power)).collect();
    entries.sort_by_key(|(key, _)| key.account);
    let mut bytes = vec![1];
    bytes.extend((entries.len() as u32).to_be_bytes());
    for (key, power) in entries {
        bytes.extend(key.account);
        bytes.extend(key.public_key);
        bytes.extend(power.to_be_bytes());
    }
    keccak256(bytes)
}

/// The account of the validator whose turn a round of a height is: seat `height + round` of those that are given out one by
/// one, each to the largest power by `2 * seats + 1`, the lowest address among equals.
pub fn proposer(members: &Members, height: u64, round: u32) -> Address {
    let mut seats: Vec<_> = members.iter().map(|(place, power)| (&VALIDATOR_KEYS[*place], *power, 0)).collect();
    seats.sort_by_key(|(key, ..)| key.address);
    // After `total` seats everybody has its power, and it begins again.
    let turn = (height + u64::from(round)) % total(members);
    let mut last = 0;
    for _ in 0..=turn {
        last = 0;
        for (index, (_, power, taken)) in seats.iter().enumerate() {
            let (_, best_power, best_taken) = seats[last];
            if power * (2 * best_taken + 1) > best_power * (2 * taken + 1) {
                last = index;
            }
        }
        seats[last].2 += 1;
    }
    seats[last].0.account
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::keys::{SUCCEEDED, SUCCESSOR};
    use alloy_primitives::Bytes;
    use pervade_chainspec::{ValidatorConfig, validator_set_hash};
    use pervade_consensus::ValidatorSet;

    fn configs(members: &Members) -> Vec<ValidatorConfig> {
        let config = |(place, power): (&usize, &u64)| ValidatorConfig {
            account: VALIDATOR_KEYS[*place].account,
            public_key: Bytes::copy_from_slice(VALIDATOR_KEYS[*place].public_key.as_slice()),
            power: *power,
        };
        members.iter().map(config).collect()
    }

    #[test]
    fn hashes_and_turns_are_those_that_production_computes_in_its_own_way() {
        for members in [
            Members::from([(0, 1), (1, 1), (2, 1), (3, 1)]),
            Members::from([(0, 3), (2, 1), (5, 2), (7, 2), (8, 1)]),
            Members::from([(1, 2), (4, 4)]),
        ] {
            let set = ValidatorSet::new(&configs(&members)).unwrap();
            assert_eq!(set_hash(&members), validator_set_hash(&configs(&members)));
            for height in 0..40 {
                assert_eq!(proposer(&members, height, 2), set.proposer(height, 2).account, "{members:?} at {height}");
            }
        }
    }

    #[test]
    fn a_new_key_takes_the_seat_of_its_account_and_the_account_votes_once() {
        let mut electorate = Electorate::new(4);
        let [change, back] = [1, 2].map(B256::repeat_byte);
        electorate.propose(10, change, SUCCEEDED, Change { place: SUCCESSOR, power: 1 });
        electorate.vote(10, 1, 1, true);
        electorate.vote(10, 1, SUCCESSOR, true);
        assert_eq!(electorate.take_met(), [], "the account has voted with the proposal");
        electorate.vote(10, 1, 2, true);
        assert_eq!(electorate.take_met(), [Path::KeyChanged]);
        assert_eq!(electorate.deciding(12), &Members::from([(1, 1), (2, 1), (3, 1), (SUCCESSOR, 1)]));
        assert!(electorate.may_be_proposed(Change { place: SUCCEEDED, power: 0 }), "whichever key it has");
        electorate.propose(12, back, SUCCESSOR, Change { place: SUCCEEDED, power: 1 });
        electorate.vote(12, 2, 1, true);
        electorate.vote(12, 2, 2, true);
        assert_eq!(electorate.deciding(14), &Members::from([(0, 1), (1, 1), (2, 1), (3, 1)]));
    }

    #[test]
    fn a_vote_holds_two_blocks_later_and_too_much_at_once_waits() {
        let mut electorate = Electorate::new(4);
        let [first, second] = [1, 2].map(B256::repeat_byte);
        electorate.propose(10, first, 0, Change { place: 4, power: 1 });
        electorate.propose(10, second, 0, Change { place: 5, power: 1 });
        for id in [1, 2] {
            assert_eq!(electorate.latest().len(), 4);
            electorate.vote(10, id, 1, true);
        }
        electorate.vote(11, 1, 2, true);
        electorate.vote(11, 2, 2, true);
        assert_eq!((electorate.deciding(12).len(), electorate.deciding(13).len()), (4, 5));
        assert!(!electorate.has_tail(11), "two of four at once");
        assert!(electorate.has_tail(12));
        electorate.tail(12);
        assert_eq!((electorate.deciding(13).len(), electorate.deciding(14).len()), (5, 6));
        assert_eq!(electorate.take_met(), [Path::ValidatorAdded, Path::ChangeWaited, Path::ValidatorAdded]);
    }
}
