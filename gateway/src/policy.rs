//! What a gateway reaches: the operator's list, and addresses of the public internet unless an alias says otherwise.
//!
//! ```text
//! form's address ──► target ──► on the list? ──► alias? ── yes ──► its address ─────────────────────────────► admitted
//!                                                   └ no ──► name resolved once ──► every address public? ──► (first)
//! ```
//!
//! Sockets are opened to what is [`Admitted`] and to nothing else: the bindings have no other way to an address, follow no
//! redirects, and resolve no names.
use crate::{
    config::{Credential, GatewayConfig, HostPattern},
    error::Failure,
    limits,
    target::{Target, TargetHost},
    thing::Security,
};
use std::{
    future::Future,
    net::{IpAddr, SocketAddr},
    pin::Pin,
};

/// The user beside a bearer token: brokers that take tokens take them as the password, and look at nothing else. It is not
/// empty, since MQTT 3.1.1 has no password without a user.
const TOKEN_USER: &str = "bearer";

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync {
    /// The addresses of `name`, at once or later.
    fn resolve(&self, name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + '_>>;
}

/// Resolution by the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + '_>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.take(limits::RESOLVED_ADDRESSES_MAX).map(|address| address.ip()).collect())
        })
    }
}

/// A target that may be reached, at one address. Made by [`Policy::admit`] only.
#[derive(Debug, Clone)]
pub(crate) struct Admitted {
    target: Target,
    address: SocketAddr,
}

impl Admitted {
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The one address to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The operator's word over targets.
pub(crate) struct Policy {
    config: GatewayConfig,
    resolver: Box<dyn Resolve>,
}

impl Policy {
    pub(crate) fn new(config: GatewayConfig, resolver: Box<dyn Resolve>) -> Self {
        Self { config, resolver }
    }

    /// Decides over a target and settles its address, before any socket is opened.
    ///
    /// # Errors
    /// Not allowed; unreachable if the name has no address.
    pub(crate) async fn admit(&self, target: Target) -> Result<Admitted, Failure> {
        self.list(&target)?;
        let alias = self.config.aliases.iter().find(|(host, _)| *host == target.host);
        let address = match (alias, &target.host) {
            (Some((_, address)), _) => *address,
            (None, TargetHost::Address(address)) => public(&target, &[*address])?,
            (None, TargetHost::Name(name)) => {
                let found = self.resolver.resolve(name.clone()).await;
                let found = found.map_err(|error| Failure::unreachable(format!("{name}: {error}")))?;
                public(&target, &found)?
            }
        };
        Ok(Admitted { address: SocketAddr::new(address, target.port), target })
    }

    /// Decides whether a target is on the operator's list.
    ///
    /// # Errors
    /// Not allowed.
    pub(crate) fn list(&self, target: &Target) -> Result<(), Failure> {
        let is_listed = self.config.allow.iter().any(|rule| {
            let host = match (&rule.host, &target.host) {
                (HostPattern::Exactly(host), other) => host == other,
                (HostPattern::Below(parent), TargetHost::Name(name)) => {
                    name.strip_suffix(parent.as_str()).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
                }
                (HostPattern::Below(_), TargetHost::Address(_)) => false,
            };
            host && rule.scheme == target.scheme && rule.port == target.port && path_matches(&rule.path, &target.path)
        });
        if is_listed { Ok(()) } else { Err(Failure::not_allowed(format!("{target} is on no allow list"))) }
    }

    /// User and password for a broker, if a form wants them.
    ///
    /// # Errors
    /// Not allowed if none are configured; unsupported for schemes that brokers do not have.
    pub(crate) fn login(&self, target: &Target, security: &[Security]) -> Result<Option<(String, String)>, Failure> {
        let (host, mut login) = (&target.host, None);
        for scheme in security {
            match scheme {
                Security::Nothing => {}
                Security::Basic => match self.credential(host, |one| matches!(one, Credential::Basic { .. })) {
                    Some(Credential::Basic { user, password }) => login = Some((user.clone(), password.0.clone())),
                    _ => return Err(Failure::not_allowed(format!("{host}: no basic credential is configured"))),
                },
                Security::Bearer => match self.credential(host, |one| matches!(one, Credential::Bearer { .. })) {
                    Some(Credential::Bearer { token }) => login = Some((TOKEN_USER.to_owned(), token.0.clone())),
                    _ => return Err(Failure::not_allowed(format!("{host}: no bearer credential is configured"))),
                },
                other => {
                    return Err(Failure::unsupported(format!(
                        "{} forms have no security schemes here but nosec, basic and bearer, not {other:?}",
                        target.scheme.name()
                    )));
                }
            }
        }
        Ok(login)
    }

    /// What to show to that host, of the kinds that `wanted` takes.
    pub(crate) fn credential(&self, host: &TargetHost, wanted: impl Fn(&Credential) -> bool) -> Option<&Credential> {
        let mut of = self.config.credentials.iter().filter(|(other, credential)| other == host && wanted(credential));
        of.next().map(|(_, credential)| credential)
    }

    /// Whether a client certificate is configured for a host.
    pub(crate) fn has_certificate(&self, host: &TargetHost) -> bool {
        self.credential(host, |one| matches!(one, Credential::Certificate { .. })).is_some()
    }

    pub(crate) fn config(&self) -> &GatewayConfig {
        &self.config
    }
}

/// The first of a name's addresses, if all are public: one that is not shows that somebody plays tricks.
fn public(target: &Target, addresses: &[IpAddr]) -> Result<IpAddr, Failure> {
    for address in addresses {
        if let Some(kind) = crate::address::forbidden(*address) {
            return Err(Failure::not_allowed(format!("{target}: {address} is {kind}; an alias is needed")));
        }
    }
    addresses.first().copied().ok_or_else(|| Failure::unreachable(format!("{target}: the name has no address")))
}

/// Whether a path is of a pattern: `*` stands for any text within a segment, `**` at the end for any text.
fn path_matches(pattern: &str, path: &str) -> bool {
    if let Some(start) = pattern.strip_suffix("**") {
        let depth = start.matches('/').count();
        let cut = path.match_indices('/').nth(depth.saturating_sub(1)).map(|(place, _)| place.saturating_add(1));
        return match cut {
            Some(cut) if start.ends_with('/') => path.get(..cut).is_some_and(|head| path_matches(start, head)),
            _ => path.starts_with(start),
        };
    }
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if segment_matches(pattern, segment) => {}
            _ => return false,
        }
    }
}

fn segment_matches(pattern: &str, segment: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == segment };
    let Some(mut left) = segment.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        let Some(place) = left.find(part) else { return false };
        left = left.get(place.saturating_add(part.len())..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_within_segments_and_rests_at_the_end() {
        for (pattern, path, expected) in [
            ("/", "/", true),
            ("/", "/a", false),
            ("/a", "/a", true),
            ("/a", "/a/", false),
            ("/v1/*", "/v1/quotes", true),
            ("/v1/*", "/v1/", true),
            ("/v1/*", "/v1/quotes/7", false),
            ("/v1/*/t", "/v1/7/t", true),
            ("/v1/*/t", "/v1/t", false),
            ("/a-*.json", "/a-7.json", true),
            ("/a-*.json", "/a-7.xml", false),
            ("/a*b*c", "/a1b2c", true),
            ("/a*b*c", "/a1c2b", false),
            ("/v1/**", "/v1/a/b/c", true),
            ("/v1/**", "/v1/", true),
            ("/v1/**", "/v2/a", false),
            ("/v1/**", "/v10/a", false),
            ("/*/x/**", "/7/x/a/b", true),
            ("/*/x/**", "/7/y/a/b", false),
            ("/**", "/anything/at/all", true),
        ] {
            assert_eq!(path_matches(pattern, path), expected, "{pattern} {path}");
        }
    }
}
