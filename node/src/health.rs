//! What `/health` and `/ready` answer.
//!
//! *Healthy*: the process works; restart it if not. *Ready*: it answers for the chain's head; send it clients.
use crate::{cluster::LocalView, shutdown::Shutdown};
use pervade_rpc::Probe;
use pervade_storage::Storage;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// State that the probes report. Clones share it.
#[derive(Clone)]
pub struct Health {
    storage: Storage,
    shutdown: Shutdown,
    view: Option<Arc<LocalView>>,
    failed: Arc<AtomicBool>,
    serving: Arc<AtomicBool>,
}

impl Health {
    /// Not yet serving. `view` is that of a node with a network.
    pub fn new(storage: Storage, shutdown: Shutdown, view: Option<Arc<LocalView>>) -> Self {
        Self { storage, shutdown, view, failed: Arc::default(), serving: Arc::default() }
    }

    /// The servers are bound.
    pub fn set_serving(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    /// A fatal error happened: the node is about to stop.
    pub fn set_failed(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// No fatal error happened.
    pub fn is_healthy(&self) -> bool {
        !self.failed.load(Ordering::Relaxed)
    }

    /// Healthy, serving, in step with its peers, and not stopping.
    pub fn is_ready(&self) -> bool {
        let behind = self.view.as_ref().is_some_and(|view| view.is_behind());
        self.is_healthy() && self.serving.load(Ordering::Relaxed) && !behind && !self.shutdown.has_begun()
    }

    /// What the JSON-RPC servers answer at `/health`.
    pub fn healthy_probe(&self) -> Probe {
        let health = self.clone();
        Probe::new(move || health.check(health.is_healthy()))
    }

    /// What the JSON-RPC servers answer at `/ready`.
    pub fn ready_probe(&self) -> Probe {
        let health = self.clone();
        Probe::new(move || health.check(health.is_ready()))
    }

    fn check(&self, ok: bool) -> Result<(), String> {
        if ok { Ok(()) } else { Err(self.describe(false)) }
    }

    /// The probe's body: a JSON object with the state and the head.
    pub fn describe(&self, ok: bool) -> String {
        let head = self.storage.head();
        let status = if ok { "ok" } else { "unavailable" };
        serde_json::json!({ "status": status, "block": head.number(), "hash": head.hash }).to_string()
    }
}
