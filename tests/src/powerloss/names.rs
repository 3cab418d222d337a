//! Which names survive: the folder tree as of the last syncs, plus some of the changes after them.
use super::events::Event;
use rand::{Rng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// A folder.
    Folder,
    /// The file with this inode.
    File(u64),
}

/// Names below the watched folder, that folder included.
pub(super) type Tree = BTreeMap<PathBuf, Entry>;

/// How names that were not synced get lost. Both happen: the first is all that POSIX promises, the second is what
/// journaling file systems do, whose every sync also carries the changes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameLoss {
    /// Each change for itself, unless it builds on a lost one.
    Independent,
    /// All from some point on; any sync of anything makes the changes before it durable.
    Journaled,
}

/// One change of names.
#[derive(Debug, Clone)]
struct Change {
    /// Position in the event stream.
    at: usize,
    /// New meaning of each name; `None`: gone.
    names: Vec<(PathBuf, Option<Entry>)>,
}

impl Change {
    /// Folder whose sync makes it durable.
    fn folder(&self) -> Option<&Path> {
        self.names.last().and_then(|(path, _)| path.parent())
    }
}

/// The tree after a power loss. `before` is the tree at the start of the run, all of it durable. Adds a line to `told` for
/// each change that was undone.
pub(super) fn surviving_names(
    before: &Tree,
    events: &[Event],
    loss: NameLoss,
    rng: &mut StdRng,
    told: &mut Vec<String>,
) -> Tree {
    let changes = changes(events);
    let syncs = ended_syncs(events);
    let durable = |change: &Change| {
        syncs.iter().any(|(begin, folder)| {
            change.at < *begin
                && match loss {
                    NameLoss::Journaled => true,
                    NameLoss::Independent => folder.as_deref().is_some_and(|f| change.folder() == Some(f)),
                }
        })
    };
    let undone = match loss {
        NameLoss::Journaled => undo_from_some_point(&changes, durable, rng),
        NameLoss::Independent => undo_some(&changes, durable, rng),
    };
    let mut tree = before.clone();
    for (index, change) in changes.iter().enumerate() {
        if undone.contains(&index) {
            told.push(format!("undone: {}", describe(change)));
            continue;
        }
        for (path, entry) in &change.names {
            match entry {
                Some(entry) => tree.insert(path.clone(), *entry),
                None => tree.remove(path),
            };
        }
    }
    remove_orphans(tree)
}

fn describe(change: &Change) -> String {
    let names = change.names.iter().map(|(path, entry)| match entry {
        Some(Entry::Folder) => format!("folder {}", path.display()),
        Some(Entry::File(inode)) => format!("{} = file {inode}", path.display()),
        None => format!("{} gone", path.display()),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn changes(events: &[Event]) -> Vec<Change> {
    let one = |event: &Event| -> Option<Vec<(PathBuf, Option<Entry>)>> {
        Some(match event {
            Event::Create { inode, path } | Event::Link { inode, to: path } => {
                vec![(path.clone(), Some(Entry::File(*inode)))]
            }
            Event::Rename { inode, from, to } => {
                vec![(from.clone(), None), (to.clone(), Some(Entry::File(*inode)))]
            }
            Event::Unlink { path } | Event::RemoveFolder { path } => vec![(path.clone(), None)],
            Event::MakeFolder { path } => vec![(path.clone(), Some(Entry::Folder))],
            _ => return None,
        })
    };
    events.iter().enumerate().filter_map(|(at, event)| Some(Change { at, names: one(event)? })).collect()
}

/// Position of the beginning, and the folder if it is one, of each sync that ended.
fn ended_syncs(events: &[Event]) -> Vec<(usize, Option<PathBuf>)> {
    let ended: BTreeSet<u64> =
        events.iter().filter_map(|e| if let Event::SyncEnd { token } = e { Some(*token) } else { None }).collect();
    let begun = events.iter().enumerate().filter_map(|(at, event)| match event {
        Event::SyncBegin { token, folder, .. } if ended.contains(token) => Some((at, folder.clone())),
        _ => None,
    });
    begun.collect()
}

fn undo_from_some_point(changes: &[Change], durable: impl Fn(&Change) -> bool, rng: &mut StdRng) -> BTreeSet<usize> {
    let first = changes.iter().rposition(durable).map_or(0, |last| last + 1);
    (rng.random_range(first..=changes.len())..changes.len()).collect()
}

fn undo_some(changes: &[Change], durable: impl Fn(&Change) -> bool, rng: &mut StdRng) -> BTreeSet<usize> {
    // A durable change of a name proves the earlier changes of that name.
    let mut proven: BTreeMap<&Path, usize> = BTreeMap::new();
    for change in changes.iter().filter(|change| durable(change)) {
        proven.extend(change.names.iter().map(|(path, _)| (path.as_path(), change.at)));
    }
    let (mut undone, mut lost) = (BTreeSet::new(), BTreeSet::new());
    for (index, change) in changes.iter().enumerate() {
        let names = || change.names.iter().map(|(path, _)| path.as_path());
        if names().any(|path| proven.get(path).is_some_and(|last| change.at <= *last)) {
            continue;
        }
        let builds_on_lost = names().any(|path| lost.contains(path) || path.parent().is_some_and(|p| lost.contains(p)));
        if builds_on_lost || rng.random_bool(0.5) {
            undone.insert(index);
            lost.extend(names());
        }
    }
    undone
}

/// Nothing is left in folders that are gone.
fn remove_orphans(mut tree: Tree) -> Tree {
    let Some(root) = tree.keys().next().cloned() else { return tree };
    loop {
        let orphan = tree
            .keys()
            .find(|path| **path != root && path.parent().and_then(|parent| tree.get(parent)) != Some(&Entry::Folder));
        let Some(orphan) = orphan.cloned() else { return tree };
        tree.remove(&orphan);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn path(name: &str) -> PathBuf {
        Path::new("/d").join(name)
    }

    fn sync(token: u64, folder: Option<&str>) -> [Event; 2] {
        [Event::SyncBegin { inode: 1, token, folder: folder.map(PathBuf::from) }, Event::SyncEnd { token }]
    }

    /// All trees that a few hundred seeds give.
    fn trees(before: &Tree, events: &[Event], loss: NameLoss) -> Vec<Tree> {
        (0..300)
            .map(|seed| surviving_names(before, events, loss, &mut StdRng::seed_from_u64(seed), &mut Vec::new()))
            .collect()
    }

    fn start() -> Tree {
        Tree::from([(PathBuf::from("/d"), Entry::Folder), (path("CURRENT"), Entry::File(1))])
    }

    fn replaced() -> Vec<Event> {
        vec![
            Event::Create { inode: 2, path: path("tmp") },
            Event::Rename { inode: 2, from: path("tmp"), to: path("CURRENT") },
        ]
    }

    #[test]
    fn an_unsynced_rename_leaves_the_old_or_the_new_file_and_both_happen() {
        for loss in [NameLoss::Independent, NameLoss::Journaled] {
            let found: BTreeSet<_> =
                trees(&start(), &replaced(), loss).iter().map(|tree| format!("{:?}", tree[&path("CURRENT")])).collect();
            assert_eq!(found.len(), 2, "{found:?}");
        }
    }

    #[test]
    fn a_synced_rename_stays() {
        let mut events = replaced();
        events.extend(sync(1, Some("/d")));
        for loss in [NameLoss::Independent, NameLoss::Journaled] {
            for tree in trees(&start(), &events, loss) {
                assert_eq!(tree[&path("CURRENT")], Entry::File(2));
                assert!(!tree.contains_key(&path("tmp")));
            }
        }
    }

    #[test]
    fn a_sync_of_a_file_saves_its_name_only_in_a_journaling_file_system() {
        let mut events = vec![Event::Create { inode: 2, path: path("new") }];
        events.extend(sync(1, None));
        assert!(trees(&start(), &events, NameLoss::Journaled).iter().all(|tree| tree.contains_key(&path("new"))));
        assert!(trees(&start(), &events, NameLoss::Independent).iter().any(|tree| !tree.contains_key(&path("new"))));
    }

    #[test]
    fn a_sync_that_had_not_ended_saves_nothing() {
        let mut events = replaced();
        events.push(sync(1, Some("/d"))[0].clone());
        assert!(
            trees(&start(), &events, NameLoss::Journaled).iter().any(|tree| tree[&path("CURRENT")] == Entry::File(1))
        );
    }

    #[test]
    fn nothing_is_left_in_a_folder_that_is_gone() {
        let events = vec![
            Event::MakeFolder { path: path("sub") },
            Event::Create { inode: 3, path: path("sub/file") },
            Event::SyncBegin { inode: 9, token: 1, folder: Some(path("sub")) },
            Event::SyncEnd { token: 1 },
        ];
        let found = trees(&start(), &events, NameLoss::Independent);
        assert!(found.iter().any(|tree| !tree.contains_key(&path("sub"))));
        assert!(found.iter().all(|tree| tree.contains_key(&path("sub")) == tree.contains_key(&path("sub/file"))));
    }
}
