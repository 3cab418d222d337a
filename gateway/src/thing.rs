//! Thing Descriptions, as far as a gateway needs them: forms of an affordance, and how to show who one is.
//!
//! W3C WoT Thing Description 1.1, sections 5.3.1 to 5.3.4 and 5.4. The chain has checked the description when it was
//! registered; here nothing is taken for granted, but only what is used is looked at.
use crate::{error::Failure, limits};
use serde_json::{Map, Value};

/// What is done with an affordance: the operations that a contract may ask for, and those a gateway needs for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Reads a property.
    ReadProperty,
    /// Writes a property: a command.
    WriteProperty,
    /// Invokes an action: a command.
    InvokeAction,
    /// Follows a property.
    ObserveProperty,
    /// Follows an event.
    SubscribeEvent,
}

impl Operation {
    /// Its name in a form's `op`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadProperty => "readproperty",
            Self::WriteProperty => "writeproperty",
            Self::InvokeAction => "invokeaction",
            Self::ObserveProperty => "observeproperty",
            Self::SubscribeEvent => "subscribeevent",
        }
    }

    const fn affordances(self) -> &'static str {
        match self {
            Self::ReadProperty | Self::WriteProperty | Self::ObserveProperty => "properties",
            Self::InvokeAction => "actions",
            Self::SubscribeEvent => "events",
        }
    }

    /// Operations of a form that names none (section 5.3.4.2, defaults).
    fn is_default(self) -> bool {
        !matches!(self, Self::ObserveProperty)
    }

    /// Whether it follows what the thing says by itself.
    pub const fn is_subscription(self) -> bool {
        matches!(self, Self::ObserveProperty | Self::SubscribeEvent)
    }

    /// Whether it changes the thing: then it carries an idempotency key.
    pub const fn is_command(self) -> bool {
        matches!(self, Self::WriteProperty | Self::InvokeAction)
    }
}

/// One way to perform an operation.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Form {
    pub(crate) href: String,
    pub(crate) content_type: String,
    pub(crate) security: Vec<Security>,
    /// Terms of the protocol bindings: `htv:methodName`, `cov:method`.
    pub(crate) terms: Map<String, Value>,
}

impl Form {
    /// A term that is text.
    pub(crate) fn term(&self, name: &str) -> Option<&str> {
        self.terms.get(name).and_then(Value::as_str)
    }
}

/// How a form wants to know who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Security {
    Nothing,
    Basic,
    Bearer,
    ApiKey {
        name: String,
        place: KeyPlace,
    },
    /// A scheme that this gateway does not know.
    Other(String),
}

/// Where an API key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyPlace {
    Header,
    Query,
}

/// A Thing Description.
#[derive(Debug, Clone)]
pub struct Thing {
    base: Option<String>,
    document: Map<String, Value>,
}

impl Thing {
    /// Reads a description.
    ///
    /// # Errors
    /// Malformed if it is not a JSON object of at most [`limits::DESCRIPTION_BYTES_MAX`].
    pub fn parse(description: &[u8]) -> Result<Self, Failure> {
        if description.len() > limits::DESCRIPTION_BYTES_MAX {
            return Err(Failure::malformed("the description has more than 8 KiB"));
        }
        let document: Value = serde_json::from_slice(description)
            .map_err(|error| Failure::malformed(format!("the description is not JSON: {error}")))?;
        let Value::Object(document) = document else {
            return Err(Failure::malformed("the description is not a JSON object"));
        };
        let base = document.get("base").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { base, document })
    }

    /// Its `id`; empty if the description has none.
    pub fn id(&self) -> &str {
        self.document.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// What can be followed: properties and events with a form for it, in the order of their names.
    pub fn followed(&self) -> Vec<(Operation, String)> {
        let mut followed = Vec::new();
        for operation in [Operation::ObserveProperty, Operation::SubscribeEvent] {
            let affordances = self.document.get(operation.affordances()).and_then(Value::as_object);
            for name in affordances.into_iter().flat_map(Map::keys) {
                if self.forms(operation, name).is_ok() {
                    followed.push((operation, name.clone()));
                }
            }
        }
        followed
    }

    pub(crate) fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// The forms of an affordance that perform an operation, in the description's order.
    ///
    /// # Errors
    /// Malformed if there is no such affordance; unsupported if none of its forms performs the operation.
    pub(crate) fn forms(&self, operation: Operation, affordance: &str) -> Result<Vec<Form>, Failure> {
        let of_kind = self.document.get(operation.affordances()).and_then(Value::as_object);
        let found = of_kind.and_then(|all| all.get(affordance)).and_then(Value::as_object);
        let found = found.ok_or_else(|| {
            Failure::malformed(format!("the description has no {affordance} among its {}", operation.affordances()))
        })?;
        let refused = |member: &str| found.get(member) == Some(&Value::Bool(true));
        let forms = found.get("forms").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let forms = forms.iter().take(limits::FORMS_MAX).filter_map(Value::as_object);
        let forms: Vec<_> = forms
            .filter(|form| performs(form, operation, refused("readOnly"), refused("writeOnly")))
            .filter_map(|form| self.form(form))
            .collect();
        if forms.is_empty() {
            return Err(Failure::unsupported(format!("no form of {affordance} is for {}", operation.name())));
        }
        Ok(forms)
    }

    fn form(&self, form: &Map<String, Value>) -> Option<Form> {
        let text = |name: &str| form.get(name).and_then(Value::as_str);
        let names = form.get("security").or_else(|| self.document.get("security"));
        Some(Form {
            href: text("href")?.to_owned(),
            content_type: text("contentType").unwrap_or("application/json").to_owned(),
            security: strings(names)
                .into_iter()
                .take(limits::SECURITY_SCHEMES_MAX)
                .flat_map(|name| self.security(name, limits::SECURITY_DEPTH_MAX))
                .collect(),
            terms: form.iter().filter(|(name, _)| name.contains(':')).map(|(k, v)| (k.clone(), v.clone())).collect(),
        })
    }

    /// What a security definition asks for: everything that is listed. Of the alternatives of a `combo` the first is taken that
    /// this gateway knows.
    fn security(&self, name: &str, depth: usize) -> Vec<Security> {
        let definitions = self.document.get("securityDefinitions").and_then(Value::as_object);
        let definition = definitions.and_then(|all| all.get(name)).and_then(Value::as_object);
        let text = |member: &str| definition.and_then(|one| one.get(member)).and_then(Value::as_str);
        let one = match text("scheme") {
            Some("nosec" | "auto") => Security::Nothing,
            Some("basic") if matches!(text("in"), None | Some("header")) => Security::Basic,
            Some("bearer") if matches!(text("in"), None | Some("header")) => Security::Bearer,
            Some("apikey") => match (text("in"), text("name")) {
                (None | Some("query"), Some(name)) => {
                    Security::ApiKey { name: name.to_owned(), place: KeyPlace::Query }
                }
                (Some("header"), Some(name)) => Security::ApiKey { name: name.to_owned(), place: KeyPlace::Header },
                _ => Security::Other("apikey".to_owned()),
            },
            Some("combo") if depth > 0 => {
                let parts = |member: &str| {
                    let names = strings(definition.and_then(|one| one.get(member)));
                    let names = names.into_iter().take(limits::SECURITY_SCHEMES_MAX);
                    names.map(|name| self.security(name, depth.saturating_sub(1))).collect::<Vec<_>>()
                };
                let all = parts("allOf");
                if !all.is_empty() {
                    return all.into_iter().flatten().collect();
                }
                let known = |found: &Vec<Security>| !found.iter().any(|one| matches!(one, Security::Other(_)));
                return parts("oneOf").into_iter().find(known).unwrap_or_else(|| vec![Security::Other("combo".into())]);
            }
            scheme => Security::Other(scheme.unwrap_or(name).to_owned()),
        };
        vec![one]
    }
}

fn performs(form: &Map<String, Value>, operation: Operation, read_only: bool, write_only: bool) -> bool {
    let forbidden = (operation == Operation::WriteProperty && read_only)
        || (matches!(operation, Operation::ReadProperty | Operation::ObserveProperty) && write_only);
    let named = strings(form.get("op"));
    !forbidden && if named.is_empty() { operation.is_default() } else { named.contains(&operation.name()) }
}

/// Text, or a list of texts.
fn strings(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Input of a request: variables of the address, and data. JSON, `{"uriVariables": {…}, "data": …}`; empty for neither.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    pub(crate) variables: Map<String, Value>,
    pub(crate) data: Option<Value>,
}

impl Input {
    /// Reads an input.
    ///
    /// # Errors
    /// Malformed if it is not such JSON, has other members, or more than [`limits::INPUT_BYTES_MAX`].
    pub fn parse(input: &[u8]) -> Result<Self, Failure> {
        if input.is_empty() {
            return Ok(Self::default());
        }
        if input.len() > limits::INPUT_BYTES_MAX {
            return Err(Failure::malformed("the input has more than 8 KiB"));
        }
        let wrong = || Failure::malformed(r#"the input is not {"uriVariables": {…}, "data": …}"#);
        let Ok(Value::Object(mut members)) = serde_json::from_slice(input) else { return Err(wrong()) };
        let variables = match members.remove("uriVariables") {
            None => Map::new(),
            Some(Value::Object(variables)) => variables,
            Some(_) => return Err(wrong()),
        };
        let data = members.remove("data");
        if members.is_empty() { Ok(Self { variables, data }) } else { Err(wrong()) }
    }

    /// Gives a variable that the requester cannot set: who wants it in an address names it in the form.
    pub(crate) fn set_variable(&mut self, name: &str, value: Value) {
        self.variables.insert(name.to_owned(), value);
    }

    /// The data as bytes of a content type.
    ///
    /// # Errors
    /// Unsupported for a content type that JSON has no natural form in.
    pub(crate) fn body(&self, content_type: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(data) = &self.data else { return Ok(None) };
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let body = match (kind.as_str(), data) {
            ("application/json", data) => data.to_string().into_bytes(),
            (kind, data) if kind.ends_with("+json") => data.to_string().into_bytes(),
            ("text/plain", Value::String(text)) => text.clone().into_bytes(),
            ("text/plain", Value::Number(_) | Value::Bool(_)) => data.to_string().into_bytes(),
            ("application/octet-stream", Value::String(text)) => alloy_primitives::hex::decode(text)
                .map_err(|_| Failure::malformed("bytes are given as hexadecimal text"))?,
            _ => return Err(Failure::unsupported(format!("data cannot be written as {content_type}"))),
        };
        Ok(Some(body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureCode;

    const DESCRIPTION: &str = r#"{
        "base": "https://things.example/7/",
        "securityDefinitions": {
            "open": {"scheme": "nosec"}, "key": {"scheme": "apikey", "in": "header", "name": "X-Key"},
            "strange": {"scheme": "oauth2", "flow": "code"}, "basic": {"scheme": "basic"},
            "either": {"scheme": "combo", "oneOf": ["strange", "both"]},
            "both": {"scheme": "combo", "allOf": ["basic", "key"]}, "loop": {"scheme": "combo", "allOf": ["loop"]}
        },
        "security": "open",
        "properties": {
            "cost": {"readOnly": true, "forms": [
                {"href": "cost{?device}"}, {"href": "coap://things.example/cost", "op": ["readproperty", "observeproperty"]}
            ]},
            "mode": {"writeOnly": true, "forms": [{"href": "mode", "contentType": "text/plain", "security": ["key"]}]}
        },
        "actions": {"open": {"forms": [{"href": "open", "htv:methodName": "PUT", "security": ["strange"]}]}},
        "events": {"alarm": {"forms": [{"href": "alarm", "op": "subscribeevent"}]}}
    }"#;

    #[test]
    fn forms_are_found_by_operation() {
        let thing = Thing::parse(DESCRIPTION.as_bytes()).unwrap();
        let hrefs = |operation, affordance| {
            thing.forms(operation, affordance).map(|forms| forms.into_iter().map(|form| form.href).collect::<Vec<_>>())
        };
        let code = |result: Result<Vec<String>, Failure>| result.unwrap_err().code;
        assert_eq!(hrefs(Operation::ReadProperty, "cost").unwrap(), ["cost{?device}", "coap://things.example/cost"]);
        assert_eq!(hrefs(Operation::ObserveProperty, "cost").unwrap(), ["coap://things.example/cost"]);
        assert_eq!(code(hrefs(Operation::WriteProperty, "cost")), FailureCode::UnsupportedForm);
        assert_eq!(hrefs(Operation::WriteProperty, "mode").unwrap(), ["mode"]);
        assert_eq!(code(hrefs(Operation::ReadProperty, "mode")), FailureCode::UnsupportedForm);
        assert_eq!(hrefs(Operation::SubscribeEvent, "alarm").unwrap(), ["alarm"]);
        assert_eq!(code(hrefs(Operation::InvokeAction, "cost")), FailureCode::Malformed);
        let open = &thing.forms(Operation::InvokeAction, "open").unwrap()[0];
        assert_eq!(
            (open.term("htv:methodName"), &open.security[..]),
            (Some("PUT"), &[Security::Other("oauth2".into())][..])
        );
        let mode = &thing.forms(Operation::WriteProperty, "mode").unwrap()[0];
        assert_eq!(mode.security, [Security::ApiKey { name: "X-Key".into(), place: KeyPlace::Header }]);
    }

    #[test]
    fn combinations_of_security_are_resolved_and_end() {
        let thing = Thing::parse(DESCRIPTION.as_bytes()).unwrap();
        let key = Security::ApiKey { name: "X-Key".into(), place: KeyPlace::Header };
        assert_eq!(thing.security("either", limits::SECURITY_DEPTH_MAX), [Security::Basic, key]);
        assert_eq!(thing.security("loop", limits::SECURITY_DEPTH_MAX), [Security::Other("combo".into())]);
        assert_eq!(thing.security("missing", limits::SECURITY_DEPTH_MAX), [Security::Other("missing".into())]);
    }

    #[test]
    fn what_can_be_followed_is_listed() {
        let thing = Thing::parse(DESCRIPTION.as_bytes()).unwrap();
        let expected =
            [(Operation::ObserveProperty, "cost".to_owned()), (Operation::SubscribeEvent, "alarm".to_owned())];
        assert_eq!(thing.followed(), expected);
        assert_eq!(thing.id(), "");
    }

    #[test]
    fn input_is_read_and_written_in_the_forms_content_type() {
        let input = Input::parse(br#"{"uriVariables": {"device": "pump"}, "data": "on"}"#).unwrap();
        assert_eq!(input.variables["device"], "pump");
        assert_eq!(input.body("application/json; charset=utf-8").unwrap().unwrap(), b"\"on\"");
        assert_eq!(input.body("application/senml+json").unwrap().unwrap(), b"\"on\"");
        assert_eq!(input.body("text/plain").unwrap().unwrap(), b"on");
        assert_eq!(input.body("application/octet-stream").unwrap_err().code, FailureCode::Malformed);
        assert_eq!(input.body("image/png").unwrap_err().code, FailureCode::UnsupportedForm);
        assert_eq!(Input::parse(b"").unwrap(), Input::default());
        for wrong in ["[]", "{", r#"{"uriVariables": 1}"#, r#"{"other": 1}"#] {
            assert_eq!(Input::parse(wrong.as_bytes()).unwrap_err().code, FailureCode::Malformed, "{wrong}");
        }
    }

    #[test]
    fn descriptions_and_inputs_are_taken_at_the_limit_and_refused_one_past_it() {
        let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
        assert!(Thing::parse(padded(limits::DESCRIPTION_BYTES_MAX).as_bytes()).is_ok());
        assert!(Thing::parse(padded(limits::DESCRIPTION_BYTES_MAX + 1).as_bytes()).is_err());
        assert!(Input::parse(padded(limits::INPUT_BYTES_MAX).as_bytes()).is_ok());
        assert!(Input::parse(padded(limits::INPUT_BYTES_MAX + 1).as_bytes()).is_err());
    }
}
