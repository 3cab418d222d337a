//! Finds the binary under test.
use eyre::{Context, bail};
use std::{env, path::PathBuf};

/// Path of the binary `pervade`: what `PERVADE_BIN` names, or the one in the target folder of the running test.
///
/// # Errors
/// It is not there: it has to be built before the tests (`make test` does).
pub fn pervade_binary() -> eyre::Result<PathBuf> {
    if let Some(named) = env::var_os("PERVADE_BIN") {
        let path = PathBuf::from(named);
        return path.canonicalize().wrap_err_with(|| format!("PERVADE_BIN={}", path.display()));
    }
    // Tests run from `<target>/<profile>/deps`, binaries from `<target>/<profile>`.
    let this = env::current_exe().wrap_err("the running program has no path")?;
    for folder in this.ancestors().skip(1).take(2) {
        let candidate = folder.join("pervade");
        if candidate.is_file() {
            return Ok(candidate);
        }
    }
    bail!("no binary `pervade` beside {}: run `cargo build -p pervade-node`, or set PERVADE_BIN", this.display())
}
