//! Streams to admitted addresses, plain or with TLS.
use crate::{bindings::Reach, error::Failure, policy::Admitted};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// A stream of bytes, both ways.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Connects to the address that the policy settled; the certificate, if the scheme has TLS, must be for the name that the form
/// says.
///
/// # Errors
/// Unreachable; not allowed if the configured certificate cannot be used.
pub(crate) async fn connect(reach: &Reach, admitted: &Admitted) -> Result<Box<dyn Wire>, Failure> {
    let target = admitted.target();
    let unreachable = |error: std::io::Error| Failure::unreachable(format!("{}: {error}", admitted.address()));
    let tls = if target.scheme.has_tls() { Some(reach.tls.connector(&reach.policy, &target.host)?) } else { None };
    let stream = TcpStream::connect(admitted.address()).await.map_err(unreachable)?;
    // Requests are small, and somebody waits for each.
    stream.set_nodelay(true).map_err(unreachable)?;
    Ok(match tls {
        Some((connector, name)) => Box::new(connector.connect(name, stream).await.map_err(unreachable)?),
        None => Box::new(stream),
    })
}
