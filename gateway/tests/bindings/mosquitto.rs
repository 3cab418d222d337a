//! MQTT 5 against mosquitto.
use crate::{
    servers::{Server, free_port, start, tls, trusting},
    world::{
        KEY, Link, Names, QUICK, alias, allow, bindings, bindings_in, follow, invoke, message, message_that_says,
        patiently, read, thing, write,
    },
};
use pervade_gateway::{Bindings, FailureCode, Thing};
use rumqttc::v5::{
    AsyncClient, Event, MqttOptions,
    mqttbytes::{QoS, v5::Packet, v5::PublishProperties},
};
use std::{fs, process::Command};
use tempfile::TempDir;

const HOST: &str = "broker.example";

/// A broker that keeps its sessions on disk.
struct Broker {
    folder: TempDir,
    port: u16,
    server: Option<Server>,
}

impl Broker {
    fn new(settings: &str) -> Self {
        let mut broker = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), server: None };
        let folder = broker.folder.path().display();
        // As root it would become a user who cannot read its files.
        let config = format!(
            "user root\npersistence true\npersistence_location {folder}/\nmax_inflight_messages 0\nlistener {} 127.0.0.1\n{settings}\n",
            broker.port
        );
        fs::write(broker.folder.path().join("mosquitto.conf"), config).unwrap();
        broker.start();
        broker
    }

    fn open() -> Self {
        Self::new("allow_anonymous true")
    }

    fn start(&mut self) {
        let file = self.folder.path().join("mosquitto.conf").display().to_string();
        self.server = Some(start("/usr/sbin/mosquitto", &["-c", &file], &[]));
    }

    /// Ends the broker, which writes its sessions to disk first.
    fn stop(&mut self) {
        self.server.take().unwrap().stop();
    }
}

fn gateway(port: u16, more: &str) -> Bindings {
    let config = alias(HOST, "127.0.0.1") + &allow("mqtt", HOST, port);
    bindings(&(more.to_owned() + &config), Names::none())
}

fn at(port: u16, topic: &str, members: &str) -> Thing {
    thing(&format!("mqtt://{HOST}:{port}/{topic}"), members)
}

const RETAIN: &str = r#", "mqv:retain": true"#;

#[tokio::test]
async fn a_property_is_kept_and_read_and_a_command_needs_somebody_who_listens() {
    let broker = Broker::open();
    let gateway = gateway(broker.port, "");
    let door = at(broker.port, "plant/door", RETAIN);
    patiently(|| async { write(&gateway, &door, r#"{"open": true}"#).await }).await.unwrap();
    let answer = read(&gateway, &door).await.unwrap();
    assert_eq!(answer.body[..], *br#"{"open":true}"#, "MQTT 5 carries the key beside the payload");
    assert_eq!(answer.content_type.as_deref(), Some("application/json"));
    let failure = invoke(&gateway, &at(broker.port, "plant/nobody", ""), "{}").await.unwrap_err();
    assert_eq!((failure.code, failure.transient), (FailureCode::Unreachable, true), "{failure}");
}

#[tokio::test]
async fn answers_are_taken_at_the_limit_and_refused_one_past_it() {
    let broker = Broker::open();
    let gateway = gateway(broker.port, "");
    patiently(|| async { write(&gateway, &at(broker.port, "up", RETAIN), "1").await }).await.unwrap();
    let client = device(broker.port).await;
    for (bytes, expected) in
        [(256 * 1024, None), (256 * 1024 + 1, Some(FailureCode::TooLarge)), (1 << 20, Some(FailureCode::TooLarge))]
    {
        let topic = format!("large/{bytes}");
        client.publish(&topic, QoS::AtLeastOnce, true, vec![b'a'; bytes]).await.unwrap();
        let result = patiently(|| async { read(&gateway, &at(broker.port, &topic, "")).await }).await;
        assert_eq!(result.err().map(|failure| failure.code), expected, "{bytes}");
    }
}

/// A client of others, connected, whose events are drawn in the background.
async fn device(port: u16) -> AsyncClient {
    let mut options = MqttOptions::new(format!("device-{port}"), "127.0.0.1", port);
    options.set_max_packet_size(Some(8 << 20));
    let (client, mut events) = AsyncClient::new(options, 16);
    tokio::spawn(async move { while events.poll().await.is_ok() {} });
    client
}

#[tokio::test]
async fn a_thing_answers_on_its_topic_for_responses_with_the_key() {
    let broker = Broker::open();
    let gateway = gateway(broker.port, "");
    patiently(|| async { write(&gateway, &at(broker.port, "up", RETAIN), "1").await }).await.unwrap();
    let (client, mut events) = AsyncClient::new(MqttOptions::new("device", "127.0.0.1", broker.port), 16);
    client.subscribe("pump/start", QoS::AtLeastOnce).await.unwrap();
    let (ready, listening) = tokio::sync::oneshot::channel();
    let mut ready = Some(ready);
    let device = tokio::spawn(async move {
        loop {
            match events.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => ready.take().unwrap().send(()).unwrap(),
                Event::Incoming(Packet::Publish(command)) => {
                    let asked = command.properties.unwrap();
                    assert_eq!(asked.correlation_data.as_deref(), Some(&KEY[..]));
                    assert_eq!(command.payload[..], *br#"{"rpm":900}"#);
                    // Somebody else's response first.
                    for (correlation, answer) in [(vec![1], "other"), (KEY.to_vec(), "started")] {
                        let properties =
                            PublishProperties { correlation_data: Some(correlation.into()), ..Default::default() };
                        let topic = asked.response_topic.clone().unwrap();
                        let sent = client.publish_with_properties(topic, QoS::AtLeastOnce, false, answer, properties);
                        sent.await.unwrap();
                    }
                }
                _ => {}
            }
        }
    });
    listening.await.unwrap();
    let pump = at(broker.port, "pump/start", r#", "mqv:responseTopic": "pump/started""#);
    let answer = invoke(&gateway, &pump, r#"{"data": {"rpm": 900}}"#).await.unwrap();
    assert_eq!(answer.body[..], *b"started");
    device.abort();
    // A thing that is there but does not answer.
    let client = self::device(broker.port).await;
    client.subscribe("mute", QoS::AtLeastOnce).await.unwrap();
    let mute = at(broker.port, "mute", r#", "mqv:responseTopic": "never""#);
    let quick = self::gateway(broker.port, QUICK);
    let failure = loop {
        match invoke(&quick, &mute, "{}").await.unwrap_err() {
            failure if failure.code == FailureCode::Unreachable => {}
            failure => break failure,
        }
    };
    assert_eq!(failure.code, FailureCode::Timeout);
}

#[tokio::test]
async fn a_broker_that_hangs_is_given_up_in_time() {
    let broker = Broker::open();
    let patient = gateway(broker.port, "");
    let door = at(broker.port, "door", RETAIN);
    patiently(|| async { write(&patient, &door, "1").await }).await.unwrap();
    broker.server.as_ref().unwrap().freeze();
    let quick = gateway(broker.port, QUICK);
    assert_eq!(read(&quick, &door).await.unwrap_err().code, FailureCode::Timeout);
    assert_eq!(write(&quick, &door, "2").await.unwrap_err().code, FailureCode::Timeout);
}

#[tokio::test]
async fn a_bearer_token_is_shown_as_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    let made =
        Command::new("mosquitto_passwd").args(["-b", "-c"]).arg(&users).args(["bearer", "t0ken"]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let broker = Broker::new(&format!("allow_anonymous false\npassword_file {}", users.display()));
    let gateway = |token: &str| {
        fs::write(folder.path().join("token"), token).unwrap();
        let config = alias(HOST, "127.0.0.1")
            + &allow("mqtt", HOST, broker.port)
            + &format!("[[credential]]\nhost = '{HOST}'\nkind = 'bearer'\nsecret = 'token'\n");
        bindings_in(folder.path(), &config, Names::none())
    };
    let members = format!(r#", "security": "bearer"{RETAIN}"#);
    let door = at(broker.port, "door", &members);
    let right = gateway("t0ken");
    patiently(|| async { write(&right, &door, "1").await }).await.unwrap();
    let wrong = gateway("0ther");
    assert_eq!(write(&wrong, &door, "2").await.unwrap_err().code, FailureCode::RefusedByThing);
}

#[tokio::test]
async fn wrong_passwords_are_refused_and_right_ones_taken() {
    let broker = Broker::new("allow_anonymous false\npassword_file /dev/null");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), "guess").unwrap();
    let config = alias(HOST, "127.0.0.1")
        + &allow("mqtt", HOST, broker.port)
        + &format!("[[credential]]\nhost = '{HOST}'\nkind = 'basic'\nuser = 'pervade'\nsecret = 'password'\n");
    let gateway = bindings_in(folder.path(), &config, Names::none());
    let secured = at(broker.port, "t", r#", "security": "basic""#);
    let failure = patiently(|| async { read(&gateway, &secured).await }).await.unwrap_err();
    assert_eq!((failure.code, failure.transient), (FailureCode::RefusedByThing, false), "{failure}");
    let open = read(&gateway, &at(broker.port, "t", "")).await.unwrap_err();
    assert_eq!(open.code, FailureCode::RefusedByThing, "without credentials");
    let bearer = read(&gateway, &at(broker.port, "t", r#", "security": "bearer""#)).await.unwrap_err();
    assert_eq!(bearer.code, FailureCode::NotAllowed, "no token is configured");
    let key = read(&gateway, &at(broker.port, "t", r#", "security": "header""#)).await.unwrap_err();
    assert_eq!(key.code, FailureCode::UnsupportedForm);
    // A subscription tells, and ends.
    let mut events = follow(&gateway, &secured).await;
    assert_eq!(events.next().await.unwrap().unwrap_err().code, FailureCode::RefusedByThing);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn certificates_are_checked_both_ways() {
    let broker = Broker::new(&format!(
        "certfile {}\nkeyfile {}\ncafile {}\nrequire_certificate true\nuse_identity_as_username true\nallow_anonymous false",
        tls("server.pem").display(),
        tls("server.key").display(),
        tls("ca.pem").display()
    ));
    let port = broker.port;
    let gateway = |host: &str, config: String| {
        bindings(&(config + &alias(host, "127.0.0.1") + &allow("mqtts", host, port)), Names::none())
    };
    let at = |host: &str| thing(&format!("mqtts://{host}:{port}/t"), RETAIN);
    let known = gateway(HOST, trusting(HOST, Some("client")));
    patiently(|| async { write(&known, &at(HOST), "1").await }).await.unwrap();
    assert_eq!(read(&known, &at(HOST)).await.unwrap().body[..], *b"1");
    for (host, config) in [
        (HOST, trusting(HOST, None)),
        (HOST, trusting(HOST, Some("stranger"))),
        (HOST, String::new()),
        ("other.example", trusting("other.example", Some("client"))),
    ] {
        let failure = read(&gateway(host, config.clone()), &at(host)).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::Unreachable, "{host} {config} {failure}");
    }
}

#[tokio::test]
async fn messages_wait_for_the_gateway_and_are_delivered_until_somebody_vouches_for_them() {
    let mut broker = Broker::open();
    let link = Link::to(broker.port).await;
    let device = gateway(broker.port, "");
    let door = at(broker.port, "door/opened", "");
    patiently(|| async { write(&device, &at(broker.port, "up", RETAIN), "1").await }).await.unwrap();
    // Over a link that can be cut; the form is another, the session the same.
    let remote = gateway(link.port, "");
    let door_over_link = at(link.port, "door/opened", "");
    let mut events = follow(&remote, &door_over_link).await;
    // Nobody listens until the subscription stands.
    patiently(|| async { write(&device, &door, "1").await }).await.unwrap();
    message(&mut events).await.receipt.accept();

    // A link that is cut before the receipt: the message comes again.
    write(&device, &door, "2").await.unwrap();
    let second = message(&mut events).await;
    link.cut();
    let again = message(&mut events).await;
    assert_eq!((&second.body[..], &again.body[..]), (&b"2"[..], &b"2"[..]));
    again.receipt.accept();
    // The receipt of a connection that is gone does nothing.
    second.receipt.accept();

    // The gateway goes, messages come, the broker is restarted, the gateway comes back.
    write(&device, &door, "3").await.unwrap();
    let third = message(&mut events).await;
    assert_eq!(third.body[..], *b"3");
    drop(events);
    drop(third);
    for data in ["4", "5"] {
        write(&device, &door, data).await.unwrap();
    }
    broker.stop();
    broker.start();
    patiently(|| async { read(&device, &at(broker.port, "up", "")).await }).await.unwrap();
    let mut events = follow(&remote, &door_over_link).await;
    for expected in ["3", "4", "5"] {
        message_that_says(&mut events, expected).await.receipt.accept();
    }

    // A message that is given back comes again, and the ones after it too.
    for data in ["6", "7"] {
        write(&device, &door, data).await.unwrap();
    }
    let sixth = message(&mut events).await;
    let seventh = message(&mut events).await;
    assert_eq!((&sixth.body[..], &seventh.body[..]), (&b"6"[..], &b"7"[..]));
    drop(sixth);
    seventh.receipt.accept();
    for expected in ["6", "7"] {
        let message = message(&mut events).await;
        assert_eq!(message.body[..], *expected.as_bytes());
        message.receipt.accept();
    }
    // What was accepted does not come again: the broker heard of it before the next message came.
    write(&device, &door, "8").await.unwrap();
    let eighth = message(&mut events).await;
    assert_eq!(eighth.body[..], *b"8");
    link.cut();
    assert_eq!(message(&mut events).await.body[..], *b"8");
}

#[tokio::test]
async fn a_message_that_is_too_large_is_told_and_the_next_one_delivered() {
    let broker = Broker::open();
    let gateway = gateway(broker.port, "");
    patiently(|| async { write(&gateway, &at(broker.port, "up", RETAIN), "1").await }).await.unwrap();
    let mut events = follow(&gateway, &at(broker.port, "camera", "")).await;
    patiently(|| async { write(&gateway, &at(broker.port, "camera", ""), "1").await }).await.unwrap();
    message(&mut events).await.receipt.accept();
    let client = device(broker.port).await;
    for bytes in [64 * 1024, 64 * 1024 + 1, 200 * 1024, 1] {
        client.publish("camera", QoS::AtLeastOnce, false, vec![b'a'; bytes]).await.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 4 {
        seen.push(match events.next().await.unwrap() {
            Ok(message) => {
                let bytes = message.body.len();
                message.receipt.accept();
                Ok(bytes)
            }
            Err(failure) => Err((failure.code, failure.transient)),
        });
    }
    seen.sort();
    let too_large = Err((FailureCode::TooLarge, true));
    assert_eq!(seen, [Ok(1), Ok(64 * 1024), too_large, too_large]);
}
