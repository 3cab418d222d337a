//! What a broker's messages take in memory: counted as they arrive, given back when they are done with.
//!
//! The library reads as fast as a broker sends, and keeps what nobody has asked for yet. So the stream below it looks at the frames
//! (AMQP 0-9-1, 4.2.3), of which those with content are counted:
//!
//! ```text
//! 0      1           3           7                          7 + size
//! │ type │ channel u16 │ size u32 │ payload                  │ 0xce │
//!
//! payload of a content header, type 2 (4.2.6.1)
//! │ class u16 │ weight u16 │ body size u64 │ properties │
//!
//! payload of a content body, type 3: a part of the body
//! ```
use futures_util::task::AtomicWaker;
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

/// What the library keeps of a message beside its body: method, properties, book-keeping.
pub(super) const PER_MESSAGE_BYTES: usize = 4 * 1024;

/// A message is announced that is too large.
#[derive(Debug, thiserror::Error)]
#[error("a message of {bytes} bytes is announced, and at most {bytes_max} are read")]
pub(super) struct MessageTooLarge {
    bytes: u64,
    bytes_max: usize,
}

/// Counts what was read and is not done with.
#[derive(Debug, Clone)]
pub(super) struct Meter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    held: AtomicUsize,
    message_bytes_max: usize,
    held_bytes_max: usize,
    reader: AtomicWaker,
}

impl Meter {
    /// Messages are refused above `message_bytes_max`; nothing is read while `held_bytes_max` and more are held. One message alone
    /// is read whatever the latter is.
    pub(super) fn new(message_bytes_max: usize, held_bytes_max: usize) -> Self {
        let held_bytes_max = held_bytes_max.max(message_bytes_max.saturating_add(PER_MESSAGE_BYTES).saturating_add(1));
        let reader = AtomicWaker::new();
        Self(Arc::new(Shared { held: AtomicUsize::new(0), message_bytes_max, held_bytes_max, reader }))
    }

    /// A message with a body of this length is done with.
    pub(super) fn release(&self, body_bytes: usize) {
        let bytes = body_bytes.saturating_add(PER_MESSAGE_BYTES);
        let less = |held: usize| Some(held.saturating_sub(bytes));
        // Cannot fail: there is always a next value.
        let _ = self.0.held.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        self.0.reader.wake();
    }

    /// Ready when more may be read.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        self.0.reader.register(context.waker());
        // What was released before the waker was there.
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn has_room(&self) -> bool {
        self.0.held.load(Ordering::Acquire) < self.0.held_bytes_max
    }

    fn hold(&self, bytes: usize) {
        self.0.held.fetch_add(bytes, Ordering::AcqRel);
    }

    fn announce(&self, bytes: u64) -> io::Result<()> {
        let bytes_max = self.0.message_bytes_max;
        if usize::try_from(bytes).is_ok_and(|bytes| bytes <= bytes_max) {
            self.hold(PER_MESSAGE_BYTES);
            return Ok(());
        }
        Err(io::Error::other(MessageTooLarge { bytes, bytes_max }))
    }
}

const CONTENT_HEADER: u8 = 2;
const CONTENT_BODY: u8 = 3;
/// Type, channel and size.
const FRAME_HEAD_BYTES: usize = 7;
/// Class, weight and size of the body.
const CONTENT_HEAD_BYTES: usize = 12;

/// Where in a frame the stream is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The frame's head, and what is needed of a content header's payload.
    head: Vec<u8>,
    /// Bytes to come that are passed over, and whether they are of a body.
    passing: usize,
    is_body: bool,
}

impl Frames {
    /// Counts the next bytes of the stream.
    ///
    /// # Errors
    /// A message is announced that is too large.
    pub(super) fn pass(&mut self, mut bytes: &[u8], meter: &Meter) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.passing > 0 {
                let (passed, rest) = bytes.split_at(self.passing.min(bytes.len()));
                self.passing = self.passing.saturating_sub(passed.len());
                if self.is_body {
                    // The end of a frame is not part of the body.
                    meter.hold(passed.len().saturating_sub(usize::from(self.passing == 0)));
                }
                bytes = rest;
            } else if let Some((byte, rest)) = bytes.split_first() {
                self.head.push(*byte);
                bytes = rest;
                self.look(meter)?;
            }
        }
        Ok(())
    }

    /// Decides what comes after the head, once there is enough of it.
    fn look(&mut self, meter: &Meter) -> io::Result<()> {
        let Some((frame, content)) = self.head.split_first_chunk::<FRAME_HEAD_BYTES>() else { return Ok(()) };
        let [kind, _, _, size @ ..] = *frame;
        let size = usize::try_from(u32::from_be_bytes(size)).unwrap_or(usize::MAX);
        let needed = if kind == CONTENT_HEADER { CONTENT_HEAD_BYTES.min(size) } else { 0 };
        if content.len() < needed {
            return Ok(());
        }
        if let Some(body_size) = content.last_chunk().filter(|_| needed == CONTENT_HEAD_BYTES) {
            meter.announce(u64::from_be_bytes(*body_size))?;
        }
        self.passing = size.saturating_sub(needed).saturating_add(1);
        self.is_body = kind == CONTENT_BODY;
        self.head.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{future::poll_fn, task::noop_waker};
    use proptest::prelude::*;

    const LARGEST: usize = 1_000;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, 1][..], &size, payload, &[0xce]].concat()
    }

    fn content_header(body: usize) -> Vec<u8> {
        let size = u64::try_from(body).unwrap().to_be_bytes();
        frame(CONTENT_HEADER, &[&[0, 60, 0, 0][..], &size, b"properties"].concat())
    }

    /// A message in frames with at most so much of the body in each.
    fn message(body: usize, frame_max: usize) -> Vec<u8> {
        let parts = vec![7; body].chunks(frame_max).map(|part| frame(CONTENT_BODY, part)).collect::<Vec<_>>();
        [frame(1, b"deliver"), content_header(body), parts.concat()].concat()
    }

    fn held(meter: &Meter) -> usize {
        meter.0.held.load(Ordering::Acquire)
    }

    fn has_room(meter: &Meter) -> bool {
        meter.poll_room(&mut Context::from_waker(&noop_waker())).is_ready()
    }

    #[test]
    fn a_message_is_taken_at_its_limit_and_refused_one_past_it() {
        let meter = Meter::new(LARGEST, 0);
        Frames::default().pass(&message(LARGEST, 300), &meter).unwrap();
        let error = Frames::default().pass(&content_header(LARGEST + 1), &meter).unwrap_err();
        assert!(error.get_ref().is_some_and(|inner| inner.is::<MessageTooLarge>()), "{error}");
    }

    #[test]
    fn what_carries_no_content_is_free_however_long_the_connection_lasts() {
        let (meter, mut frames) = (Meter::new(LARGEST, 0), Frames::default());
        for _ in 0..100_000 {
            frames.pass(&frame(8, b""), &meter).unwrap();
        }
        assert_eq!(held(&meter), 0);
    }

    #[test]
    fn reading_waits_at_the_limit_and_goes_on_when_something_is_done_with() {
        let one = 500 + PER_MESSAGE_BYTES;
        let (meter, mut frames) = (Meter::new(LARGEST, 3 * one), Frames::default());
        frames.pass(&message(500, 300), &meter).unwrap();
        frames.pass(&message(500, 300), &meter).unwrap();
        frames.pass(&message(499, 300), &meter).unwrap();
        assert!(has_room(&meter));
        // The first byte of the next body would be one past the limit; its header is already.
        frames.pass(&content_header(1), &meter).unwrap();
        assert!(!has_room(&meter));
        meter.release(500);
        assert!(has_room(&meter));
    }

    #[test]
    fn the_largest_message_alone_is_read_to_its_end() {
        let (meter, mut frames) = (Meter::new(LARGEST, 0), Frames::default());
        frames.pass(&message(LARGEST, 300), &meter).unwrap();
        assert!(has_room(&meter));
    }

    #[tokio::test]
    async fn who_waits_for_room_is_woken() {
        let (meter, mut frames) = (Meter::new(LARGEST, 0), Frames::default());
        frames.pass(&[message(LARGEST, 300), message(LARGEST, 300)].concat(), &meter).unwrap();
        assert!(!has_room(&meter));
        let release = async {
            tokio::task::yield_now().await;
            meter.release(LARGEST);
        };
        tokio::join!(poll_fn(|context| meter.poll_room(context)), release);
    }

    proptest! {
        #[test]
        fn what_is_held_is_what_came_however_it_is_cut(
            bodies in prop::collection::vec((0..LARGEST, 1usize..400), 0..20),
            cuts in prop::collection::vec(1usize..600, 1..50),
        ) {
            let (meter, mut frames) = (Meter::new(LARGEST, 0), Frames::default());
            let bytes: Vec<u8> = bodies.iter().flat_map(|(body, frame_max)| message(*body, *frame_max)).collect();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                let (part, after) = rest.split_at((*cut).min(rest.len()));
                frames.pass(part, &meter).unwrap();
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(held(&meter), bodies.iter().map(|(body, _)| body + PER_MESSAGE_BYTES).sum::<usize>());
            for (body, _) in bodies {
                meter.release(body);
            }
            prop_assert_eq!(held(&meter), 0);
        }
    }
}
