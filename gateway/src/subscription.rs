//! Messages that a thing sends by itself: followed for as long as the operator wants, and given back to whoever holds them
//! until somebody vouches for them.
//!
//! ```text
//!  thing ──► broker ──► connection ──► window ──► Message { body, receipt } ──► the chain has it ──► receipt.accept()
//!              ▲  keeps what is not acknowledged                                                          │
//!              └──────────────────────────── acknowledged only now ◄──────────────────────────────────────┘
//! ```
//!
//! A lost connection is reported once and built anew, with pauses that grow and vary. What was delivered over the old one
//! and not accepted comes again: whoever follows a thing sees every message at least once.
use crate::{error::Failure, limits};
use bytes::Bytes;
use futures_util::Stream;
use rand::Rng;
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{sync::mpsc, task::JoinHandle};

/// What is followed. A stream that ends only after a failure that trying again does not mend; dropping it leaves the broker's
/// session or queue as it is, so that messages wait there for the next one. A receipt that was accepted just before may not be heard
/// any more; then its message comes again.
pub struct Subscription {
    messages: mpsc::Receiver<Result<Message, Failure>>,
    task: JoinHandle<()>,
}

/// One message of a thing.
#[derive(Debug)]
pub struct Message {
    /// Its bytes, at most [`limits::UPLINK_BYTES_MAX`].
    pub body: Bytes,
    /// Its media type, if the protocol says one.
    pub content_type: Option<String>,
    /// What tells the broker, or the thing, that it need not keep the message any longer.
    pub receipt: Receipt,
}

/// The right to acknowledge one message.
///
/// [`Receipt::accept`] once nothing can lose the message any more, or once it is certain that nobody will ever take it.
/// Dropping a receipt gives the message back: it is delivered again after a pause. At most [`limits::UNSETTLED_MAX`] receipts of a
/// connection, for at most [`limits::UNSETTLED_BYTES_MAX`], are open at a time; then the connection waits.
#[derive(Debug)]
pub struct Receipt {
    number: u64,
    bytes: usize,
    settlements: Option<mpsc::Sender<Settlement>>,
}

impl Receipt {
    /// Acknowledges the message. Of no effect if its connection is gone: then the message comes again.
    pub fn accept(mut self) {
        self.settle(true);
    }

    fn settle(&mut self, accepted: bool) {
        if let Some(settlements) = self.settlements.take() {
            // There is room for every open receipt of the connection. If it is gone, so are those who listen.
            let _ = settlements.try_send(Settlement { number: self.number, bytes: self.bytes, accepted });
        }
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.settle(false);
    }
}

impl Subscription {
    /// The next message; a failure for every connection that was lost; `None` when it has ended.
    pub async fn next(&mut self) -> Option<Result<Message, Failure>> {
        self.messages.recv().await
    }

    /// Follows with `connect`, which runs one connection until it fails.
    pub(crate) fn start<F, R>(mut connect: F) -> Self
    where
        F: FnMut(Line) -> R + Send + 'static,
        R: Future<Output = (Line, Failure)> + Send + 'static,
    {
        let (sender, messages) = mpsc::channel(limits::UNSETTLED_MAX);
        let task = tokio::spawn(async move {
            let mut line = Line { messages: sender, established: false };
            let mut pause = limits::RECONNECT_PAUSE_MIN;
            loop {
                line.established = false;
                let (back, failure) = connect(line).await;
                line = back;
                let again = failure.transient;
                if line.messages.send(Err(failure)).await.is_err() || !again {
                    return;
                }
                if line.established {
                    pause = limits::RECONNECT_PAUSE_MIN;
                }
                tokio::time::sleep(jittered(pause)).await;
                pause = pause.saturating_mul(2).min(limits::RECONNECT_PAUSE_MAX);
            }
        });
        Self { messages, task }
    }
}

impl Stream for Subscription {
    type Item = Result<Message, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.messages.poll_recv(context)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Half of a pause, and up to all of it by chance, so that gateways do not come back all at once.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// The way from a connection to whoever follows.
pub(crate) struct Line {
    messages: mpsc::Sender<Result<Message, Failure>>,
    /// Set by a connection once the thing is followed.
    pub(crate) established: bool,
}

impl Line {
    /// Where messages go.
    pub(crate) fn outlet(&self) -> Outlet {
        Outlet(self.messages.clone())
    }

    /// Tells of a message that cannot be delivered, if there is room for it.
    pub(crate) fn complain(&self, failure: Failure) {
        let _ = self.messages.try_send(Err(failure));
    }
}

/// Takes messages when there is room for them.
pub(crate) struct Outlet(mpsc::Sender<Result<Message, Failure>>);

impl Outlet {
    /// Waits for room for one message more. May be cancelled.
    pub(crate) async fn room(&self) -> Result<mpsc::Permit<'_, Result<Message, Failure>>, Failure> {
        self.0.reserve().await.map_err(|_| Failure::unreachable("nobody follows any more"))
    }
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settlement {
    pub(crate) number: u64,
    /// Length of its body.
    pub(crate) bytes: usize,
    pub(crate) accepted: bool,
}

/// Messages of one connection that are out and not settled.
pub(crate) struct Window {
    sender: mpsc::Sender<Settlement>,
    receiver: mpsc::Receiver<Settlement>,
    next: u64,
    open: usize,
    bytes: usize,
}

impl Window {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(limits::UNSETTLED_MAX);
        Self { sender, receiver, next: 0, open: 0, bytes: 0 }
    }

    /// Whether no message more may go out: one of the largest would not fit.
    pub(crate) fn is_full(&self) -> bool {
        let bytes = self.bytes.saturating_add(limits::UPLINK_BYTES_MAX);
        self.open >= limits::UNSETTLED_MAX || bytes > limits::UNSETTLED_BYTES_MAX
    }

    /// Puts a message into the window; its number comes back with its settlement. Numbers count up from 0.
    pub(crate) fn put(&mut self, body: Bytes, content_type: Option<String>) -> Message {
        let receipt = Receipt { number: self.next, bytes: body.len(), settlements: Some(self.sender.clone()) };
        self.next = self.next.saturating_add(1);
        self.open = self.open.saturating_add(1);
        self.bytes = self.bytes.saturating_add(body.len());
        Message { body, content_type, receipt }
    }

    /// Waits for the next settlement. May be cancelled.
    pub(crate) async fn settled(&mut self) -> Settlement {
        match self.receiver.recv().await {
            Some(settlement) => {
                self.open = self.open.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(settlement.bytes);
                settlement
            }
            // Not reached: this side holds a sender itself.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_receipt_settles_once_and_a_dropped_one_gives_back() {
        let mut window = Window::new();
        window.put(Bytes::from_static(b"one"), None).receipt.accept();
        drop(window.put(Bytes::new(), None));
        assert_eq!(window.settled().await, Settlement { number: 0, bytes: 3, accepted: true });
        assert_eq!(window.settled().await, Settlement { number: 1, bytes: 0, accepted: false });
        assert!(window.receiver.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_window_is_full_at_its_limit_and_open_again_after_a_settlement() {
        let mut window = Window::new();
        let mut out = Vec::new();
        for _ in 0..limits::UNSETTLED_MAX {
            assert!(!window.is_full());
            out.push(window.put(Bytes::new(), None));
        }
        assert!(window.is_full());
        out.remove(0).receipt.accept();
        window.settled().await;
        assert!(!window.is_full());
        // Every open receipt finds room to settle.
        drop(out);
        for _ in 1..limits::UNSETTLED_MAX {
            assert!(!window.settled().await.accepted);
        }
    }

    #[tokio::test]
    async fn a_window_takes_the_largest_messages_to_its_bytes_and_none_past_them() {
        let mut window = Window::new();
        let largest = Bytes::from(vec![0; limits::UPLINK_BYTES_MAX]);
        let mut out = Vec::new();
        while !window.is_full() {
            out.push(window.put(largest.clone(), None));
        }
        assert_eq!(out.len() * limits::UPLINK_BYTES_MAX, limits::UNSETTLED_BYTES_MAX);
        out.remove(0).receipt.accept();
        window.settled().await;
        assert!(!window.is_full());
        // A byte more than leaves room for one of the largest.
        out.push(window.put(Bytes::from_static(b"x"), None));
        assert!(window.is_full());
    }

    #[tokio::test]
    async fn lost_connections_are_built_anew_until_a_failure_that_lasts() {
        let mut attempts = 0;
        let mut subscription = Subscription::start(move |line| {
            attempts += 1;
            async move {
                let last = attempts == 3;
                (line, if last { Failure::not_allowed("no") } else { Failure::unreachable(attempts.to_string()) })
            }
        });
        assert_eq!(subscription.next().await.unwrap().unwrap_err().reason, "1");
        assert_eq!(subscription.next().await.unwrap().unwrap_err().reason, "2");
        assert_eq!(subscription.next().await.unwrap().unwrap_err().reason, "no");
        assert!(subscription.next().await.is_none());
    }
}
