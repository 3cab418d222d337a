//! What all subscriptions share: one task between a bounded feed and the connection's bounded queue.
//!
//! A reader that leaves the queue full for [`crate::limits::WS_SEND_TIME_MAX`], or that falls behind the feed, loses the
//! subscription, not this node its memory.
use crate::{RpcError, api::Json};
use jsonrpsee::SubscriptionSink;
use std::time::Duration;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Why a subscription ended.
pub(crate) enum End {
    /// The client went away or unsubscribed, or the node stops.
    Closed,
    /// The client did not keep up.
    TooSlow,
}

/// What it means to fall behind a feed.
pub(crate) enum Lag {
    /// A missing item would be taken for a chain without it.
    Ends,
    /// Nobody counts on seeing every item.
    Skips,
}

/// Messages to send.
pub(crate) type Out = Vec<Json>;

/// Sends the messages that each item of a feed makes, until one side ends.
pub(crate) async fn serve<T: Clone + Send + 'static>(
    sink: &SubscriptionSink,
    time_max: Duration,
    mut feed: Receiver<T>,
    lag: Lag,
    mut messages: impl FnMut(&T, &mut Out) -> Result<(), RpcError>,
) -> End {
    let mut out = Out::new();
    loop {
        let item = tokio::select! {
            () = sink.closed() => return End::Closed,
            item = feed.recv() => match item {
                Ok(item) => item,
                Err(RecvError::Lagged(_)) => match lag {
                    Lag::Ends => return End::TooSlow,
                    Lag::Skips => continue,
                },
                Err(RecvError::Closed) => return End::Closed,
            },
        };
        if messages(&item, &mut out).is_err() {
            return End::Closed;
        }
        drop(item);
        for message in out.drain(..) {
            if sink.send_timeout(message, time_max).await.is_err() {
                return if sink.is_closed() { End::Closed } else { End::TooSlow };
            }
        }
    }
}

/// Says so if a subscription ended because of its reader.
pub(crate) fn ended(sink: &SubscriptionSink, end: &End) {
    if let End::TooSlow = end {
        tracing::warn!(connection = sink.connection_id().0, "subscription dropped: its reader is too slow");
    }
}
