//! [`World`]: what nodes have in common: time, network, dice, and who watches them.
use super::{
    chain::Genesis,
    coverage::{Coverage, Path},
    keys::{Scheme, TrustingVerifier},
    network::Network,
    oracle::Oracle,
    plan::{Mutant, Plan},
    random::Random,
    schedule::{MILLISECOND, Micros, Schedule},
    trace::Trace,
};
use bytes::Bytes;
use pervade_consensus::{ChainIdentity, Event, Topic, Verifier};
use std::sync::Arc;

/// A request whose answer got lost fails after this time.
const REQUEST_FAILS_AFTER: Micros = 800 * MILLISECOND;

/// What the schedule holds.
#[derive(Debug)]
pub enum Happening {
    /// A packet arrives.
    Deliver {
        /// From this node.
        from: usize,
        /// At this one.
        to: usize,
        /// What it is.
        packet: Packet,
    },
    /// A node's own: its alarm, or something that it had begun is done.
    Own {
        /// The node.
        node: usize,
        /// Its run: nothing outlives a process.
        run: u32,
        /// What its machine is told.
        event: Event,
    },
    /// A node starts.
    Start {
        /// The node.
        node: usize,
    },
    /// A client hands in a transaction.
    Client,
    /// Something breaks.
    Fault {
        /// Faults of a storm that is over do not happen.
        phase: u32,
    },
    /// A storm begins.
    StormBegins,
    /// A storm ends.
    StormEnds,
    /// By now everybody must have got on.
    Deadline {
        /// Of this phase.
        phase: u32,
    },
    /// Nodes tell their heads.
    Heads,
}

/// What goes from node to node.
#[derive(Debug, Clone)]
pub enum Packet {
    /// Gossip of agreement.
    Gossip(Topic, Bytes),
    /// A transaction.
    Transaction(Bytes),
    /// Height of the sender's head.
    Head(u64),
    /// A request for blocks, of this run of the sender, with its id.
    Request(u32, u64, Bytes),
    /// The answer.
    Response(u32, u64, Bytes),
}

/// What all nodes share.
pub struct World {
    /// What comes next.
    pub schedule: Schedule<Happening>,
    /// The dice.
    pub random: Random,
    /// The links.
    pub network: Network,
    /// What was met.
    pub coverage: Coverage,
    /// Who watches.
    pub oracle: Oracle,
    /// What happened.
    pub trace: Trace,
    /// What the seed asks for.
    pub plan: Plan,
    /// Whether things break at the moment.
    pub is_stormy: bool,
    /// The chain.
    pub genesis: &'static Genesis,
    /// The chain, as signatures name it.
    pub chain: ChainIdentity,
}

impl World {
    /// A world before its first moment.
    pub fn new(mut random: Random, mutant: Option<Mutant>, trace: Trace) -> Self {
        let plan = Plan::new(&mut random, mutant);
        let genesis = Genesis::of(plan.validators);
        let chain = ChainIdentity { chain_id: genesis.spec.chain_id(), genesis_hash: genesis.spec.genesis_hash() };
        let oracle = Oracle::new(
            plan.nodes,
            plan.validators,
            plan.honest(),
            chain.chain_id,
            chain.genesis_hash,
            genesis.spec.genesis_header().timestamp,
            plan.scheme.verifier(),
        );
        let network = Network::new(plan.nodes);
        let (schedule, coverage) = (Schedule::default(), Coverage::default());
        Self { schedule, random, network, coverage, oracle, trace, plan, is_stormy: false, genesis, chain }
    }

    /// What nodes check signatures with.
    pub fn verifier(&self) -> Arc<dyn Verifier> {
        match self.plan.mutant {
            Some(Mutant::SignaturesUnchecked) => Arc::new(TrustingVerifier),
            _ => self.scheme().verifier(),
        }
    }

    /// How nodes sign.
    pub fn scheme(&self) -> Scheme {
        self.plan.scheme
    }

    /// Sends a packet to one node.
    pub fn send(&mut self, from: usize, to: usize, packet: Packet) {
        let now = self.schedule.now();
        let arrivals = self.network.send(now, from, to, &mut self.random, &mut self.coverage);
        let lost = arrivals.is_empty();
        match packet {
            // Requests go over streams: they arrive once, or fail.
            Packet::Request(run, id, bytes) => match arrivals.first() {
                Some(delay) => self
                    .schedule
                    .after(*delay, Happening::Deliver { from, to, packet: Packet::Request(run, id, bytes) }),
                None => self.fail_request(from, run, id, to),
            },
            Packet::Response(run, id, bytes) if !lost => {
                let packet = Packet::Response(run, id, bytes);
                self.schedule.after(arrivals[0], Happening::Deliver { from, to, packet });
            }
            Packet::Response(run, id, _) => self.fail_request(to, run, id, from),
            packet => {
                for delay in arrivals {
                    self.schedule.after(delay, Happening::Deliver { from, to, packet: packet.clone() });
                }
            }
        }
    }

    /// Tells a node, after a while, that its request to `peer` came to nothing.
    pub fn fail_request(&mut self, node: usize, run: u32, id: u64, peer: usize) {
        self.coverage.hit(Path::SyncRequestFailed);
        let event = Event::RequestFailed { id, peer: super::node::peer_id(peer) };
        self.schedule.after(REQUEST_FAILS_AFTER, Happening::Own { node, run, event });
    }

    /// Sends a packet to all others.
    pub fn broadcast(&mut self, from: usize, packet: &Packet) {
        let used: Vec<_> = (0..self.plan.nodes).filter(|to| *to != from && self.plan.uses(*to)).collect();
        for to in used {
            self.send(from, to, packet.clone());
        }
    }
}

/// Adds a line to the trace.
#[macro_export]
macro_rules! trace {
    ($world:expr, $($line:tt)*) => {{
        let now = $world.schedule.now();
        $world.trace.add(now, format_args!($($line)*));
    }};
}
