//! TCP with noise and yamux, QUIC, and names: how bytes get from peer to peer.
use crate::{NetworkConfig, NetworkError, limits, throttle::Throttle};
use libp2p::{
    PeerId, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, OrTransport},
        upgrade::Version,
    },
    dns,
    identity::Keypair,
    noise, quic, tcp, yamux,
};
use tracing::warn;

/// What a swarm needs of a transport.
pub(crate) type Transport = Boxed<(PeerId, StreamMuxerBox)>;

/// # Errors
/// [`NetworkError::Transport`].
pub(crate) fn transport(config: &NetworkConfig, key: &Keypair, throttle: Throttle) -> Result<Transport, NetworkError> {
    let named = match dns::tokio::Transport::system(direct(config, key)?) {
        Ok(named) => named.boxed(),
        Err(error) => {
            warn!(%error, "this machine has no configuration for name resolution; peers are reached by address only");
            let (resolver, options) = (dns::ResolverConfig::new(), dns::ResolverOpts::default());
            dns::tokio::Transport::custom(direct(config, key)?, resolver, options).boxed()
        }
    };
    Ok(named.map(move |(peer, muxer), _| (peer, throttle.wrap(peer, muxer))).boxed())
}

/// TCP and QUIC to addresses.
fn direct(config: &NetworkConfig, key: &Keypair) -> Result<Transport, NetworkError> {
    let failed = |error: noise::Error| NetworkError::Transport { what: "noise", problem: error.to_string() };
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(limits::STREAMS_PER_CONNECTION_MAX);
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(key).map_err(failed)?)
        .multiplex(yamux)
        .timeout(limits::CONNECTION_UPGRADE_TIMEOUT)
        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    if !config.quic {
        return Ok(tcp.boxed());
    }
    let mut settings = quic::Config::new(key);
    settings.handshake_timeout = limits::CONNECTION_UPGRADE_TIMEOUT;
    settings.max_concurrent_stream_limit = u32::try_from(limits::STREAMS_PER_CONNECTION_MAX).unwrap_or(u32::MAX);
    let quic = quic::tokio::Transport::new(settings).map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)));
    Ok(OrTransport::new(quic, tcp).map(|either, _| either.into_inner()).boxed())
}
