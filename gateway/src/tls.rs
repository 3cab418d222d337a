//! TLS for the protocols that are spoken over a stream: authorities of the system and the operator, and the client certificate
//! that is configured for a host.
use crate::{
    config::{Credential, GatewayConfig},
    error::{Failure, GatewayError},
    policy::Policy,
    target::TargetHost,
};
use rumqttc::tokio_rustls::TlsConnector;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use std::sync::{Arc, OnceLock};

/// Whom to trust.
pub(crate) struct Tls {
    operators: Vec<CertificateDer<'static>>,
    /// Read when first needed: many operators have plain connections in their own network only.
    roots: OnceLock<Arc<RootCertStore>>,
}

impl Tls {
    /// # Errors
    /// [`GatewayError::Field`] if a certificate of the configuration cannot be used.
    pub(crate) fn new(config: &GatewayConfig) -> Result<Self, GatewayError> {
        let wrong =
            |field: &str, problem| GatewayError::Field { field: field.to_owned(), value: String::new(), problem };
        let mut operators = Vec::new();
        for authority in &config.authorities {
            let found = certificates(authority).filter(|found| !found.is_empty());
            operators.extend(found.ok_or_else(|| wrong("ca", "not PEM certificates"))?);
        }
        for (_, credential) in &config.credentials {
            if let Credential::Certificate { pem } = credential {
                identity(pem.0.as_bytes()).ok_or_else(|| wrong("credential", "not a PEM certificate with its key"))?;
            }
        }
        Ok(Self { operators, roots: OnceLock::new() })
    }

    /// How to speak TLS to a host, and under which name.
    ///
    /// # Errors
    /// Not allowed if the host's certificate does not fit its key, or its name is none of TLS.
    pub(crate) fn connector(
        &self,
        policy: &Policy,
        host: &TargetHost,
    ) -> Result<(TlsConnector, ServerName<'static>), Failure> {
        let wrong = |problem: String| Failure::not_allowed(format!("{host}: {problem}"));
        let name = match host {
            TargetHost::Address(address) => ServerName::IpAddress((*address).into()),
            TargetHost::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|_| wrong("not a name for TLS".to_owned()))?
            }
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(error.to_string()))?
            .with_root_certificates(self.roots.get_or_init(|| Arc::new(self.load())).clone());
        let certificate = policy.credential(host, |one| matches!(one, Credential::Certificate { .. }));
        let config = match certificate {
            Some(Credential::Certificate { pem }) => {
                let (chain, key) = identity(pem.0.as_bytes()).ok_or_else(|| wrong("no certificate".to_owned()))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| wrong(error.to_string()))?
            }
            _ => builder.with_no_client_auth(),
        };
        Ok((Arc::new(config).into(), name))
    }

    /// The system's authorities and the operator's. Some of a system's may be of no use to this library.
    fn load(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots.add_parsable_certificates(self.operators.iter().cloned());
        roots
    }
}

fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()
}

/// A certificate chain and its key, from one file.
fn identity(pem: &[u8]) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = certificates(pem).filter(|chain| !chain.is_empty())?;
    Some((chain, PrivateKeyDer::from_pem_slice(pem).ok()?))
}
