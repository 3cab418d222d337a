//! [`Heavy`]: a bounded place for work that would hold up the server's own threads: execution, proofs, log queries,
//! historic reads, large blocks.
use crate::RpcError;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Runs closures on tokio's blocking threads, some at a time, some waiting, the rest refused.
#[derive(Debug, Clone)]
pub(crate) struct Heavy {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl Heavy {
    /// `running_max` at the same time, `waiting_max` more in the queue.
    pub(crate) fn new(running_max: usize, waiting_max: usize) -> Self {
        let running_max = running_max.max(1);
        Self {
            admitted: Arc::new(Semaphore::new(running_max.saturating_add(waiting_max).min(Semaphore::MAX_PERMITS))),
            running: Arc::new(Semaphore::new(running_max)),
        }
    }

    /// Runs `work` when it is its turn.
    ///
    /// # Errors
    /// [`RpcError::Busy`] when the queue is full; what `work` answers; a panic in it as [`RpcError::Internal`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let admitted = self.admitted.clone().try_acquire_owned().map_err(|_| RpcError::Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| RpcError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held by the thread, not by the request: a client that goes away does not free the place early.
            let _places = (admitted, running);
            work()
        });
        done.await.unwrap_or_else(|error| Err(RpcError::Internal { reason: error.to_string() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn work_runs_up_to_the_limit_and_one_more_is_refused() {
        let heavy = Heavy::new(1, 1);
        let (open, gate) = mpsc::channel::<()>();
        let (started, begun) = tokio::sync::oneshot::channel();
        let first = tokio::spawn({
            let heavy = heavy.clone();
            async move {
                let work = move || {
                    let _ = started.send(());
                    let _ = gate.recv();
                    Ok(1)
                };
                heavy.run(work).await
            }
        });
        begun.await.unwrap();
        let mut second = Box::pin(heavy.run(|| Ok(2)));
        tokio::select! {
            biased;
            _ = &mut second => panic!("ran beside the first"),
            () = std::future::ready(()) => {}
        }
        assert!(matches!(heavy.run(|| Ok(3)).await, Err(RpcError::Busy)));
        open.send(()).unwrap();
        assert_eq!((first.await.unwrap().unwrap(), second.await.unwrap()), (1, 2));
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error() {
        let answer: Result<(), _> = Heavy::new(1, 0).run(|| panic!("bug")).await;
        assert!(matches!(answer, Err(RpcError::Internal { .. })));
    }
}
