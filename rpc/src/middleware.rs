//! What happens around every call: is the method served here, how long it took, and batches run side by side.
//!
//! jsonrpsee runs the calls of a batch one after the other. Here they run together in one task, so that fifty
//! submitted transactions wait for one sync of the pool's journal and not for fifty.
use crate::{
    RpcError,
    http::Transport,
    limits::{BATCH_CONCURRENCY, WS_CALLS_MAX},
};
use alloy_primitives::map::HashMap;
use futures_util::stream::{FuturesOrdered, StreamExt};
use jsonrpsee::{
    core::middleware::{Batch, BatchEntry, BatchEntryErr, Notification, RpcServiceT},
    server::{BatchResponseBuilder, MethodResponse},
    types::{ErrorObjectOwned, Request},
};
use metrics::{Counter, Histogram, counter, histogram};
use std::{sync::Arc, time::Instant};
use tokio::sync::{Semaphore, TryAcquireError};

/// Methods whose answers keep coming.
const SUBSCRIPTION_METHODS: [&str; 4] =
    ["eth_subscribe", "eth_unsubscribe", "pervade_subscribe", "pervade_unsubscribe"];

/// Makes a [`CallService`] for each connection.
#[derive(Clone)]
pub(crate) struct CallLayer {
    methods: Arc<Methods>,
    response_bytes_max: usize,
}

/// The methods of one listener.
pub(crate) struct Methods {
    by_name: HashMap<&'static str, Method>,
    unknown: Counter,
}

struct Method {
    http: bool,
    ws: bool,
    subscription: bool,
    succeeded: Counter,
    failed: Counter,
    seconds: Histogram,
}

impl Methods {
    /// All methods of a listener; `http` and `ws` say over which transports the namespace of a method is served. The
    /// names come from the code and not from clients, so the metrics have as many labels as there are methods.
    pub(crate) fn new(
        names: impl Iterator<Item = &'static str>,
        http: impl Fn(&str) -> bool,
        ws: impl Fn(&str) -> bool,
    ) -> Self {
        let method = |name: &'static str| Method {
            http: http(name),
            ws: ws(name),
            subscription: SUBSCRIPTION_METHODS.contains(&name),
            succeeded: counter!("pervade_rpc_requests_total", "method" => name, "outcome" => "success"),
            failed: counter!("pervade_rpc_requests_total", "method" => name, "outcome" => "error"),
            seconds: histogram!("pervade_rpc_request_seconds", "method" => name),
        };
        Self {
            by_name: names.map(|name| (name, method(name))).collect(),
            unknown: counter!("pervade_rpc_requests_total", "method" => "unknown", "outcome" => "error"),
        }
    }

    fn find(&self, request: &Request<'_>) -> Result<&Method, RpcError> {
        let ws = request.extensions().get::<Transport>().is_some_and(|t| *t == Transport::Ws);
        let name = request.method_name();
        match self.by_name.get(name) {
            Some(method) if method.subscription && !ws => Err(RpcError::NotificationsUnsupported),
            Some(method) if if ws { method.ws } else { method.http } => Ok(method),
            _ => {
                self.unknown.increment(1);
                Err(RpcError::MethodNotFound { method: name.chars().take(64).collect() })
            }
        }
    }
}

impl CallLayer {
    /// For a listener with these methods.
    pub(crate) fn new(methods: Methods, response_bytes_max: usize) -> Self {
        Self { methods: Arc::new(methods), response_bytes_max }
    }
}

impl<S> tower::Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        let response_bytes_max = self.response_bytes_max;
        let under_way = Semaphore::new(WS_CALLS_MAX);
        let methods = self.methods.clone();
        CallService { connection: Arc::new(Connection { inner, methods, response_bytes_max, under_way }) }
    }
}

/// The calls of one connection.
pub(crate) struct CallService<S> {
    connection: Arc<Connection<S>>,
}

struct Connection<S> {
    inner: S,
    methods: Arc<Methods>,
    response_bytes_max: usize,
    under_way: Semaphore,
}

impl<S> Connection<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync,
{
    async fn call(&self, request: Request<'_>) -> MethodResponse {
        let method = match self.methods.find(&request) {
            Ok(method) => method,
            Err(error) => return MethodResponse::error(request.id, ErrorObjectOwned::from(error)),
        };
        let started = Instant::now();
        let response = self.inner.call(request).await;
        let outcome = if response.is_error() { &method.failed } else { &method.succeeded };
        outcome.increment(1);
        method.seconds.record(started.elapsed());
        response
    }

    /// `None` for a notification, which gets no answer.
    async fn entry(&self, entry: Result<BatchEntry<'_>, BatchEntryErr<'_>>) -> Option<MethodResponse> {
        match entry {
            Ok(BatchEntry::Call(request)) => Some(self.call(request).await),
            Ok(BatchEntry::Notification(_)) => None,
            Err(error) => {
                let (error, id) = error.into_parts();
                Some(MethodResponse::error(id, error))
            }
        }
    }

    async fn batch(&self, batch: Batch<'_>) -> MethodResponse {
        let mut answers = BatchResponseBuilder::new_with_limit(self.response_bytes_max);
        let mut entries = batch.into_iter();
        let mut running = FuturesOrdered::new();
        let mut notified = false;
        loop {
            while running.len() < BATCH_CONCURRENCY
                && let Some(entry) = entries.next()
            {
                running.push_back(self.entry(entry));
            }
            match running.next().await {
                Some(Some(answer)) => {
                    if let Err(too_big) = answers.append(answer) {
                        return too_big;
                    }
                }
                Some(None) => notified = true,
                None => break,
            }
        }
        if answers.is_empty() && notified {
            return MethodResponse::notification();
        }
        MethodResponse::from_batch(answers.finish())
    }
}

fn too_many() -> ErrorObjectOwned {
    RpcError::LimitExceeded { what: "calls under way on one connection are", limit: WS_CALLS_MAX as u64 }.into()
}

impl<S> RpcServiceT for CallService<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let connection = self.connection.clone();
        async move {
            match connection.under_way.try_acquire() {
                Err(TryAcquireError::NoPermits) => MethodResponse::error(request.id, too_many()),
                _permit => connection.call(request).await,
            }
        }
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let connection = self.connection.clone();
        async move {
            match connection.under_way.try_acquire() {
                Err(TryAcquireError::NoPermits) => MethodResponse::error(jsonrpsee::types::Id::Null, too_many()),
                _permit => connection.batch(batch).await,
            }
        }
    }

    fn notification<'a>(&self, _: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::notification())
    }
}
