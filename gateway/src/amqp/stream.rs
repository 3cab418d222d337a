//! The stream that the AMQP library speaks over: one that the policy opened, counted while it arrives, and cut when whoever
//! asked for it is gone.
use super::meter::{Frames, Meter};
use crate::wire::Wire;
use async_rs::{
    Tokio,
    traits::{Executor, Reactor, RuntimeKit},
    util::Task,
};
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::Stream;
use std::{
    fmt, future,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncRead as TokioRead, AsyncWrite as TokioWrite, ReadBuf},
    sync::oneshot,
};

/// While it lives, so does its stream.
pub(super) struct Leash(#[expect(dead_code, reason = "its end is what is heard")] oneshot::Sender<()>);

/// A stream.
pub(super) struct MeteredStream {
    wire: Box<dyn Wire>,
    meter: Meter,
    frames: Frames,
    /// `None` once it is gone.
    leash: Option<oneshot::Receiver<()>>,
}

impl MeteredStream {
    pub(super) fn new(wire: Box<dyn Wire>, meter: Meter) -> (Self, Leash) {
        let (holder, leash) = oneshot::channel();
        (Self { wire, meter, frames: Frames::default(), leash: Some(leash) }, Leash(holder))
    }

    /// Fails once the leash is gone.
    fn poll_leash(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if let Some(leash) = &mut self.leash
            && Pin::new(leash).poll(context).is_pending()
        {
            return Ok(());
        }
        self.leash = None;
        Err(io::ErrorKind::ConnectionAborted.into())
    }
}

impl AsyncRead for MeteredStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_leash(context)?;
        ready!(self.meter.poll_room(context));
        let mut buffer = ReadBuf::new(buffer);
        ready!(Pin::new(&mut self.wire).poll_read(context, &mut buffer))?;
        let Self { frames, meter, .. } = &mut *self;
        frames.pass(buffer.filled(), meter)?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl AsyncWrite for MeteredStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_leash(context)?;
        Pin::new(&mut self.wire).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(context)
    }
}

/// tokio without sockets: what the library may do by itself. It gets its one stream from outside.
#[derive(Clone)]
pub(super) struct Sealed(Tokio);

impl Sealed {
    /// Of the runtime that calls.
    pub(super) fn current() -> Self {
        Self(Tokio::current())
    }

    fn refuse<T>() -> io::Result<T> {
        Err(io::Error::new(io::ErrorKind::PermissionDenied, "sockets are opened by the policy only"))
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed")
    }
}

impl RuntimeKit for Sealed {}

impl Executor for Sealed {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(&self, future: F) -> Task<Self::Task<T>> {
        self.0.spawn(future)
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(&self, work: F) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(work)
    }
}

impl Reactor for Sealed {
    type TcpStream = MeteredStream;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: io::Read + io::Write + Send + 'static>(
        &self,
        _socket: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Self::refuse::<MeteredStream>()
    }

    fn sleep(&self, pause: Duration) -> Self::Sleep {
        self.0.sleep(pause)
    }

    fn interval(&self, pause: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(pause)
    }

    fn tcp_connect_addr(
        &self,
        _address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        future::ready(Self::refuse())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::poll_fn;
    use tokio::io::AsyncWriteExt;

    async fn read(stream: &mut MeteredStream) -> io::Result<usize> {
        let mut buffer = [0; 64];
        poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer)).await
    }

    #[tokio::test]
    async fn nothing_is_read_while_too_much_is_held() {
        let (near, mut far) = tokio::io::duplex(8 * 1024);
        let meter = Meter::new(1, 0);
        let (mut stream, _leash) = MeteredStream::new(Box::new(near), meter.clone());
        // Two messages, each with a body of one byte.
        for _ in 0..2 {
            far.write_all(&[2, 0, 1, 0, 0, 0, 12, 0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xce]).await.unwrap();
            far.write_all(&[3, 0, 1, 0, 0, 0, 1, 7, 0xce]).await.unwrap();
        }
        assert_eq!(read(&mut stream).await.unwrap(), 58);
        far.write_all(&[8]).await.unwrap();
        assert!(futures_util::poll!(Box::pin(read(&mut stream))).is_pending());
        meter.release(1);
        assert_eq!(read(&mut stream).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_leash() {
        let (near, _far) = tokio::io::duplex(64);
        let (mut stream, leash) = MeteredStream::new(Box::new(near), Meter::new(10, 10));
        let cut = async {
            tokio::task::yield_now().await;
            drop(leash);
        };
        let (read, ()) = tokio::join!(read(&mut stream), cut);
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
