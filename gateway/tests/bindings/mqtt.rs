//! MQTT against a broker made here, that speaks 3.1.1 only. mosquitto, which speaks both, is among the servers of others.
use crate::world::{Names, alias, allow, bindings, follow, invoke, message, read, thing};
use pervade_gateway::{Bindings, FailureCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const SUBSCRIBE: u8 = 8;

/// One packet: its kind and what follows the length, which fits two bytes here.
async fn packet(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = socket.read_u8().await.ok()? >> 4;
    let mut length = usize::from(socket.read_u8().await.ok()?);
    if length >= 0x80 {
        length = (length & 0x7f) | (usize::from(socket.read_u8().await.ok()?) << 7);
    }
    let mut content = vec![0; length];
    socket.read_exact(&mut content).await.ok()?;
    Some((kind, content))
}

/// A broker of version 3.1.1 that keeps `kept` on every topic and hands on what is published.
async fn broker(kept: &'static [u8], refuse: bool) -> (Bindings, u16, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (published, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            while let Some((kind, content)) = packet(&mut socket).await {
                match kind {
                    // The protocol's level follows its name; return code 1 is an unacceptable level, 5 not authorized.
                    // A broker that refuses closes the connection.
                    CONNECT if content[6] != 4 || refuse => {
                        let code = if content[6] != 4 { 1 } else { 5 };
                        socket.write_all(&[0x20, 2, 0, code]).await.unwrap();
                        break;
                    }
                    CONNECT => socket.write_all(&[0x20, 2, 0, 0]).await.unwrap(),
                    SUBSCRIBE => {
                        socket.write_all(&[0x90, 3, content[0], content[1], 1]).await.unwrap();
                        let topic = &content[2..content.len() - 1];
                        let length = u8::try_from(topic.len() + kept.len()).unwrap();
                        socket.write_all(&[&[0x30, length], topic, kept].concat()).await.unwrap();
                    }
                    PUBLISH => {
                        let id = 2 + usize::from(content[1]);
                        socket.write_all(&[0x40, 2, content[id], content[id + 1]]).await.unwrap();
                        published.send(content).await.unwrap();
                    }
                    _ => {}
                }
            }
        }
    });
    let config = alias("broker.example", "127.0.0.1") + &allow("mqtt", "broker.example", port);
    (bindings(&config, Names::none()), port, receiver)
}

#[tokio::test]
async fn a_broker_of_the_older_version_is_read_from_and_commanded() {
    let (gateway, port, mut published) = broker(b"21.5", false).await;
    let thing = thing(&format!("mqtt://broker.example:{port}/plant/t%207"), "");
    assert_eq!(read(&gateway, &thing).await.unwrap().body[..], *b"21.5");
    assert!(invoke(&gateway, &thing, r#"{"data": {"door": 7}}"#).await.unwrap().body.is_empty());
    let content = published.recv().await.unwrap();
    assert_eq!(content[..11], *b"\0\x09plant/t 7");
    let body: serde_json::Value = serde_json::from_slice(&content[13..]).unwrap();
    assert_eq!(body, serde_json::json!({ "door": 7, "idempotencyKey": "ab".repeat(32) }));
}

#[tokio::test]
async fn refusals_patterns_and_absence_have_their_codes() {
    let (gateway, port, _published) = broker(b"", true).await;
    let at = |path: &str, members: &str| thing(&format!("mqtt://broker.example:{port}/{path}"), members);
    assert_eq!(read(&gateway, &at("t", "")).await.unwrap_err().code, FailureCode::RefusedByThing);
    assert_eq!(read(&gateway, &at("", "")).await.unwrap_err().code, FailureCode::Malformed);
    for pattern in ["a/+", "a/#"] {
        let members = format!(r#", "mqv:topic": "{pattern}""#);
        assert_eq!(read(&gateway, &at("t", &members)).await.unwrap_err().code, FailureCode::Malformed);
    }
    let basic = at("t", r#", "security": "basic""#);
    assert_eq!(read(&gateway, &basic).await.unwrap_err().code, FailureCode::NotAllowed);
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let config = alias("broker.example", "127.0.0.1") + &allow("mqtt", "broker.example", gone);
    let thing = thing(&format!("mqtt://broker.example:{gone}/t"), "");
    let failure = read(&bindings(&config, Names::none()), &thing).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::Unreachable, "{failure}");
}

/// Takes a connection of version 3.1.1, after one of version 5 that is refused, and a subscription to `t`; the client's name.
async fn subscriber(listener: &TcpListener) -> (TcpStream, String) {
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        let Some((CONNECT, content)) = packet(&mut socket).await else { panic!("no greeting") };
        if content[6] != 4 {
            socket.write_all(&[0x20, 2, 0, 1]).await.unwrap();
            continue;
        }
        assert_eq!(content[7] & 2, 0, "the session is to be kept");
        socket.write_all(&[0x20, 2, 1, 0]).await.unwrap();
        let Some((SUBSCRIBE, subscription)) = packet(&mut socket).await else { panic!("no subscription") };
        assert_eq!(subscription[2..], *b"\0\x01t\x01", "topic t, quality of service 1");
        socket.write_all(&[0x90, 3, subscription[0], subscription[1], 1]).await.unwrap();
        return (socket, String::from_utf8(content[12..].to_vec()).unwrap());
    }
}

#[tokio::test]
async fn a_session_of_the_older_version_is_kept_and_acknowledged_in_order() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = alias("broker.example", "127.0.0.1") + &allow("mqtt", "broker.example", port);
    let gateway = bindings(&config, Names::none());
    let mut events = follow(&gateway, &thing(&format!("mqtt://broker.example:{port}/t"), "")).await;
    let (mut socket, name) = subscriber(&listener).await;
    assert_eq!(name.len(), 22);
    for (id, payload) in [(7, b'a'), (9, b'b')] {
        socket.write_all(&[0x32, 6, 0, 1, b't', 0, id, payload]).await.unwrap();
    }
    let (first, second) = (message(&mut events).await, message(&mut events).await);
    assert_eq!((&first.body[..], &second.body[..]), (&b"a"[..], &b"b"[..]));
    // The second alone is not acknowledged before the first.
    second.receipt.accept();
    first.receipt.accept();
    for id in [7, 9] {
        assert_eq!(packet(&mut socket).await, Some((4, vec![0, id])));
    }
    drop(socket);
    let (mut socket, again) = subscriber(&listener).await;
    assert_eq!(again, name, "the same session");
    socket.write_all(&[0x32, 6, 0, 1, b't', 0, 10, b'c']).await.unwrap();
    assert_eq!(message(&mut events).await.body[..], *b"c");
}
