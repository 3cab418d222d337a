//! [`Plan`]: what a seed puts a cluster through.
use super::{
    byzantine::Kind,
    keys::Scheme,
    random::Random,
    schedule::{MILLISECOND, Micros, SECOND},
};

/// Heights that every honest node decides in a run, at least.
pub const HEIGHTS_MIN: u64 = 30;
/// One seed in so many signs with secp256k1.
const SECP256K1_ONE_IN: u64 = 100;
/// One seed in so many has seven nodes.
const SEVEN_NODES_ONE_IN: u64 = 4;

/// A broken build, to see that it is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// No sync of any disk does anything.
    NoSync,
    /// Every signature is good.
    SignaturesUnchecked,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NoSync, Self::SignaturesUnchecked];

    /// Name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoSync => "no-sync",
            Self::SignaturesUnchecked => "signatures-unchecked",
        }
    }
}

/// Which faults a seed has, and how often. Not every seed has all: some are only met where others are not in the way.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Validators: 4 or 7.
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
        let nodes = if random.below(SEVEN_NODES_ONE_IN) == 0 { 7 } else { 4 };
        let faulty_max = (nodes - 1) / 3;
        let count = match mutant {
            Some(Mutant::SignaturesUnchecked) => faulty_max,
            // More than a third have none: then validators can be set up anew, and clocks be far off.
            _ => random.index(2 * faulty_max + 1).saturating_sub(faulty_max - 1).min(faulty_max),
        };
        let mut adversaries = vec![None; nodes];
        let mut places: Vec<_> = (0..nodes).collect();
        random.shuffle(&mut places);
        for place in places.into_iter().take(count) {
            adversaries[place] = Some(match mutant {
                Some(Mutant::SignaturesUnchecked) => Kind::BadSignatures,
                _ => *random.pick(&Kind::ALL),
            });
        }
        let flags = random.number();
        let no_sync = mutant == Some(Mutant::NoSync);
        Self {
            nodes,
            adversaries,
            scheme: if random.below(SECP256K1_ONE_IN) == 0 { Scheme::Secp256k1 } else { Scheme::KeyedHash },
            storms: flags & 3 != 0,
            partitions: flags & 4 != 0,
            crashes: flags & 24 != 0 || no_sync,
            clocks: flags & 32 != 0,
            fault_period: random.between(100, 1_500) * MILLISECOND,
            client_period: random.between(30, 600) * MILLISECOND,
            history_blocks: *random.pick(&[1, 4, 10_000]),
            mutant,
        }
    }

    /// Validators that may be down or deaf at a time without stopping the others.
    pub fn spare(&self) -> usize {
        ((self.nodes - 1) / 3).saturating_sub(self.adversaries.iter().flatten().count())
    }

    /// Places of honest validators.
    pub fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        self.adversaries.iter().enumerate().filter(|(_, kind)| kind.is_none()).map(|(place, _)| place)
    }

    /// How long a time with faults lasts.
    pub fn storm_length(random: &mut Random) -> Micros {
        random.between(1, 6) * SECOND
    }
}
