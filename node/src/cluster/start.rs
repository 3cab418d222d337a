//! Starts the parts of a node of a cluster, and wires them.
use super::{
    clock::Clock,
    driver::{Driver, DriverState},
    elsewhere::OwnSignatures,
    executor::{Executor, HeadLog, head_of},
    signing, transactions,
    view::{LocalView, PEERS_PERIOD},
    work::JOBS_MAX,
};
use crate::{
    NodeError,
    answers::Answers,
    ledger::{ClusterLedger, Ledger, validators},
    metrics,
    shutdown::Shutdown,
};
use alloy_signer_local::PrivateKeySigner;
use pervade_consensus::{
    ChainIdentity, ConsensusFiles, Machine, MissingRecord, PublicKey, Recovered, Secp256k1Signer, Secp256k1Verifier,
    Settings, Signer,
};
use pervade_p2p::{Multiaddr, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, PeerId, Topic};
use pervade_storage::{ExecutedBlock, Storage, StorageError};
use pervade_txpool::TxPool;
use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, mpsc::sync_channel},
    thread,
};
use tokio::{
    runtime::Handle,
    sync::{broadcast, mpsc, oneshot},
    time::interval,
};

/// What is particular to a node of a cluster.
pub struct ClusterSettings {
    /// The network.
    pub network: NetworkConfig,
    /// Folder of the consensus log and of the signing record.
    pub folder: PathBuf,
    /// The consensus key of a validator; `None` for a follower.
    pub key: Option<PrivateKeySigner>,
    /// The operator says that this key has signed nothing at the height that is being decided.
    pub declared_unsigned: bool,
    /// Where the signed answers of gateways meet.
    pub answers: Arc<Answers>,
}

/// The running parts of a node of a cluster.
pub struct Cluster {
    /// What the node knows of its cluster.
    pub view: Arc<LocalView>,
    /// Gets what ended agreement: `Ok` after a shutdown, an error that must stop the node else.
    pub ended: oneshot::Receiver<Result<(), NodeError>>,
    /// Must be shut down at the end, to close all connections and keep the address book.
    pub network: NetworkHandle,
}

impl Cluster {
    /// Connects, recovers log and record, and begins to decide.
    ///
    /// # Errors
    /// The network cannot listen; the signing record is missing, damaged or another key's; a file cannot be read.
    pub async fn start(
        settings: ClusterSettings,
        ledger: Ledger,
        pool: TxPool,
        heads: broadcast::Sender<ExecutedBlock>,
        shutdown: Shutdown,
    ) -> Result<Self, NodeError> {
        let (spec, storage, head) = (ledger.spec().clone(), ledger.storage().clone(), ledger.head());
        let chain = ChainIdentity { chain_id: spec.chain_id(), genesis_hash: spec.genesis_hash() };
        let earliest = earliest_certificate(&storage)?;
        let trusted = peers_of(&settings.network.trusted_peers);
        let identity = pervade_p2p::ChainIdentity::new(&spec);
        let (network, mut events) = pervade_p2p::start(settings.network, identity, head_of(&head, earliest))?;

        let signer = settings.key.as_ref().map(|key| Secp256k1Signer::new(&key.to_bytes())).transpose()?;
        let public_key = signer.as_ref().map(Signer::public_key);
        let (missing, early) = match &public_key {
            Some(key) if signing::is_missing(&settings.folder) => {
                let circumstances = signing::Circumstances {
                    head: head.number(),
                    declared_unsigned: settings.declared_unsigned,
                    alone: is_alone(&ledger, key)?,
                    trusted,
                };
                signing::decide(&circumstances, &mut events, &shutdown).await?
            }
            _ => (MissingRecord::Refuse, Vec::new()),
        };
        let (files, recovered) = signing::open(&settings.folder, &chain, public_key.as_ref(), missing)?;

        let (told, to_tell) = mpsc::channel(transactions::TOLD_MAX);
        let view = Arc::new(LocalView::new(network.clone(), head.number(), earliest, told));
        let runtime = Handle::current();
        transactions::take(events.take_topic(Topic::Transactions), network.clone(), pool.clone(), runtime.clone())?;
        settings.answers.join(network.clone(), events.take_topic(Topic::Gateway));
        tokio::spawn(transactions::tell(to_tell, network.clone(), pool.clone(), shutdown.clone()));
        tokio::spawn(list_peers(network.clone(), view.clone(), shutdown.clone()));

        let agreement = Agreement { chain, signer, public_key, files, recovered, events, early };
        let ended = agreement.start(ledger, pool, heads, network.clone(), view.clone(), shutdown, runtime)?;
        Ok(Self { view, ended, network })
    }
}

/// What the driver begins with.
struct Agreement {
    chain: ChainIdentity,
    signer: Option<Secp256k1Signer>,
    public_key: Option<PublicKey>,
    files: ConsensusFiles,
    recovered: Recovered,
    events: NetworkEvents,
    early: Vec<NetworkEvent>,
}

impl Agreement {
    #[allow(clippy::too_many_arguments)]
    fn start(
        self,
        ledger: Ledger,
        pool: TxPool,
        heads: broadcast::Sender<ExecutedBlock>,
        network: NetworkHandle,
        view: Arc<LocalView>,
        shutdown: Shutdown,
        runtime: Handle,
    ) -> Result<oneshot::Receiver<Result<(), NodeError>>, NodeError> {
        let storage = ledger.storage().clone();
        let own =
            self.signer.as_ref().and_then(|signer| pervade_consensus::signing::consensus_address(&signer.public_key()));
        let settings = settings(self.chain, &network);
        let signatures = OwnSignatures::new(own, self.recovered.signing);
        let signer = self.signer.map(|signer| Box::new(signer) as Box<dyn Signer>);
        let machine = Machine::new(settings, signer, Arc::new(Secp256k1Verifier::default()), self.recovered);
        let (jobs, waiting) = sync_channel(JOBS_MAX);
        let (outcomes, results) = mpsc::unbounded_channel();
        let mut executor = Executor {
            ledger: ClusterLedger::new(ledger),
            pool: pool.clone(),
            heads,
            network: network.clone(),
            view: view.clone(),
            public_key: self.public_key,
            account: None,
            outcomes: outcomes.clone(),
            log: HeadLog::new(),
        };
        let first = executor.next_height()?;
        let driver = Driver {
            machine,
            files: self.files,
            clock: Clock::start(),
            network,
            events: self.events,
            pool,
            storage,
            jobs,
            outcomes,
            results,
            view,
            own,
            signatures,
            shutdown,
            runtime,
            state: DriverState::default(),
        };
        let spawned = |e: std::io::Error| NodeError::Stopped { part: "agreement", reason: e.to_string() };
        thread::Builder::new().name("executor".into()).spawn(move || executor.run(waiting)).map_err(spawned)?;
        let (ended, result) = oneshot::channel();
        let early = self.early;
        thread::Builder::new()
            .name("consensus".into())
            .spawn(move || {
                // Nobody listens any more if the node was dropped: then nobody needs to know.
                let _ = ended.send(driver.run(first, early));
            })
            .map_err(spawned)?;
        Ok(result)
    }
}

/// The machine's settings: a seed of this node's own, and no periods, since `Pace` keeps them.
fn settings(chain: ChainIdentity, network: &NetworkHandle) -> Settings {
    Settings {
        chain,
        block_period_ms: 0,
        empty_block_period_ms: 0,
        // Decides jitter and which peers are asked first: any number will do that differs from node to node.
        seed: network.peer_id().to_bytes().iter().fold(0, |seed, byte| seed.rotate_left(7) ^ u64::from(*byte)),
    }
}

/// The oldest block from which on all have certificates: blocks that were imported have none.
fn earliest_certificate(storage: &Storage) -> Result<u64, StorageError> {
    let head = storage.head().number();
    if head == 0 || storage.certificate(1)?.is_some() {
        return Ok(1);
    }
    // Imported blocks come before decided ones: one boundary between them, found by halves.
    let (mut without, mut with) = (1, head.saturating_add(1));
    while with - without > 1 {
        let middle = without + (with - without) / 2;
        match storage.certificate(middle)? {
            Some(_) => with = middle,
            None => without = middle,
        }
    }
    Ok(with)
}

/// Whether the next block is decided by this key alone.
fn is_alone(ledger: &Ledger, key: &PublicKey) -> Result<bool, NodeError> {
    let next = ledger.head().number().saturating_add(1);
    Ok(matches!(validators(ledger, next)?.as_slice(), [only] if only.public_key[..] == key[..]))
}

/// The identities at the ends of addresses.
fn peers_of(addresses: &[Multiaddr]) -> BTreeSet<PeerId> {
    addresses.iter().filter_map(|address| address.to_string().rsplit('/').next()?.parse().ok()).collect()
}

/// Lists the peers again and again, for status and metrics.
async fn list_peers(network: NetworkHandle, view: Arc<LocalView>, shutdown: Shutdown) {
    let mut again = interval(PEERS_PERIOD);
    loop {
        tokio::select! {
            () = shutdown.begun() => return,
            _ = again.tick() => {}
        }
        let Ok(peers) = network.peers().await else { return };
        metrics::peers(peers.len());
        view.set_peers(&peers);
    }
}
