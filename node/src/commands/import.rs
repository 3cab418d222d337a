//! `pervade import`: executes and stores the blocks of an RLP file, without seals.
//!
//! ```text
//!   reader thread: read, decode, recover senders ──(bounded)──► this thread: validate, execute, commit
//! ```
use super::DataDirArgs;
use crate::{
    NodeError,
    ledger::Ledger,
    rlp_chain::{ChainReader, ChainRecord},
    shutdown::Shutdown,
};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pervade_storage::{RecoveredBlock, Storage};
use rayon::prelude::*;
use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

/// Bytes of the file that are decoded and recovered together.
const BATCH_BYTES: u64 = 1 << 20;
/// Blocks of a batch: small blocks must not pile up by the thousands.
const BATCH_BLOCKS: usize = 512;
/// Batches that may wait for execution.
const BATCHES_WAITING: usize = 4;
/// Time between two log lines where there is no terminal for a bar.
const LOG_PERIOD: Duration = Duration::from_secs(5);
/// Read buffer, bytes.
const READ_BUFFER_BYTES: usize = 1 << 20;

/// Arguments of `pervade import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The data directory.
    #[command(flatten)]
    pub data: DataDirArgs,
    /// File of RLP blocks, one after another; - for standard input
    #[arg(value_name = "CHAIN.rlp")]
    pub file: PathBuf,
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Blocks executed and stored.
    pub blocks: u64,
    /// Blocks that were there already.
    pub skipped: u64,
}

/// Runs `pervade import ...`.
///
/// # Errors
/// The chain or the directory is refused; the file is malformed (byte offset); a block is invalid (number, hash, field,
/// reason). What came before an error is kept.
pub fn run(args: &ImportArgs) -> Result<(), NodeError> {
    let datadir = args.data.datadir()?;
    let name = args.file.display().to_string();
    let (input, bytes): (Box<dyn BufRead + Send>, Option<u64>) = if args.file == Path::new("-") {
        (Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, io::stdin())), None)
    } else {
        let file = File::open(&args.file).map_err(NodeError::file("read", &args.file))?;
        let bytes = file.metadata().ok().map(|metadata| metadata.len());
        (Box::new(BufReader::with_capacity(READ_BUFFER_BYTES, file)), bytes)
    };
    let (spec, storage) = datadir.open_chain(args.data.chain.chain.as_deref(), args.data.storage_options()?)?;
    let ledger = Ledger::open(spec, storage)?;

    let shutdown = Shutdown::default();
    let signals = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let signals = signals.map_err(|e| NodeError::Stopped { part: "signal handling", reason: e.to_string() })?;
    let _guard = signals.enter();
    shutdown.on_signals()?;

    let (imported, result) = import(&ledger, input, &name, bytes, &shutdown);
    let head = ledger.head();
    let verb = if result.is_ok() { "imported" } else { "imported, before the error," };
    println!(
        "{verb} {} blocks ({} were there already): head is block {} ({})",
        imported.blocks,
        imported.skipped,
        head.number(),
        head.hash
    );
    result
}

/// Imports blocks from `input`, which `name` names in errors and which is `bytes` long if that is known. Whatever ends
/// it, all blocks counted are durable afterwards.
pub fn import(
    ledger: &Ledger,
    input: impl BufRead + Send + 'static,
    name: &str,
    bytes: Option<u64>,
    shutdown: &Shutdown,
) -> (Imported, Result<(), NodeError>) {
    let mut progress = Progress::new(bytes);
    let mut imported = Imported::default();
    let result = import_all(ledger, input, name, shutdown, &mut imported, &mut progress);
    progress.finish();
    let synced = ledger.sync();
    (imported, result.and(synced))
}

fn import_all(
    ledger: &Ledger,
    input: impl BufRead + Send + 'static,
    name: &str,
    shutdown: &Shutdown,
    imported: &mut Imported,
    progress: &mut Progress,
) -> Result<(), NodeError> {
    let (sender, batches) = sync_channel(BATCHES_WAITING);
    let reader = ChainReader::new(input, name);
    let storage = ledger.storage().clone();
    let head = ledger.head().number();
    thread::Builder::new()
        .name("import-reader".into())
        .spawn(move || read_batches(reader, &storage, head, &sender))
        .map_err(|e| NodeError::Stopped { part: "reading", reason: e.to_string() })?;
    for batch in batches {
        let batch = batch?;
        imported.skipped += batch.skipped;
        for block in batch.blocks {
            if shutdown.has_begun() {
                tracing::warn!("interrupted: start the same import again to go on");
                return Ok(());
            }
            let block = Arc::new(block?);
            ledger.commit_unsynced(ledger.validate(block.clone())?)?;
            imported.blocks += 1;
            progress.executed(&block);
        }
        progress.read(batch.end);
    }
    Ok(())
}

/// A stretch of the file.
struct Batch {
    /// New blocks in order; the first error is the last entry that matters.
    blocks: Vec<Result<RecoveredBlock, NodeError>>,
    /// Blocks that were there already.
    skipped: u64,
    /// Byte position after it.
    end: u64,
}

/// Reads to the end, an error, or until nobody takes batches any more.
fn read_batches(
    mut reader: ChainReader<impl BufRead>,
    storage: &Storage,
    head: u64,
    sender: &SyncSender<Result<Batch, NodeError>>,
) {
    loop {
        let (batch, error) = read_batch(&mut reader, storage, head);
        let last = batch.is_none();
        if let Some(batch) = batch
            && sender.send(Ok(batch)).is_err()
        {
            return;
        }
        if let Some(error) = error {
            // Nobody listens if the import ended with another error.
            let _ = sender.send(Err(error));
            return;
        }
        if last {
            return;
        }
    }
}

fn read_batch(
    reader: &mut ChainReader<impl BufRead>,
    storage: &Storage,
    head: u64,
) -> (Option<Batch>, Option<NodeError>) {
    let (mut new, mut skipped, mut bytes, mut end) = (Vec::new(), 0, 0, 0);
    let mut error = None;
    while bytes < BATCH_BYTES && new.len() < BATCH_BLOCKS {
        match reader.next() {
            Some(Ok(record)) => {
                bytes += record.bytes;
                end = record.offset + record.bytes;
                if record.block.header.number > head {
                    new.push(record.block);
                    continue;
                }
                match check_same(&record, storage) {
                    Ok(()) => skipped += 1,
                    Err(e) => error = Some(e),
                }
            }
            Some(Err(e)) => error = Some(e),
            None => break,
        }
        if error.is_some() {
            break;
        }
    }
    let blocks = new.into_par_iter().map(|block| Ledger::recover(block, &|_| None)).collect();
    ((end > 0).then_some(Batch { blocks, skipped, end }), error)
}

/// A block that is not above the head must be the stored one.
fn check_same(record: &ChainRecord, storage: &Storage) -> Result<(), NodeError> {
    let number = record.block.header.number;
    let hash = record.block.header.hash_slow();
    let stored = storage.block_hash(number)?;
    if stored == Some(hash) {
        return Ok(());
    }
    let reason = match stored {
        Some(stored) => format!(
            "block {number} of the file is {hash}, but this data directory has {stored}: another chain, or another branch"
        ),
        None => format!("block {number} is missing in this data directory"),
    };
    Err(NodeError::Chain { reason })
}

/// A bar on a terminal, log lines elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    logged: Instant,
    transactions: u64,
}

impl Progress {
    fn new(bytes: Option<u64>) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let (bar, template) = match bytes {
                Some(bytes) => (ProgressBar::new(bytes), "{bar:40} {binary_bytes}/{binary_total_bytes} {eta} {msg}"),
                None => (ProgressBar::new_spinner(), "{spinner} {binary_bytes} {elapsed} {msg}"),
            };
            // The template is a constant: a default bar would do as well.
            bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, logged: Instant::now(), transactions: 0 }
    }

    fn executed(&mut self, block: &RecoveredBlock) {
        self.transactions += block.senders.len() as u64;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("block {}", block.number()));
        } else if self.logged.elapsed() >= LOG_PERIOD {
            self.logged = Instant::now();
            tracing::info!(height = block.number(), transactions = self.transactions, "importing");
        }
    }

    fn read(&self, end: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(end);
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
