//! What one peer may send in a second, on all its streams together.
//!
//! Sits between multiplexer and protocols: when a peer's allowance is used up, reading from its streams pauses. Flow
//! control then holds the peer back, so that what it has not sent yet waits in its own memory, and a flood of anything,
//! gossip control messages included, costs a bounded part of a core.
use crate::limits;
use libp2p::{
    PeerId,
    core::muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent, SubstreamBox},
    futures::{AsyncRead, AsyncWrite, Future, ready},
};
use parking_lot::Mutex;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::time::Sleep;

/// Shortest pause: shorter ones cost more than they give.
const PAUSE_MIN: Duration = Duration::from_millis(5);

/// Allowances of all peers. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Throttle(Arc<Mutex<Allowances>>);

#[derive(Debug, Default)]
struct Allowances {
    fast: BTreeSet<PeerId>,
    peers: BTreeMap<PeerId, Weak<Mutex<Allowance>>>,
}

impl Throttle {
    /// The peers that may send more, all others less.
    pub(crate) fn set_fast(&self, fast: BTreeSet<PeerId>) {
        let mut allowances = self.0.lock();
        for (peer, allowance) in &allowances.peers {
            if let Some(allowance) = allowance.upgrade() {
                allowance.lock().per_second = per_second(fast.contains(peer));
            }
        }
        allowances.fast = fast;
    }

    /// Holds a peer's connection to its allowance, which its other connections share.
    pub(crate) fn wrap(&self, peer: PeerId, muxer: StreamMuxerBox) -> StreamMuxerBox {
        let mut allowances = self.0.lock();
        allowances.peers.retain(|_, allowance| allowance.strong_count() > 0);
        let known = allowances.peers.get(&peer).and_then(Weak::upgrade);
        let allowance = known.unwrap_or_else(|| {
            let new = Allowance::new(per_second(allowances.fast.contains(&peer)), Instant::now());
            let new = Arc::new(Mutex::new(new));
            allowances.peers.insert(peer, Arc::downgrade(&new));
            new
        });
        StreamMuxerBox::new(Throttled { muxer, allowance })
    }
}

fn per_second(fast: bool) -> u64 {
    if fast { limits::TRUSTED_BYTES_PER_SECOND_MAX } else { limits::STRANGER_BYTES_PER_SECOND_MAX }
}

/// Bytes that may be read now: a second's worth at most, below zero after a large read.
#[derive(Debug)]
struct Allowance {
    per_second: u64,
    bytes: f64,
    last: Instant,
}

impl Allowance {
    fn new(per_second: u64, now: Instant) -> Self {
        Self { per_second, bytes: per_second as f64, last: now }
    }

    /// How long to wait before reading; `None`: not at all.
    fn pause(&mut self, now: Instant) -> Option<Duration> {
        let rate = self.per_second as f64;
        self.bytes = (self.bytes + now.saturating_duration_since(self.last).as_secs_f64() * rate).min(rate);
        self.last = self.last.max(now);
        (self.bytes <= 0.0).then(|| Duration::from_secs_f64(-self.bytes / rate).max(PAUSE_MIN))
    }

    fn take(&mut self, bytes: usize) {
        self.bytes -= bytes as f64;
    }
}

struct Throttled {
    muxer: StreamMuxerBox,
    allowance: Arc<Mutex<Allowance>>,
}

impl Throttled {
    fn stream(&self, stream: SubstreamBox) -> ThrottledStream {
        ThrottledStream { stream, allowance: self.allowance.clone(), pause: None }
    }
}

impl StreamMuxer for Throttled {
    type Substream = ThrottledStream;
    type Error = io::Error;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ThrottledStream>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_inbound(cx))?;
        Poll::Ready(Ok(self.stream(stream)))
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<ThrottledStream>> {
        let stream = ready!(Pin::new(&mut self.muxer).poll_outbound(cx))?;
        Poll::Ready(Ok(self.stream(stream)))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.muxer).poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<StreamMuxerEvent>> {
        Pin::new(&mut self.muxer).poll(cx)
    }
}

/// A stream that is read no faster than its peer's allowance.
struct ThrottledStream {
    stream: SubstreamBox,
    allowance: Arc<Mutex<Allowance>>,
    pause: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for ThrottledStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if let Some(pause) = self.pause.as_mut() {
                ready!(pause.as_mut().poll(cx));
                self.pause = None;
            }
            let Some(pause) = self.allowance.lock().pause(Instant::now()) else { break };
            self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        }
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.allowance.lock().take(read);
        Poll::Ready(Ok(read))
    }
}

impl AsyncWrite for ThrottledStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_read_at_once_and_what_follows_waits_its_time() {
        let now = Instant::now();
        let mut allowance = Allowance::new(1_000, now);
        allowance.take(999);
        assert_eq!(allowance.pause(now), None);
        allowance.take(501);
        assert_eq!(allowance.pause(now), Some(Duration::from_millis(500)));
        assert_eq!(allowance.pause(now + Duration::from_millis(501)), None);
        let later = now + Duration::from_secs(3_600);
        assert_eq!(allowance.pause(later), None);
        allowance.take(1_001);
        assert!(allowance.pause(later).is_some(), "idle time gives a second, not an hour");
    }

    #[test]
    fn a_validator_that_is_recognised_later_reads_faster_at_once() {
        let (throttle, peer) = (Throttle::default(), PeerId::random());
        let allowance = Arc::new(Mutex::new(Allowance::new(per_second(false), Instant::now())));
        throttle.0.lock().peers.insert(peer, Arc::downgrade(&allowance));
        throttle.set_fast(BTreeSet::from([peer]));
        assert_eq!(allowance.lock().per_second, limits::TRUSTED_BYTES_PER_SECOND_MAX);
        throttle.set_fast(BTreeSet::new());
        assert_eq!(allowance.lock().per_second, limits::STRANGER_BYTES_PER_SECOND_MAX);
    }
}
