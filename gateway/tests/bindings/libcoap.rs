//! CoAP against the server of libcoap.
use crate::{
    servers::{Server, free_port, start},
    world::{Names, QUICK, alias, allow, bindings, invoke, message, patiently, read, thing, write},
};
use pervade_gateway::{Bindings, FailureCode, Operation, Thing};
use std::{collections::BTreeSet, time::Duration};
use tokio::time::timeout;

fn server(port: u16) -> Server {
    // -d 10: resources that clients may create.
    start("/usr/bin/coap-server-notls", &["-A", "127.0.0.1", "-p", &port.to_string(), "-d", "10"], &[])
}

fn gateway(port: u16, more: &str) -> Bindings {
    let config = alias("device.example", "127.0.0.1") + &allow("coap", "device.example", port);
    bindings(&(more.to_owned() + &config), Names::none())
}

fn at(port: u16, path: &str, members: &str) -> Thing {
    thing(&format!("coap://device.example:{port}/{path}"), members)
}

/// The server's clock, which ticks every second, as an observable property.
fn clock(port: u16) -> Thing {
    let href = format!("coap://device.example:{port}/time");
    let description =
        format!(r#"{{"properties": {{"p": {{"forms": [{{"href": "{href}", "op": "observeproperty"}}]}}}}}}"#);
    Thing::parse(description.as_bytes()).unwrap()
}

#[tokio::test]
async fn reads_writes_blocks_and_late_responses() {
    let port = free_port();
    let _server = server(port);
    let gateway = gateway(port, "");
    let answer = patiently(|| async { read(&gateway, &at(port, "", "")).await }).await.unwrap();
    assert!(answer.body.starts_with(b"This is a test server made with libcoap"), "{answer:?}");
    assert_eq!(read(&gateway, &at(port, "missing", "")).await.unwrap_err().code, FailureCode::RefusedByThing);
    // A separate response: the server acknowledges at once and answers a second later.
    assert_eq!(read(&gateway, &at(port, "async?1", "")).await.unwrap().body[..], *b"done");
    // A body of several blocks, created by PUT and read back.
    let text = "0123456789".repeat(500);
    let stored = at(port, "stored", r#", "contentType": "text/plain""#);
    write(&gateway, &stored, &format!("\"{text}\"")).await.unwrap();
    assert_eq!(read(&gateway, &stored).await.unwrap().body[..], *text.as_bytes());
    let put = at(port, "stored", r#", "contentType": "text/plain", "cov:method": "PUT""#);
    invoke(&gateway, &put, r#"{"data": "on"}"#).await.unwrap();
    assert_eq!(read(&gateway, &stored).await.unwrap().body[..], *b"on");
    // Schemes of security that plain CoAP has no room for.
    let secured = at(port, "", r#", "security": "basic""#);
    assert_eq!(read(&gateway, &secured).await.unwrap_err().code, FailureCode::UnsupportedForm);
}

#[tokio::test]
async fn a_thing_that_answers_late_is_given_up_in_time() {
    let port = free_port();
    let _server = server(port);
    let patient = gateway(port, "");
    patiently(|| async { read(&patient, &at(port, "", "")).await }).await.unwrap();
    let quick = gateway(port, QUICK);
    assert_eq!(read(&quick, &at(port, "async?5", "")).await.unwrap_err().code, FailureCode::Timeout);
}

#[tokio::test]
async fn a_followed_clock_ticks_and_is_found_again_after_a_restart() {
    let port = free_port();
    let mut server_of_now = Some(server(port));
    let gateway = gateway(port, "");
    patiently(|| async { read(&gateway, &at(port, "", "")).await }).await.unwrap();
    let mut ticks = gateway.subscribe(&clock(port), Operation::ObserveProperty, "p", "gateway").await.unwrap();
    for round in 0..2 {
        // A second may be told twice: by the registration, and by the tick in it.
        let mut seconds = BTreeSet::new();
        while seconds.len() < 3 {
            let tick = timeout(Duration::from_secs(20), message(&mut ticks)).await.unwrap();
            seconds.insert(tick.body.clone());
            tick.receipt.accept();
        }
        if round == 0 {
            server_of_now.take().unwrap().kill();
            // The new one knows no observers until the registration is renewed.
            server_of_now = Some(server(port));
        }
    }
}
