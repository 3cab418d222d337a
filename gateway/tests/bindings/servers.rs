//! Bindings against servers of others: nginx, coap-server of libcoap, mosquitto. Run where they are installed
//! (`apt-get install nginx-light libcoap3-bin mosquitto`).
use crate::world::{Names, alias, allow, bindings, invoke, read, thing};
use pervade_gateway::{FailureCode, Input, Operation, Thing};
use std::{
    fs,
    net::{TcpListener, UdpSocket},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program; `None`, and a line that says so, where it is not installed.
fn start(program: &str, arguments: &[&str]) -> Option<Server> {
    let command = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    if command.is_err() {
        println!("{program} is not installed: nothing is tested against it");
    }
    command.ok().map(Server)
}

#[tokio::test]
async fn nginx_serves_a_property_and_refuses_a_command() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().display().to_string();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(folder.path().join("cost.json"), r#"{"price": 42}"#).unwrap();
    fs::write(folder.path().join("large"), vec![b'a'; 256 * 1024 + 1]).unwrap();
    let config = format!(
        "daemon off; master_process off; error_log stderr; pid {root}/pid; events {{}}
         http {{ access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
                uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
                server {{ listen 127.0.0.1:{port}; root {root}; location /moved {{ return 302 /cost.json; }} }} }}"
    );
    let file = folder.path().join("nginx.conf");
    fs::write(&file, config).unwrap();
    let Some(_nginx) = start("/usr/sbin/nginx", &["-c", &file.display().to_string(), "-p", &root]) else { return };
    let gateway =
        bindings(&(alias("service.example", "127.0.0.1") + &allow("http", "service.example", port)), Names::none());
    let at = |path: &str| thing(&format!("http://service.example:{port}/{path}"), "");
    let mut again = tokio::time::interval(Duration::from_millis(50));
    let answer = loop {
        match read(&gateway, &at("cost.json")).await {
            Err(failure) if failure.code == FailureCode::Unreachable => again.tick().await,
            other => break other.unwrap(),
        };
    };
    assert_eq!(answer.body[..], *br#"{"price": 42}"#);
    for (path, code) in [
        ("missing", FailureCode::RefusedByThing),
        ("moved", FailureCode::RefusedByThing),
        ("large", FailureCode::TooLarge),
    ] {
        assert_eq!(read(&gateway, &at(path)).await.unwrap_err().code, code, "{path}");
    }
    let failure = invoke(&gateway, &at("cost.json"), r#"{"data": 1}"#).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::RefusedByThing, "405 Not Allowed");
}

#[tokio::test]
async fn libcoap_serves_reads_writes_blocks_and_observations() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port_text = port.to_string();
    let arguments = ["-A", "127.0.0.1", "-p", port_text.as_str(), "-d", "10"];
    let Some(_server) = start("/usr/bin/coap-server-notls", &arguments) else { return };
    let gateway =
        bindings(&(alias("device.example", "127.0.0.1") + &allow("coap", "device.example", port)), Names::none());
    let at = |path: &str, members: &str| thing(&format!("coap://device.example:{port}/{path}"), members);
    let mut again = tokio::time::interval(Duration::from_millis(50));
    let answer = loop {
        match read(&gateway, &at("", "")).await {
            Err(failure) if failure.code == FailureCode::Unreachable => again.tick().await,
            other => break other.unwrap(),
        };
    };
    assert!(answer.body.starts_with(b"This is a test server made with libcoap"), "{answer:?}");
    assert_eq!(read(&gateway, &at("missing", "")).await.unwrap_err().code, FailureCode::RefusedByThing);
    // A separate response: the server acknowledges at once and answers a second later.
    assert_eq!(read(&gateway, &at("async?1", "")).await.unwrap().body[..], *b"done");
    // A body of several blocks, created by PUT and read back.
    let text = "0123456789".repeat(500);
    let input = serde_json::json!({ "data": text }).to_string();
    let put = at("stored", r#", "cov:method": "PUT", "contentType": "text/plain""#);
    invoke(&gateway, &put, &input).await.unwrap();
    let answer = read(&gateway, &at("stored", "")).await.unwrap();
    assert_eq!(answer.body[..], *text.as_bytes());
    // The server's clock ticks every second.
    let clock = format!(
        r#"{{"properties": {{"p": {{"forms": [{{"href": "coap://device.example:{port}/time", "op": "observeproperty"}}]}}}}}}"#
    );
    let clock = Thing::parse(clock.as_bytes()).unwrap();
    let mut observation = gateway.observe(&clock, Operation::ObserveProperty, "p", &Input::default()).await.unwrap();
    let first = observation.next().await.unwrap();
    let second = tokio::time::timeout(Duration::from_secs(5), observation.next()).await.unwrap().unwrap();
    assert_ne!(first.body, second.body);
}

#[tokio::test]
async fn mosquitto_keeps_a_property_and_takes_commands() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = folder.path().join("mosquitto.conf");
    fs::write(&file, format!("listener {port} 127.0.0.1\nallow_anonymous true\n")).unwrap();
    let Some(_broker) = start("/usr/sbin/mosquitto", &["-c", &file.display().to_string()]) else { return };
    let gateway =
        bindings(&(alias("broker.example", "127.0.0.1") + &allow("mqtt", "broker.example", port)), Names::none());
    let at = thing(
        &format!("mqtt://broker.example:{port}/plant/door"),
        r#", "mqv:retain": true, "contentType": "application/json""#,
    );
    let mut again = tokio::time::interval(Duration::from_millis(50));
    let done = loop {
        match invoke(&gateway, &at, r#"{"data": {"open": true}}"#).await {
            Err(failure) if failure.code == FailureCode::Unreachable => again.tick().await,
            other => break other.unwrap(),
        };
    };
    assert!(done.body.is_empty());
    let answer = read(&gateway, &at).await.unwrap();
    assert_eq!(answer.body[..], *br#"{"open":true}"#, "MQTT 5 carries the key beside the payload");
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
}
