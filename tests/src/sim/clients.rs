//! [`Clients`]: who hands in transactions, and in which order.
use super::{
    ballot::{Ballot, Voters},
    chain::{SENDERS, SignedTransaction, TRANSACTIONS},
    electorate::total,
    oracle::Oracle,
    plan::{HEIGHTS_MIN, Plan},
    world::World,
};

/// Of a thousand transactions, those that govern, where the set changes.
const GOVERNING_PER_MILLE: u64 = 600;
/// No motion begins in the last blocks of a run.
const LAST_HEIGHTS: u64 = 4;

/// Who sends a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// One of the funded accounts.
    Account(usize),
    /// The account of the validator at a place.
    Validator(usize),
}

/// All who send.
#[derive(Debug)]
pub struct Clients {
    /// Next transaction of each account to be handed in.
    next: [usize; SENDERS],
    ballot: Option<Ballot>,
}

impl Clients {
    /// Those of a run.
    pub fn new(plan: &Plan) -> Self {
        Self { next: [0; SENDERS], ballot: plan.changes.then(Ballot::default) }
    }

    /// What is handed in next, and nodes that are to be set up, because it asks to make them validators. `may_begin`: whether
    /// the set may begin to change.
    pub fn draw(&mut self, world: &mut World, may_begin: bool) -> (Option<(Sender, SignedTransaction)>, Vec<usize>) {
        let World { random, oracle, plan, .. } = world;
        let Some(ballot) = self.ballot.as_mut().filter(|_| random.per_mille(GOVERNING_PER_MILLE)) else {
            let sender = random.index(SENDERS);
            let signed = TRANSACTIONS[sender].get(self.next[sender]).cloned();
            return (signed.map(|signed| (Sender::Account(sender), signed)), Vec::new());
        };
        let liars = plan.liars();
        let may_begin = may_begin && oracle.height() + LAST_HEIGHTS < HEIGHTS_MIN;
        let nodes: Vec<_> = (0..plan.nodes).filter(|place| plan.uses(*place)).collect();
        let voters = Voters { nodes: &nodes, liars: &liars, may_begin };
        let changes = ballot.step(oracle, random, &voters);
        let signed = ballot.paper(random).map(|(place, signed)| (Sender::Validator(place), signed));
        (signed, changes.into_iter().filter(|change| change.power > 0).map(|change| change.place).collect())
    }

    /// What stands in the way of a transaction that a node has acknowledged: an earlier one of the same sender that nobody has
    /// any more, since the only node that had it was set up anew.
    pub fn missing(&self, oracle: &Oracle) -> Option<(Sender, SignedTransaction)> {
        let accounts = TRANSACTIONS.iter().enumerate().map(|(index, signed)| (Sender::Account(index), &signed[..]));
        let validators = self.ballot.iter().flat_map(Ballot::papers);
        let mut senders = accounts.chain(validators.map(|(place, signed)| (Sender::Validator(place), signed)));
        senders.find_map(|(sender, signed)| {
            let open = signed.iter().position(|one| !oracle.includes(&one.hash))?;
            let is_awaited = signed[open..].iter().any(|one| oracle.is_outstanding(&one.hash));
            is_awaited.then(|| (sender, signed[open].clone()))
        })
    }

    /// A node has it.
    pub fn taken(&mut self, sender: Sender) {
        match (sender, &mut self.ballot) {
            (Sender::Account(sender), _) => self.next[sender] += 1,
            (Sender::Validator(place), Some(ballot)) => ballot.taken(place),
            (Sender::Validator(_), None) => {}
        }
    }

    /// A node has lost what it alone had: what is in no block is handed in again.
    pub fn hand_in_again(&mut self, oracle: &Oracle) {
        for (next, signed) in self.next.iter_mut().zip(TRANSACTIONS.iter()) {
            *next = signed.iter().position(|one| !oracle.includes(&one.hash)).unwrap_or(signed.len());
        }
        if let Some(ballot) = &mut self.ballot {
            ballot.hand_in_again(oracle);
        }
    }

    /// Whether the others can decide without this node, and will be able to.
    pub fn can_spare(&self, world: &World, place: usize) -> bool {
        let (electorate, liars) = (world.oracle.electorate(), world.plan.liars());
        let is_settled = self.ballot.as_ref().is_none_or(Ballot::is_idle);
        let members = electorate.latest();
        let absent: u64 = liars.iter().chain([&place]).filter_map(|place| members.get(place)).sum();
        is_settled && absent * 3 < total(members)
    }
}
