//! Options of CoAP messages.
use crate::{
    error::Failure,
    target::{Target, TargetHost, percent_decoded},
};
use coap_lite::{CoapOption, MessageClass, Packet, RequestType};

/// Longest value of a path or query option (RFC 7252, 5.10).
const OPTION_BYTES_MAX: usize = 255;
/// Media types and their numbers (the registry of RFC 7252, 12.3).
const CONTENT_FORMATS: [(&str, u32); 12] = [
    ("text/plain", 0),
    ("application/link-format", 40),
    ("application/xml", 41),
    ("application/octet-stream", 42),
    ("application/exi", 47),
    ("application/json", 50),
    ("application/cbor", 60),
    ("application/cwt", 61),
    ("application/senml+json", 110),
    ("application/senml+cbor", 112),
    ("application/td+json", 432),
    ("application/cose; cose-type=\"cose-sign1\"", 18),
];

/// The number of a media type; parameters are not looked at but for those in the table.
pub(super) fn content_format(content_type: &str) -> Option<u32> {
    let wanted = content_type.to_ascii_lowercase();
    let bare = wanted.split(';').next().unwrap_or_default().trim();
    let exact = CONTENT_FORMATS.iter().find(|(name, _)| *name == wanted);
    exact.or_else(|| CONTENT_FORMATS.iter().find(|(name, _)| *name == bare)).map(|(_, number)| *number)
}

/// The media type of a response.
pub(super) fn answer_content_type(response: &Packet) -> Option<String> {
    let number = read_uint(response.get_first_option(CoapOption::ContentFormat)?)?;
    CONTENT_FORMATS.iter().find(|(_, other)| *other == number).map(|(name, _)| (*name).to_owned())
}

/// An unsigned integer as an option: big-endian, without leading zeros.
pub(super) fn uint(value: u32) -> Vec<u8> {
    value.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect()
}

fn read_uint(bytes: &[u8]) -> Option<u32> {
    (bytes.len() <= 4).then(|| bytes.iter().fold(0, |value: u32, byte| (value << 8) | u32::from(*byte)))
}

/// A request for a target, without token, id and payload.
///
/// # Errors
/// Malformed if path or query do not fit options.
pub(super) fn request(target: &Target, method: RequestType) -> Result<Packet, Failure> {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::Request(method);
    if let TargetHost::Name(name) = &target.host {
        packet.add_option(CoapOption::UriHost, name.clone().into_bytes());
    }
    let segments = target.path.split('/').skip(1).map(|segment| (CoapOption::UriPath, segment));
    let only_root = target.path == "/";
    let queries = target.query.iter().flat_map(|query| query.split('&')).map(|query| (CoapOption::UriQuery, query));
    for (option, text) in segments.filter(|_| !only_root).chain(queries) {
        let value = percent_decoded(text);
        if value.len() > OPTION_BYTES_MAX {
            return Err(Failure::malformed("a part of the path or query has more than 255 bytes"));
        }
        packet.add_option(option, value);
    }
    Ok(packet)
}

/// A block option (RFC 7959, 2.2): number, whether more follow, size as a power of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) number: usize,
    pub(super) more: bool,
    /// 16 to 1,024.
    pub(super) size: usize,
}

impl Block {
    pub(super) fn encode(self) -> Vec<u8> {
        let exponent = self.size.trailing_zeros().clamp(4, 10).saturating_sub(4);
        let number = u32::try_from(self.number).unwrap_or(u32::MAX) << 4;
        uint(number | (u32::from(self.more) << 3) | exponent)
    }

    /// The block option of a response, if it has a valid one.
    pub(super) fn of(response: &Packet, option: CoapOption) -> Option<Self> {
        let bytes = response.get_first_option(option)?;
        let value = read_uint(bytes).filter(|_| bytes.len() <= 3)?;
        let exponent = value & 7;
        // 7 is reserved.
        (exponent < 7).then(|| Self {
            number: usize::try_from(value >> 4).unwrap_or(usize::MAX),
            more: value & 8 != 0,
            size: 16 << exponent,
        })
    }
}

/// The sequence number of a notification; `None` if the message is none.
pub(super) fn sequence(response: &Packet) -> Option<u32> {
    let bytes = response.get_first_option(CoapOption::Observe)?;
    read_uint(bytes).filter(|_| bytes.len() <= 3)
}

/// Seconds for which a response is fresh, if it says so.
pub(super) fn max_age(response: &Packet) -> Option<u32> {
    read_uint(response.get_first_option(CoapOption::MaxAge)?)
}

/// Whether a notification is newer than the last, in numbers of 24 bits that wrap (RFC 7641, 3.4).
pub(super) fn is_newer(last: u32, next: u32) -> bool {
    const HALF: u32 = 1 << 23;
    (last < next && next - last < HALF) || (last > next && last - next > HALF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_have_their_golden_bytes() {
        for (number, more, size, golden) in [
            (0, false, 16, &[][..]),
            (0, true, 1_024, &[0x0e]),
            (1, false, 64, &[0x12]),
            (15, true, 1_024, &[0xfe]),
            (16, true, 1_024, &[0x01, 0x0e]),
            (4_096, false, 1_024, &[0x01, 0x00, 0x06]),
        ] {
            let block = Block { number, more, size };
            assert_eq!(block.encode(), golden);
            let mut packet = Packet::new();
            packet.add_option(CoapOption::Block2, golden.to_vec());
            assert_eq!(Block::of(&packet, CoapOption::Block2), Some(block));
        }
        for wrong in [&[0x07][..], &[1, 2, 3, 4]] {
            let mut packet = Packet::new();
            packet.add_option(CoapOption::Block2, wrong.to_vec());
            assert_eq!(Block::of(&packet, CoapOption::Block2), None);
        }
    }

    #[test]
    fn paths_and_queries_become_options() {
        let target = Target::parse("coap://host.example/a/b%20c/?x=1&y=%26", None).unwrap();
        let packet = request(&target, RequestType::Get).unwrap();
        let values = |option| packet.get_option(option).map(|list| list.iter().cloned().collect::<Vec<_>>());
        assert_eq!(values(CoapOption::UriPath).unwrap(), [&b"a"[..], b"b c", b""]);
        assert_eq!(values(CoapOption::UriQuery).unwrap(), [&b"x=1"[..], b"y=&"]);
        assert_eq!(values(CoapOption::UriHost).unwrap(), [b"host.example"]);
        let root = request(&Target::parse("coap://192.0.2.1", None).unwrap(), RequestType::Get).unwrap();
        assert_eq!(root.options().count(), 0);
        let long = |bytes: usize| Target::parse(&format!("coap://h.example/{}", "a".repeat(bytes)), None).unwrap();
        assert!(request(&long(OPTION_BYTES_MAX), RequestType::Get).is_ok());
        assert!(request(&long(OPTION_BYTES_MAX + 1), RequestType::Get).is_err());
    }

    #[test]
    fn notifications_are_ordered_across_the_wrap() {
        assert!(is_newer(1, 2) && !is_newer(2, 1) && !is_newer(2, 2));
        assert!(is_newer((1 << 24) - 1, 0) && !is_newer(0, (1 << 24) - 1));
    }

    #[test]
    fn media_types_have_their_numbers() {
        assert_eq!(content_format("application/json; charset=utf-8"), Some(50));
        assert_eq!(content_format("application/cose; cose-type=\"cose-sign1\""), Some(18));
        assert_eq!(content_format("image/png"), None);
    }
}
