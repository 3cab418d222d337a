//! HTTP and HTTPS, as the WoT binding describes it.
//!
//! One request, one answer: no redirects, no proxies, no cookies, no compression; to the address that the policy settled.
use crate::{
    bindings::{Answer, Exchange},
    config::{Credential, Secret},
    error::{Failure, FailureCode, GatewayError, innermost},
    limits,
    policy::{Admitted, Policy},
    target::Scheme,
    thing::{KeyPlace, Operation, Security},
};
use reqwest::{
    Client, Method, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue},
    redirect,
};
use std::{collections::BTreeMap, net::SocketAddr, sync::Mutex};

/// A client speaks to one host at one address, with its certificate or without.
type ClientKey = (String, SocketAddr, bool);

/// The HTTP binding.
#[derive(Default)]
pub(crate) struct Http {
    clients: Mutex<BTreeMap<ClientKey, Client>>,
}

impl Http {
    /// Checks that the configuration's certificates can be used.
    ///
    /// # Errors
    /// [`GatewayError::Field`].
    pub(crate) fn check(policy: &Policy) -> Result<(), GatewayError> {
        let wrong =
            |field: &str, problem| GatewayError::Field { field: field.to_owned(), value: String::new(), problem };
        for authority in &policy.config().authorities {
            reqwest::Certificate::from_pem_bundle(authority).map_err(|_| wrong("ca", "not PEM certificates"))?;
        }
        for (_, credential) in &policy.config().credentials {
            if let Credential::Certificate { pem } = credential {
                reqwest::Identity::from_pem(pem.0.as_bytes())
                    .map_err(|_| wrong("credential", "not a PEM certificate with its key"))?;
            }
        }
        Ok(())
    }

    /// Performs an exchange.
    ///
    /// # Errors
    /// [`Failure`] with the code that the chain is told.
    pub(crate) async fn perform(
        &self,
        policy: &Policy,
        admitted: &Admitted,
        exchange: &Exchange,
    ) -> Result<Answer, Failure> {
        let target = admitted.target();
        let method = method(exchange)?;
        let client = self.client(policy, admitted)?;
        let host = match target.host {
            crate::target::TargetHost::Address(std::net::IpAddr::V6(ip)) => format!("[{ip}]"),
            ref host => host.to_string(),
        };
        let url = format!("{}://{host}:{}{}", target.scheme.name(), target.port, target.path_and_query());
        let mut request = client.request(method, url);
        request = authorize(request, policy, admitted, exchange)?;
        if exchange.operation.is_command() {
            request = request.header("Idempotency-Key", exchange.key_text());
        }
        if let Some(body) = &exchange.body {
            request = request.header(CONTENT_TYPE, &exchange.form.content_type).body(body.clone());
        }
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        refuse(response.status())?;
        let announced = response.content_length().unwrap_or(0);
        if announced > u64::try_from(limits::ANSWER_BYTES_MAX).unwrap_or(u64::MAX) {
            return Err(Failure::too_large());
        }
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len().saturating_add(chunk.len()) > limits::ANSWER_BYTES_MAX {
                return Err(Failure::too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { content_type, body: body.into() })
    }

    /// A client that connects to the admitted address whatever the host's name resolves to by now.
    fn client(&self, policy: &Policy, admitted: &Admitted) -> Result<Client, Failure> {
        let target = admitted.target();
        let certificate = policy.credential(&target.host, |one| matches!(one, Credential::Certificate { .. }));
        let certificate = certificate.filter(|_| target.scheme == Scheme::Https);
        let host = target.host.to_string();
        let key = (host.clone(), admitted.address(), certificate.is_some());
        if let Some(client) = self.clients.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).get(&key) {
            return Ok(client.clone());
        }
        let failed = |error: reqwest::Error| Failure::unsupported(format!("no client: {error}"));
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            // A connection that the other side closes meanwhile would fail the next command, which must not be sent twice.
            .pool_max_idle_per_host(0)
            .referer(false)
            .timeout(policy.config().attempt_timeout)
            .resolve(&host, admitted.address());
        for authority in &policy.config().authorities {
            for certificate in reqwest::Certificate::from_pem_bundle(authority).map_err(failed)? {
                builder = builder.add_root_certificate(certificate);
            }
        }
        if let Some(Credential::Certificate { pem }) = certificate {
            builder = builder.identity(reqwest::Identity::from_pem(pem.0.as_bytes()).map_err(failed)?);
        }
        let client = builder.build().map_err(failed)?;
        let mut clients = self.clients.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if clients.len() >= limits::HTTP_CLIENTS_MAX {
            clients.clear();
        }
        clients.insert(key, client.clone());
        Ok(client)
    }
}

fn method(exchange: &Exchange) -> Result<Method, Failure> {
    let named = exchange.form.term("htv:methodName");
    let default = match exchange.operation {
        Operation::ReadProperty => Method::GET,
        Operation::WriteProperty => Method::PUT,
        Operation::InvokeAction => Method::POST,
        Operation::ObserveProperty | Operation::SubscribeEvent => {
            return Err(Failure::unsupported("HTTP has no subscriptions here"));
        }
    };
    match named {
        None => Ok(default),
        Some("GET") => Ok(Method::GET),
        Some("PUT") => Ok(Method::PUT),
        Some("POST") => Ok(Method::POST),
        Some("PATCH") => Ok(Method::PATCH),
        Some("DELETE") => Ok(Method::DELETE),
        Some(other) => Err(Failure::unsupported(format!("the method {other} is not spoken"))),
    }
}

/// Shows who this gateway is, as the form wants it.
fn authorize(
    mut request: reqwest::RequestBuilder,
    policy: &Policy,
    admitted: &Admitted,
    exchange: &Exchange,
) -> Result<reqwest::RequestBuilder, Failure> {
    let host = &admitted.target().host;
    let missing = |kind: &str| Failure::not_allowed(format!("{host}: no {kind} credential is configured"));
    for security in &exchange.form.security {
        request = match security {
            Security::Nothing => request,
            Security::Basic => match policy.credential(host, |one| matches!(one, Credential::Basic { .. })) {
                Some(Credential::Basic { user, password }) => request.basic_auth(user, Some(&password.0)),
                _ => return Err(missing("basic")),
            },
            Security::Bearer => match policy.credential(host, |one| matches!(one, Credential::Bearer { .. })) {
                Some(Credential::Bearer { token }) => {
                    request.header(AUTHORIZATION, hidden(&Secret(format!("Bearer {}", token.0)))?)
                }
                _ => return Err(missing("bearer")),
            },
            Security::ApiKey { name, place } => {
                match policy.credential(host, |one| matches!(one, Credential::ApiKey { .. })) {
                    Some(Credential::ApiKey { key }) => match place {
                        KeyPlace::Header => {
                            let name = HeaderName::from_bytes(name.as_bytes())
                                .map_err(|_| Failure::malformed(format!("{name}: not the name of a header")))?;
                            if FORBIDDEN_KEY_HEADERS.contains(&name.as_str()) {
                                return Err(Failure::malformed(format!("{name}: not a header for a key")));
                            }
                            request.header(name, hidden(key)?)
                        }
                        KeyPlace::Query => request.query(&[(name, &key.0)]),
                    },
                    _ => return Err(missing("apikey")),
                }
            }
            Security::Other(scheme) => {
                return Err(Failure::unsupported(format!("the security scheme {scheme} is not spoken")));
            }
        };
    }
    Ok(request)
}

/// Headers that would change what is asked, or of whom.
const FORBIDDEN_KEY_HEADERS: [&str; 5] =
    ["host", "content-length", "transfer-encoding", "connection", "idempotency-key"];

/// A header's value that is not logged.
fn hidden(secret: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(&secret.0)
        .map_err(|_| Failure::not_allowed("a configured secret cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn refuse(status: StatusCode) -> Result<(), Failure> {
    if status.is_success() {
        return Ok(());
    }
    let reason = format!("the thing answers {}", status.as_u16());
    Err(match status.as_u16() {
        408 | 504 => Failure { code: FailureCode::Timeout, reason, transient: true },
        429 | 502 | 503 => Failure { code: FailureCode::Unreachable, reason, transient: true },
        // A redirect could lead anywhere; the description should name the place itself.
        300..=399 => Failure::new(FailureCode::RefusedByThing, format!("{reason}: redirects are not followed")),
        _ => Failure::new(FailureCode::RefusedByThing, reason),
    })
}

fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::timeout();
    }
    // The address is known, and could hold a key.
    Failure::unreachable(innermost(error).to_string())
}
