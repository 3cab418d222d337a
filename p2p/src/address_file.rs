//! The address book on disk.
//!
//! ```text
//! offset  bytes  address book, version 1, integers big-endian
//!      0      8  "pervaddr"
//!      8      2  version, 1
//!     10      4  number of peers
//!     14      …  peers, each:
//!                  1  length p of the peer id
//!                  p  peer id (multihash)
//!                  8  Unix time of the last good connection, seconds; 0 for never
//!                  1  number of addresses
//!                  …  addresses, each: 2 length a, a multiaddr in binary
//!   n-32     32  blake3 of everything before
//! ```
//!
//! It holds nothing that cannot be learned again: a damaged file is put aside, and the node starts with the peers of its
//! configuration.
use crate::{
    NetworkError,
    address_book::{AddressBook, Origin},
    limits,
};
use bytes::{Buf, BufMut};
use libp2p::{Multiaddr, PeerId};
use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Instant,
};
use tracing::warn;

const MAGIC: &[u8; 8] = b"pervaddr";
/// Version of the file.
pub const ADDRESS_BOOK_VERSION: u16 = 1;
const CHECKSUM_BYTES: usize = 32;
/// A full address book with the longest addresses fits; nothing longer is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

const _: () = assert!(
    (limits::ADDRESS_BOOK_PEERS_MAX * (64 + limits::ADDRESSES_PER_PEER_MAX * (2 + limits::ADDRESS_BYTES_MAX))) as u64
        <= FILE_BYTES_MAX
);

/// Reads the address book. A missing file is an empty book; a damaged one too, and is renamed to `….damaged`.
///
/// # Errors
/// [`NetworkError::File`] if the file is there and cannot be read or put aside.
pub(crate) fn load(file: &Path, now: Instant) -> Result<AddressBook, NetworkError> {
    let error = |error| NetworkError::File { file: file.to_owned(), error };
    let read = match fs::metadata(file) {
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => Err("it is too long"),
        Ok(_) => decode(&fs::read(file).map_err(error)?, now),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(AddressBook::default()),
        Err(other) => return Err(error(other)),
    };
    match read {
        Ok(book) => Ok(book),
        Err(problem) => {
            let aside = file.with_extension("damaged");
            warn!(file = %file.display(), kept_as = %aside.display(), problem,
                "the address book is damaged; starting with the peers of the configuration");
            fs::rename(file, aside).map_err(error)?;
            Ok(AddressBook::default())
        }
    }
}

/// Writes the address book aside and renames it, so that a crash leaves the old or the new one.
///
/// # Errors
/// [`NetworkError::File`].
pub(crate) fn save(file: &Path, encoded: &[u8]) -> Result<(), NetworkError> {
    let write = || {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let aside = file.with_extension("new");
        let mut handle = fs::File::create(&aside)?;
        handle.write_all(encoded)?;
        handle.sync_all()?;
        fs::rename(&aside, file)
    };
    write().map_err(|error| NetworkError::File { file: file.to_owned(), error })
}

/// The bytes of the drawing above. Peers without an address, and those that nobody ever reached, are left out.
pub(crate) fn encode(book: &AddressBook) -> Vec<u8> {
    let mut peers = Vec::new();
    let mut count: u32 = 0;
    for (peer, known) in book.iter().filter(|(_, known)| known.last_seen > 0 && !known.addresses.is_empty()) {
        let id = peer.to_bytes();
        peers.put_u8(u8::try_from(id.len()).unwrap_or(u8::MAX));
        peers.put_slice(&id);
        peers.put_u64(known.last_seen);
        peers.put_u8(u8::try_from(known.addresses.len()).unwrap_or(u8::MAX));
        for address in &known.addresses {
            let bytes = address.as_ref();
            peers.put_u16(u16::try_from(bytes.len()).unwrap_or(u16::MAX));
            peers.put_slice(bytes);
        }
        count = count.saturating_add(1);
    }
    let mut file = Vec::with_capacity(peers.len().saturating_add(64));
    file.put_slice(MAGIC);
    file.put_u16(ADDRESS_BOOK_VERSION);
    file.put_u32(count);
    file.put_slice(&peers);
    let checksum = blake3::hash(&file);
    file.put_slice(checksum.as_bytes());
    file
}

fn decode(file: &[u8], now: Instant) -> Result<AddressBook, &'static str> {
    let split = file.len().checked_sub(CHECKSUM_BYTES).ok_or("it is too short")?;
    let (mut content, checksum) = file.split_at(split);
    if blake3::hash(content).as_bytes() != checksum {
        return Err("its checksum does not match");
    }
    if content.len() < MAGIC.len().saturating_add(6) || content.copy_to_bytes(MAGIC.len())[..] != MAGIC[..] {
        return Err("it is not an address book");
    }
    if content.get_u16() != ADDRESS_BOOK_VERSION {
        return Err("it is of another version");
    }
    let count = content.get_u32();
    let mut book = AddressBook::default();
    for _ in 0..count {
        decode_peer(&mut content, &mut book, now).ok_or("a peer in it cannot be read")?;
    }
    if content.has_remaining() {
        return Err("it is longer than it says");
    }
    book.take_changed();
    Ok(book)
}

fn decode_peer(content: &mut &[u8], book: &mut AddressBook, now: Instant) -> Option<()> {
    let length = usize::from(content.try_get_u8().ok()?);
    let peer = PeerId::from_bytes(&take(content, length)?).ok()?;
    let last_seen = content.try_get_u64().ok()?;
    for _ in 0..content.try_get_u8().ok()? {
        let length = usize::from(content.try_get_u16().ok()?);
        let address = Multiaddr::try_from(take(content, length)?).ok()?;
        book.add(peer, &address, Origin::Learned, last_seen, now);
    }
    Some(())
}

fn take(content: &mut &[u8], length: usize) -> Option<Vec<u8>> {
    (content.remaining() >= length).then(|| content.copy_to_bytes(length).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn book() -> AddressBook {
        let mut book = AddressBook::default();
        let peer = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5".parse().unwrap();
        for address in ["/ip4/192.0.2.1/tcp/30303", "/ip4/192.0.2.1/udp/30303/quic-v1"] {
            book.add(peer, &address.parse().unwrap(), Origin::Boot, 1_700_000_000, Instant::now());
        }
        book
    }

    #[test]
    fn the_file_has_its_golden_bytes() {
        let golden = hex!(
            "7065727661646472" "0001" "00000001"
            "26" "002408011220" "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
            "000000006553f100" "02"
            "000b" "04c0000201" "9102" "765f" "cd03"
            "0008" "04c0000201" "06" "765f"
        );
        let encoded = encode(&book());
        assert_eq!(hex::encode(&encoded[..encoded.len() - CHECKSUM_BYTES]), hex::encode(golden));
        assert_eq!(encoded[golden.len()..], *blake3::hash(&golden).as_bytes());
    }

    #[test]
    fn a_book_survives_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("network/peers");
        assert_eq!(load(&file, Instant::now()).unwrap().len(), 0);
        save(&file, &encode(&book())).unwrap();
        let read = load(&file, Instant::now()).unwrap();
        let addresses = |book: &AddressBook| {
            book.iter().map(|(peer, known)| (*peer, known.addresses.clone(), known.last_seen)).collect::<Vec<_>>()
        };
        assert_eq!(addresses(&read), addresses(&book()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed_and_the_file_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("peers");
        let good = encode(&book());
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes, Instant::now()).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(decode(&good[..length], Instant::now()).is_err(), "{length} bytes");
        }
        fs::write(&file, &good[1..]).unwrap();
        assert_eq!(load(&file, Instant::now()).unwrap().len(), 0);
        assert!(!file.exists());
        assert_eq!(fs::read(file.with_extension("damaged")).unwrap(), good[1..]);
    }

    #[test]
    fn a_count_that_promises_more_than_there_is_is_damage() {
        let mut bytes = encode(&AddressBook::default());
        bytes.truncate(bytes.len() - CHECKSUM_BYTES);
        bytes[10..14].copy_from_slice(&u32::MAX.to_be_bytes());
        bytes.extend(*blake3::hash(&bytes).as_bytes());
        assert_eq!(decode(&bytes, Instant::now()).unwrap_err(), "a peer in it cannot be read");
    }
}
