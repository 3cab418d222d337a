//! HTTP against a server made here, which shows what arrived.
use crate::world::{KEY, Names, QUICK, alias, allow, bindings, bindings_in, invoke, read, thing};
use pervade_gateway::{FailureCode, limits};
use std::{
    fs,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
};

/// A server that answers every request with the same bytes, each in its own connection, and hands requests on.
async fn server(answer: impl Into<Vec<u8>>) -> (u16, mpsc::Receiver<String>) {
    let (listener, answer) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), answer.into());
    let port = listener.local_addr().unwrap().port();
    let (heard, requests) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let (answer, heard) = (answer.clone(), heard.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4_096];
                while !is_whole(&request) {
                    let length = socket.read(&mut buffer).await.unwrap();
                    request.extend_from_slice(&buffer[..length]);
                    if length == 0 {
                        break;
                    }
                }
                heard.send(String::from_utf8(request).unwrap()).await.unwrap();
                // A client that has read enough closes early.
                let _ = socket.write_all(&answer).await;
            });
        }
    });
    (port, requests)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn config(port: u16) -> String {
    alias("service.example", "127.0.0.1") + &allow("http", "service.example", port)
}

#[tokio::test]
async fn a_property_is_read_with_its_variables() {
    let (port, mut requests) = server(ok(r#"{"price": 42}"#)).await;
    let gateway = bindings(&config(port), Names::none());
    let thing = thing(&format!("http://service.example:{port}/ShipmentCost{{?device}}"), "");
    let input = pervade_gateway::Input::parse(br#"{"uriVariables": {"device": "Vertical Pump"}}"#).unwrap();
    let read = gateway.perform(&thing, pervade_gateway::Operation::ReadProperty, "p", &input, KEY);
    let answer = read.await.unwrap();
    assert_eq!(answer.body[..], *br#"{"price": 42}"#);
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    let request = requests.recv().await.unwrap().to_lowercase();
    assert!(request.starts_with("get /shipmentcost?device=vertical%20pump http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: service.example:{port}\r\n")), "{request}");
    assert!(!request.contains("idempotency-key"), "{request}");
}

#[tokio::test]
async fn a_command_carries_its_key_and_data() {
    let (port, mut requests) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
    let gateway = bindings(&config(port), Names::none());
    let href = format!("http://service.example:{port}/open");
    assert!(invoke(&gateway, &thing(&href, ""), r#"{"data": {"door": 7}}"#).await.unwrap().body.is_empty());
    let request = requests.recv().await.unwrap();
    let lower = request.to_lowercase();
    assert!(lower.starts_with("post /open http/1.1\r\n"), "{request}");
    assert!(lower.contains(&format!("idempotency-key: {}\r\n", "ab".repeat(32))), "{request}");
    assert!(lower.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"door\":7}"), "{request}");
    let patch = thing(&href, r#", "htv:methodName": "PATCH", "contentType": "text/plain""#);
    invoke(&gateway, &patch, r#"{"data": "on"}"#).await.unwrap();
    let request = requests.recv().await.unwrap();
    assert!(request.starts_with("PATCH /open HTTP/1.1\r\n") && request.ends_with("\r\n\r\non"), "{request}");
}

#[tokio::test]
async fn answers_that_are_no_success_have_their_codes_and_redirects_are_not_followed() {
    let (elsewhere, mut followed) = server(ok("secret")).await;
    for (status, code, transient) in [
        ("301 Moved", FailureCode::RefusedByThing, false),
        ("307 Moved", FailureCode::RefusedByThing, false),
        ("403 Forbidden", FailureCode::RefusedByThing, false),
        ("404 Not Found", FailureCode::RefusedByThing, false),
        ("500 Broken", FailureCode::RefusedByThing, false),
        ("503 Busy", FailureCode::Unreachable, true),
        ("504 Late", FailureCode::Timeout, true),
    ] {
        let location = format!("http://service.example:{elsewhere}/");
        let (port, _requests) =
            server(format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")).await;
        let gateway = bindings(&(config(port) + &allow("http", "service.example", elsewhere)), Names::none());
        let failure = read(&gateway, &thing(&format!("http://service.example:{port}/"), "")).await.unwrap_err();
        assert_eq!((failure.code, failure.transient), (code, transient), "{status}: {failure}");
    }
    assert!(followed.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_is_taken_at_the_limit_and_refused_one_past_it_however_it_is_sent() {
    let chunked = |bytes: usize| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        head + &format!("{bytes:x}\r\n{}\r\n0\r\n\r\n", "a".repeat(bytes))
    };
    for bytes in [limits::ANSWER_BYTES_MAX, limits::ANSWER_BYTES_MAX + 1] {
        for answer in [ok(&"a".repeat(bytes)), chunked(bytes)] {
            let (port, _requests) = server(answer).await;
            let gateway = bindings(&config(port), Names::none());
            let result = read(&gateway, &thing(&format!("http://service.example:{port}/"), "")).await;
            if bytes == limits::ANSWER_BYTES_MAX {
                assert_eq!(result.unwrap().body.len(), bytes);
            } else {
                assert_eq!(result.unwrap_err().code, FailureCode::TooLarge);
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_breaks_off_is_unreachable() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let gateway = bindings(&config(port), Names::none());
    let failure = read(&gateway, &thing(&format!("http://service.example:{port}/"), "")).await.unwrap_err();
    assert_eq!((failure.code, failure.transient), (FailureCode::Unreachable, true), "{failure}");
    let (port, _requests) = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").await;
    let gateway = bindings(&config(port), Names::none());
    let failure = read(&gateway, &thing(&format!("http://service.example:{port}/"), "")).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Unreachable, "{failure}");
}

#[tokio::test]
async fn a_server_that_never_answers_or_never_ends_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = listener.local_addr().unwrap().port();
    let (endless, _requests) = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort").await;
    // One that sends a byte now and then, and goes on doing so.
    let dripping = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let slow = dripping.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = dripping.accept().await.unwrap();
        let mut request = [0; 4_096];
        assert_ne!(socket.read(&mut request).await.unwrap(), 0);
        socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n").await.unwrap();
        let mut drops = tokio::time::interval(Duration::from_millis(100));
        while socket.write_all(b"x").await.is_ok() {
            drops.tick().await;
        }
    });
    for (port, code) in
        [(silent, FailureCode::Timeout), (slow, FailureCode::Timeout), (endless, FailureCode::Unreachable)]
    {
        let gateway = bindings(&(QUICK.to_owned() + &config(port)), Names::none());
        let began = Instant::now();
        let failure = read(&gateway, &thing(&format!("http://service.example:{port}/"), "")).await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(began.elapsed() < limits::ATTEMPT_TIMEOUT / 2, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn credentials_are_shown_as_the_description_asks_and_to_their_host_only() {
    let (port, mut requests) = server(ok("{}")).await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("secret"), "s3cret\nsecond line\n").unwrap();
    let mut config = config(port) + &alias("other.example", "127.0.0.1") + &allow("http", "other.example", port);
    for (kind, user) in [("basic", "user = 'pervade'\n"), ("bearer", ""), ("apikey", "")] {
        config += &format!("[[credential]]\nhost = 'service.example'\nkind = '{kind}'\nsecret = 'secret'\n{user}");
    }
    let gateway = bindings_in(folder.path(), &config, Names::none());
    let href = |host: &str| format!("http://{host}:{port}/");
    for (security, expected) in [
        ("basic", "authorization: Basic cGVydmFkZTpzM2NyZXQ=\r\n"),
        ("bearer", "authorization: Bearer s3cret\r\n"),
        ("header", "x-key: s3cret\r\n"),
        ("query", "GET /?key=s3cret HTTP/1.1\r\n"),
    ] {
        let with = |host: &str| thing(&href(host), &format!(r#", "security": "{security}""#));
        read(&gateway, &with("service.example")).await.unwrap();
        let request = requests.recv().await.unwrap();
        assert!(request.contains(expected), "{security}: {request}");
        let failure = read(&gateway, &with("other.example")).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::NotAllowed, "{security}: {failure}");
        assert!(!failure.to_string().contains("s3cret"));
    }
    read(&gateway, &thing(&href("service.example"), "")).await.unwrap();
    assert!(!requests.recv().await.unwrap().contains("s3cret"), "not asked for, not shown");
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn the_first_form_that_is_spoken_and_allowed_is_used() {
    let (port, mut requests) = server(ok("1")).await;
    let gateway = bindings(&config(port), Names::none());
    let description = format!(
        r#"{{"properties": {{"p": {{"forms": [
            {{"href": "opc.tcp://service.example:{port}/"}},
            {{"href": "http://other.example:{port}/"}},
            {{"href": "http://service.example:{port}/third"}}
        ]}}}}}}"#
    );
    let thing = pervade_gateway::Thing::parse(description.as_bytes()).unwrap();
    assert_eq!(read(&gateway, &thing).await.unwrap().body[..], *b"1");
    assert!(requests.recv().await.unwrap().starts_with("GET /third "));
    let refused = description.replace("service.example", "else.example");
    let thing = pervade_gateway::Thing::parse(refused.as_bytes()).unwrap();
    assert_eq!(read(&gateway, &thing).await.unwrap_err().code, FailureCode::NotAllowed);
}
