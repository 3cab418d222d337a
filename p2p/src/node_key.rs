//! The node key: the ed25519 key that a node proves to its peers. It signs no block and holds no money; who has it can
//! pose as this node in the network, no more.
//!
//! ```text
//! ed25519:<64 hexadecimal digits>     the secret key (RFC 8032 seed)
//! peer:<peer id, base58>              derived from it: shows damage
//! ```
use crate::NetworkError;
use libp2p::identity::{Keypair, ed25519};
use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Longest file that is read, bytes; ours have 133 or so.
const FILE_BYTES_MAX: u64 = 1_024;
/// Only the owner reads and writes.
const FILE_MODE: u32 = 0o600;
const SECRET: &str = "ed25519:";
const PEER: &str = "peer:";

/// Reads the node key, or makes a new one if there is no such file.
///
/// # Errors
/// [`NetworkError::NodeKey`] if the file is damaged or others can read it; [`NetworkError::File`].
pub fn load_or_create_node_key(file: &Path) -> Result<Keypair, NetworkError> {
    let error = |error| NetworkError::File { file: file.to_owned(), error };
    match fs::metadata(file) {
        Ok(metadata) => {
            if metadata.mode() & 0o077 != 0 {
                return Err(damaged(file, "others than its owner have access: chmod 600"));
            }
            if metadata.len() > FILE_BYTES_MAX {
                return Err(damaged(file, "it is longer than a key file"));
            }
            let bytes = fs::read(file).map_err(error)?;
            parse(&bytes).map_err(|problem| damaged(file, problem))
        }
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            let key = ed25519::Keypair::generate();
            write(file, &key).map_err(error)?;
            Ok(key.into())
        }
        Err(other) => Err(error(other)),
    }
}

fn damaged(file: &Path, problem: &'static str) -> NetworkError {
    NetworkError::NodeKey { file: file.to_owned(), problem }
}

fn text(key: &ed25519::Keypair) -> String {
    let secret = hex::encode(key.secret().as_ref());
    let peer = Keypair::from(key.clone()).public().to_peer_id();
    format!("{SECRET}{secret}\n{PEER}{peer}\n")
}

fn parse(bytes: &[u8]) -> Result<Keypair, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let mut lines = text.lines();
    let secret =
        lines.next().and_then(|line| line.strip_prefix(SECRET)).ok_or("its first line is not ed25519:<hex>")?;
    let secret = hex::decode(secret).map_err(|_| "its key is not hexadecimal")?;
    let key = Keypair::ed25519_from_bytes(secret).map_err(|_| "its key is not 32 bytes")?;
    let peer = lines.next().and_then(|line| line.strip_prefix(PEER)).ok_or("its second line is not peer:<peer id>")?;
    if key.public().to_peer_id().to_base58() != peer {
        return Err("it is damaged: key and peer id do not belong together");
    }
    if lines.next().is_some() {
        return Err("it has more than two lines");
    }
    Ok(key)
}

/// Written aside and renamed, so that a crash leaves the whole key or none.
fn write(file: &Path, key: &ed25519::Keypair) -> io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let aside = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut handle = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&aside)?;
    handle.write_all(text(key).as_bytes())?;
    handle.sync_all()?;
    fs::rename(&aside, file)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_missing_key_is_made_for_the_owner_alone_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("network/nodekey");
        let key = load_or_create_node_key(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, FILE_MODE);
        assert_eq!(load_or_create_node_key(&file).unwrap().public(), key.public());
    }

    #[test]
    fn the_file_has_its_golden_bytes() {
        let key = ed25519::Keypair::from(ed25519::SecretKey::try_from_bytes([1; 32]).unwrap());
        let golden = "ed25519:0101010101010101010101010101010101010101010101010101010101010101\n\
                      peer:12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5\n";
        assert_eq!(text(&key), golden);
        assert_eq!(parse(golden.as_bytes()).unwrap().public().to_peer_id().to_base58(), &golden[78..130]);
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nodekey");
        load_or_create_node_key(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_or_create_node_key(&file).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nodekey");
        let key = load_or_create_node_key(&file).unwrap();
        let good = fs::read(&file).unwrap();
        for bit in 0..good.len() * 8 {
            let mut bytes = good.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = parse(&bytes) {
                assert_eq!(read.public(), key.public(), "bit {bit}");
            }
        }
        for length in 0..good.len() - 1 {
            assert!(parse(&good[..length]).is_err(), "{length} bytes");
        }
    }
}
