//! What an operator allows a gateway, and the credentials that it has: a TOML file.
//!
//! ```toml
//! ca = ["consortium-ca.pem"]        # authorities trusted besides the public ones
//! attempt_ms = 10000                # how long one attempt may take, at most 10,000
//!
//! [[allow]]                         # everything else is refused
//! scheme = "https"
//! host = "*.carrier.example"        # a name, an address, or all names below one
//! port = 8443                       # the scheme's own if left out
//! path = "/v1/quotes/*"             # * stands for a part of a segment or a whole one, ** at the end for any rest
//!
//! [[alias]]                         # the only way to addresses that are not public
//! host = "plc-7.plant.example"
//! address = "10.20.0.7"
//!
//! [[credential]]
//! host = "api.carrier.example"
//! kind = "bearer"                   # basic, bearer, apikey, certificate
//! secret = "carrier.token"          # a file; its first line
//!
//! [[ipfs]]
//! url = "http://127.0.0.1:8080"     # a gateway or a local node; it needs a rule, and perhaps an alias, like everything else
//! ```
//!
//! File names are relative to the configuration's folder.
use crate::{
    error::GatewayError,
    limits,
    target::{Scheme, Target, TargetHost},
};
use serde::Deserialize;
use std::{
    fmt, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A gateway's configuration, checked.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    pub(crate) attempt_timeout: Duration,
    pub(crate) authorities: Vec<Vec<u8>>,
    pub(crate) allow: Vec<AllowRule>,
    pub(crate) aliases: Vec<(TargetHost, IpAddr)>,
    pub(crate) credentials: Vec<(TargetHost, Credential)>,
    pub(crate) ipfs: Vec<Target>,
}

/// What may be reached.
#[derive(Debug, Clone)]
pub(crate) struct AllowRule {
    pub(crate) scheme: Scheme,
    pub(crate) host: HostPattern,
    pub(crate) port: u16,
    pub(crate) path: String,
}

/// A host, or all names below one.
#[derive(Debug, Clone)]
pub(crate) enum HostPattern {
    Exactly(TargetHost),
    Below(String),
}

/// What a gateway shows to a thing.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    Basic { user: String, password: Secret },
    Bearer { token: Secret },
    ApiKey { key: Secret },
    Certificate { pem: Secret },
}

/// Bytes that no log shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    ca: Vec<PathBuf>,
    attempt_ms: Option<u64>,
    #[serde(default)]
    allow: Vec<AllowText>,
    #[serde(default)]
    alias: Vec<AliasText>,
    #[serde(default)]
    credential: Vec<CredentialText>,
    #[serde(default)]
    ipfs: Vec<IpfsText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowText {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
    path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasText {
    host: String,
    address: IpAddr,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialText {
    host: String,
    kind: CredentialKind,
    user: Option<String>,
    secret: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IpfsText {
    url: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum CredentialKind {
    Basic,
    Bearer,
    ApiKey,
    Certificate,
}

impl GatewayConfig {
    /// Reads and checks a configuration, and the files that it names.
    ///
    /// # Errors
    /// [`GatewayError`], naming the field.
    pub fn read(file: &Path) -> Result<Self, GatewayError> {
        let text = read(String::new(), file)?;
        let parsed: File = toml::from_str(&text)
            .map_err(|error| GatewayError::Syntax { file: file.to_owned(), problem: error.to_string() })?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let lengths = [
            ("ca", parsed.ca.len()),
            ("allow", parsed.allow.len()),
            ("alias", parsed.alias.len()),
            ("credential", parsed.credential.len()),
        ];
        if let Some((field, length)) = lengths.into_iter().find(|(_, length)| *length > limits::CONFIGURED_MAX) {
            return Err(wrong(field.to_owned(), length, "at most 1,024 of them"));
        }
        if parsed.ipfs.len() > limits::IPFS_GATEWAYS_MAX {
            return Err(wrong("ipfs".to_owned(), parsed.ipfs.len(), "at most 8 of them"));
        }
        let longest = u64::try_from(limits::ATTEMPT_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        let attempt_ms = parsed.attempt_ms.unwrap_or(longest);
        if !(1..=longest).contains(&attempt_ms) {
            return Err(wrong("attempt_ms".to_owned(), attempt_ms, "1 to 10,000 milliseconds"));
        }
        let enumerate = |field: &'static str| move |index: usize, part: &str| format!("{field}[{index}].{part}");
        Ok(Self {
            attempt_timeout: Duration::from_millis(attempt_ms),
            authorities: parsed
                .ca
                .iter()
                .enumerate()
                .map(|(i, file)| read(format!("ca[{i}]: "), &folder.join(file)).map(String::into_bytes))
                .collect::<Result<_, _>>()?,
            allow: parsed
                .allow
                .into_iter()
                .enumerate()
                .map(|(i, rule)| rule.check(i, &enumerate("allow")))
                .collect::<Result<_, _>>()?,
            aliases: parsed
                .alias
                .into_iter()
                .enumerate()
                .map(|(i, alias)| alias.check(i, &enumerate("alias")))
                .collect::<Result<_, _>>()?,
            credentials: parsed
                .credential
                .into_iter()
                .enumerate()
                .map(|(i, credential)| credential.check(i, folder, &enumerate("credential")))
                .collect::<Result<_, _>>()?,
            ipfs: parsed
                .ipfs
                .into_iter()
                .enumerate()
                .map(|(i, ipfs)| ipfs.check(enumerate("ipfs")(i, "url")))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl AllowText {
    fn check(self, index: usize, field: &impl Fn(usize, &str) -> String) -> Result<AllowRule, GatewayError> {
        let pattern = match self.host.strip_prefix("*.") {
            Some(parent) => match host(field(index, "host"), parent)? {
                TargetHost::Name(name) if name.contains('.') => HostPattern::Below(name),
                _ => {
                    return Err(wrong(
                        field(index, "host"),
                        self.host,
                        "*. stands before a name of two parts at least",
                    ));
                }
            },
            None => HostPattern::Exactly(host(field(index, "host"), &self.host)?),
        };
        if !self.path.starts_with('/') {
            return Err(wrong(field(index, "path"), self.path, "it must begin with /"));
        }
        let rest = self.path.find("**").is_some_and(|place| place.saturating_add(2) != self.path.len());
        if rest || self.path.contains('?') {
            return Err(wrong(
                field(index, "path"),
                self.path,
                "** stands at the end only, and queries are not part of it",
            ));
        }
        if self.port == Some(0) {
            return Err(wrong(field(index, "port"), 0, "a port is 1 to 65535"));
        }
        let port = self.port.unwrap_or(self.scheme.default_port());
        Ok(AllowRule { scheme: self.scheme, host: pattern, port, path: self.path })
    }
}

impl AliasText {
    fn check(self, index: usize, field: &impl Fn(usize, &str) -> String) -> Result<(TargetHost, IpAddr), GatewayError> {
        let (of, address) = (host(field(index, "host"), &self.host)?, self.address.to_canonical());
        // Clients connect to an address that is written out whatever else they are told.
        if matches!(of, TargetHost::Address(written) if written != address) {
            return Err(wrong(field(index, "address"), address, "an address can be an alias of itself only"));
        }
        Ok((of, address))
    }
}

impl IpfsText {
    fn check(self, field: String) -> Result<Target, GatewayError> {
        let target = Target::parse(&self.url, None).ok();
        let target = target.filter(|target| matches!(target.scheme, Scheme::Http | Scheme::Https));
        target
            .filter(|target| target.query.is_none())
            .ok_or_else(|| wrong(field, &self.url, "an address of http or https without a query"))
    }
}

impl CredentialText {
    fn check(
        self,
        index: usize,
        folder: &Path,
        field: &impl Fn(usize, &str) -> String,
    ) -> Result<(TargetHost, Credential), GatewayError> {
        let place = |part: &str| field(index, part);
        let of = host(place("host"), &self.host)?;
        let given = [
            ("user", self.user.is_some(), self.kind == CredentialKind::Basic),
            ("secret", self.secret.is_some(), self.kind != CredentialKind::Certificate),
            ("certificate", self.certificate.is_some(), self.kind == CredentialKind::Certificate),
            ("key", self.key.is_some(), self.kind == CredentialKind::Certificate),
        ];
        for (part, is, should) in given {
            if is != should {
                let problem =
                    if should { "missing for this kind of credential" } else { "not for this kind of credential" };
                return Err(wrong(place(part), "", problem));
            }
        }
        let file = |part: &str, file: Option<PathBuf>| read(place(part) + ": ", &folder.join(file.unwrap_or_default()));
        let line = |path: Option<PathBuf>| {
            file("secret", path).map(|text| Secret(text.lines().next().unwrap_or_default().to_owned()))
        };
        let credential = match self.kind {
            CredentialKind::Basic => {
                Credential::Basic { user: self.user.unwrap_or_default(), password: line(self.secret)? }
            }
            CredentialKind::Bearer => Credential::Bearer { token: line(self.secret)? },
            CredentialKind::ApiKey => Credential::ApiKey { key: line(self.secret)? },
            CredentialKind::Certificate => {
                let certificate = file("certificate", self.certificate)?;
                Credential::Certificate { pem: Secret(certificate + "\n" + &file("key", self.key)?) }
            }
        };
        Ok((of, credential))
    }
}

fn host(field: String, text: &str) -> Result<TargetHost, GatewayError> {
    TargetHost::parse(text).ok_or_else(|| wrong(field, text, "it is neither a name nor an address (IPv6 in brackets)"))
}

fn wrong(field: String, value: impl ToString, problem: &'static str) -> GatewayError {
    GatewayError::Field { field, value: value.to_string(), problem }
}

/// `field`: see [`GatewayError::File`].
fn read(field: String, file: &Path) -> Result<String, GatewayError> {
    let error = |error| GatewayError::File { field: field.clone(), file: file.to_owned(), error };
    let too_long = || std::io::Error::other("longer than 64 KiB");
    if fs::metadata(file).map_err(error)?.len() > limits::SECRET_FILE_BYTES_MAX {
        return Err(error(too_long()));
    }
    fs::read_to_string(file).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GatewayConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), "s3cret\n").unwrap();
        let file = folder.path().join("gateway.toml");
        fs::write(&file, text).unwrap();
        GatewayConfig::read(&file).map_err(|error| error.to_string())
    }

    #[test]
    fn a_configuration_is_read_and_secrets_are_not_shown() {
        let config = parse(
            r#"
            [[allow]]
            scheme = "https"
            host = "*.carrier.example"
            path = "/v1/**"
            [[alias]]
            host = "plc.plant.example"
            address = "10.20.0.7"
            [[credential]]
            host = "api.carrier.example"
            kind = "basic"
            user = "pervade"
            secret = "token"
            "#,
        )
        .unwrap();
        assert_eq!(config.allow[0].port, 443);
        assert_eq!(config.attempt_timeout, limits::ATTEMPT_TIMEOUT);
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        let Credential::Basic { user, password } = &config.credentials[0].1 else { panic!("{shown}") };
        assert_eq!((user.as_str(), password.0.as_str()), ("pervade", "s3cret"));
    }

    #[test]
    fn mistakes_are_refused_with_the_field() {
        for (text, field) in [
            ("allowed = 1", "allowed"),
            ("[[allow]]\nscheme = 'ftp'\nhost = 'a.b'\npath = '/'", "ftp"),
            ("[[allow]]\nscheme = 'http'\nhost = 'a.b'\npath = '/'\nmethod = 'GET'", "method"),
            ("[[allow]]\nscheme = 'http'\nhost = 'a.b'", "path"),
            ("[[allow]]\nscheme = 'http'\nhost = 'a b'\npath = '/'", "allow[0].host"),
            ("[[allow]]\nscheme = 'http'\nhost = '*.com'\npath = '/'", "allow[0].host"),
            ("[[allow]]\nscheme = 'http'\nhost = 'a.b'\npath = 'x'", "allow[0].path"),
            ("[[allow]]\nscheme = 'http'\nhost = 'a.b'\npath = '/**/x'", "allow[0].path"),
            ("[[allow]]\nscheme = 'http'\nhost = 'a.b'\npath = '/'\nport = 0", "allow[0].port"),
            ("[[alias]]\nhost = 'a.b'\naddress = 'nowhere'", "address"),
            ("[[alias]]\nhost = '10.0.0.1'\naddress = '10.0.0.2'", "alias[0].address"),
            ("attempt_ms = 0", "attempt_ms"),
            ("attempt_ms = 10001", "attempt_ms"),
            ("[[credential]]\nhost = 'a.b'\nkind = 'bearer'", "credential[0].secret"),
            ("[[credential]]\nhost = 'a.b'\nkind = 'bearer'\nsecret = 'token'\nuser = 'x'", "credential[0].user"),
            ("[[credential]]\nhost = 'a.b'\nkind = 'bearer'\nsecret = 'missing'", "credential[0].secret: "),
            ("ca = ['token', 'missing.pem']", "ca[1]: "),
            ("[[ipfs]]\nurl = 'ipfs://a.b'", "ipfs[0].url"),
            ("[[ipfs]]\nurl = 'https://a.b/?x=1'", "ipfs[0].url"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(field), "{text}: {error}");
        }
    }
}
