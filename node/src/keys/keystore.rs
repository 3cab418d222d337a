//! Keystore files: checked field by field before any cryptography sees them.
use crate::NodeError;
use alloy_primitives::{Address, hex};
use alloy_signer_local::PrivateKeySigner;
use k256::elliptic_curve::rand_core::OsRng;
use serde_json::Value;
use std::{
    fs::{self, DirBuilder, File, Permissions},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

/// Largest keystore file, bytes: a usual one is below 1 KiB.
const KEYSTORE_BYTES_MAX: u64 = 64 << 10;
/// Most memory that a keystore's scrypt parameters may ask for: four times what geth's own take.
const SCRYPT_BYTES_MAX: u64 = 1 << 30;
/// Most parallel lanes of scrypt: they multiply the time.
const SCRYPT_LANES_MAX: u64 = 64;
/// Most rounds of PBKDF2: some ten seconds.
const PBKDF2_ROUNDS_MAX: u64 = 10_000_000;

/// Decrypts a keystore.
///
/// # Errors
/// The file cannot be read, is no version 3 keystore (the field is named), or the password is wrong.
pub fn read_keystore(file: &Path, password: &str) -> Result<PrivateKeySigner, NodeError> {
    let json = read_json(file)?;
    Fields { file, json: &json }.check()?;
    let signer = PrivateKeySigner::decrypt_keystore(file, password).map_err(|e| {
        let reason = e.to_string();
        let reason =
            if reason.contains("Mac Mismatch") { "wrong password, or the file is damaged".into() } else { reason };
        wrong(file, "crypto", reason)
    })?;
    match stored_address_of(&json) {
        Some(address) if address != signer.address() => {
            let reason = format!("says {address}, but the key's account is {}", signer.address());
            Err(wrong(file, "address", reason))
        }
        _ => Ok(signer),
    }
}

/// The account that a keystore states in the clear, without decrypting it; `None` if it states none.
///
/// # Errors
/// The file cannot be read or is no version 3 keystore.
pub fn stored_address(file: &Path) -> Result<Option<Address>, NodeError> {
    let json = read_json(file)?;
    Fields { file, json: &json }.check()?;
    Ok(stored_address_of(&json))
}

/// Encrypts a key into a new file that only its owner may read. An existing file is never overwritten.
///
/// # Errors
/// The file exists or cannot be written.
pub fn write_keystore(file: &Path, signer: &PrivateKeySigner, password: &str) -> Result<(), NodeError> {
    if file.exists() {
        return Err(wrong(file, "file", "exists already: name another, or move it away".into()));
    }
    let name = file.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| wrong(file, "file", "is no file name".into()))?;
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(NodeError::file("create", parent))?;

    // The encrypting library writes its file itself, readable for all: it does so in a directory nobody else can enter.
    let private = parent.join(format!(".{name}.{}", std::process::id()));
    DirBuilder::new().mode(0o700).create(&private).map_err(NodeError::file("create", &private))?;
    let written = encrypt_in(&private, name, signer, password, file);
    let linked = written.and_then(|()| {
        // A hard link fails where a rename would overwrite.
        fs::hard_link(private.join(name), file).map_err(NodeError::file("create", file))?;
        File::open(parent).and_then(|dir| dir.sync_all()).map_err(NodeError::file("sync", parent))
    });
    let removed = fs::remove_dir_all(&private).map_err(NodeError::file("remove", &private));
    linked.and(removed)
}

fn encrypt_in(dir: &Path, name: &str, signer: &PrivateKeySigner, password: &str, file: &Path) -> Result<(), NodeError> {
    let secret = signer.to_bytes();
    PrivateKeySigner::encrypt_keystore(dir, &mut OsRng, secret, password, Some(name))
        .map_err(|e| wrong(file, "crypto", e.to_string()))?;
    let path = dir.join(name);
    let mut json = read_json(&path)?;
    if let Some(object) = json.as_object_mut() {
        // geth's and other tools' keystores state the account, without 0x.
        object.insert("address".into(), Value::String(hex::encode(signer.address())));
    }
    fs::write(&path, json.to_string()).map_err(NodeError::file("write", file))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(NodeError::file("protect", file))?;
    File::open(&path).and_then(|f| f.sync_all()).map_err(NodeError::file("sync", file))
}

fn read_json(file: &Path) -> Result<Value, NodeError> {
    let bytes = fs::metadata(file).map_err(NodeError::file("read", file))?.len();
    if bytes > KEYSTORE_BYTES_MAX {
        return Err(wrong(file, "file", format!("is {bytes} bytes long: too long for a keystore")));
    }
    let text = fs::read(file).map_err(NodeError::file("read", file))?;
    serde_json::from_slice(&text).map_err(|e| wrong(file, "file", format!("is no JSON: {e}")))
}

fn stored_address_of(json: &Value) -> Option<Address> {
    json.get("address")?.as_str()?.parse().ok()
}

fn wrong(file: &Path, field: &str, reason: String) -> NodeError {
    NodeError::Key { file: file.to_owned(), field: field.to_owned(), reason }
}

/// A keystore's JSON while it is checked. The decrypting library takes lengths and parameters on trust.
struct Fields<'a> {
    file: &'a Path,
    json: &'a Value,
}

impl Fields<'_> {
    fn check(&self) -> Result<(), NodeError> {
        if !self.json.is_object() {
            return Err(wrong(self.file, "file", "is no JSON object".into()));
        }
        self.number("version", 3, 3)?;
        self.text("id")?;
        self.word("crypto.cipher", &["aes-128-ctr"])?;
        self.bytes("crypto.cipherparams.iv", 16)?;
        self.bytes("crypto.ciphertext", 32)?;
        self.bytes("crypto.mac", 32)?;
        if let Some(address) = self.json.get("address") {
            let stated = address.as_str().and_then(|text| text.parse::<Address>().ok());
            stated.ok_or_else(|| wrong(self.file, "address", "is no address".into()))?;
        }
        self.number("crypto.kdfparams.dklen", 32, 32)?;
        self.text("crypto.kdfparams.salt")?;
        if self.word("crypto.kdf", &["scrypt", "pbkdf2"])? == "pbkdf2" {
            self.word("crypto.kdfparams.prf", &["hmac-sha256"])?;
            self.number("crypto.kdfparams.c", 1, PBKDF2_ROUNDS_MAX)?;
            return Ok(());
        }
        let n = self.number("crypto.kdfparams.n", 2, 1 << 30)?;
        if !n.is_power_of_two() {
            return Err(wrong(self.file, "crypto.kdfparams.n", format!("{n} is no power of two")));
        }
        let r = self.number("crypto.kdfparams.r", 1, 1 << 10)?;
        self.number("crypto.kdfparams.p", 1, SCRYPT_LANES_MAX)?;
        if n.saturating_mul(r).saturating_mul(128) > SCRYPT_BYTES_MAX {
            return Err(wrong(self.file, "crypto.kdfparams", "ask for more than 1 GiB of memory".into()));
        }
        Ok(())
    }

    fn value(&self, path: &str) -> Result<&Value, NodeError> {
        let mut value = self.json;
        for key in path.split('.') {
            value = value.get(key).ok_or_else(|| wrong(self.file, path, "is missing".into()))?;
        }
        Ok(value)
    }

    fn text(&self, path: &str) -> Result<&str, NodeError> {
        self.value(path)?.as_str().ok_or_else(|| wrong(self.file, path, "is no string".into()))
    }

    fn word(&self, path: &str, known: &[&str]) -> Result<&str, NodeError> {
        let word = self.text(path)?;
        if known.contains(&word) {
            return Ok(word);
        }
        Err(wrong(self.file, path, format!("`{word}` is not supported: only {}", known.join(", "))))
    }

    fn number(&self, path: &str, min: u64, max: u64) -> Result<u64, NodeError> {
        match self.value(path)?.as_u64() {
            Some(number) if (min..=max).contains(&number) => Ok(number),
            Some(number) if min == max => Err(wrong(self.file, path, format!("is {number}, not {min}"))),
            Some(number) => Err(wrong(self.file, path, format!("{number} is not between {min} and {max}"))),
            None => Err(wrong(self.file, path, "is no number".into())),
        }
    }

    fn bytes(&self, path: &str, length: usize) -> Result<(), NodeError> {
        let bytes = hex::decode(self.text(path)?).map_err(|e| wrong(self.file, path, e.to_string()))?;
        if bytes.len() != length {
            return Err(wrong(self.file, path, format!("is {} bytes long, not {length}", bytes.len())));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written() -> (tempfile::TempDir, std::path::PathBuf, PrivateKeySigner) {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("keys/validator.json");
        let signer = PrivateKeySigner::random();
        write_keystore(&file, &signer, "secret").unwrap();
        (dir, file, signer)
    }

    #[test]
    fn a_key_comes_back_with_its_password_only() {
        let (_dir, file, signer) = written();
        assert_eq!(read_keystore(&file, "secret").unwrap().to_bytes(), signer.to_bytes());
        assert_eq!(stored_address(&file).unwrap(), Some(signer.address()));
        let error = read_keystore(&file, "guess").unwrap_err().to_string();
        assert!(error.contains("wrong password") && error.contains("validator.json"), "{error}");
    }

    #[test]
    fn a_keystore_is_private_and_leaves_nothing_beside_it() {
        let (_dir, file, _) = written();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_existing_file_is_not_overwritten() {
        let (_dir, file, signer) = written();
        let before = fs::read(&file).unwrap();
        assert!(write_keystore(&file, &signer, "other").is_err());
        assert_eq!(fs::read(&file).unwrap(), before);
    }

    #[test]
    fn each_wrong_field_is_named() {
        let (_dir, file, _) = written();
        let good: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let cases: [(&str, Value); 12] = [
            ("version", 4.into()),
            ("crypto.cipher", "rot13".into()),
            ("crypto.cipherparams.iv", "00".into()),
            ("crypto.ciphertext", "zz".into()),
            ("crypto.mac", "".into()),
            ("crypto.kdf", "argon2".into()),
            ("crypto.kdfparams.dklen", 8.into()),
            ("crypto.kdfparams.n", 3.into()),
            ("crypto.kdfparams.n", (1u64 << 40).into()),
            ("crypto.kdfparams.r", 0.into()),
            ("crypto.kdfparams.p", "x".into()),
            ("address", "0x12".into()),
        ];
        for (path, value) in cases {
            let mut bad = good.clone();
            *bad.pointer_mut(&format!("/{}", path.replace('.', "/"))).unwrap() = value;
            fs::write(&file, bad.to_string()).unwrap();
            let error = read_keystore(&file, "secret").unwrap_err().to_string();
            assert!(error.contains(path), "{path}: {error}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("k");
            fs::write(&file, bytes).unwrap();
            prop_assert!(read_keystore(&file, "x").is_err());
        }
    }
}
