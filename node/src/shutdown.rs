//! Stopping: the first SIGINT or SIGTERM asks for an orderly end, the second ends at once.
use crate::NodeError;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Exit code after the second signal, as shells report SIGINT.
const EXIT_CODE_FORCED: i32 = 130;

/// Tells everything that runs that it must end. Clones hear the same.
#[derive(Clone)]
pub struct Shutdown {
    begun: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { begun: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// Begins the end; more than once does no harm.
    pub fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Whether the end has begun.
    pub fn has_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Completes when the end begins.
    pub async fn begun(&self) {
        let mut begun = self.begun.subscribe();
        // The sender lives in `self`: waiting cannot fail.
        let _ = begun.wait_for(|begun| *begun).await;
    }

    /// Begins the end when standard input ends: with the process that holds its other end, however that ends.
    ///
    /// # Errors
    /// The thread that reads cannot be created.
    pub fn on_end_of_input(&self) -> Result<(), NodeError> {
        let shutdown = self.clone();
        let watch = move || {
            // Nothing is expected to be written there. An error is an end too.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            tracing::info!("stopping: standard input has ended");
            shutdown.begin();
        };
        let spawned = std::thread::Builder::new().name("lifeline".into()).spawn(watch);
        spawned.map(|_| ()).map_err(|e| NodeError::Stopped { part: "the lifeline", reason: e.to_string() })
    }

    /// Begins the end at the first SIGINT or SIGTERM; exits the process at the second.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn on_signals(&self) -> Result<(), NodeError> {
        let wrong = |e: std::io::Error| NodeError::Stopped { part: "signal handling", reason: e.to_string() };
        let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            let name = either(&mut interrupt, &mut terminate).await;
            tracing::info!(signal = name, "stopping; a second signal stops at once");
            shutdown.begin();
            either(&mut interrupt, &mut terminate).await;
            std::process::exit(EXIT_CODE_FORCED);
        });
        Ok(())
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everyone_hears_the_end_even_those_who_ask_later() {
        let shutdown = Shutdown::default();
        let early = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.begun().await }
        });
        assert!(!shutdown.has_begun());
        shutdown.begin();
        early.await.unwrap();
        shutdown.begun().await;
        assert!(shutdown.has_begun());
    }
}
