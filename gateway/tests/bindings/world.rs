//! What tests share: configurations, descriptions, names.
use pervade_gateway::{Answer, Bindings, Failure, GatewayConfig, Input, Operation, Resolve, Thing};
use std::{fs, future::Future, io, net::IpAddr, path::Path, pin::Pin, sync::Mutex};

/// A key that names one request.
pub const KEY: [u8; 32] = [0xab; 32];

/// Names and what they resolve to: one list after the other, the last for ever.
pub struct Names(Vec<(&'static str, Mutex<Vec<Vec<IpAddr>>>)>);

impl Names {
    pub fn none() -> Self {
        Self(Vec::new())
    }

    pub fn of(names: &[(&'static str, &[&[&str]])]) -> Self {
        let addresses = |one: &&[&str]| one.iter().map(|text| text.parse().unwrap()).collect();
        let list = |answers: &[&[&str]]| Mutex::new(answers.iter().rev().map(addresses).collect());
        Self(names.iter().map(|(name, answers)| (*name, list(answers))).collect())
    }
}

impl Resolve for Names {
    fn resolve(&self, name: String) -> Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + '_>> {
        let found = self.0.iter().find(|(other, _)| *other == name);
        let addresses = found.map(|(_, answers)| {
            let mut answers = answers.lock().unwrap();
            if answers.len() > 1 { answers.pop().unwrap() } else { answers[0].clone() }
        });
        Box::pin(async move { addresses.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    }
}

/// Bindings with a configuration; files that it names may be put into its folder before.
pub fn bindings_in(folder: &Path, config: &str, names: Names) -> Bindings {
    let file = folder.join("gateway.toml");
    fs::write(&file, config).unwrap();
    Bindings::new(GatewayConfig::read(&file).unwrap(), names).unwrap()
}

pub fn bindings(config: &str, names: Names) -> Bindings {
    bindings_in(tempfile::tempdir().unwrap().path(), config, names)
}

/// Allows everything of a scheme at a host and port.
pub fn allow(scheme: &str, host: &str, port: u16) -> String {
    format!("[[allow]]\nscheme = '{scheme}'\nhost = '{host}'\nport = {port}\npath = '/**'\n")
}

pub fn alias(host: &str, address: &str) -> String {
    format!("[[alias]]\nhost = '{host}'\naddress = '{address}'\n")
}

/// A thing whose property `p`, action `a` and event `e` have one form each, with these members besides `href`.
pub fn thing(href: &str, members: &str) -> Thing {
    let form = format!(r#"{{"href": {}{members}}}"#, serde_json::Value::from(href));
    let description = format!(
        r#"{{"securityDefinitions": {{"none": {{"scheme": "nosec"}}, "basic": {{"scheme": "basic"}},
            "bearer": {{"scheme": "bearer"}}, "header": {{"scheme": "apikey", "in": "header", "name": "X-Key"}},
            "query": {{"scheme": "apikey", "in": "query", "name": "key"}}}}, "security": "none",
            "properties": {{"p": {{"forms": [{form}]}}}}, "actions": {{"a": {{"forms": [{form}]}}}},
            "events": {{"e": {{"forms": [{form}]}}}}}}"#
    );
    Thing::parse(description.as_bytes()).unwrap()
}

pub async fn read(bindings: &Bindings, thing: &Thing) -> Result<Answer, Failure> {
    bindings.perform(thing, Operation::ReadProperty, "p", &Input::default(), KEY).await
}

pub async fn invoke(bindings: &Bindings, thing: &Thing, input: &str) -> Result<Answer, Failure> {
    bindings.perform(thing, Operation::InvokeAction, "a", &Input::parse(input.as_bytes()).unwrap(), KEY).await
}
