//! [`Plan`]: what a seed puts a cluster through.
use super::{
    byzantine::Kind,
    keys::{SUCCESSOR, Scheme, VALIDATORS_MAX},
    random::Random,
    schedule::{MILLISECOND, Micros, SECOND},
};

/// Heights that every honest node decides in a run, at least.
pub const HEIGHTS_MIN: u64 = 30;
/// One seed in so many signs with secp256k1.
const SECP256K1_ONE_IN: u64 = 100;
/// Nodes that may become validators, where the set changes.
const NEWCOMERS: usize = 2;
/// One seed in so many has seven validators.
const SEVEN_NODES_ONE_IN: u64 = 4;

/// A broken build, to see that it is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// No sync of any disk does anything.
    NoSync,
    /// Every signature is good.
    SignaturesUnchecked,
    /// One Byzantine validator more than agreement can bear.
    OneTooMany,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NoSync, Self::SignaturesUnchecked, Self::OneTooMany];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSync => "no-sync",
            Self::SignaturesUnchecked => "signatures-unchecked",
            Self::OneTooMany => "f-plus-one",
        }
    }
}

/// Which faults a seed has, and how often. Not every seed has all: some are only met where others are not in the way.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Validators of the genesis, at the first places: 4 or 7.
    pub validators: usize,
    /// Places of nodes: those of the validators, and where the set changes all others. See [`Plan::uses`].
    pub nodes: usize,
    /// What each of them is; `None` is honest.
    pub adversaries: Vec<Option<Kind>>,
    /// How they sign.
    pub scheme: Scheme,
    /// Whether links lose, repeat and delay.
    pub storms: bool,
    /// Whether links are cut.
    pub partitions: bool,
    /// Whether nodes crash.
    pub crashes: bool,
    /// Whether clocks are off.
    pub clocks: bool,
    /// Whether the set of validators changes.
    pub changes: bool,
    /// Mean time between two faults, while there are any.
    pub fault_period: Micros,
    /// Mean time between two transactions.
    pub client_period: Micros,
    /// Blocks whose state is kept.
    pub history_blocks: u64,
    /// What is broken on purpose.
    pub mutant: Option<Mutant>,
}

impl Plan {
    /// The plan of a seed.
    pub fn new(random: &mut Random, mutant: Option<Mutant>) -> Self {
        let validators = if random.below(SEVEN_NODES_ONE_IN) == 0 { 7 } else { 4 };
        let faulty_max = (validators - 1) / 3;
        let count = match mutant {
            Some(Mutant::OneTooMany) => faulty_max + 1,
            Some(Mutant::SignaturesUnchecked) => faulty_max,
            // More than a third have none: then validators can be set up anew, and clocks be far off.
            _ => random.index(2 * faulty_max + 1).saturating_sub(faulty_max - 1).min(faulty_max),
        };
        let flags = random.number();
        let changes = flags & 64 != 0 && mutant.is_none();
        let nodes = if changes { VALIDATORS_MAX } else { validators };
        let mut adversaries = vec![None; nodes];
        let mut places: Vec<_> = (0..validators).collect();
        random.shuffle(&mut places);
        for place in places.into_iter().take(count) {
            adversaries[place] = Some(match mutant {
                Some(Mutant::SignaturesUnchecked) => Kind::BadSignatures,
                Some(Mutant::OneTooMany) => Kind::Colluder,
                _ => *random.pick(&Kind::ALL),
            });
        }
        let no_sync = mutant == Some(Mutant::NoSync);
        Self {
            validators,
            nodes,
            adversaries,
            scheme: if random.below(SECP256K1_ONE_IN) == 0 { Scheme::Secp256k1 } else { Scheme::KeyedHash },
            storms: flags & 3 != 0,
            partitions: flags & 4 != 0,
            crashes: flags & 24 != 0 || no_sync,
            clocks: flags & 32 != 0,
            changes,
            fault_period: random.between(100, 1_500) * MILLISECOND,
            client_period: random.between(30, 600) * MILLISECOND,
            history_blocks: *random.pick(&[1, 4, 10_000]),
            mutant,
        }
    }

    /// Whether there is a node at a place: a validator, one that may become one, or the one with a new key for an old account.
    pub fn uses(&self, place: usize) -> bool {
        place < self.validators || (self.changes && (place < self.validators + NEWCOMERS || place == SUCCESSOR))
    }

    /// Validators of the genesis that may be down or deaf at a time without stopping the others.
    pub fn spare(&self) -> usize {
        ((self.validators - 1) / 3).saturating_sub(self.adversaries.iter().flatten().count())
    }

    /// Places of those who lie.
    pub fn liars(&self) -> Vec<usize> {
        self.places(Option::is_some)
    }

    /// Places of those who lie together.
    pub fn accomplices(&self) -> Vec<usize> {
        self.places(|kind| *kind == Some(Kind::Colluder))
    }

    fn places(&self, is_one: impl Fn(&Option<Kind>) -> bool) -> Vec<usize> {
        self.adversaries.iter().enumerate().filter(|(_, kind)| is_one(kind)).map(|(place, _)| place).collect()
    }

    /// Places of honest nodes.
    pub fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        self.adversaries.iter().enumerate().filter(|(_, kind)| kind.is_none()).map(|(place, _)| place)
    }

    /// How long a time with faults lasts.
    pub fn storm_length(random: &mut Random) -> Micros {
        random.between(1, 6) * SECOND
    }
}
