//! The observer's thread.
use super::Observer;
use crate::{NodeError, shutdown::Shutdown};
use pervade_chainspec::ChainSpec;
use pervade_rpc::ObservedBlock;
use pervade_storage::Storage;
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::sync::broadcast;

/// Longest wait for a block before the shutdown is looked for.
const WAIT_MAX: Duration = Duration::from_millis(100);

/// Keeps the canonical index of a running node up to date.
pub struct ObserverThread {
    thread: JoinHandle<()>,
}

impl ObserverThread {
    /// Starts the thread. Blocks that are committed from now on are announced when the index has them.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub fn start(
        spec: Arc<ChainSpec>,
        storage: Storage,
        announced: broadcast::Sender<Arc<ObservedBlock>>,
        shutdown: Shutdown,
    ) -> Result<Self, NodeError> {
        let announce_after = storage.head().number();
        let work = move || {
            let mut observer = Observer::new(spec, storage);
            if let Err(error) = run(&mut observer, announce_after, &announced, &shutdown) {
                // The chain goes on without its index. Writes that fail have stopped storage, and the node with it.
                tracing::error!(%error, "observations are not indexed any more: start the node again, or run pervade db reindex");
            }
        };
        let thread = thread::Builder::new().name("observer".into()).spawn(work);
        let thread = thread.map_err(|e| NodeError::Stopped { part: "the observer", reason: e.to_string() })?;
        Ok(Self { thread })
    }

    /// Waits for its end, after the shutdown has begun.
    pub fn join(self) {
        // It has said why, if it failed; a panic was printed.
        let _ = self.thread.join();
    }
}

fn run(
    observer: &mut Observer,
    announce_after: u64,
    announced: &broadcast::Sender<Arc<ObservedBlock>>,
    shutdown: &Shutdown,
) -> Result<(), NodeError> {
    observer.prepare()?;
    while !shutdown.has_begun() {
        match observer.advance()? {
            Some(observed) if observed.number > announce_after => {
                // Without subscribers there is nobody to tell.
                let _ = announced.send(Arc::new(observed));
            }
            Some(_) => {}
            None => {
                let head = observer.storage.next_unobserved().map_or(0, |next| next.saturating_sub(1));
                observer.storage.wait_for_block_after(head, WAIT_MAX);
            }
        }
    }
    Ok(())
}
