//! Kinds of files of a validator, and their bits.
use eyre::{WrapErr, eyre};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// A kind of file.
#[derive(Debug)]
pub(super) struct Kind {
    /// For the table.
    pub(super) name: &'static str,
    /// Folder, relative to the validator's.
    folder: &'static str,
    /// How names of its files begin and end.
    begins: &'static str,
    ends: &'static str,
    /// A message that has one of these leads to the file too.
    words: &'static [&'static str],
    /// What the validator has signed is known from here.
    pub(super) holds_signatures: bool,
}

const fn kind(
    name: &'static str,
    folder: &'static str,
    (begins, ends): (&'static str, &'static str),
    words: &'static [&'static str],
) -> Kind {
    Kind { name, folder, begins, ends, words, holds_signatures: false }
}

/// All kinds.
pub(super) const KINDS: [Kind; 16] = [
    Kind { holds_signatures: true, ..kind("consensus log", "data/consensus", ("log", ""), &["consensus/log"]) },
    Kind { holds_signatures: true, ..kind("signing record", "data/consensus", ("signed", ""), &["signing record"]) },
    kind("RocksDB table", "data/db/db", ("", ".sst"), &["a file of the database is damaged"]),
    kind("RocksDB log", "data/db/db", ("0", ".log"), &["write-ahead log"]),
    kind("RocksDB MANIFEST", "data/db/db", ("MANIFEST-", ""), &["MANIFEST"]),
    kind("RocksDB CURRENT", "data/db/db", ("CURRENT", ""), &["MANIFEST"]),
    kind("RocksDB OPTIONS", "data/db/db", ("OPTIONS-", ""), &[]),
    kind("head note", "data/db", ("head", ""), &["\"head\""]),
    kind("pool journal", "data/txpool", ("", ""), &[]),
    kind("address book", "data", ("peers", ""), &[]),
    kind("remembered genesis", "data", ("genesis.json", ""), &["genesis"]),
    kind("genesis file", "", ("genesis.json", ""), &["genesis"]),
    kind("keystore", "", ("validator.json", ""), &[]),
    kind("password", "", ("password.txt", ""), &["password"]),
    kind("node key", "", ("nodekey", ""), &[]),
    // What the file says is refused where it is used: the message names the setting, or what it leads to.
    kind("settings", "", ("node.toml", ""), &["--", "cannot read", "cannot serve", "network:", "address"]),
];

/// A bit that was turned.
#[derive(Debug, Clone)]
pub(super) struct Flip {
    /// Relative to the validator's folder.
    file: PathBuf,
    byte: usize,
    bit: u8,
}

impl fmt::Display for Flip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, byte {}, bit {}", self.file.display(), self.byte, self.bit)
    }
}

impl Kind {
    /// Files of this kind with content, relative to the validator's folder.
    fn files(&self, folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder.join(self.folder)).into_iter().flatten().flatten();
        let names = entries.filter(|entry| entry.metadata().is_ok_and(|data| data.is_file() && data.len() > 0));
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let fits = |name: &String| match (self.begins, self.ends) {
            ("", ends) => name.ends_with(ends),
            (begins, "") if begins.ends_with('-') => name.starts_with(begins),
            (name_of_one, "") => name == name_of_one,
            (begins, ends) => name.starts_with(begins) && name.ends_with(ends),
        };
        let mut files: Vec<_> = names.filter(fits).map(|name| Path::new(self.folder).join(name)).collect();
        files.sort();
        files
    }

    pub(super) fn has_files(&self, folder: &Path) -> bool {
        !self.files(folder).is_empty()
    }

    /// Whether a message leads to the file.
    pub(super) fn is_named(&self, flip: &Flip, message: &str) -> bool {
        let name = flip.file.file_name().unwrap_or_default().to_string_lossy();
        message.contains(&*name) || self.words.iter().any(|word| message.contains(word))
    }
}

/// Turns one bit of a file of this kind. Half of the time of a byte that is not zero: much of some files is room.
pub(super) fn flip_one_bit(kind: &Kind, folder: &Path, random: &mut StdRng) -> eyre::Result<Flip> {
    let files = kind.files(folder);
    let file = files.choose(random).ok_or_else(|| eyre!("no {} in {}", kind.name, folder.display()))?.clone();
    let path = folder.join(&file);
    let mut bytes = fs::read(&path).wrap_err_with(|| path.display().to_string())?;
    let written: Vec<usize> = (0..bytes.len()).filter(|index| bytes[*index] != 0).collect();
    let end = written.last().map_or(bytes.len(), |last| last + 1);
    let byte = match written.choose(random) {
        Some(byte) if random.random() => *byte,
        _ => random.random_range(0..end),
    };
    let bit = random.random_range(0..8);
    bytes[byte] ^= 1 << bit;
    fs::write(&path, bytes)?;
    Ok(Flip { file, byte, bit })
}

/// Copies a folder with all that is in it.
pub(super) fn copy_folder(from: &Path, to: &Path) -> eyre::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (entry, source) = entry.map(|entry| (entry.file_name(), entry.path()))?;
        if source.is_dir() {
            copy_folder(&source, &to.join(entry))?;
        } else {
            fs::copy(&source, to.join(entry))?;
        }
    }
    Ok(())
}
