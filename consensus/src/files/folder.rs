//! Files in a folder of the operating system.
use super::FileStore;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::PathBuf,
};

/// The production store. Files stay open.
#[derive(Debug)]
pub struct FolderStore {
    folder: PathBuf,
    open: BTreeMap<String, OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Its entry in the folder is not synced yet.
    is_new: bool,
}

impl FolderStore {
    /// The files in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(folder: impl Into<PathBuf>) -> io::Result<Self> {
        let folder = folder.into();
        if !folder.is_dir() {
            fs::create_dir_all(&folder)?;
            if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(Self { folder, open: BTreeMap::new() })
    }

    /// The file, if it is there.
    fn existing(&mut self, name: &str) -> io::Result<Option<&mut OpenFile>> {
        if !self.open.contains_key(name) {
            match OpenOptions::new().read(true).write(true).open(self.folder.join(name)) {
                Ok(file) => {
                    self.open.insert(name.to_owned(), OpenFile { file, is_new: false });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(self.open.get_mut(name))
    }
}

impl FileStore for FolderStore {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(OpenFile { file, .. }) = self.existing(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.existing(name)?.is_none() {
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.folder.join(name))?;
            self.open.insert(name.to_owned(), OpenFile { file, is_new: true });
        }
        let Some(OpenFile { file, .. }) = self.open.get_mut(name) else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn truncate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        let Some(OpenFile { file, .. }) = self.existing(name)? else { return Ok(()) };
        if file.metadata()?.len() > bytes { file.set_len(bytes) } else { Ok(()) }
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let folder = self.folder.clone();
        let Some(OpenFile { file, is_new }) = self.existing(name)? else { return Ok(()) };
        file.sync_data()?;
        if *is_new {
            file.sync_all()?;
            File::open(folder)?.sync_all()?;
            *is_new = false;
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to))?;
        File::open(&self.folder)?.sync_all()?;
        self.open.remove(to);
        if let Some(file) = self.open.remove(from) {
            self.open.insert(to.to_owned(), file);
        }
        Ok(())
    }
}
