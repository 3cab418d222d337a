//! `pervade export`: writes stored blocks to a file that `pervade import` and geth read.
use super::DataDirArgs;
use crate::NodeError;
use alloy_rlp::Encodable;
use clap::Args;
use pervade_storage::{Storage, StorageError, StorageOptions};
use std::{
    fs::OpenOptions,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Arguments of `pervade export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The data directory.
    #[command(flatten)]
    pub data: DataDirArgs,
    /// File to write, which must not exist yet; - for standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// First block [default: 1, the one after genesis]
    #[arg(value_name = "FIRST", requires = "last")]
    pub first: Option<u64>,
    /// Last block [default: the head]
    #[arg(value_name = "LAST")]
    pub last: Option<u64>,
}

/// Runs `pervade export ...`.
///
/// # Errors
/// The directory is refused, a block is not there, or the file cannot be written.
pub fn run(args: &ExportArgs) -> Result<(), NodeError> {
    let options = StorageOptions { read_only: true, ..args.data.storage_options()? };
    let (_, storage) = args.data.datadir()?.open_chain(args.data.chain.chain.as_deref(), options)?;
    let (first, last) = (args.first.unwrap_or(1), args.last.unwrap_or_else(|| storage.head().number()));
    if last > storage.head().number() || first > last.saturating_add(1) {
        let reason = format!("there are no blocks {first} to {last}: the head is block {}", storage.head().number());
        return Err(NodeError::Chain { reason });
    }
    let failed = |source: io::Error| NodeError::File { action: "write", path: args.file.clone(), source };
    if args.file == Path::new("-") {
        export(&storage, first, last, BufWriter::new(io::stdout().lock()))?.flush().map_err(failed)?;
    } else {
        let file = OpenOptions::new().write(true).create_new(true).open(&args.file).map_err(failed)?;
        let written = export(&storage, first, last, BufWriter::new(file))?;
        written.into_inner().map_err(|e| failed(e.into_error()))?.sync_all().map_err(failed)?;
    }
    eprintln!("exported blocks {first} to {last}");
    Ok(())
}

/// Writes blocks `first..=last` to `output`, and gives it back.
///
/// # Errors
/// A block is not there, or `output` fails.
pub fn export<W: Write>(storage: &Storage, first: u64, last: u64, mut output: W) -> Result<W, NodeError> {
    let mut encoded = Vec::new();
    for number in first..=last {
        let block = storage.block(number)?.ok_or(StorageError::UnknownBlock { number })?;
        encoded.clear();
        block.block.encode(&mut encoded);
        output.write_all(&encoded).map_err(NodeError::file("write", "output"))?;
    }
    Ok(output)
}
