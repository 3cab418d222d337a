//! Attempts to make a gateway reach what it must not. Every one is refused, and no listener on this machine hears of it.
use crate::world::{Names, alias, allow, bindings, invoke, read, thing};
use pervade_gateway::{Bindings, FailureCode};
use std::{
    io::ErrorKind,
    net::{TcpListener, UdpSocket},
};

/// Names that lead astray, with what they resolve to.
const NAMES: [(&str, &[&[&str]]); 12] = [
    ("loopback.evil.example", &[&["127.0.0.1"]]),
    ("loopback6.evil.example", &[&["::1"]]),
    ("private.evil.example", &[&["10.0.0.1"]]),
    ("metadata.evil.example", &[&["169.254.169.254"]]),
    ("mixed.evil.example", &[&["93.184.216.34", "127.0.0.1"]]),
    ("mapped.evil.example", &[&["::ffff:127.0.0.1"]]),
    ("translated.evil.example", &[&["64:ff9b::7f00:1"]]),
    ("unspecified.evil.example", &[&["0.0.0.0"]]),
    ("shared.evil.example", &[&["100.100.100.200"]]),
    ("unique.evil.example", &[&["fd00:ec2::254"]]),
    ("nothing.evil.example", &[&[]]),
    ("sixtofour.evil.example", &[&["2002:7f00:1::"]]),
];

/// `PORT` is that of the listeners. All hosts with `*` below are on the allow list, so that the address alone is judged.
const ATTEMPTS: &[(&str, &str)] = &[
    // Addresses of this machine, in every way to write them.
    ("*", "http://127.0.0.1:PORT/"),
    ("*", "http://127.1:PORT/"),
    ("*", "http://127.0.1:PORT/"),
    ("*", "http://127.255.255.254:PORT/"),
    ("*", "http://2130706433:PORT/"),
    ("*", "http://0x7f000001:PORT/"),
    ("*", "http://0x7F.0x0.0x0.0x1:PORT/"),
    ("*", "http://0177.0.0.1:PORT/"),
    ("*", "http://017700000001:PORT/"),
    ("*", "http://0x7f.1:PORT/"),
    ("*", "http://%31%32%37.0.0.1:PORT/"),
    ("*", "http://127。0。0。1:PORT/"),
    ("*", "http://①②⑦.⓪.⓪.①:PORT/"),
    ("*", "http://0:PORT/"),
    ("*", "http://0.0.0.0:PORT/"),
    ("*", "http://[::1]:PORT/"),
    ("*", "http://[0:0:0:0:0:0:0:1]:PORT/"),
    ("*", "http://[::]:PORT/"),
    ("*", "http://[::ffff:127.0.0.1]:PORT/"),
    ("*", "http://[::ffff:7f00:1]:PORT/"),
    ("*", "http://[0:0:0:0:0:ffff:7f00:0001]:PORT/"),
    ("*", "http://[::127.0.0.1]:PORT/"),
    ("*", "http://[64:ff9b::127.0.0.1]:PORT/"),
    ("*", "http://[2002:7f00:1::]:PORT/"),
    ("*", "http://[fe80::1]:PORT/"),
    ("*", "https://127.0.0.1:PORT/"),
    ("*", "coap://127.0.0.1:PORT/"),
    ("*", "coap://2130706433:PORT/"),
    ("*", "coap://0x7f.1:PORT/"),
    ("*", "coap://0177.1:PORT/"),
    ("*", "coap://[::1]:PORT/"),
    ("*", "mqtt://127.0.0.1:PORT/topic"),
    ("*", "mqtt://0x7f.1:PORT/topic"),
    ("*", "mqtt://2130706433:PORT/topic"),
    ("*", "mqtt://[::ffff:7f00:1]:PORT/topic"),
    ("*", "coap://[::ffff:127.0.0.1]:PORT/"),
    ("*", "mqtts://127.0.0.1:PORT/topic"),
    ("*", "amqp://127.0.0.1:PORT/vhost/queue"),
    ("*", "amqps://0x7f.1:PORT/vhost/queue"),
    ("*", "amqp://[::1]:PORT/%2F/queue"),
    // Addresses of the site, the cloud and nobody.
    ("*", "http://10.0.0.1:PORT/"),
    ("*", "http://172.16.0.1:PORT/"),
    ("*", "http://192.168.0.1:PORT/"),
    ("*", "http://169.254.169.254:PORT/latest/meta-data/"),
    ("*", "http://2852039166:PORT/latest/meta-data/"),
    ("*", "http://0xa9fea9fe:PORT/"),
    ("*", "http://[::ffff:169.254.169.254]:PORT/"),
    ("*", "http://[fd00:ec2::254]:PORT/"),
    ("*", "http://100.100.100.200:PORT/"),
    ("*", "http://168.63.129.16:PORT/"),
    ("*", "http://192.0.0.192:PORT/"),
    ("*", "http://224.0.0.1:PORT/"),
    ("*", "http://255.255.255.255:PORT/"),
    ("*", "coap://224.0.1.187:PORT/"),
    ("*", "coap://[ff02::fd]:PORT/"),
    // Names.
    ("*", "http://loopback.evil.example:PORT/"),
    ("*", "http://LOOPBACK.EVIL.EXAMPLE.:PORT/"),
    ("*", "http://loopback6.evil.example:PORT/"),
    ("*", "http://private.evil.example:PORT/"),
    ("*", "http://metadata.evil.example:PORT/"),
    ("*", "http://mixed.evil.example:PORT/"),
    ("*", "http://mapped.evil.example:PORT/"),
    ("*", "http://translated.evil.example:PORT/"),
    ("*", "http://unspecified.evil.example:PORT/"),
    ("*", "http://shared.evil.example:PORT/"),
    ("*", "http://unique.evil.example:PORT/"),
    ("*", "http://sixtofour.evil.example:PORT/"),
    ("*", "coap://loopback.evil.example:PORT/"),
    ("*", "coap://mixed.evil.example:PORT/"),
    ("*", "mqtt://loopback.evil.example:PORT/topic"),
    ("*", "amqp://loopback.evil.example:PORT/vhost/queue"),
    ("*", "mqtts://metadata.evil.example:PORT/topic"),
    ("unreachable", "http://nothing.evil.example:PORT/"),
    ("unreachable", "http://unknown.evil.example:PORT/"),
    // What is not on the list, though it looks like it or stands beside it.
    ("list", "http://localhost:PORT/"),
    ("list", "http://allowed.example:PORT/other"),
    ("list", "http://allowed.example:PORT/good/../other"),
    ("list", "http://allowed.example:PORT/good/%2e%2e/other"),
    ("list", "http://allowed.example:PORT/good/..%2fother"),
    ("list", "http://allowed.example:PORT/good/%2e%2e%2fother"),
    ("list", "http://allowed.example:PORT/good\\..\\other"),
    ("list", "http://allowed.example:1/good/x"),
    ("list", "https://allowed.example:PORT/good/x"),
    ("list", "coap://allowed.example:PORT/good/x"),
    ("list", "mqtt://allowed.example:PORT/good/x"),
    ("list", "amqp://allowed.example:PORT/good/x"),
    ("list", "http://allowed.example.evil.test:PORT/good/x"),
    ("list", "http://evilallowed.example:PORT/good/x"),
    ("list", "http://evil.test:PORT/good/x#allowed.example"),
    ("list", "http://evil.test:PORT/?allowed.example/good/x"),
    ("list", "http://x.allowed.example:PORT/good/x"),
    ("list", "http://127.0.0.1:1/good/x"),
    // Users, passwords, spaces, and other ways to say two things at once.
    ("list", "http://allowed.example@evil.test:PORT/good/x"),
    ("list", "http://user:password@allowed.example:PORT/good/x"),
    ("list", "http://user@allowed.example:PORT/good/x"),
    ("list", "http://allowed.example:PORT@evil.test/good/x"),
    ("list", "http://allowed.example:PORT\\@evil.test/good/x"),
    ("list", "http://evil.test\\.allowed.example:PORT/good/x"),
    ("list", "http://allowed.example:PORT/good/x\r\nHost: evil.test"),
    ("list", "http://allowed.example\t:PORT/good/x"),
    ("list", " http://allowed.example:PORT/good/x"),
    // Schemes.
    ("scheme", "file:///etc/passwd"),
    ("scheme", "gopher://127.0.0.1:PORT/_x"),
    ("scheme", "ftp://127.0.0.1:PORT/"),
    ("scheme", "dict://127.0.0.1:PORT/"),
    ("scheme", "ldap://127.0.0.1:PORT/"),
    ("scheme", "unix:///var/run/docker.sock"),
    ("scheme", "data:text/plain,hello"),
    ("scheme", "javascript:alert(1)"),
    ("scheme", "ws://127.0.0.1:PORT/"),
    ("scheme", "coaps://127.0.0.1:PORT/"),
    ("scheme", "http+unix://%2Fvar%2Frun%2Fdocker.sock/info"),
];

/// Listeners on this machine that no attempt may reach.
struct Traps {
    tcp: Vec<TcpListener>,
    udp: Vec<UdpSocket>,
    port: u16,
}

impl Traps {
    fn set() -> Self {
        let first = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = first.local_addr().unwrap().port();
        let mut traps = Self { tcp: vec![first], udp: vec![UdpSocket::bind(("127.0.0.1", port)).unwrap()], port };
        // Not every machine has IPv6.
        if let (Ok(tcp), Ok(udp)) = (TcpListener::bind(("::1", port)), UdpSocket::bind(("::1", port))) {
            traps.tcp.push(tcp);
            traps.udp.push(udp);
        }
        traps.tcp.iter().for_each(|trap| trap.set_nonblocking(true).unwrap());
        traps.udp.iter().for_each(|trap| trap.set_nonblocking(true).unwrap());
        traps
    }

    fn assert_untouched(&self, attempt: &str) {
        for trap in &self.tcp {
            assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock, "{attempt}");
        }
        for trap in &self.udp {
            assert_eq!(trap.recv(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock, "{attempt}");
        }
    }
}

/// Everything is on the list at the port but the names with `good` paths, so that addresses alone are judged.
fn gateway(kind: &str, port: u16) -> Bindings {
    let mut names = NAMES.to_vec();
    names.push(("allowed.example", &[&["127.0.0.1"]]));
    let mut config = alias("allowed.example", "127.0.0.1");
    config += &format!("[[allow]]\nscheme = 'http'\nhost = 'allowed.example'\nport = {port}\npath = '/good/*'\n");
    if kind != "list" {
        for scheme in ["http", "https", "coap", "mqtt", "mqtts", "amqp", "amqps"] {
            config += &allow(scheme, "*.evil.example", port);
            for host in [
                "127.0.0.1",
                "127.255.255.254",
                "0.0.0.0",
                "[::1]",
                "[::]",
                "[::127.0.0.1]",
                "[64:ff9b::127.0.0.1]",
                "[2002:7f00:1::]",
                "[fe80::1]",
                "10.0.0.1",
                "172.16.0.1",
                "192.168.0.1",
                "169.254.169.254",
                "[fd00:ec2::254]",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "224.0.0.1",
                "255.255.255.255",
                "224.0.1.187",
                "[ff02::fd]",
            ] {
                config += &allow(scheme, host, port);
            }
        }
    }
    bindings(&config, Names::of(&names))
}

#[tokio::test]
async fn no_attempt_opens_a_socket() {
    assert!(ATTEMPTS.len() >= 60, "{}", ATTEMPTS.len());
    let traps = Traps::set();
    for (kind, attempt) in ATTEMPTS {
        let href = attempt.replace("PORT", &traps.port.to_string());
        let failure = read(&gateway(kind, traps.port), &thing(&href, "")).await.expect_err(attempt);
        let expected: &[FailureCode] = match *kind {
            "*" => &[FailureCode::NotAllowed],
            "unreachable" => &[FailureCode::Unreachable],
            "scheme" => &[FailureCode::UnsupportedForm],
            _ => &[FailureCode::NotAllowed, FailureCode::Malformed],
        };
        assert!(expected.contains(&failure.code), "{href}: {failure}");
        traps.assert_untouched(&href);
    }
}

/// What a form names by terms is judged like what it names by its path.
#[tokio::test]
async fn terms_cannot_leave_what_is_allowed() {
    let traps = Traps::set();
    let port = traps.port;
    let mut config = alias("broker.example", "127.0.0.1");
    for (scheme, path) in [("mqtt", "/plant/*"), ("amqp", "/plant/door"), ("amqp", "/plant/events/*")] {
        config += &format!("[[allow]]\nscheme = '{scheme}'\nhost = 'broker.example'\nport = {port}\npath = '{path}'\n");
    }
    let gateway = bindings(&config, Names::none());
    for (href, terms) in [
        ("mqtt://broker.example:PORT/plant/x", r#""mqv:topic": "other/x""#),
        ("mqtt://broker.example:PORT/plant/x", r#""mqv:topic": "plant/x/y""#),
        ("mqtt://broker.example:PORT/plant/x", r#""mqv:topic": "/plant/x""#),
        ("mqtt://broker.example:PORT", r#""mqv:topic": "plant/+""#),
        ("mqtt://broker.example:PORT", r#""mqv:topic": "plant/x", "mqv:responseTopic": "other/x""#),
        ("amqp://broker.example:PORT/plant", r#""amqv:queue": "safe""#),
        ("amqp://broker.example:PORT/other", r#""amqv:queue": "door""#),
        ("amqp://broker.example:PORT/plant", r#""amqv:queue": "events/x""#),
        ("amqp://broker.example:PORT/plant", r#""amqv:exchange": "other", "amqv:routingKey": "x""#),
        ("amqp://broker.example:PORT/plant", r#""amqv:exchange": "events", "amqv:routingKey": "x/#""#),
        ("amqp://broker.example:PORT/", r#""amqv:queue": "door""#),
    ] {
        let thing = thing(&href.replace("PORT", &port.to_string()), &format!(", {terms}"));
        for failure in [read(&gateway, &thing).await, invoke(&gateway, &thing, r#"{"data": 1}"#).await] {
            let failure = failure.expect_err(terms);
            let refused = matches!(failure.code, FailureCode::NotAllowed | FailureCode::Malformed);
            assert!(refused, "{href} {terms}: {failure}");
        }
        let followed = gateway.subscribe(&thing, pervade_gateway::Operation::SubscribeEvent, "e", "gateway").await;
        if !terms.contains("responseTopic") {
            assert!(followed.is_err(), "{href} {terms}");
        }
    }
    traps.assert_untouched("terms");
}

/// The traps work: what an alias allows does arrive.
#[tokio::test]
async fn an_alias_of_the_operator_is_the_only_way_in() {
    let traps = Traps::set();
    let href = format!("http://allowed.example:{}/good/x", traps.port);
    let attempt = tokio::spawn({
        let gateway = gateway("list", traps.port);
        async move { read(&gateway, &thing(&href, "")).await }
    });
    while traps.tcp[0].accept().is_err() {
        tokio::task::yield_now().await;
    }
    attempt.abort();
}

/// A name that is public when it is judged and private when it is used: it is not asked again.
#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once() {
    let traps = Traps::set();
    let names = Names::of(&[("rebinding.example", &[&["10.0.0.1"], &["127.0.0.1"], &["127.0.0.1"]])]);
    let gateway = bindings(&allow("http", "rebinding.example", traps.port), names);
    let thing = thing(&format!("http://rebinding.example:{}/", traps.port), "");
    for _ in 0..3 {
        let failure = read(&gateway, &thing).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::NotAllowed, "{failure}");
    }
    traps.assert_untouched("rebinding");
}

#[tokio::test]
async fn variables_cannot_leave_what_is_allowed() {
    let traps = Traps::set();
    let gateway = gateway("list", traps.port);
    for value in ["../other", "x/../../other", "..%2fother", "@evil.test", "\r\nHost: evil.test"] {
        for template in ["http://allowed.example:PORT/good/{+v}/y", "http://allowed.example{+v}:PORT/good/x"] {
            let thing = thing(&template.replace("PORT", &traps.port.to_string()), "");
            let input = serde_json::json!({ "uriVariables": { "v": value } }).to_string();
            let input = pervade_gateway::Input::parse(input.as_bytes()).unwrap();
            let read =
                gateway.perform(&thing, pervade_gateway::Operation::ReadProperty, "p", &input, crate::world::KEY);
            let failure = read.await.unwrap_err();
            let refused = matches!(failure.code, FailureCode::NotAllowed | FailureCode::Malformed);
            assert!(refused, "{template} {value:?}: {failure}");
        }
    }
    traps.assert_untouched("variables");
}
