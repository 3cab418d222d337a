//! CoAP over UDP (RFC 7252), with observation (RFC 7641) and blocks (RFC 7959).
//!
//! Requests are confirmable: repeated until they are acknowledged, with growing pauses. Each exchange has a socket of its
//! own that is connected to the admitted address, so that nobody else's datagrams are heard.
mod message;
mod observation;
mod socket;

use crate::{
    bindings::{Answer, Exchange},
    error::{Failure, FailureCode},
    limits,
    policy::Admitted,
    thing::{Operation, Security},
};
use coap_lite::{CoapOption, MessageClass, Packet, RequestType, ResponseType};
use message::{Block, answer_content_type, content_format, request};
pub(crate) use observation::follow;
use socket::Socket;

/// Content of a block that this side sends: fits a datagram over IPv6 with room for options.
const BLOCK_BYTES: usize = 1_024;
/// Blocks of one body: an answer of the largest size in the smallest blocks that are worth fetching.
const BLOCKS_MAX: usize = limits::ANSWER_BYTES_MAX / 64;

/// Performs an exchange.
///
/// # Errors
/// [`Failure`] with the code that the chain is told.
pub(crate) async fn perform(admitted: &Admitted, exchange: &Exchange) -> Result<Answer, Failure> {
    let method = method(exchange)?;
    refuse_security(exchange)?;
    let mut socket = Socket::connect(admitted.address()).await?;
    let mut template = request(admitted.target(), method)?;
    // CoAP has no header for an idempotency key.
    let body = exchange.body_with_key();
    if body.is_some()
        && let Some(format) = content_format(&exchange.form.content_type)
    {
        template.add_option(CoapOption::ContentFormat, message::uint(format));
    }
    let response = send_body(&mut socket, &template, body.unwrap_or_default()).await?;
    receive_body(&mut socket, &template, response, limits::ANSWER_BYTES_MAX).await
}

fn method(exchange: &Exchange) -> Result<RequestType, Failure> {
    let named = exchange.form.term("cov:method").or_else(|| exchange.form.term("cov:methodName"));
    Ok(match (named, exchange.operation) {
        (Some("GET"), _) | (None, Operation::ReadProperty) => RequestType::Get,
        (Some("PUT"), _) | (None, Operation::WriteProperty) => RequestType::Put,
        (Some("POST"), _) | (None, Operation::InvokeAction) => RequestType::Post,
        (Some("DELETE"), _) => RequestType::Delete,
        (Some(other), _) => return Err(Failure::unsupported(format!("the method {other} is not spoken"))),
        (None, Operation::ObserveProperty | Operation::SubscribeEvent) => {
            return Err(Failure::unsupported("this operation is a subscription"));
        }
    })
}

/// CoAP without DTLS or OSCORE has no way to show who one is.
fn refuse_security(exchange: &Exchange) -> Result<(), Failure> {
    if exchange.form.security.iter().all(|security| *security == Security::Nothing) {
        return Ok(());
    }
    Err(Failure::unsupported("coap forms have no security schemes here but nosec"))
}

/// Sends a body, in blocks if it is large, and returns the response to its last.
async fn send_body(socket: &mut Socket, template: &Packet, body: Vec<u8>) -> Result<Packet, Failure> {
    if body.len() <= BLOCK_BYTES {
        let mut packet = template.clone();
        packet.payload = body;
        return socket.exchange(packet).await;
    }
    let (mut size, mut sent) = (BLOCK_BYTES, 0_usize);
    loop {
        let end = sent.saturating_add(size).min(body.len());
        let block = Block { number: sent / size, more: end < body.len(), size };
        let mut packet = template.clone();
        packet.payload = body.get(sent..end).unwrap_or_default().to_vec();
        packet.add_option(CoapOption::Block1, block.encode());
        let response = socket.exchange(packet).await?;
        if response.header.code != MessageClass::Response(ResponseType::Continue) || !block.more {
            return Ok(response);
        }
        // The thing may ask for smaller blocks, never for larger ones.
        let wanted = Block::of(&response, CoapOption::Block1).map_or(size, |block| block.size);
        size = wanted.min(size);
        sent = end;
    }
}

/// The whole body of a response, its later blocks fetched.
async fn receive_body(
    socket: &mut Socket,
    template: &Packet,
    first: Packet,
    bytes_max: usize,
) -> Result<Answer, Failure> {
    check_code(&first)?;
    let content_type = answer_content_type(&first);
    let tag = first.get_first_option(CoapOption::ETag).cloned();
    let mut block = Block::of(&first, CoapOption::Block2);
    if block.as_ref().is_some_and(|block| block.number != 0) {
        return Err(Failure::malformed("the answer begins with a later block"));
    }
    let mut body = first.payload;
    let mut blocks = 1_usize;
    while let Some(last) = block.filter(|block| block.more) {
        if body.len() > bytes_max || blocks >= BLOCKS_MAX {
            return Err(Failure::too_large_for(bytes_max));
        }
        let mut packet = template.clone();
        packet.clear_option(CoapOption::ContentFormat);
        let wanted = Block { number: body.len() / last.size, more: false, size: last.size };
        if wanted.number.saturating_mul(last.size) != body.len() {
            return Err(Failure::malformed("a block of the answer is shorter than it says"));
        }
        packet.add_option(CoapOption::Block2, wanted.encode());
        let next = socket.exchange(packet).await?;
        check_code(&next)?;
        if next.get_first_option(CoapOption::ETag) != tag.as_ref() {
            let changed = Failure::malformed("the answer changed between its blocks");
            return Err(Failure { transient: true, ..changed });
        }
        block = Block::of(&next, CoapOption::Block2);
        if block.as_ref().is_none_or(|block| block.number.saturating_mul(block.size) != body.len()) {
            return Err(Failure::malformed("a block of the answer is another than asked for"));
        }
        body.extend_from_slice(&next.payload);
        blocks = blocks.saturating_add(1);
    }
    if body.len() > bytes_max {
        return Err(Failure::too_large_for(bytes_max));
    }
    Ok(Answer { content_type, body: body.into() })
}

fn check_code(response: &Packet) -> Result<(), Failure> {
    let code = u8::from(response.header.code);
    let reason = format!("the thing answers {}.{:02}", code >> 5, code & 0x1f);
    match code {
        0x41..=0x5f => Ok(()),
        // 5.02, 5.03 and 5.04: something behind it is away.
        0xa2 | 0xa3 => Err(Failure { code: FailureCode::Unreachable, reason, transient: true }),
        0xa4 => Err(Failure { code: FailureCode::Timeout, reason, transient: true }),
        0x80.. => Err(Failure::new(FailureCode::RefusedByThing, reason)),
        _ => Err(Failure::malformed(reason)),
    }
}
