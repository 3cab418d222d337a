//! Where a form points: an address taken apart, in one unambiguous way.
//!
//! The path is what an operator's rules judge, so everything that a form names stands in it, also what it names by terms:
//!
//! ```text
//!  http(s), coap   /path as it is written
//!  mqtt(s)         /topic                                        topic: mqv:topic, else the path itself
//!  amqp(s)         /vhost/queue  or  /vhost/exchange/routing-key  names: amqv:…, else the path itself; %2F is the default vhost
//! ```
use crate::{error::Failure, limits, thing::Form};
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
    /// MQTT over TLS.
    Mqtts,
    /// AMQP 0-9-1 over TCP.
    Amqp,
    /// AMQP 0-9-1 over TLS.
    Amqps,
}

impl Scheme {
    const ALL: [Self; 7] = [Self::Http, Self::Https, Self::Coap, Self::Mqtt, Self::Mqtts, Self::Amqp, Self::Amqps];

    /// Its name in addresses and in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Coap => "coap",
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Amqp => "amqp",
            Self::Amqps => "amqps",
        }
    }

    /// The port of an address that names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
            Self::Coap => 5683,
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Amqp => 5672,
            Self::Amqps => 5671,
        }
    }

    pub(crate) const fn is_amqp(self) -> bool {
        matches!(self, Self::Amqp | Self::Amqps)
    }

    /// Whether a certificate says who is spoken to.
    pub(crate) const fn has_tls(self) -> bool {
        matches!(self, Self::Https | Self::Mqtts | Self::Amqps)
    }

    /// Whether what a thing sends by itself can be followed.
    pub(crate) const fn has_subscriptions(self) -> bool {
        !matches!(self, Self::Http | Self::Https)
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
        // The default virtual host of AMQP is called /.
        let judged = if scheme.is_amqp() { lower.strip_prefix("/%2f").unwrap_or(&lower) } else { &lower };
        if ["%2f", "%5c", "%2e", "%00"].iter().any(|hidden| judged.contains(hidden)) {
            return Err(Failure::not_allowed("the path holds encoded slashes or dots"));
        }
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(Failure::malformed(format!("{href}: port 0")));
        }
        Ok(Self { scheme, host, port, path: path.to_owned(), query: url.query().map(str::to_owned) })
    }

    /// Writes what a form names beside its address into the path, so that it is judged like the rest.
    ///
    /// # Errors
    /// Malformed if a name is missing, too long, or stands for several.
    pub(crate) fn name_by_terms(&mut self, form: &Form) -> Result<(), Failure> {
        if matches!(self.scheme, Scheme::Mqtt | Scheme::Mqtts) {
            return match form.term("mqv:topic") {
                Some(topic) => self.name_topic(topic),
                None => self.name_topic(&self.names()?.join("/")),
            };
        }
        if !self.scheme.is_amqp() {
            return Ok(());
        }
        let written = self.names()?;
        let vhost = written.first().filter(|vhost| !vhost.is_empty()).map_or("/", String::as_str);
        let terms = (form.term("amqv:queue"), form.term("amqv:exchange"), form.term("amqv:routingKey"));
        let names = match (terms, written.as_slice()) {
            ((Some(queue), None, None), _) => vec![vhost, queue],
            ((None, Some(exchange), key), _) => vec![vhost, exchange, key.unwrap_or_default()],
            ((None, None, None), [_, queue]) => vec![vhost, queue.as_str()],
            ((None, None, None), [_, exchange, key]) => vec![vhost, exchange.as_str(), key.as_str()],
            _ => {
                return Err(Failure::malformed("an amqp form names a queue, or an exchange and perhaps a routing key"));
            }
        };
        let path = joined(&names, "*#")?;
        self.path = path;
        Ok(())
    }

    /// Writes a topic into the path. A topic's own slashes are those of the path.
    ///
    /// # Errors
    /// Malformed if it is empty, too long, or stands for several.
    pub(crate) fn name_topic(&mut self, topic: &str) -> Result<(), Failure> {
        if topic.is_empty() {
            return Err(Failure::malformed("the form names no topic"));
        }
        self.path = joined(&topic.split('/').collect::<Vec<_>>(), "+#")?;
        Ok(())
    }

    /// The parts of the path, decoded.
    ///
    /// # Errors
    /// Malformed if they are not text.
    pub(crate) fn names(&self) -> Result<Vec<String>, Failure> {
        let decode = |part: &str| String::from_utf8(percent_decoded(part));
        let parts = self.path.strip_prefix('/').unwrap_or(&self.path).split('/');
        parts.map(decode).collect::<Result<_, _>>().map_err(|_| Failure::malformed("the path is not UTF-8"))
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

/// Names as a path, refused if they hold one of `patterns`, which stand for several.
fn joined(names: &[&str], patterns: &str) -> Result<String, Failure> {
    let bytes: usize = names.iter().map(|name| name.len().saturating_add(1)).sum();
    // The last one has nothing after it.
    if bytes > limits::NAME_BYTES_MAX.saturating_add(1) {
        return Err(Failure::malformed("the names in a form have more than 255 bytes"));
    }
    if names.iter().any(|name| name.contains(|one: char| patterns.contains(one) || one.is_control())) {
        return Err(Failure::malformed("a name in a form stands for several, or holds control characters"));
    }
    Ok(names.iter().map(|name| format!("/{}", percent_encoded(name))).collect())
}

/// Text as one part of a path.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let one = char::from(byte);
        if one.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:@".contains(one) {
            encoded.push(one);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
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
    use serde_json::json;

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

    fn named(href: &str, terms: serde_json::Value) -> Result<String, Failure> {
        let serde_json::Value::Object(terms) = terms else { unreachable!() };
        let form = Form { href: href.to_owned(), content_type: String::new(), security: Vec::new(), terms };
        let mut target = Target::parse(href, None)?;
        target.name_by_terms(&form)?;
        Ok(target.path)
    }

    #[test]
    fn what_terms_name_stands_in_the_path_that_is_judged() {
        for (href, terms, expected) in [
            ("mqtt://b.example/plant/t%207", json!({}), "/plant/t%207"),
            ("mqtt://b.example", json!({"mqv:topic": "plant/t 7"}), "/plant/t%207"),
            ("mqtt://b.example/public", json!({"mqv:topic": "/secret"}), "//secret"),
            ("mqtts://b.example/a/../b", json!({}), "/b"),
            ("mqtt://b.example/x", json!({"mqv:topic": "a/../b"}), "/a/../b"),
            ("amqp://b.example", json!({"amqv:queue": "door"}), "/%2F/door"),
            ("amqp://b.example/plant", json!({"amqv:queue": "a/b"}), "/plant/a%2Fb"),
            ("amqps://b.example/plant", json!({"amqv:exchange": "e", "amqv:routingKey": "k.1"}), "/plant/e/k.1"),
            ("amqp://b.example/plant", json!({"amqv:exchange": "e"}), "/plant/e/"),
            ("amqp://b.example/%2F/door", json!({}), "/%2F/door"),
            ("amqp://b.example/plant/e/k", json!({}), "/plant/e/k"),
        ] {
            assert_eq!(named(href, terms).unwrap(), expected, "{href}");
        }
        for (href, terms) in [
            ("mqtt://b.example", json!({})),
            ("mqtt://b.example/a/+", json!({})),
            ("mqtt://b.example", json!({"mqv:topic": "a/#"})),
            ("mqtt://b.example", json!({"mqv:topic": "a\nb"})),
            ("amqp://b.example", json!({})),
            ("amqp://b.example/v/a/b/c", json!({})),
            ("amqp://b.example/v", json!({"amqv:routingKey": "k"})),
            ("amqp://b.example/v", json!({"amqv:queue": "q", "amqv:exchange": "e"})),
            ("amqp://b.example/v", json!({"amqv:exchange": "e", "amqv:routingKey": "k.*"})),
        ] {
            assert!(named(href, terms).is_err(), "{href}");
        }
        let of = |bytes: usize| named("mqtt://b.example", json!({"mqv:topic": "t".repeat(bytes)}));
        assert!(of(limits::NAME_BYTES_MAX).is_ok());
        assert!(of(limits::NAME_BYTES_MAX + 1).is_err());
    }

    #[test]
    fn the_query_is_not_shown() {
        let target = Target::parse("https://example.com/a?token=secret", None).unwrap();
        assert!(!target.to_string().contains("secret"));
    }
}
