//! From a thing's description and a request's input to an answer, or to a stream of the thing's own messages.
use crate::{
    Input, Operation, Thing, amqp, coap,
    config::GatewayConfig,
    error::{Failure, FailureCode, GatewayError},
    http::Http,
    ipfs::{self, Content},
    mqtt,
    policy::{Admitted, Policy, Resolve},
    subscription::{Line, Subscription},
    target::{Scheme, Target},
    template::expand,
    thing::Form,
    tls::Tls,
};
use alloy_primitives::{hex, keccak256};
use bytes::Bytes;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Name of the member that carries the idempotency key in a JSON object.
const KEY_MEMBER: &str = "idempotencyKey";

/// What came back from a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its media type, if the protocol says one.
    pub content_type: Option<String>,
    /// Its bytes, at most [`crate::limits::ANSWER_BYTES_MAX`].
    pub body: Bytes,
}

/// One operation over one form, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) operation: Operation,
    pub(crate) form: Form,
    pub(crate) body: Option<Vec<u8>>,
    /// Names the command, the same in every attempt.
    pub(crate) key: [u8; 32],
}

impl Exchange {
    /// A command's body where the protocol has no place for an idempotency key: a JSON object gets a member more, an action
    /// without input becomes one. Other bodies cannot carry the key.
    pub(crate) fn body_with_key(&self) -> Option<Vec<u8>> {
        let json = self.form.content_type.contains("json");
        let members = match &self.body {
            None if json && self.operation == Operation::InvokeAction => Some(Map::new()),
            None => None,
            Some(body) if json => serde_json::from_slice::<Map<String, Value>>(body).ok(),
            Some(_) => None,
        };
        match members {
            Some(mut members) => {
                members.insert(KEY_MEMBER.to_owned(), self.key_text().into());
                Some(Value::Object(members).to_string().into_bytes())
            }
            None => self.body.clone(),
        }
    }

    /// Whether an answer in JSON names this exchange.
    pub(crate) fn is_named_in(&self, answer: &[u8]) -> bool {
        let answer = serde_json::from_slice::<Map<String, Value>>(answer).ok();
        let named = answer.and_then(|members| members.get(KEY_MEMBER).and_then(Value::as_str).map(str::to_owned));
        named.is_some_and(|named| named.eq_ignore_ascii_case(&self.key_text()))
    }

    /// The idempotency key, hexadecimal.
    pub(crate) fn key_text(&self) -> String {
        hex::encode(self.key)
    }
}

/// What every binding needs to reach a thing.
pub(crate) struct Reach {
    pub(crate) policy: Policy,
    pub(crate) tls: Tls,
    pub(crate) http: Http,
}

/// The protocols that a gateway speaks, under its operator's policy.
#[derive(Clone)]
pub struct Bindings {
    reach: Arc<Reach>,
}

impl Bindings {
    /// Bindings for a configuration; names are found by `resolver`.
    ///
    /// # Errors
    /// [`GatewayError::Field`] if a certificate cannot be used.
    pub fn new(config: GatewayConfig, resolver: impl Resolve + 'static) -> Result<Self, GatewayError> {
        let policy = Policy::new(config, Box::new(resolver));
        Http::check(&policy)?;
        let tls = Tls::new(policy.config())?;
        Ok(Self { reach: Arc::new(Reach { policy, tls, http: Http::default() }) })
    }

    /// Performs an operation once, over the first form that this gateway speaks and its operator allows, within
    /// [`crate::limits::ATTEMPT_TIMEOUT`] or what the operator set. `key` names the request: a thing that was commanded twice with
    /// one key has been commanded once.
    ///
    /// # Errors
    /// [`Failure`] with the code that the chain is told.
    pub async fn perform(
        &self,
        thing: &Thing,
        operation: Operation,
        affordance: &str,
        input: &Input,
        key: [u8; 32],
    ) -> Result<Answer, Failure> {
        let reach = &*self.reach;
        let attempt = async {
            let (admitted, exchange) = reach.choose(thing, operation, affordance, input, key).await?;
            match admitted.target().scheme {
                Scheme::Http | Scheme::Https => reach.http.perform(&reach.policy, &admitted, &exchange).await,
                Scheme::Coap => coap::perform(&admitted, &exchange).await,
                Scheme::Mqtt | Scheme::Mqtts => mqtt::perform(reach, &admitted, &exchange).await,
                Scheme::Amqp | Scheme::Amqps => amqp::perform(reach, &admitted, &exchange).await,
            }
        };
        // A binding's future holds its buffers: on the heap, not in every caller's.
        let attempt = Box::pin(tokio::time::timeout(reach.policy.config().attempt_timeout, attempt));
        attempt.await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    /// Fetches bytes of a file by its content identifier (binary or text; length 0: to its end) from the operator's gateways of
    /// IPFS, with the blocks that prove them. Every block was hashed; whoever reports them need not be trusted either.
    ///
    /// # Errors
    /// [`Failure`] with the code that the chain is told: malformed if what comes is not what was asked for, too large if the
    /// proof has more than [`crate::limits::CONTENT_BYTES_MAX`].
    pub async fn content(&self, id: &[u8], offset: u64, length: u64) -> Result<Content, Failure> {
        let wanted = ipfs::Wanted::parse(id, offset, length)?;
        let limit = self.reach.policy.config().attempt_timeout;
        let attempt = Box::pin(tokio::time::timeout(limit, ipfs::fetch(&self.reach, &wanted)));
        attempt.await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    /// Follows a property ([`Operation::ObserveProperty`]) or an event ([`Operation::SubscribeEvent`]), over the first form that
    /// this gateway speaks and its operator allows: MQTT with a persistent session, AMQP with a durable queue, CoAP by
    /// observation. [`Thing::followed`] lists what a description offers.
    ///
    /// `gateway` names this gateway, the same after every restart (its account's address): the broker keeps messages under that
    /// name while the gateway is away. Two gateways with one name steal each other's messages.
    ///
    /// Nothing is acknowledged to the broker or the thing before [`crate::Receipt::accept`]; a dropped receipt gives its message
    /// back. Every message comes at least once, also across restarts of gateway and broker. A connection that is lost, or
    /// not to be had, is a failure in the stream, and is built anew (by policy anew: names are resolved again).
    ///
    /// ```ignore
    /// let mut messages = bindings.subscribe(&thing, Operation::SubscribeEvent, "delivered", "0x51…e2").await?;
    /// while let Some(message) = messages.next().await {
    ///     match message {
    ///         Ok(message) => {
    ///             publish(&message.body).await?;      // the chain has it, or has refused it for ever
    ///             message.receipt.accept();
    ///         }
    ///         Err(failure) => warn!(%failure),        // the stream goes on, or says None next
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Failure`] if no form can be followed. That a broker is away is none: the stream tells.
    pub async fn subscribe(
        &self,
        thing: &Thing,
        operation: Operation,
        affordance: &str,
        gateway: &str,
    ) -> Result<Subscription, Failure> {
        if !operation.is_subscription() {
            return Err(Failure::malformed(format!("{} is not a subscription", operation.name())));
        }
        let first = self.reach.choose(thing, operation, affordance, &Input::default(), [0; 32]).await;
        if let Err(failure) = first
            && !failure.transient
        {
            return Err(failure);
        }
        let (reach, thing, affordance) = (self.reach.clone(), thing.clone(), affordance.to_owned());
        let session = session_name(gateway, &thing, operation, &affordance);
        Ok(Subscription::start(move |mut line| {
            let (reach, thing, affordance, session) =
                (reach.clone(), thing.clone(), affordance.clone(), session.clone());
            async move {
                let failure = reach.follow(&thing, operation, &affordance, &session, &mut line).await;
                (line, failure)
            }
        }))
    }
}

impl Reach {
    /// Runs one connection of a subscription until it fails.
    async fn follow(
        &self,
        thing: &Thing,
        operation: Operation,
        affordance: &str,
        session: &str,
        line: &mut Line,
    ) -> Failure {
        let input = Input::default();
        let chosen = self.choose(thing, operation, affordance, &input, [0; 32]);
        let chosen = tokio::time::timeout(self.policy.config().attempt_timeout, chosen).await;
        let (admitted, exchange) = match chosen.unwrap_or_else(|_| Err(Failure::timeout())) {
            Ok(chosen) => chosen,
            Err(failure) => return failure,
        };
        let ended = match admitted.target().scheme {
            Scheme::Mqtt | Scheme::Mqtts => Box::pin(mqtt::follow(self, &admitted, &exchange, session, line)).await,
            Scheme::Amqp | Scheme::Amqps => Box::pin(amqp::follow(self, &admitted, &exchange, session, line)).await,
            Scheme::Coap => Box::pin(coap::follow(&admitted, &exchange, line)).await,
            Scheme::Http | Scheme::Https => Err(Failure::unsupported("HTTP has no subscriptions here")),
        };
        match ended {
            // One message that is too large does not end what follows it.
            Err(failure) if failure.code == FailureCode::TooLarge => Failure { transient: true, ..failure },
            Err(failure) => failure,
            Ok(never) => match never {},
        }
    }

    /// The first form that can be used; else the failure that says most: a refusal by the operator before the rest.
    async fn choose(
        &self,
        thing: &Thing,
        operation: Operation,
        affordance: &str,
        input: &Input,
        key: [u8; 32],
    ) -> Result<(Admitted, Exchange), Failure> {
        let mut worst: Option<Failure> = None;
        for form in thing.forms(operation, affordance)? {
            let chosen = async {
                let href = expand(&form.href, &input.variables)?;
                let mut target = Target::parse(&href, thing.base())?;
                if operation.is_subscription() && !target.scheme.has_subscriptions() {
                    return Err(Failure::unsupported(format!("{} has no subscriptions here", target.scheme.name())));
                }
                target.name_by_terms(&form)?;
                let body = if operation.is_command() { input.body(&form.content_type)? } else { None };
                Ok::<_, Failure>((self.policy.admit(target).await?, body))
            };
            match chosen.await {
                Ok((admitted, body)) => return Ok((admitted, Exchange { operation, form, body, key })),
                Err(failure) => {
                    let clearer = |worst: &Failure| {
                        worst.code == FailureCode::UnsupportedForm || failure.code == FailureCode::NotAllowed
                    };
                    if worst.as_ref().is_none_or(clearer) {
                        worst = Some(failure);
                    }
                }
            }
        }
        Err(worst.unwrap_or_else(|| Failure::unsupported("no form")))
    }
}

/// A session's name at a broker: 22 letters and digits, which every broker takes (MQTT 3.1.1, 3.1.3.1).
fn session_name(gateway: &str, thing: &Thing, operation: Operation, affordance: &str) -> String {
    let parts = [gateway, thing.id(), operation.name(), affordance];
    let of = keccak256(serde_json::json!(parts).to_string());
    format!("pv{}", hex::encode(of.get(..10).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(operation: Operation, content_type: &str, body: Option<&str>) -> Exchange {
        let form = Form {
            href: String::new(),
            content_type: content_type.to_owned(),
            security: Vec::new(),
            terms: Map::new(),
        };
        Exchange { operation, form, body: body.map(|body| body.as_bytes().to_vec()), key: [7; 32] }
    }

    #[test]
    fn the_key_travels_in_json_objects_and_in_actions_without_input() {
        let key = "07".repeat(32);
        let with = |operation, kind, body| {
            exchange(operation, kind, body).body_with_key().map(|body| String::from_utf8(body).unwrap())
        };
        let invoke = |kind, body| with(Operation::InvokeAction, kind, body);
        assert_eq!(
            invoke("application/json", Some(r#"{"a":1}"#)).unwrap(),
            format!(r#"{{"a":1,"idempotencyKey":"{key}"}}"#)
        );
        assert_eq!(invoke("application/json", None).unwrap(), format!(r#"{{"idempotencyKey":"{key}"}}"#));
        assert_eq!(invoke("application/json", Some("7")).unwrap(), "7");
        assert_eq!(invoke("text/plain", Some("{}")).unwrap(), "{}");
        assert_eq!(invoke("text/plain", None), None);
        assert_eq!(with(Operation::ReadProperty, "application/json", None), None);
        let exchange = exchange(Operation::InvokeAction, "application/json", None);
        assert!(exchange.is_named_in(format!(r#"{{"idempotencyKey":"{key}","ok":true}}"#).as_bytes()));
        assert!(!exchange.is_named_in(br#"{"idempotencyKey":"08"}"#) && !exchange.is_named_in(b"1"));
    }

    #[test]
    fn a_session_has_one_name_for_ever() {
        let thing = Thing::parse(br#"{"id": "urn:door"}"#).unwrap();
        let name = session_name("0x01", &thing, Operation::SubscribeEvent, "opened");
        assert_eq!(name, session_name("0x01", &thing, Operation::SubscribeEvent, "opened"));
        assert_eq!(name.len(), 22);
        assert_ne!(name, session_name("0x02", &thing, Operation::SubscribeEvent, "opened"));
        assert_ne!(name, session_name("0x01", &thing, Operation::ObserveProperty, "opened"));
    }
}
