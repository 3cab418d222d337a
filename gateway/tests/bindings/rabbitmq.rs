//! AMQP 0-9-1 against RabbitMQ, which takes its time to start: few tests, each with much in it.
use crate::{
    servers::{Server, free_port, start, tls, trusting},
    world::{
        Link, Names, QUICK, alias, allow, bindings, bindings_in, follow, invoke, message, message_that_says, patiently,
        read, thing,
    },
};
use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueDeclareOptions,
        QueuePurgeOptions,
    },
    types::FieldTable,
};
use pervade_gateway::{
    Bindings, FailureCode, Thing,
    limits::{UNSETTLED_BYTES_MAX, UPLINK_BYTES_MAX},
};
use std::{fs, process::Command, time::Duration};
use tempfile::TempDir;
use tokio::time::timeout;

const HOST: &str = "broker.example";

/// A broker that keeps its queues on disk, with a directory of names of its own.
struct Broker {
    folder: TempDir,
    port: u16,
    tls_port: u16,
    names_port: u16,
    server: Option<Server>,
}

impl Broker {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, tls_port, names_port) = (free_port(), free_port(), free_port());
        let config = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\nlisteners.ssl.1 = 127.0.0.1:{tls_port}\nloopback_users = none\n\
             default_user = pervade\ndefault_pass = s3cret\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
             ssl_options.keyfile = {}\nssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n",
            tls("ca.pem").display(),
            tls("server.pem").display(),
            tls("server.key").display()
        );
        fs::write(folder.path().join("rabbitmq.conf"), config).unwrap();
        fs::write(folder.path().join("enabled_plugins"), "[].").unwrap();
        let mut broker = Self { folder, port, tls_port, names_port, server: None };
        broker.go();
        broker
    }

    fn go(&mut self) {
        let folder = self.folder.path().display().to_string();
        let environment = [
            ("HOME", folder.clone()),
            ("RABBITMQ_NODENAME", format!("pervade-{}@localhost", self.port)),
            ("RABBITMQ_DIST_PORT", free_port().to_string()),
            ("ERL_EPMD_PORT", self.names_port.to_string()),
            ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
            ("RABBITMQ_CONFIG_FILE", format!("{folder}/rabbitmq.conf")),
            ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
            ("RABBITMQ_ENABLED_PLUGINS_FILE", format!("{folder}/enabled_plugins")),
            ("RABBITMQ_MNESIA_BASE", format!("{folder}/data")),
            ("RABBITMQ_LOG_BASE", format!("{folder}/log")),
            // Then the script becomes the broker, and one process is all that there is to end.
            ("RUNNING_UNDER_SYSTEMD", "true".to_owned()),
        ];
        self.server = Some(start("/usr/lib/rabbitmq/bin/rabbitmq-server", &[], &environment));
    }

    /// Ends the broker as power that goes does.
    fn kill(&mut self) {
        self.server.take().unwrap().kill();
    }

    async fn device(&self) -> Channel {
        let uri = format!("amqp://pervade:s3cret@127.0.0.1:{}/%2f", self.port);
        let connection = Connection::connect(&uri, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        // A device's connection is open as long as its test runs.
        std::mem::drop(tokio::spawn(async move {
            let _connection = connection;
            std::future::pending::<()>().await;
        }));
        channel
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.server = None;
        // The directory of names goes on without the broker.
        let _ = Command::new("epmd").args(["-port", &self.names_port.to_string(), "-kill"]).output();
    }
}

fn gateway(port: u16, more: &str, password: &str) -> Bindings {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("password"), password).unwrap();
    let config = more.to_owned()
        + &alias(HOST, "127.0.0.1")
        + &allow("amqp", HOST, port)
        + &format!("[[credential]]\nhost = '{HOST}'\nkind = 'basic'\nuser = 'pervade'\nsecret = 'password'\n");
    bindings_in(folder.path(), &config, Names::none())
}

fn queue(port: u16, name: &str, members: &str) -> Thing {
    thing(&format!("amqp://{HOST}:{port}/"), &format!(r#", "security": "basic", "amqv:queue": "{name}"{members}"#))
}

fn exchange(port: u16, name: &str, key: &str) -> Thing {
    let members = format!(r#", "security": "basic", "amqv:exchange": "{name}", "amqv:routingKey": "{key}""#);
    thing(&format!("amqp://{HOST}:{port}/"), &members)
}

const REPLY: &str = r#", "amqv:reply": true"#;

/// A thing that answers each message of its queue with this many bytes.
async fn answering(channel: Channel, queue: &str, bytes: usize) {
    let options = QueueDeclareOptions::durable();
    channel.queue_declare(queue.into(), options, FieldTable::default()).await.unwrap();
    let options = BasicConsumeOptions::default();
    let mut requests = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await.unwrap();
    tokio::spawn(async move {
        while let Some(Ok(request)) = requests.next().await {
            let asked = &request.properties;
            assert_eq!(asked.message_id(), asked.correlation_id());
            assert_eq!(asked.message_id().as_ref().unwrap().as_str(), "ab".repeat(32));
            let reply_to = asked.reply_to().clone().unwrap();
            let kind = asked.kind().clone().unwrap();
            let mine = asked.correlation_id().clone().unwrap();
            for (correlation, body) in [("other".into(), vec![b'o'; 3]), (mine, vec![b'a'; bytes])] {
                let properties =
                    BasicProperties::default().with_correlation_id(correlation).with_content_type(kind.clone());
                let options = BasicPublishOptions::default();
                channel.basic_publish("".into(), reply_to.clone(), options, &body, properties).await.unwrap();
            }
            request.acker.ack(BasicAckOptions::default()).await.unwrap();
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_rabbitmq_takes_commands_brings_replies_and_refuses_strangers() {
    let broker = Broker::start();
    let port = broker.port;
    let gateway_of = |more, password| gateway(port, more, password);
    let gateway = gateway_of("", "s3cret");
    // A command for a thing that is away: its queue is made, and keeps the message.
    let door = queue(port, "door", "");
    patiently(|| async { invoke(&gateway, &door, r#"{"data": {"open": true}}"#).await }).await.unwrap();
    let device = broker.device().await;
    let options = BasicConsumeOptions::default();
    let mut commands = device.basic_consume("door".into(), "".into(), options, FieldTable::default()).await.unwrap();
    let command = commands.next().await.unwrap().unwrap();
    assert_eq!(command.data, br#"{"open":true}"#);
    assert_eq!(command.properties.message_id().as_ref().unwrap().as_str(), "ab".repeat(32));
    assert_eq!(command.properties.kind().as_ref().unwrap().as_str(), "invokeaction");
    assert_eq!(*command.properties.delivery_mode(), Some(2));
    command.acker.ack(BasicAckOptions::default()).await.unwrap();

    // Request and reply, at the limit of answers and one past it, and far past it.
    answering(broker.device().await, "pump", 256 * 1024).await;
    let answer = read(&gateway, &queue(port, "pump", "")).await.unwrap();
    assert_eq!((answer.body.len(), answer.content_type.as_deref()), (256 * 1024, Some("readproperty")));
    let answer = invoke(&gateway, &queue(port, "pump", REPLY), "{}").await.unwrap();
    assert_eq!(answer.content_type.as_deref(), Some("invokeaction"));
    for (name, bytes) in [("one-past", 256 * 1024 + 1), ("far-past", 8 << 20)] {
        answering(broker.device().await, name, bytes).await;
        let failure = read(&gateway, &queue(port, name, "")).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::TooLarge, "{name}: {failure}");
    }

    // Nobody answers; nobody takes it; nothing is there.
    let quick = gateway_of(QUICK, "s3cret");
    let failure = loop {
        // A slow machine may not even connect in that time.
        match read(&quick, &queue(port, "silent", "")).await.unwrap_err() {
            failure if failure.code == FailureCode::Unreachable => {}
            failure => break failure,
        }
    };
    assert_eq!(failure.code, FailureCode::Timeout, "{failure}");
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    device.exchange_declare("events".into(), ExchangeKind::Topic, options, FieldTable::default()).await.unwrap();
    let failure = invoke(&gateway, &exchange(port, "events", "nobody"), "{}").await.unwrap_err();
    assert_eq!((failure.code, failure.transient), (FailureCode::Unreachable, true), "{failure}");
    let failure = invoke(&gateway, &exchange(port, "missing", "k"), "{}").await.unwrap_err();
    assert_eq!(failure.code, FailureCode::RefusedByThing, "{failure}");
    let vhost = thing(&format!("amqp://{HOST}:{port}/elsewhere/door"), r#", "security": "basic""#);
    let failure = read(&gateway, &vhost).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::RefusedByThing, "{failure}");

    // Wrong passwords, and schemes that AMQP does not have.
    let failure = read(&gateway_of("", "guess"), &door).await.unwrap_err();
    assert_eq!((failure.code, failure.transient), (FailureCode::RefusedByThing, false), "{failure}");
    assert!(!failure.reason.contains("guess"));
    let bearer = thing(&format!("amqp://{HOST}:{port}/"), r#", "security": "bearer", "amqv:queue": "door""#);
    assert_eq!(read(&gateway, &bearer).await.unwrap_err().code, FailureCode::NotAllowed);
    let none = thing(&format!("amqp://{HOST}:{port}/"), r#", "amqv:queue": "door""#);
    assert_eq!(read(&gateway, &none).await.unwrap_err().code, FailureCode::RefusedByThing, "there is no guest");

    // TLS with certificates both ways; the password is still asked for.
    let over_tls = |host: &str, config: String| {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), "s3cret").unwrap();
        let config = config
            + &alias(host, "127.0.0.1")
            + &allow("amqps", host, broker.tls_port)
            + &format!("[[credential]]\nhost = '{host}'\nkind = 'basic'\nuser = 'pervade'\nsecret = 'password'\n");
        let thing = thing(
            &format!("amqps://{host}:{}/", broker.tls_port),
            r#", "security": "basic", "amqv:queue": "pump", "amqv:reply": true"#,
        );
        let gateway = bindings_in(folder.path(), &config, Names::none());
        async move { invoke(&gateway, &thing, "{}").await.map_err(|failure| failure.code) }
    };
    assert_eq!(over_tls(HOST, trusting(HOST, Some("client"))).await.unwrap().body.len(), 256 * 1024);
    for (host, config) in [
        (HOST, trusting(HOST, None)),
        (HOST, trusting(HOST, Some("stranger"))),
        (HOST, String::new()),
        ("other.example", trusting("other.example", Some("client"))),
    ] {
        assert_eq!(over_tls(host, config).await.unwrap_err(), FailureCode::Unreachable, "{host}");
    }
    let listed = bindings(&(alias(HOST, "127.0.0.1") + &allow("amqps", HOST, port)), Names::none());
    assert_eq!(read(&listed, &door).await.unwrap_err().code, FailureCode::NotAllowed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_rabbitmq_keeps_messages_until_somebody_vouches_for_them() {
    let mut broker = Broker::start();
    let device = gateway(broker.port, "", "s3cret");
    let door = queue(broker.port, "opened", "");
    patiently(|| async { invoke(&device, &door, r#"{"data": 1}"#).await }).await.unwrap();
    let link = Link::to(broker.port).await;
    let remote = gateway(link.port, "", "s3cret");
    let over_link = queue(link.port, "opened", "");
    let send = async |data: &str| {
        let input = format!(r#"{{"data": {data}}}"#);
        patiently(|| async { invoke(&device, &door, &input).await }).await.unwrap();
    };
    let mut events = follow(&remote, &over_link).await;
    let first = message(&mut events).await;
    assert_eq!((&first.body[..], first.content_type.as_deref()), (&b"1"[..], Some("application/json")));
    first.receipt.accept();

    // A link that is cut before the receipt.
    send("2").await;
    let second = message(&mut events).await;
    link.cut();
    let again = message(&mut events).await;
    assert_eq!((&second.body[..], &again.body[..]), (&b"2"[..], &b"2"[..]));
    again.receipt.accept();
    second.receipt.accept();

    // The gateway goes, messages come, the broker loses power, the gateway comes back.
    send("3").await;
    let third = message(&mut events).await;
    assert_eq!(third.body[..], *b"3");
    drop(events);
    drop(third);
    send("4").await;
    broker.kill();
    broker.go();
    let mut events = follow(&remote, &over_link).await;
    for expected in ["3", "4"] {
        message_that_says(&mut events, expected).await.receipt.accept();
    }

    // What is given back comes again.
    send("5").await;
    drop(message(&mut events).await);
    let fifth = message(&mut events).await;
    assert_eq!(fifth.body[..], *b"5");
    fifth.receipt.accept();

    // What is too large is told, and goes to the queue's dead letters, if it has any.
    send(&format!("\"{}\"", "a".repeat(8_000))).await;
    message(&mut events).await.receipt.accept();
    let channel = broker.device().await;
    let options = BasicPublishOptions::default();
    let large = vec![b'a'; 64 * 1024 + 1];
    channel.basic_publish("".into(), "opened".into(), options, &large, BasicProperties::default()).await.unwrap();
    let failure = events.next().await.unwrap().unwrap_err();
    assert_eq!((failure.code, failure.transient), (FailureCode::TooLarge, true), "{failure}");
    send("6").await;
    message(&mut events).await.receipt.accept();

    // More than may be unsettled: the broker waits, and goes on as messages are settled.
    let largest = vec![b'a'; UPLINK_BYTES_MAX];
    let publish = async |bytes: &[u8]| {
        let properties = BasicProperties::default();
        channel.basic_publish("".into(), "opened".into(), options, bytes, properties).await.unwrap();
    };
    let in_all = 2 * UNSETTLED_BYTES_MAX / UPLINK_BYTES_MAX;
    for _ in 0..in_all {
        publish(&largest).await;
    }
    let mut out = Vec::new();
    // Nothing comes any more: there is no sign of it but silence.
    while let Ok(message) = timeout(Duration::from_secs(2), message(&mut events)).await {
        out.push(message);
    }
    let bytes = out.len() * UPLINK_BYTES_MAX;
    assert!((UNSETTLED_BYTES_MAX / 2..=UNSETTLED_BYTES_MAX).contains(&bytes), "{bytes} bytes are out");
    let mut taken = out.len();
    out.into_iter().for_each(|message| message.receipt.accept());
    while taken < in_all {
        message(&mut events).await.receipt.accept();
        taken += 1;
    }

    // What is not even read is told, again and again, until it is gone.
    publish(&vec![b'a'; UNSETTLED_BYTES_MAX / 2 + 1]).await;
    for _ in 0..2 {
        let failure = events.next().await.unwrap().unwrap_err();
        assert_eq!((failure.code, failure.transient), (FailureCode::TooLarge, true), "{failure}");
    }
    // While it is on its way it is not in the queue.
    while channel.queue_purge("opened".into(), QueuePurgeOptions::default()).await.unwrap() == 0 {}
    send("7").await;
    message_that_says(&mut events, "7").await.receipt.accept();

    // An exchange is followed through a queue of this gateway, which keeps what comes while it is away.
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel.exchange_declare("plant".into(), ExchangeKind::Topic, options, FieldTable::default()).await.unwrap();
    let plant = exchange(broker.port, "plant", "door.7");
    let mut seven = follow(&device, &plant).await;
    patiently(|| async { invoke(&device, &plant, r#"{"data": "a"}"#).await }).await.unwrap();
    message(&mut seven).await.receipt.accept();
    drop(seven);
    invoke(&device, &plant, r#"{"data": "b"}"#).await.unwrap();
    let mut seven = follow(&device, &plant).await;
    message_that_says(&mut seven, r#""b""#).await.receipt.accept();
}
