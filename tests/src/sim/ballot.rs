//! [`Ballot`]: those who propose changes of the validator set, and vote on them.
use super::{
    chain::{SignedTransaction, sign_proposal, sign_vote},
    electorate::{self, Change, Members},
    keys::seat,
    oracle::Oracle,
    random::Random,
};
use alloy_primitives::B256;
use std::collections::BTreeMap;

/// Power that a validator is given, at most.
const POWER_MAX: u64 = 3;
/// Smallest set that is asked for where somebody lies: smaller ones bear nobody.
const MEMBERS_MIN_WITH_LIARS: usize = 4;
/// The same where nobody does: the rules for sets below four are to be met.
const MEMBERS_MIN: usize = 2;
/// Drafts of a motion until one is safe.
const DRAFTS_MAX: u32 = 12;
/// Motions of a thousand that are voted down.
const DOOMED_PER_MILLE: u64 = 150;

/// The validators' accounts, by seat, and what they have signed.
#[derive(Debug, Default)]
pub struct Ballot {
    papers: BTreeMap<usize, Papers>,
    motion: Option<Motion>,
}

/// Transactions of one account, in order of nonces.
#[derive(Debug, Default)]
struct Papers {
    signed: Vec<SignedTransaction>,
    /// The next to hand in.
    next: usize,
}

/// One or two changes that are on their way.
#[derive(Debug)]
struct Motion {
    proposals: Vec<B256>,
    proposer: usize,
    support: bool,
    has_voted: bool,
}

impl Ballot {
    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.motion.is_none()
    }

    /// Goes on with the motion, or, if it may, makes one. Answers which nodes it would make validators.
    pub fn step(&mut self, oracle: &mut Oracle, random: &mut Random, plan: &Voters<'_>) -> Vec<Change> {
        match &self.motion {
            None if plan.may_begin => return self.begin(oracle, random, plan),
            None => {}
            Some(motion) if !motion.has_voted && motion.proposals.iter().all(|hash| oracle.includes(hash)) => {
                self.vote(oracle);
            }
            Some(motion) if !motion.has_voted => {}
            Some(_) => {
                let all_in =
                    self.papers.values().flat_map(|papers| &papers.signed).all(|one| oracle.includes(&one.hash));
                if all_in && !oracle.electorate().is_changing(oracle.height() + 2) {
                    self.motion = None;
                }
            }
        }
        Vec::new()
    }

    /// The next transaction of one of the accounts.
    pub fn paper(&self, random: &mut Random) -> Option<(usize, SignedTransaction)> {
        let open: Vec<_> = self.papers.iter().filter(|(_, papers)| papers.next < papers.signed.len()).collect();
        let (place, papers) = open.get(random.index(open.len()))?;
        Some((**place, papers.signed[papers.next].clone()))
    }

    /// What each account has signed.
    pub fn papers(&self) -> impl Iterator<Item = (usize, &[SignedTransaction])> {
        self.papers.iter().map(|(place, papers)| (*place, &papers.signed[..]))
    }

    /// A node has the next transaction of an account.
    pub fn taken(&mut self, place: usize) {
        if let Some(papers) = self.papers.get_mut(&place) {
            papers.next += 1;
        }
    }

    /// What is in no block is to be handed in again.
    pub fn hand_in_again(&mut self, oracle: &Oracle) {
        for papers in self.papers.values_mut() {
            let first = papers.signed.iter().position(|one| !oracle.includes(&one.hash));
            papers.next = first.unwrap_or(papers.signed.len());
        }
    }

    fn begin(&mut self, oracle: &mut Oracle, random: &mut Random, plan: &Voters<'_>) -> Vec<Change> {
        let draft = (0..DRAFTS_MAX).map(|_| draw(oracle.electorate().latest(), random, plan)).find(|changes| {
            let electorate = oracle.electorate();
            changes.iter().all(|change| electorate.may_be_proposed(*change))
                && is_safe(electorate.latest(), changes, plan)
        });
        let Some(changes) = draft else { return Vec::new() };
        let members: Vec<_> = oracle.electorate().deciding(oracle.height() + 1).keys().copied().collect();
        let proposer = *random.pick(&members);
        let proposals = changes.iter().map(|change| {
            let sign = |nonce| sign_proposal(proposer, nonce, *change);
            self.sign(oracle, proposer, sign)
        });
        let proposals = proposals.collect();
        let support = !random.per_mille(DOOMED_PER_MILLE);
        self.motion = Some(Motion { proposals, proposer, support, has_voted: false });
        changes
    }

    /// All who validate vote, as they have agreed to.
    fn vote(&mut self, oracle: &mut Oracle) {
        let Some(motion) = &mut self.motion else { return };
        motion.has_voted = true;
        let (support, proposer) = (motion.support, motion.proposer);
        let electorate = oracle.electorate();
        let ids: Vec<_> = motion.proposals.iter().filter_map(|hash| electorate.proposal_of(hash)).collect();
        let voters = electorate.latest().keys().copied();
        let voters: Vec<_> = voters.filter(|place| seat(*place) != seat(proposer)).collect();
        for place in voters {
            for id in &ids {
                self.sign(oracle, place, |nonce| sign_vote(place, nonce, *id, support));
            }
        }
    }

    fn sign(&mut self, oracle: &mut Oracle, place: usize, sign: impl FnOnce(u64) -> SignedTransaction) -> B256 {
        let papers = self.papers.entry(seat(place)).or_default();
        let signed = sign(papers.signed.len() as u64);
        oracle.announced(&signed);
        papers.signed.push(signed.clone());
        signed.hash
    }
}

/// What those who vote look at.
#[derive(Debug, Clone, Copy)]
pub struct Voters<'a> {
    /// Places of nodes, in the set or not.
    pub nodes: &'a [usize],
    /// Places of those who lie.
    pub liars: &'a [usize],
    /// Whether a new motion may begin.
    pub may_begin: bool,
}

/// One change, or two at once.
fn draw(members: &Members, random: &mut Random, plan: &Voters<'_>) -> Vec<Change> {
    let count = if random.per_mille(350) { 2 } else { 1 };
    let mut changes: Vec<Change> = Vec::new();
    for _ in 0..count {
        let place = *random.pick(plan.nodes);
        let power = match (members.get(&place), random.below(3)) {
            (None, _) => random.between(1, 2),
            // Where nobody lies, sets are to get small.
            (Some(_), 0) => 0,
            (Some(_), 1) if plan.liars.is_empty() => 0,
            (Some(power), _) => (power + random.between(0, 1)) % POWER_MAX + 1,
        };
        if changes.iter().all(|change| seat(change.place) != seat(place)) {
            changes.push(Change { place, power });
        }
    }
    changes
}

/// Whether the honest can decide whichever of the changes come to hold.
fn is_safe(members: &Members, changes: &[Change], plan: &Voters<'_>) -> bool {
    let members_min = if plan.liars.is_empty() { MEMBERS_MIN } else { MEMBERS_MIN_WITH_LIARS };
    (0..1_usize << changes.len()).all(|chosen| {
        let held = changes.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1);
        let set = held.fold(members.clone(), |set, (_, change)| electorate::after(&set, *change));
        let lying: u64 = plan.liars.iter().filter_map(|place| set.get(place)).sum();
        set.len() >= members_min && lying * 3 < electorate::total(&set)
    })
}
