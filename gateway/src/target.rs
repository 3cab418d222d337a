//! Where a form points: an address taken apart, in one unambiguous way.
use crate::error::Failure;
use std::{fmt, net::IpAddr};
use url::{Host, Url};

/// A protocol that a gateway speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// CoAP over UDP (RFC 7252).
    Coap,
    /// MQTT over TCP, 5 or 3.1.1.
    Mqtt,
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Coap, Self::Mqtt];

    /// Its name in addresses and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Coap => "coap",
            Self::Mqtt => "mqtt",
        }
    }

    /// The port of an address that names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Coap => 5683,
            Self::Mqtt => 1883,
        }
    }
}

/// A host: an address, however it was written, or a name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetHost {
    /// An IP address.
    Address(IpAddr),
    /// A name.
    Name(String),
}

impl TargetHost {
    /// Reads a host as a browser does: decimal, octal, hexadecimal and shortened IPv4 addresses are addresses, names are
    /// lower case and ASCII.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match Host::parse(text).ok()? {
            Host::Ipv4(ip) => Some(Self::Address(ip.into())),
            Host::Ipv6(ip) => Some(Self::Address(ip.to_canonical())),
            Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name).to_ascii_lowercase();
                let letters = |one: u8| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'.' | b'_');
                (!name.is_empty() && name.len() <= 253 && name.bytes().all(letters)).then_some(Self::Name(name))
            }
        }
    }
}

impl fmt::Display for TargetHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// An address of a form with its variables filled in. Has no user, password or fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(crate) scheme: Scheme,
    pub(crate) host: TargetHost,
    pub(crate) port: u16,
    /// Begins with `/`; without dot segments.
    pub(crate) path: String,
    pub(crate) query: Option<String>,
}

impl Target {
    /// Takes an address apart. `base` is the description's, for addresses that are relative to it.
    ///
    /// # Errors
    /// Malformed if it is no address; unsupported if its scheme is not spoken; not allowed if it holds what only confuses
    /// those who read it: a user, a password, control characters, encoded slashes or dots.
    pub(crate) fn parse(href: &str, base: Option<&str>) -> Result<Self, Failure> {
        for text in [Some(href), base].into_iter().flatten() {
            if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'\\') {
                return Err(Failure::not_allowed("the address holds spaces, control characters or backslashes"));
            }
        }
        let no_address = |error: url::ParseError| Failure::malformed(format!("{href}: {error}"));
        let base = base.map(Url::parse).transpose().map_err(no_address)?;
        let url = Url::options().base_url(base.as_ref()).parse(href).map_err(no_address)?;
        let known = |scheme: &Scheme| scheme.name() == url.scheme();
        let scheme = Scheme::ALL.into_iter().find(known);
        let scheme = scheme.ok_or_else(|| Failure::unsupported(format!("{}: not spoken", url.scheme())))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::not_allowed("the address holds a user or password"));
        }
        if url.cannot_be_a_base() {
            return Err(Failure::malformed(format!("{href}: it names no host")));
        }
        let host = url.host_str().and_then(TargetHost::parse);
        let host = host.ok_or_else(|| Failure::malformed(format!("{href}: it names no host")))?;
        let path = if url.path().is_empty() { "/" } else { url.path() };
        let lower = path.to_ascii_lowercase();
        if ["%2f", "%5c", "%2e", "%00"].iter().any(|hidden| lower.contains(hidden)) {
            return Err(Failure::not_allowed("the path holds encoded slashes or dots"));
        }
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(Failure::malformed(format!("{href}: port 0")));
        }
        Ok(Self { scheme, host, port, path: path.to_owned(), query: url.query().map(str::to_owned) })
    }

    /// Path and query.
    pub(crate) fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

impl fmt::Display for Target {
    /// Without the query, which may hold what is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            TargetHost::Address(IpAddr::V6(ip)) => {
                write!(f, "{}://[{ip}]:{}{}", self.scheme.name(), self.port, self.path)
            }
            host => write!(f, "{}://{host}:{}{}", self.scheme.name(), self.port, self.path),
        }
    }
}

/// Text of an address with its percent-encoded bytes decoded.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_defaults_filled_in() {
        for (href, expected) in [
            ("http://Example.COM/a/../b", "http://example.com:80/b"),
            ("https://example.com.:8443", "https://example.com:8443/"),
            ("coap://[2001:db8::1]/sensors/t", "coap://[2001:db8::1]:5683/sensors/t"),
            ("http://2130706433/", "http://127.0.0.1:80/"),
            ("coap://0x7f.1/", "coap://127.0.0.1:5683/"),
            ("coap://2130706433/", "coap://127.0.0.1:5683/"),
            ("http://[::ffff:10.0.0.1]/", "http://10.0.0.1:80/"),
        ] {
            assert_eq!(Target::parse(href, None).unwrap().to_string(), expected, "{href}");
        }
        let relative = Target::parse("temperature?unit=C", Some("https://example.com/things/7/")).unwrap();
        assert_eq!(relative.path_and_query(), "/things/7/temperature?unit=C");
    }

    #[test]
    fn the_query_is_not_shown() {
        let target = Target::parse("https://example.com/a?token=secret", None).unwrap();
        assert!(!target.to_string().contains("secret"));
    }
}
