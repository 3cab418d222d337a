//! What tests share: configurations, descriptions, names, links that can be cut.
use pervade_gateway::{
    Answer, Bindings, Failure, FailureCode, GatewayConfig, Input, Message, Operation, Resolve, Subscription, Thing,
};
use std::{fs, future::Future, io, net::IpAddr, path::Path, pin::Pin, sync::Mutex, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

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

/// Attempts of a third of a second, for servers that do not answer.
pub const QUICK: &str = "attempt_ms = 300\n";

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
            "bearer": {{"scheme": "bearer"}}, "oauth": {{"scheme": "oauth2"}}, "header": {{"scheme": "apikey", "in": "header", "name": "X-Key"}},
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

pub async fn write(bindings: &Bindings, thing: &Thing, data: &str) -> Result<Answer, Failure> {
    let input = Input::parse(format!(r#"{{"data": {data}}}"#).as_bytes()).unwrap();
    bindings.perform(thing, Operation::WriteProperty, "p", &input, KEY).await
}

/// Tries until a server that was started, or started again, is there.
pub async fn patiently<T, R: Future<Output = Result<T, Failure>>>(
    mut attempt: impl FnMut() -> R,
) -> Result<T, Failure> {
    let mut again = tokio::time::interval(Duration::from_millis(50));
    let tries = async {
        loop {
            match attempt().await {
                Err(failure) if matches!(failure.code, FailureCode::Unreachable | FailureCode::Timeout) => {
                    again.tick().await;
                }
                other => return other,
            }
        }
    };
    timeout(Duration::from_secs(60), tries).await.expect("the server is not there within a minute")
}

/// Follows event `e`.
pub async fn follow(bindings: &Bindings, thing: &Thing) -> Subscription {
    bindings
        .subscribe(thing, Operation::SubscribeEvent, "e", "0x0000000000000000000000000000000000000001")
        .await
        .unwrap()
}

/// The next message, whatever connections were lost before it.
pub async fn message(subscription: &mut Subscription) -> Message {
    let messages = async {
        loop {
            match subscription.next().await {
                Some(Ok(message)) => return message,
                Some(Err(failure)) => assert!(failure.transient, "{failure}"),
                None => panic!("the subscription ended"),
            }
        }
    };
    timeout(Duration::from_secs(60), messages).await.expect("no message within a minute")
}

/// Accepts messages that come again until this one comes. A receipt that was accepted just before a link or a subscription ended may
/// not have been heard.
pub async fn message_that_says(subscription: &mut Subscription, body: &str) -> Message {
    loop {
        let message = message(subscription).await;
        if message.body[..] == *body.as_bytes() {
            return message;
        }
        message.receipt.accept();
    }
}

/// A link to a server on this machine, which can be cut.
pub struct Link {
    pub port: u16,
    cut: watch::Sender<u64>,
}

impl Link {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let link = Self { port: listener.local_addr().unwrap().port(), cut: watch::channel(0).0 };
        let cuts = link.cut.subscribe();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = cuts.changed() => {}
                    }
                });
            }
        });
        link
    }

    /// Cuts every connection; new ones go through.
    pub fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}
