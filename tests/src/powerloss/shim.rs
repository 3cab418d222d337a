//! Builds the library that is preloaded into the node.
use eyre::{Context, ensure};
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The built library. Kept in a temporary folder until dropped.
#[derive(Debug)]
pub struct Shim {
    folder: tempfile::TempDir,
}

impl Shim {
    /// The library, for `LD_PRELOAD`.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("shim.so")
    }
}

/// Compiles `tests/powerloss/shim.c` with the machine's C compiler.
///
/// # Errors
/// There is none, or it refuses the source.
pub fn build_shim() -> eyre::Result<Shim> {
    let shim = Shim { folder: tempfile::tempdir()? };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("powerloss/shim.c");
    let output = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-o"])
        .arg(shim.path())
        .arg(source)
        .args(["-ldl", "-lpthread"])
        .output()
        .wrap_err("no C compiler `cc`")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(shim)
}
