//! [`Simulation`]: a cluster from its first block to its thirtieth, and what happens to it on the way.
//!
//! ```text
//!   storm: weather, partitions, crashes, clocks, as the plan has it ──► calm: everything whole again
//!     ▲                                                                   │ every honest node decides CALM_HEIGHTS more,
//!     └──────────────── until HEIGHTS_MIN ◄───────────────────────────────┘ within PROGRESS_BOUND, or it is a failure
//!   then: every acknowledged transaction is in a block, all honest heads are equal
//! ```
use super::{
    chain::SignedTransaction,
    clients::{Clients, Sender},
    coverage::{Coverage, Path},
    network::Weather,
    node::{Crash, Node, Submitted},
    oracle::{Invariant, Violation},
    plan::{HEIGHTS_MIN, Mutant, Plan},
    random::Random,
    schedule::{MILLISECOND, Micros, SECOND},
    trace::Trace,
    world::{Happening, World},
};
use crate::trace;
use std::panic::{self, AssertUnwindSafe};

/// From the end of a storm, every honest node must have decided [`CALM_HEIGHTS`] more blocks within this time: the bound
/// that operators are promised after the return of a quorum is 10 s, and a Byzantine proposer may cost some turns.
pub const PROGRESS_BOUND: Micros = 20 * SECOND;
/// Blocks that must be decided between two storms.
const CALM_HEIGHTS: u64 = 3;
/// Happenings of a run: some hundred times those of a usual one.
const HAPPENINGS_MAX: u64 = 3_000_000;
/// Time between two rounds of telling heads.
const HEADS_PERIOD: Micros = SECOND;
/// Operations of a disk until its power goes, at most.
const DOOMED_OPERATIONS_MAX: u64 = 30;
/// Submissions of a thousand that the node does not survive, where nodes crash.
const SUBMISSION_CRASH_PER_MILLE: u64 = 10;

/// How a seed went.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Blocks decided.
    pub heights: u64,
    /// Transactions in them.
    pub transactions: usize,
    /// Simulated time.
    pub time: Micros,
    /// What was met.
    pub coverage: Coverage,
    /// Of the whole trace.
    pub digest: u64,
    /// What went wrong, and the end of the trace.
    pub failure: Option<Failure>,
}

/// What went wrong.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The broken invariant.
    pub violation: Violation,
    /// The last lines of the trace.
    pub trace: Vec<String>,
    /// Where each node was.
    pub nodes: Vec<String>,
}

/// One run.
pub struct Simulation {
    world: World,
    nodes: Vec<Node>,
    phase: Phase,
    /// Counts phases: deadlines and faults are of one.
    phases: u32,
    /// Height of the cluster when the last storm ended.
    height_before_calm: u64,
    clients: Clients,
    /// No node may be set up anew before all are above this height.
    wiped_to: u64,
    /// Nodes whose clocks may be far off.
    skewed: Vec<usize>,
}

/// What a cluster is going through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing in particular.
    Quiet,
    /// Things break.
    Storm,
    /// All is whole again, and all must get on.
    Calm,
    /// As in the calm, and no transaction is handed in any more.
    End,
}

/// Runs a seed to its end.
pub fn run(seed: u64, mutant: Option<Mutant>, trace: Trace) -> Outcome {
    let mut simulation = Simulation::new(seed, mutant, trace);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| simulation.run()));
    if let Err(cause) = ended {
        let text = cause.downcast_ref::<String>().cloned();
        let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default();
        simulation.world.oracle.violated(Invariant::HonestNodesWork, format!("a panic: {text}"));
    }
    simulation.outcome(seed)
}

impl Simulation {
    fn new(seed: u64, mutant: Option<Mutant>, trace: Trace) -> Self {
        let world = World::new(Random::new(seed), mutant, trace);
        let nodes = (0..world.plan.nodes).map(|place| Node::new(place, &world)).collect();
        let skewed = world.plan.honest().take(world.plan.spare()).collect();
        let clients = Clients::new(&world.plan);
        Self { world, nodes, phase: Phase::Quiet, phases: 0, height_before_calm: 0, clients, wiped_to: 0, skewed }
    }

    fn outcome(self, seed: u64) -> Outcome {
        let World { oracle, trace, schedule, coverage, .. } = &self.world;
        let failure = oracle.violation().map(|violation| {
            let nodes = self.nodes.iter().map(|node| format!("n{}: {}", node.place, node.status())).collect();
            Failure { violation: violation.clone(), trace: trace.tail().map(str::to_owned).collect(), nodes }
        });
        Outcome {
            seed,
            heights: oracle.height(),
            transactions: oracle.transactions(),
            time: schedule.now(),
            coverage: coverage.clone(),
            digest: trace.digest(),
            failure,
        }
    }

    fn run(&mut self) {
        let plan = self.world.plan.clone();
        trace!(self.world, "{plan:?}");
        for node in 0..plan.validators {
            let delay = self.world.random.below(50) * MILLISECOND;
            self.world.schedule.after(delay, Happening::Start { node });
        }
        self.world.schedule.after(HEADS_PERIOD, Happening::Heads);
        self.world.schedule.after(100 * MILLISECOND, Happening::Client);
        let calm = self.world.random.between(200, 1_500) * MILLISECOND;
        self.world.schedule.after(calm, Happening::StormBegins);
        let mut happenings = 0;
        while let Some(happening) = self.world.schedule.pop() {
            self.happen(happening);
            happenings += 1;
            if self.world.oracle.violation().is_some() {
                return;
            }
            if self.has_ended() {
                if let Some(node) = self.nodes.iter().find(|node| node.is_honest() && node.is_up()) {
                    node.show_light_client(&mut self.world);
                }
                return;
            }
            if happenings > HAPPENINGS_MAX {
                let seen = format!("{happenings} happenings and still at {}", self.world.oracle.height());
                self.world.oracle.violated(Invariant::Progress, seen);
            }
        }
    }

    fn happen(&mut self, happening: Happening) {
        let world = &mut self.world;
        match happening {
            Happening::Deliver { from, to, packet } => {
                // What is on its way when a link is cut does not arrive.
                if world.network.connects(from, to) {
                    self.nodes[to].receive(world, from, packet);
                }
            }
            Happening::Own { node, run, event } => {
                self.nodes[node].own(world, run, event);
                self.see_whether_calm_is_over();
            }
            Happening::Start { node } => self.nodes[node].start(world),
            Happening::Client => self.client(),
            Happening::Heads => {
                for node in &mut self.nodes {
                    node.tell(world);
                }
                world.schedule.after(HEADS_PERIOD, Happening::Heads);
            }
            Happening::StormBegins => self.storm_begins(),
            Happening::Fault { phase } => {
                if phase == self.phases {
                    self.fault();
                    let period = self.world.plan.fault_period;
                    let delay = self.world.random.between(1, 2 * period);
                    self.world.schedule.after(delay, Happening::Fault { phase });
                }
            }
            Happening::StormEnds => self.storm_ends(),
            Happening::Deadline { phase } => {
                if phase == self.phases {
                    self.deadline();
                }
            }
        }
    }

    fn client(&mut self) {
        let world = &mut self.world;
        if self.phase == Phase::End {
            return;
        }
        world.schedule.after(world.random.between(1, 2 * world.plan.client_period), Happening::Client);
        let up: Vec<_> =
            self.nodes.iter().filter(|node| node.is_up() && node.is_honest()).map(|node| node.place).collect();
        // While a validator is silent, the others need each other.
        let world = &mut self.world;
        let may_begin = world.oracle.height() > self.wiped_to;
        let (handed_in, newcomers) = self.clients.draw(world, may_begin);
        if let Some((from, signed)) = handed_in
            && let Some(place) = up.get(world.random.index(up.len())).copied()
        {
            self.hand_in(place, from, &signed);
        }
        for place in newcomers {
            self.set_up(place);
        }
    }

    fn hand_in(&mut self, place: usize, from: Sender, signed: &SignedTransaction) {
        let world = &mut self.world;
        let power_goes =
            self.phase == Phase::Storm && world.plan.crashes && world.random.per_mille(SUBMISSION_CRASH_PER_MILLE);
        match self.nodes[place].submit(world, &signed.encoded, power_goes) {
            Submitted::Acknowledged => {
                world.coverage.hit(Path::TransactionAcknowledged);
                world.oracle.acknowledged(place, signed.hash);
                self.clients.taken(from);
            }
            Submitted::Known => self.clients.taken(from),
            Submitted::NotTaken => {}
        }
        if !self.nodes[place].is_up() {
            self.start_later(place);
        }
    }

    /// Somebody sets up a node that is to become a validator.
    fn set_up(&mut self, place: usize) {
        if !self.nodes[place].is_set_up {
            trace!(self.world, "n{place} is set up");
            self.nodes[place].is_set_up = true;
            self.start_later(place);
        }
    }

    fn start_later(&mut self, node: usize) {
        let delay = self.world.random.between(20, 3_000) * MILLISECOND;
        self.world.schedule.after(delay, Happening::Start { node });
    }

    fn storm_begins(&mut self) {
        self.enter(Phase::Storm);
        let world = &mut self.world;
        if world.plan.storms {
            world.network.weather = Weather::stormy(&mut world.random);
        }
        let length = Plan::storm_length(&mut world.random);
        world.schedule.after(length, Happening::StormEnds);
        world.schedule.after(MILLISECOND, Happening::Fault { phase: self.phases });
    }

    fn storm_ends(&mut self) {
        self.enter(Phase::Calm);
        let world = &mut self.world;
        world.network.weather = Weather::CALM;
        if world.network.is_partitioned() {
            world.network.heal();
            world.coverage.hit(Path::Heal);
        }
        for node in self.nodes.iter_mut().filter(|node| node.is_set_up) {
            node.spare();
            node.clock.set(world.random.between(0, 600_000) as i64 - 300_000);
            world.schedule.after(MILLISECOND, Happening::Start { node: node.place });
        }
        world.schedule.after(2 * MILLISECOND, Happening::Heads);
        self.height_before_calm = world.oracle.height();
        world.schedule.after(PROGRESS_BOUND, Happening::Deadline { phase: self.phases });
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phases += 1;
        self.world.is_stormy = phase == Phase::Storm;
        let oracle = &self.world.oracle;
        trace!(self.world, "{phase:?} at height {}, {} outstanding", oracle.height(), oracle.outstanding());
    }

    /// Nodes that must get on.
    fn expected(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.is_honest() && node.is_set_up)
    }

    /// The lowest height of an honest node.
    fn lowest(&self) -> u64 {
        self.expected().map(Node::height).min().unwrap_or_default()
    }

    fn see_whether_calm_is_over(&mut self) {
        if self.phase != Phase::Calm || self.lowest() < self.height_before_calm + CALM_HEIGHTS {
            return;
        }
        if self.lowest() >= HEIGHTS_MIN {
            self.enter(Phase::End);
            self.world.schedule.after(PROGRESS_BOUND, Happening::Deadline { phase: self.phases });
        } else {
            self.enter(Phase::Quiet);
            let delay = self.world.random.between(1, 500) * MILLISECOND;
            self.world.schedule.after(delay, Happening::StormBegins);
        }
    }

    fn has_ended(&self) -> bool {
        if self.phase != Phase::End || self.world.oracle.outstanding() > 0 {
            return false;
        }
        let height = self.world.oracle.height();
        self.expected().all(|node| node.height() == height)
    }

    fn deadline(&mut self) {
        let oracle = &mut self.world.oracle;
        let (height, outstanding) = (oracle.height(), oracle.outstanding());
        if self.phase == Phase::End && outstanding > 0 {
            let seen = format!("{outstanding} acknowledged transactions are in no block");
            oracle.violated(Invariant::NothingLost, seen);
            return;
        }
        let seconds = PROGRESS_BOUND / SECOND;
        let before = self.height_before_calm;
        let seen =
            format!("{seconds} s after the storm, at height {before}, not all are in step; the highest at {height}");
        oracle.violated(Invariant::Progress, seen);
    }

    /// One more thing goes wrong.
    fn fault(&mut self) {
        let Plan { storms, partitions, crashes, clocks, nodes, .. } = self.world.plan;
        let world = &mut self.world;
        let place = world.random.index(nodes);
        if !self.nodes[place].is_set_up {
            return;
        }
        match world.random.below(8) {
            0 if storms => world.network.weather = Weather::stormy(&mut world.random),
            1 | 2 if partitions && world.network.is_partitioned() => {
                world.network.heal();
                world.coverage.hit(Path::Heal);
                trace!(world, "the partition is healed");
            }
            1 | 2 if partitions => {
                let sides: Vec<_> = (0..nodes).map(|_| world.random.below(2) as u8).collect();
                trace!(world, "partition {sides:?}");
                world.coverage.hit(Path::Partition);
                world.network.partition(sides);
            }
            3 if crashes && self.nodes[place].is_up() => {
                let crash = *world.random.pick(&[Crash::Killed, Crash::PowerLost]);
                world.coverage.hit(if crash == Crash::Killed { Path::KilledProcess } else { Path::PowerLost });
                self.nodes[place].crash(world, crash);
                self.start_later(place);
            }
            4 | 5 if crashes && self.nodes[place].is_honest() => {
                let in_storage = world.random.per_mille(500);
                // A node that is down is struck while it starts.
                let operations_max = if self.nodes[place].is_up() { DOOMED_OPERATIONS_MAX } else { 2 };
                let operation = world.random.below(operations_max);
                self.nodes[place].doom(world, in_storage, operation);
            }
            6 if clocks => self.turn_clock(place),
            7 if crashes => self.wipe(place),
            _ => {}
        }
    }

    fn turn_clock(&mut self, place: usize) {
        let world = &mut self.world;
        let far = self.skewed.contains(&place);
        let reach = if far { 20_000_000 } else { 400_000 };
        let offset = world.random.between(0, 2 * reach) as i64 - reach as i64;
        let clock = &mut self.nodes[place].clock;
        world.coverage.hit(if far { Path::ClockJump } else { Path::ClockSkew });
        trace!(world, "the clock of n{place} goes from {:+} to {offset:+} us", clock.offset());
        clock.set(offset);
    }

    /// A validator on empty disks is silent for some heights: the others must be able to do without.
    fn wipe(&mut self, place: usize) {
        let is_bearable = self.nodes[place].is_honest() && self.clients.can_spare(&self.world, place);
        if !is_bearable || self.lowest() <= self.wiped_to || self.world.plan.mutant.is_some() {
            return;
        }
        self.wiped_to = self.nodes[place].wipe(&mut self.world);
        // What this node alone had acknowledged went with it: clients hand in again what is in no block.
        self.clients.hand_in_again(&self.world.oracle);
        self.start_later(place);
    }
}
