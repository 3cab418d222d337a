//! CoAP against a thing made here from datagrams, which loses, repeats and splits as it likes.
use crate::world::{Names, alias, allow, bindings, follow, invoke, message, read, thing};
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType, ResponseType};
use pervade_gateway::{Bindings, Failure, FailureCode, Operation, Subscription, Thing};
use std::net::SocketAddr;
use tokio::net::UdpSocket;

/// A thing, and a gateway that may reach it.
struct Device {
    socket: UdpSocket,
    gateway: Bindings,
    thing: Thing,
}

impl Device {
    async fn new(path: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let port = socket.local_addr().unwrap().port();
        let config = alias("device.example", "127.0.0.1") + &allow("coap", "device.example", port);
        let thing = thing(&format!("coap://device.example:{port}{path}"), "");
        Self { socket, gateway: bindings(&config, Names::none()), thing }
    }

    async fn receive(&self) -> (Packet, SocketAddr) {
        let mut buffer = [0; 2_000];
        let (length, from) = self.socket.recv_from(&mut buffer).await.unwrap();
        (Packet::from_bytes(&buffer[..length]).unwrap(), from)
    }

    async fn send(&self, packet: &Packet, to: SocketAddr) {
        self.socket.send_to(&packet.to_bytes_unlimited().unwrap(), to).await.unwrap();
    }
}

fn answer(request: &Packet, kind: MessageType, code: ResponseType, payload: &[u8]) -> Packet {
    let mut packet = Packet::new();
    packet.header.set_type(kind);
    packet.header.code = MessageClass::Response(code);
    packet.header.message_id = request.header.message_id;
    packet.set_token(request.get_token().to_vec());
    packet.payload = payload.to_vec();
    packet
}

fn acknowledgement(request: &Packet) -> Packet {
    let mut packet = Packet::new();
    packet.header.set_type(MessageType::Acknowledgement);
    packet.header.code = MessageClass::Empty;
    packet.header.message_id = request.header.message_id;
    packet
}

fn options(packet: &Packet, option: CoapOption) -> Vec<String> {
    let values = packet.get_option(option).into_iter().flatten();
    values.map(|value| String::from_utf8(value.clone()).unwrap()).collect()
}

/// A block option with blocks of 1,024 bytes.
fn block(number: usize, more: bool) -> Vec<u8> {
    let value = u32::try_from(number << 4).unwrap() | (u32::from(more) << 3) | 6;
    value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

#[tokio::test]
async fn a_property_is_read_in_the_acknowledgement() {
    let device = Device::new("/sensors/t?unit=C").await;
    let serve = async {
        let (request, from) = device.receive().await;
        assert_eq!(request.header.get_type(), MessageType::Confirmable);
        assert_eq!(request.header.code, MessageClass::Request(RequestType::Get));
        assert_eq!(options(&request, CoapOption::UriPath), ["sensors", "t"]);
        assert_eq!(options(&request, CoapOption::UriQuery), ["unit=C"]);
        assert_eq!(options(&request, CoapOption::UriHost), ["device.example"]);
        let mut packet = answer(&request, MessageType::Acknowledgement, ResponseType::Content, b"21.5");
        packet.add_option(CoapOption::ContentFormat, vec![50]);
        device.send(&packet, from).await;
    };
    let (result, ()) = tokio::join!(read(&device.gateway, &device.thing), serve);
    let result = result.unwrap();
    assert_eq!((&result.body[..], result.content_type.as_deref()), (&b"21.5"[..], Some("application/json")));
}

#[tokio::test]
async fn a_lost_request_is_repeated_and_a_late_response_acknowledged() {
    let device = Device::new("/t").await;
    let serve = async {
        let (lost, _) = device.receive().await;
        let (request, from) = device.receive().await;
        assert_eq!((lost.header.message_id, lost.get_token()), (request.header.message_id, request.get_token()));
        device.send(&acknowledgement(&request), from).await;
        // Strangers' messages in between change nothing.
        let mut other = answer(&request, MessageType::Confirmable, ResponseType::Content, b"forged");
        other.set_token(vec![1]);
        other.header.message_id = 1;
        device.send(&other, from).await;
        let (reset, _) = device.receive().await;
        assert_eq!((reset.header.get_type(), reset.header.message_id), (MessageType::Reset, 1));
        let mut late = answer(&request, MessageType::Confirmable, ResponseType::Content, b"late");
        late.header.message_id = 7;
        device.send(&late, from).await;
        let (acknowledged, _) = device.receive().await;
        assert_eq!((acknowledged.header.get_type(), acknowledged.header.message_id), (MessageType::Acknowledgement, 7));
    };
    let (result, ()) = tokio::join!(read(&device.gateway, &device.thing), serve);
    assert_eq!(result.unwrap().body[..], *b"late");
}

#[tokio::test]
async fn large_bodies_travel_in_blocks_both_ways() {
    let device = Device::new("/firmware").await;
    let data = "d".repeat(3_000);
    let serve = async {
        let (mut received, mut number) = (Vec::new(), 0);
        loop {
            let (request, from) = device.receive().await;
            received.extend_from_slice(&request.payload);
            let more = request.get_first_option(CoapOption::Block1).unwrap() == &block(number, true);
            let code = if more { ResponseType::Continue } else { ResponseType::Changed };
            let mut packet =
                answer(&request, MessageType::Acknowledgement, code, if more { b"" } else { &[b'x'; 1_024] });
            packet.add_option(CoapOption::Block1, block(number, more));
            number += 1;
            if !more {
                packet.add_option(CoapOption::Block2, block(0, true));
            }
            device.send(&packet, from).await;
            if !more {
                break;
            }
        }
        let (request, from) = device.receive().await;
        assert_eq!(request.get_first_option(CoapOption::Block2), Some(&block(1, false)));
        let mut packet = answer(&request, MessageType::Acknowledgement, ResponseType::Changed, b"end");
        packet.add_option(CoapOption::Block2, block(1, false));
        device.send(&packet, from).await;
        String::from_utf8(received).unwrap()
    };
    let input = serde_json::json!({ "data": data }).to_string();
    let (result, received) = tokio::join!(invoke(&device.gateway, &device.thing, &input), serve);
    assert_eq!(received, format!("\"{data}\""));
    assert_eq!(result.unwrap().body.len(), 1_027);
}

#[tokio::test]
async fn a_command_in_json_carries_its_key() {
    let device = Device::new("/open").await;
    let serve = async {
        let (request, from) = device.receive().await;
        device.send(&answer(&request, MessageType::Acknowledgement, ResponseType::Changed, b""), from).await;
        assert_eq!(request.get_first_option(CoapOption::ContentFormat), Some(&vec![50]));
        serde_json::from_slice::<serde_json::Value>(&request.payload).unwrap()
    };
    let (result, body) = tokio::join!(invoke(&device.gateway, &device.thing, r#"{"data": {"door": 7}}"#), serve);
    assert!(result.unwrap().body.is_empty());
    assert_eq!(body, serde_json::json!({ "door": 7, "idempotencyKey": "ab".repeat(32) }));
}

#[tokio::test]
async fn endless_blocks_are_cut_off_at_the_limit() {
    let device = Device::new("/endless").await;
    let serve = async {
        for number in 0.. {
            let (request, from) = device.receive().await;
            let mut packet = answer(&request, MessageType::Acknowledgement, ResponseType::Content, &[0; 1_024]);
            packet.add_option(CoapOption::Block2, block(number, true));
            device.send(&packet, from).await;
        }
    };
    let result =
        tokio::select! { result = read(&device.gateway, &device.thing) => result, () = serve => unreachable!() };
    assert_eq!(result.unwrap_err().code, FailureCode::TooLarge);
}

#[tokio::test]
async fn refusals_resets_and_nonsense_have_their_codes() {
    for (make, code) in [
        (ResponseType::NotFound, FailureCode::RefusedByThing),
        (ResponseType::InternalServerError, FailureCode::RefusedByThing),
        (ResponseType::ServiceUnavailable, FailureCode::Unreachable),
        (ResponseType::GatewayTimeout, FailureCode::Timeout),
    ] {
        let device = Device::new("/").await;
        let serve = async {
            let (request, from) = device.receive().await;
            // What is no CoAP message, and what is for somebody else, is passed over.
            device.socket.send_to(&[0xff; 40], from).await.unwrap();
            device.send(&answer(&request, MessageType::Acknowledgement, make, b""), from).await;
        };
        let (result, ()) = tokio::join!(read(&device.gateway, &device.thing), serve);
        assert_eq!(result.unwrap_err().code, code, "{make:?}");
    }
    let device = Device::new("/").await;
    let serve = async {
        let (request, from) = device.receive().await;
        let mut reset = acknowledgement(&request);
        reset.header.set_type(MessageType::Reset);
        device.send(&reset, from).await;
    };
    let (result, ()) = tokio::join!(read(&device.gateway, &device.thing), serve);
    assert_eq!(result.unwrap_err().code, FailureCode::RefusedByThing);
}

#[tokio::test]
async fn nobody_at_the_port_is_unreachable() {
    let Device { socket, gateway, thing } = Device::new("/").await;
    drop(socket);
    assert_eq!(read(&gateway, &thing).await.unwrap_err().code, FailureCode::Unreachable);
}

/// A thing whose property `p` and event `e` can be observed.
fn observable(device: &Device) -> Thing {
    let port = device.socket.local_addr().unwrap().port();
    let form = |op: &str| format!(r#"{{"forms": [{{"href": "coap://device.example:{port}/t", "op": "{op}"}}]}}"#);
    let description = format!(
        r#"{{"properties": {{"p": {}}}, "events": {{"e": {}}}}}"#,
        form("observeproperty"),
        form("subscribeevent")
    );
    Thing::parse(description.as_bytes()).unwrap()
}

/// A notification; id 0 for the one in the acknowledgement of the request.
fn notification(request: &Packet, id: u16, sequence: u8, value: &[u8]) -> Packet {
    let kind = if id == 0 { MessageType::Acknowledgement } else { MessageType::Confirmable };
    let mut packet = answer(request, kind, ResponseType::Content, value);
    if id != 0 {
        packet.header.message_id = id;
    }
    packet.add_option(CoapOption::Observe, vec![sequence]);
    packet
}

async fn assert_acknowledged(device: &Device, id: u16) {
    let (packet, _) = device.receive().await;
    assert_eq!((packet.header.get_type(), packet.header.message_id), (MessageType::Acknowledgement, id));
}

#[tokio::test]
async fn a_followed_property_is_heard_in_order_and_a_late_state_left_out() {
    let device = Device::new("/t").await;
    let thing = observable(&device);
    let gateway = &device.gateway;
    let mut states = gateway.subscribe(&thing, Operation::ObserveProperty, "p", "gateway").await.unwrap();
    let (request, from) = device.receive().await;
    assert_eq!(request.get_first_option(CoapOption::Observe), Some(&Vec::new()));
    device.send(&notification(&request, 0, 10, b"first"), from).await;
    let first = message(&mut states).await;
    assert_eq!(first.body[..], *b"first");
    first.receipt.accept();
    device.send(&notification(&request, 21, 12, b"second"), from).await;
    let second = message(&mut states).await;
    // Acknowledged at once, since nobody will ever want it.
    device.send(&notification(&request, 22, 11, b"too late"), from).await;
    assert_acknowledged(&device, 22).await;
    second.receipt.accept();
    assert_acknowledged(&device, 21).await;
    device.send(&notification(&request, 23, 13, b"third"), from).await;
    assert_eq!(message(&mut states).await.body[..], *b"third");
}

#[tokio::test]
async fn a_notification_is_acknowledged_only_when_somebody_vouches_for_it() {
    let device = Device::new("/t").await;
    let thing = observable(&device);
    let mut events = follow(&device.gateway, &thing).await;
    let (request, from) = device.receive().await;
    device.send(&notification(&request, 0, 1, b"registered"), from).await;
    message(&mut events).await.receipt.accept();
    device.send(&notification(&request, 31, 2, b"delivered"), from).await;
    let held = message(&mut events).await;
    // The thing sends it again and hears nothing; what is answered next is a stranger's message.
    device.send(&notification(&request, 31, 2, b"delivered"), from).await;
    let mut stranger = notification(&request, 77, 2, b"delivered");
    stranger.set_token(vec![1]);
    device.send(&stranger, from).await;
    let (reset, _) = device.receive().await;
    assert_eq!((reset.header.get_type(), reset.header.message_id), (MessageType::Reset, 77));
    held.receipt.accept();
    assert_acknowledged(&device, 31).await;
    // If the acknowledgement was lost, the thing sends it once more.
    device.send(&notification(&request, 31, 2, b"delivered"), from).await;
    assert_acknowledged(&device, 31).await;
    // Given back: the observation begins anew, and the thing tells its state.
    device.send(&notification(&request, 32, 3, b"again"), from).await;
    drop(message(&mut events).await);
    let (anew, from) = device.receive().await;
    assert_eq!(anew.get_first_option(CoapOption::Observe), Some(&Vec::new()));
    assert_ne!(anew.get_token(), request.get_token());
    device.send(&notification(&anew, 0, 4, b"again"), from).await;
    assert_eq!(message(&mut events).await.body[..], *b"again");
}

#[tokio::test]
async fn a_large_notification_is_fetched_in_blocks() {
    let device = Device::new("/t").await;
    let thing = observable(&device);
    let mut events = follow(&device.gateway, &thing).await;
    let (request, from) = device.receive().await;
    let mut first = notification(&request, 0, 1, &[b'a'; 1_024]);
    first.add_option(CoapOption::Block2, block(0, true));
    device.send(&first, from).await;
    let (next, _) = device.receive().await;
    assert_eq!(next.get_first_option(CoapOption::Block2), Some(&block(1, false)));
    assert_eq!(next.get_first_option(CoapOption::Observe), None);
    // A notification in between is neither refused nor acknowledged.
    device.send(&notification(&request, 41, 2, b"between"), from).await;
    let mut rest = answer(&next, MessageType::Acknowledgement, ResponseType::Content, b"end");
    rest.add_option(CoapOption::Block2, block(1, false));
    device.send(&rest, from).await;
    let whole = message(&mut events).await;
    assert_eq!(whole.body.len(), 1_027);
    // It comes again, since nobody acknowledged it.
    device.send(&notification(&request, 41, 2, b"between"), from).await;
    let between = message(&mut events).await;
    assert_eq!(between.body[..], *b"between");
    between.receipt.accept();
    assert_acknowledged(&device, 41).await;
}

#[tokio::test]
async fn a_resource_that_cannot_be_observed_ends_the_subscription() {
    let device = Device::new("/t").await;
    let thing = observable(&device);
    let mut events = follow(&device.gateway, &thing).await;
    let (request, from) = device.receive().await;
    device.send(&answer(&request, MessageType::Acknowledgement, ResponseType::Content, b"21.5"), from).await;
    assert_eq!(events.next().await.unwrap().unwrap_err().code, FailureCode::RefusedByThing);
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn what_cannot_be_followed_is_told_at_once() {
    let device = Device::new("/t").await;
    let code = |result: Result<Subscription, Failure>| result.err().unwrap().code;
    let gateway = &device.gateway;
    let of = |operation, name: &'static str| {
        let thing = observable(&device);
        async move { gateway.subscribe(&thing, operation, name, "gateway").await }
    };
    assert_eq!(code(of(Operation::ReadProperty, "p").await), FailureCode::Malformed);
    assert_eq!(code(of(Operation::SubscribeEvent, "p").await), FailureCode::Malformed);
    let http = thing("http://device.example/", "");
    let result = gateway.subscribe(&http, Operation::SubscribeEvent, "e", "gateway").await;
    assert_eq!(code(result), FailureCode::UnsupportedForm);
    let elsewhere = thing("coap://else.example/", "");
    let result = gateway.subscribe(&elsewhere, Operation::SubscribeEvent, "e", "gateway").await;
    assert_eq!(code(result), FailureCode::NotAllowed);
}
