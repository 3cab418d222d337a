//! Requests: protocols, their sizes and rates, and the frame on their streams.
//!
//! ```text
//! offset  bytes  frame; one request and one response a stream
//!      0      4  length n of the content, big-endian
//!      4      n  content
//! ```
//!
//! A longer length than the protocol allows ends the stream before anything is read into memory, and content is read in
//! steps, so that a peer that promises much and sends nothing costs nothing.
use crate::limits;
use async_trait::async_trait;
use bytes::Bytes;
use libp2p::{
    StreamProtocol,
    futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    request_response,
};
use std::{io, time::Duration};

/// Bytes of the length in front of a content.
const LENGTH_BYTES: usize = 4;
/// Content is read in steps of at most this.
const READ_STEP_BYTES: usize = 64 * 1024;

/// What a consumer may ask of a peer, and be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// Blocks with their certificates.
    Sync,
    /// Contents by hash.
    Content,
}

impl Protocol {
    /// Its name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Content => "content",
        }
    }

    /// Largest request, bytes.
    pub const fn request_bytes_max(self) -> usize {
        self.wire().request_bytes_max
    }

    /// Largest answer, bytes.
    pub const fn response_bytes_max(self) -> usize {
        self.wire().response_bytes_max
    }

    pub(crate) const fn wire(self) -> WireProtocol {
        match self {
            Self::Sync => SYNC,
            Self::Content => CONTENT,
        }
    }
}

/// One protocol on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireProtocol {
    pub(crate) name: &'static str,
    id: &'static str,
    pub(crate) request_bytes_max: usize,
    pub(crate) response_bytes_max: usize,
    /// Requests that one peer may send in a minute, on average, and at once.
    pub(crate) per_minute_max: u32,
    pub(crate) burst_max: u32,
}

/// The handshake, and news of the head.
pub(crate) const STATUS: WireProtocol = WireProtocol {
    name: "status",
    id: "/pervade/status/1",
    request_bytes_max: limits::STATUS_BYTES_MAX,
    response_bytes_max: limits::STATUS_BYTES_MAX,
    per_minute_max: 120,
    burst_max: 20,
};
/// Addresses of other peers.
pub(crate) const PEERS: WireProtocol = WireProtocol {
    name: "peers",
    id: "/pervade/peers/1",
    request_bytes_max: limits::PEERS_REQUEST_BYTES_MAX,
    response_bytes_max: limits::PEERS_RESPONSE_BYTES_MAX,
    per_minute_max: 6,
    burst_max: 4,
};
pub(crate) const SYNC: WireProtocol = WireProtocol {
    name: "sync",
    id: "/pervade/sync/1",
    request_bytes_max: limits::SYNC_REQUEST_BYTES_MAX,
    response_bytes_max: limits::SYNC_RESPONSE_BYTES_MAX,
    per_minute_max: 3_000,
    burst_max: 200,
};
pub(crate) const CONTENT: WireProtocol = WireProtocol {
    name: "content",
    id: "/pervade/content/1",
    request_bytes_max: limits::CONTENT_REQUEST_BYTES_MAX,
    response_bytes_max: limits::CONTENT_RESPONSE_BYTES_MAX,
    per_minute_max: 3_000,
    burst_max: 200,
};

/// libp2p's behaviour for one protocol.
pub(crate) type Requests = request_response::Behaviour<Codec>;

pub(crate) fn behaviour(protocol: WireProtocol, timeout: Duration) -> Requests {
    let config = request_response::Config::default()
        .with_request_timeout(timeout)
        .with_max_concurrent_streams(limits::REQUESTS_PER_PEER_MAX.saturating_mul(2));
    let protocols = [(StreamProtocol::new(protocol.id), request_response::ProtocolSupport::Full)];
    request_response::Behaviour::with_codec(Codec(protocol), protocols, config)
}

/// Reads and writes the frames of one protocol.
#[derive(Debug, Clone)]
pub(crate) struct Codec(WireProtocol);

#[async_trait]
impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    /// `None` if what came is no frame: an error instead would be kept from the behaviour's user, and cost its sender nothing.
    type Request = Option<Bytes>;
    type Response = Bytes;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Option<Bytes>>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read_frame(io, self.0.request_bytes_max).await {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Bytes>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_frame(io, self.0.response_bytes_max).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Option<Bytes>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &request.unwrap_or_default()).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Bytes) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_frame(io, &response).await
    }
}

async fn read_frame<T>(io: &mut T, bytes_max: usize) -> io::Result<Bytes>
where
    T: AsyncRead + Unpin + Send,
{
    let mut length = [0; LENGTH_BYTES];
    io.read_exact(&mut length).await?;
    let length = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
    if length > bytes_max {
        let problem = format!("a frame of {length} bytes; at most {bytes_max}");
        return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
    }
    let mut content = Vec::with_capacity(length.min(READ_STEP_BYTES));
    io.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_end(&mut content).await?;
    if content.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(content.into())
}

async fn write_frame<T>(io: &mut T, content: &[u8]) -> io::Result<()>
where
    T: AsyncWrite + Unpin + Send,
{
    let length = u32::try_from(content.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(content).await?;
    io.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use libp2p::futures::io::Cursor;

    fn read(bytes: &[u8], bytes_max: usize) -> io::Result<Bytes> {
        libp2p::futures::executor::block_on(read_frame(&mut Cursor::new(bytes), bytes_max))
    }

    #[test]
    fn a_frame_has_its_golden_bytes() {
        let mut written = Cursor::new(Vec::new());
        libp2p::futures::executor::block_on(write_frame(&mut written, b"block")).unwrap();
        assert_eq!(written.get_ref()[..], [0, 0, 0, 5, b'b', b'l', b'o', b'c', b'k']);
        assert_eq!(read(written.get_ref(), 5).unwrap()[..], *b"block");
    }

    #[test]
    fn a_frame_is_read_at_the_limit_and_refused_one_past_it() {
        let frame = [&[0, 0, 1, 0][..], &[7; 256]].concat();
        assert_eq!(read(&frame, 256).unwrap().len(), 256);
        assert_eq!(read(&frame, 255).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_cut_frame_is_an_error() {
        let frame = [0, 0, 0, 3, 1, 2, 3];
        for length in 0..frame.len() {
            assert_eq!(read(&frame[..length], 3).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn a_promise_of_four_gigabytes_reserves_nothing() {
        assert_eq!(read(&[0xff; 8], usize::MAX).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
