//! `pervade keys`: makes, imports and shows validator keys.
use crate::{
    NodeError,
    keys::{PublicIdentity, read_keystore, read_new_password, read_password, write_keystore},
};
use alloy_primitives::hex;
use alloy_signer_local::PrivateKeySigner;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use tracing::debug;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Makes a new key and writes its keystore
    New(KeyArgs),
    /// Shows the account and the public key of a keystore
    Show(KeyArgs),
    /// Writes the keystore of an existing key: 64 hexadecimal digits, or another keystore
    Import(ImportArgs),
}

/// One keystore and its password.
#[derive(Debug, Args)]
pub struct KeyArgs {
    /// Keystore file (version 3)
    #[arg(value_name = "KEYSTORE")]
    pub keystore: PathBuf,
    /// File whose first line is the password (without it: asked on the terminal)
    #[arg(long, env = "PERVADE_PASSWORD", value_name = "FILE")]
    pub password: Option<PathBuf>,
}

/// What to import, and where to.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// File with the key: 64 hexadecimal digits, or a keystore of the same password
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
    /// The keystore to write.
    #[command(flatten)]
    pub key: KeyArgs,
}

/// Longest file with a bare key: digits, prefix, line end and some space.
const KEY_FILE_BYTES_MAX: u64 = 256;

/// Runs `pervade keys ...`.
///
/// # Errors
/// A file is refused or cannot be written; the password is wrong.
pub fn run(command: KeysCommand) -> Result<(), NodeError> {
    match command {
        KeysCommand::New(args) => {
            let password = read_new_password(args.password.as_deref())?;
            let signer = PrivateKeySigner::random();
            write_keystore(&args.keystore, &signer, &password)?;
            print(&signer, &args.keystore);
        }
        KeysCommand::Show(args) => {
            let password = read_password(args.password.as_deref())?;
            print(&read_keystore(&args.keystore, &password)?, &args.keystore);
        }
        KeysCommand::Import(ImportArgs { source, key }) => {
            let password = read_new_password(key.password.as_deref())?;
            let signer = match read_bare_key(&source)? {
                Some(signer) => signer,
                None => read_keystore(&source, &password)?,
            };
            write_keystore(&key.keystore, &signer, &password)?;
            print(&signer, &key.keystore);
        }
    }
    Ok(())
}

fn print(signer: &PrivateKeySigner, file: &Path) {
    let PublicIdentity { address, public_key } = signer.into();
    println!("address    {address}");
    println!("public key {public_key}");
    println!("keystore   {}", file.display());
    debug!(%address, "key written or read");
}

/// A key in hexadecimal digits; `None` if the file looks like JSON.
fn read_bare_key(file: &Path) -> Result<Option<PrivateKeySigner>, NodeError> {
    let wrong = |reason: String| NodeError::Key { file: file.to_owned(), field: "key".into(), reason };
    let bytes = std::fs::metadata(file).map_err(NodeError::file("read", file))?.len();
    let text = if bytes > KEY_FILE_BYTES_MAX {
        None
    } else {
        Some(std::fs::read(file).map_err(NodeError::file("read", file))?)
    };
    let Some(text) = text.filter(|text| !text.trim_ascii_start().starts_with(b"{")) else { return Ok(None) };
    let secret =
        hex::decode_to_array::<_, 32>(text.trim_ascii()).map_err(|_| wrong("is not 64 hexadecimal digits".into()))?;
    let signer =
        PrivateKeySigner::from_slice(&secret).map_err(|_| wrong("is zero or above the curve's order".into()))?;
    Ok(Some(signer))
}
