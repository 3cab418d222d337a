//! From a thing's description and a request's input to an answer.
use crate::{
    Input, Operation, Thing,
    coap::{self, Observation},
    config::GatewayConfig,
    error::{Failure, FailureCode, GatewayError},
    http::Http,
    limits, mqtt,
    policy::{Admitted, Policy, Resolve},
    target::{Scheme, Target},
    template::expand,
    thing::Form,
};
use bytes::Bytes;

/// Name of the member that carries the idempotency key in a JSON object.
const KEY_MEMBER: &str = "idempotencyKey";

/// What came back from a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its media type, if the protocol says one.
    pub content_type: Option<String>,
    /// Its bytes, at most [`limits::ANSWER_BYTES_MAX`].
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
    /// A command's body where the protocol has no place for an idempotency key: a JSON object gets a member more.
    pub(crate) fn body_with_key(&self) -> Option<Vec<u8>> {
        let body = self.body.clone()?;
        match serde_json::from_slice(&body) {
            Ok(serde_json::Value::Object(mut members)) if self.form.content_type.contains("json") => {
                members.insert(KEY_MEMBER.to_owned(), self.key_text().into());
                Some(serde_json::Value::Object(members).to_string().into_bytes())
            }
            _ => Some(body),
        }
    }

    /// The idempotency key, hexadecimal.
    pub(crate) fn key_text(&self) -> String {
        alloy_primitives::hex::encode(self.key)
    }
}

/// The protocols that a gateway speaks, under its operator's policy.
pub struct Bindings {
    policy: Policy,
    http: Http,
}

impl Bindings {
    /// Bindings for a configuration; names are found by `resolver`.
    ///
    /// # Errors
    /// [`GatewayError::Field`] if a certificate cannot be used.
    pub fn new(config: GatewayConfig, resolver: impl Resolve + 'static) -> Result<Self, GatewayError> {
        let policy = Policy::new(config, Box::new(resolver));
        Http::check(&policy)?;
        Ok(Self { policy, http: Http::default() })
    }

    /// Performs an operation once, over the first form that this gateway speaks and its operator allows, within
    /// [`limits::ATTEMPT_TIMEOUT`]. `key` names the request: a thing that was commanded twice with one key has been commanded once.
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
        let attempt = async {
            let (admitted, exchange) = self.choose(thing, operation, affordance, input, key).await?;
            match admitted.target().scheme {
                Scheme::Http | Scheme::Https => self.http.perform(&self.policy, &admitted, &exchange).await,
                Scheme::Coap => coap::perform(&admitted, &exchange).await,
                Scheme::Mqtt => mqtt::perform(&self.policy, &admitted, &exchange).await,
            }
        };
        tokio::time::timeout(limits::ATTEMPT_TIMEOUT, attempt).await.unwrap_or_else(|_| Err(Failure::timeout()))
    }

    /// Follows a property or an event, over the first form that this gateway speaks and its operator allows.
    ///
    /// # Errors
    /// [`Failure`] with the code that the chain would be told.
    pub async fn observe(
        &self,
        thing: &Thing,
        operation: Operation,
        affordance: &str,
        input: &Input,
    ) -> Result<Observation, Failure> {
        let attempt = async {
            let (admitted, exchange) = self.choose(thing, operation, affordance, input, [0; 32]).await?;
            match admitted.target().scheme {
                Scheme::Coap => coap::observe(&admitted, &exchange).await,
                scheme => Err(Failure::unsupported(format!("{} has no subscriptions here", scheme.name()))),
            }
        };
        tokio::time::timeout(limits::ATTEMPT_TIMEOUT, attempt).await.unwrap_or_else(|_| Err(Failure::timeout()))
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
                let target = Target::parse(&href, thing.base())?;
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
