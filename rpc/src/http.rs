//! Before JSON-RPC: who may ask, and the plain pages for people and supervisors.
use futures_util::future::Either;
use jsonrpsee::{
    core::BoxError,
    server::{HttpBody, HttpRequest, HttpResponse},
};
use std::{
    future::{Ready, ready},
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, Service};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

/// What `GET /` says.
const GREETING: &str = "This is a Pervade node. It answers JSON-RPC requests sent with POST.\n";

/// How a request came; set for WebSockets only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Over a WebSocket.
    Ws,
}

/// A question to the node itself, answered with the reason if the answer is no.
#[derive(Clone)]
pub struct Probe(Arc<dyn Fn() -> Result<(), String> + Send + Sync>);

impl Probe {
    /// Asks `check` every time. It must not block.
    pub fn new(check: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(check))
    }

    fn answer(&self) -> HttpResponse {
        match (self.0)() {
            Ok(()) => text(200, "ok\n".into()),
            Err(reason) => text(503, format!("{reason}\n")),
        }
    }
}

impl Default for Probe {
    /// Always yes.
    fn default() -> Self {
        Self::new(|| Ok(()))
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Probe")
    }
}

/// The rules of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    /// Host names that requests may be addressed to; `*` for all.
    pub(crate) vhosts: Vec<String>,
    /// Origins that WebSockets may come from; `*` for all.
    pub(crate) ws_origins: Vec<String>,
    /// `GET /health`.
    pub(crate) health: Probe,
    /// `GET /ready`.
    pub(crate) ready: Probe,
}

/// Puts [`Access`] before a service.
#[derive(Clone)]
pub(crate) struct AccessLayer(pub(crate) Arc<Access>);

impl<S> Layer<S> for AccessLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, access: self.0.clone() }
    }
}

/// A service behind [`Access`].
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    inner: S,
    access: Arc<Access>,
}

impl<S> Service<HttpRequest> for Guarded<S>
where
    S: Service<HttpRequest, Response = HttpResponse, Error = BoxError>,
{
    type Response = HttpResponse;
    type Error = BoxError;
    type Future = Either<Ready<Result<HttpResponse, BoxError>>, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: HttpRequest) -> Self::Future {
        match self.access.answer(&request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => {
                if is_upgrade(&request) {
                    request.extensions_mut().insert(Transport::Ws);
                }
                Either::Right(self.inner.call(request))
            }
        }
    }
}

impl Access {
    /// The answer, unless the request is for JSON-RPC.
    fn answer(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let upgrade = is_upgrade(request);
        let get = request.method() == "GET" && !upgrade;
        match request.uri().path() {
            "/health" if get => return Some(self.health.answer()),
            "/ready" if get => return Some(self.ready.answer()),
            _ => {}
        }
        if upgrade {
            return (!self.origin_allowed(header(request, "origin"))).then(|| text(403, "origin not allowed\n".into()));
        }
        let host = header(request, "host").or_else(|| request.uri().host());
        if !self.host_allowed(host) {
            return Some(text(403, "invalid host specified\n".into()));
        }
        get.then(|| text(200, GREETING.into()))
    }

    /// Against DNS rebinding: a web page can point its own name at this machine, but not another's.
    fn host_allowed(&self, host: Option<&str>) -> bool {
        let Some(host) = host else { return true };
        let name = without_port(host);
        self.vhosts.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(name))
            || name.parse::<IpAddr>().is_ok()
    }

    /// Browsers always name the page's origin, programs do not.
    fn origin_allowed(&self, origin: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let page_host = origin.split_once("://").map(|(_, host)| without_port(host));
        let local = self.ws_origins.is_empty() && page_host == Some("localhost");
        local || self.ws_origins.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(origin))
    }
}

/// A host as a URL names it, without port and without the brackets of IPv6.
fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_upgrade(request: &HttpRequest) -> bool {
    jsonrpsee::server::ws::is_upgrade_request(request)
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn text(status: u16, body: String) -> HttpResponse {
    let response = HttpResponse::<HttpBody>::new(HttpBody::from(body));
    let (mut parts, body) = response.into_parts();
    parts.status = status.try_into().unwrap_or_default();
    if let Ok(value) = "text/plain; charset=utf-8".parse() {
        parts.headers.insert("content-type", value);
    }
    HttpResponse::from_parts(parts, body)
}

/// CORS headers for web pages of these origins; `*` for all, none for no headers.
pub(crate) fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| origin.parse().ok()))
    };
    Some(CorsLayer::new().allow_origin(allowed).allow_methods(AllowMethods::any()).allow_headers(AllowHeaders::any()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(vhosts: &[&str], ws_origins: &[&str]) -> Access {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        Access {
            vhosts: owned(vhosts),
            ws_origins: owned(ws_origins),
            health: Probe::default(),
            ready: Probe::new(|| Err("starting".into())),
        }
    }

    fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> HttpRequest {
        let mut request = HttpRequest::new(HttpBody::empty());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            let name: &'static str = String::from(*name).leak();
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    fn status(access: &Access, request: &HttpRequest) -> Option<u16> {
        access.answer(request).map(|response| response.status().as_u16())
    }

    #[test]
    fn only_known_hosts_and_addresses_may_be_asked() {
        let access = access(&["localhost", "node.example"], &[]);
        let post = |host| status(&access, &request("POST", "/", &[("host", host)]));
        for good in ["localhost", "LOCALHOST:8545", "node.example:1", "127.0.0.1:8545", "[::1]:8545", "10.0.0.1"] {
            assert_eq!(post(good), None, "{good}");
        }
        assert_eq!(post("evil.example:8545"), Some(403));
        assert_eq!(status(&super::tests::access(&["*"], &[]), &request("POST", "/", &[("host", "a.b")])), None);
    }

    #[test]
    fn pages_for_people_and_supervisors() {
        let access = access(&["localhost"], &[]);
        assert_eq!(status(&access, &request("GET", "/health", &[("host", "any.example")])), Some(200));
        assert_eq!(status(&access, &request("GET", "/ready", &[])), Some(503));
        assert_eq!(status(&access, &request("GET", "/", &[])), Some(200));
        assert_eq!(status(&access, &request("POST", "/", &[])), None);
    }

    #[test]
    fn web_pages_need_an_allowed_origin_for_a_websocket() {
        let upgrade = [("connection", "Upgrade"), ("upgrade", "websocket")];
        let from = |access: &Access, origin: &str| {
            status(access, &request("GET", "/", &[&upgrade[..], &[("origin", origin)]].concat()))
        };
        let (none, one) = (access(&[], &[]), access(&[], &["https://a.example"]));
        assert_eq!(status(&none, &request("GET", "/", &upgrade)), None);
        assert_eq!(from(&none, "http://localhost:3000"), None);
        assert_eq!(from(&none, "https://evil.example"), Some(403));
        assert_eq!(from(&one, "https://a.example"), None);
        assert_eq!(from(&one, "http://localhost:3000"), Some(403));
    }
}
