//! The data directory: where its parts are, and the genesis file that it remembers.
//!
//! ```text
//! DIR/genesis.json   the chain, so that later starts need no --chain
//! DIR/db/            RocksDB: blocks, receipts, state
//! DIR/txpool/        the pool's journal
//! DIR/consensus/     log and signing record of a validator network's node
//! DIR/nodekey        identity in the network between nodes, unless --nodekey names another file
//! DIR/peers          address book of that network
//! ```
use crate::NodeError;
use pervade_chainspec::ChainSpec;
use pervade_storage::{Storage, StorageOptions};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Paths in one data directory.
#[derive(Debug, Clone)]
pub struct DataDir {
    root: PathBuf,
}

impl DataDir {
    /// The directory `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The genesis file that it remembers.
    pub fn genesis(&self) -> PathBuf {
        self.root.join("genesis.json")
    }

    /// The database.
    pub fn database(&self) -> PathBuf {
        self.root.join("db")
    }

    /// The pool's journal.
    pub fn txpool(&self) -> PathBuf {
        self.root.join("txpool")
    }

    /// Log and signing record of agreement.
    pub fn consensus(&self) -> PathBuf {
        self.root.join("consensus")
    }

    /// The chain of this directory: of `chain` where one is named, else the remembered one.
    ///
    /// # Errors
    /// Neither is there; the file is refused.
    pub fn read_chain(&self, chain: Option<&Path>) -> Result<Arc<ChainSpec>, NodeError> {
        let remembered = self.genesis();
        let file = match chain {
            Some(file) => file,
            None if remembered.exists() => &remembered,
            None => {
                let reason = format!("is missing, and {} remembers no chain yet", self.root.display());
                return Err(NodeError::Setting { setting: "chain", reason });
            }
        };
        Ok(Arc::new(ChainSpec::read(file)?))
    }

    /// Opens the database (a new one gets the chain's genesis) and remembers the genesis file `json`, once the
    /// database has accepted it as its own.
    ///
    /// # Errors
    /// The directory is of another chain, in use, damaged, or cannot be written.
    pub fn open(&self, spec: &ChainSpec, options: StorageOptions, json: &[u8]) -> Result<Storage, NodeError> {
        let read_only = options.read_only;
        if !read_only {
            self.create().map_err(NodeError::file("create", &self.root))?;
        }
        let storage = Storage::open(&self.database(), spec, options)?;
        if !read_only && !self.genesis().exists() {
            write_whole(&self.genesis(), json)?;
        }
        Ok(storage)
    }

    /// Makes the directory and its parts, whose names are then as durable as what will stand in them.
    fn create(&self) -> io::Result<()> {
        fs::create_dir_all(self.database())?;
        fs::create_dir_all(self.txpool())?;
        File::open(&self.root)?.sync_all()?;
        let parent = self.root.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// [`Self::read_chain`] and [`Self::open`] in one.
    ///
    /// # Errors
    /// As theirs.
    pub fn open_chain(
        &self,
        chain: Option<&Path>,
        options: StorageOptions,
    ) -> Result<(Arc<ChainSpec>, Storage), NodeError> {
        let spec = self.read_chain(chain)?;
        let remembered = self.genesis();
        let file = chain.unwrap_or(&remembered);
        let json = fs::read(file).map_err(NodeError::file("read", file))?;
        let storage = self.open(&spec, options, &json)?;
        Ok((spec, storage))
    }
}

/// Writes a file so that after a crash it is there as a whole or not at all.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), NodeError> {
    let temporary = path.with_extension("tmp");
    let written = File::create(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    });
    written.map_err(NodeError::file("write", path))
}
