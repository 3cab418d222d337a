//! Puts a folder into a state that a power loss could have left.
use super::{
    Shim,
    content::surviving_bytes,
    events::{Event, parse_events},
    names::{Entry, NameLoss, Tree, surviving_names},
};
use eyre::{Context, ContextCompat};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The watch over one run of a process: made before the start, used up by [`lose_power`].
#[derive(Debug)]
pub struct Watch {
    root: PathBuf,
    side: PathBuf,
    before: Tree,
    sizes: BTreeMap<u64, u64>,
}

impl Watch {
    /// Watches `root` (which is made if it is not there); what it holds now counts as durable. `side` is a folder beside
    /// it for records; it is emptied.
    ///
    /// # Errors
    /// A folder cannot be read or made.
    pub fn new(root: &Path, side: &Path) -> eyre::Result<Self> {
        fs::create_dir_all(root)?;
        if side.exists() {
            fs::remove_dir_all(side)?;
        }
        fs::create_dir_all(side)?;
        let root = root.canonicalize()?;
        let mut watch =
            Self { side: side.canonicalize()?, before: Tree::new(), sizes: BTreeMap::new(), root: root.clone() };
        watch.scan(&root)?;
        Ok(watch)
    }

    /// Environment for the process. `ignored`: a pattern of paths below the root whose syncs do not count.
    pub fn environment(&self, shim: &Shim, ignored: Option<&str>) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![
            ("LD_PRELOAD", shim.path().into_os_string()),
            ("PERVADE_POWERLOSS_ROOT", self.root.clone().into_os_string()),
            ("PERVADE_POWERLOSS_SIDE", self.side.clone().into_os_string()),
        ];
        variables.extend(ignored.map(|pattern| ("PERVADE_POWERLOSS_IGNORE", OsString::from(pattern))));
        variables
    }

    fn scan(&mut self, path: &Path) -> eyre::Result<()> {
        let metadata = fs::symlink_metadata(path)?;
        if metadata.is_dir() {
            self.before.insert(path.to_owned(), Entry::Folder);
            for entry in fs::read_dir(path)? {
                self.scan(&entry?.path())?;
            }
        } else {
            self.before.insert(path.to_owned(), Entry::File(metadata.ino()));
            self.sizes.insert(metadata.ino(), metadata.len());
        }
        Ok(())
    }
}

/// What was done to the folder.
#[derive(Debug, Default)]
pub struct Damage {
    /// A line for each file or name that is not as the process left it.
    pub lines: Vec<String>,
    /// Recorded events.
    pub events: usize,
    /// Syncs among them.
    pub syncs: usize,
}

/// Call when the process is dead: puts the watched folder into a state that a power loss at that moment could have left.
/// The same seed and the same records give the same state.
///
/// # Errors
/// The records tell of something that is not modelled; a file cannot be read or written.
pub fn lose_power(watch: Watch, seed: u64) -> eyre::Result<Damage> {
    let rng = &mut StdRng::seed_from_u64(seed);
    let recorded = match fs::read(watch.side.join("events")) {
        // Killed before it came to anything.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        recorded => recorded.wrap_err("the records of the shim")?,
    };
    let events = parse_events(&recorded)?;
    let syncs = events.iter().filter(|event| matches!(event, Event::SyncEnd { .. })).count();
    let mut damage = Damage { events: events.len(), syncs, ..Damage::default() };
    let loss = if rng.random_bool(0.5) { NameLoss::Independent } else { NameLoss::Journaled };
    let tree = surviving_names(&watch.before, &events, loss, rng, &mut damage.lines);
    let files = files_now(&watch)?;

    let fresh = watch.root.with_extension("after-power-loss");
    for (path, entry) in &tree {
        let target = fresh.join(path.strip_prefix(&watch.root)?);
        match entry {
            Entry::Folder => fs::create_dir_all(&target)?,
            Entry::File(inode) => {
                let source = files.get(inode).wrap_err_with(|| format!("file {inode} of {}", path.display()))?;
                let start_size = watch.sizes.get(inode).copied().unwrap_or(0);
                match surviving_bytes(*inode, fs::read(source)?, start_size, &events, rng) {
                    None => fs::hard_link(source, &target)?,
                    Some((bytes, how)) => {
                        fs::write(&target, bytes)?;
                        damage.lines.push(format!("{}: {how}", path.display()));
                    }
                }
            }
        }
    }
    fs::remove_dir_all(&watch.root)?;
    fs::rename(&fresh, &watch.root)?;
    fs::remove_dir_all(&watch.side)?;
    Ok(damage)
}

/// Where each file's bytes are now: under its name, or in the side folder if it lost it.
fn files_now(watch: &Watch) -> io::Result<BTreeMap<u64, PathBuf>> {
    fn add(folder: &Path, files: &mut BTreeMap<u64, PathBuf>) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let metadata = fs::symlink_metadata(&path)?;
            if metadata.is_dir() {
                add(&path, files)?;
            } else {
                files.insert(metadata.ino(), path);
            }
        }
        Ok(())
    }
    let mut files = BTreeMap::new();
    add(&watch.side, &mut files)?;
    add(&watch.root, &mut files)?;
    Ok(files)
}
