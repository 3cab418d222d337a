//! Where passwords come from: the first line of a file, or a terminal.
use crate::NodeError;
use console::Term;
use std::path::Path;

/// Longest password, bytes: a file beyond it is something else.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// The password of an existing keystore: the first line of `file`, or what is typed.
///
/// # Errors
/// The file cannot be read or is empty; there is neither a file nor a terminal.
pub fn read_password(file: Option<&Path>) -> Result<String, NodeError> {
    match file {
        Some(file) => password_from_file(file),
        None => ask("Password: "),
    }
}

/// The password for a new keystore: typed twice where it is typed.
///
/// # Errors
/// As [`read_password`]; the two differ.
pub fn read_new_password(file: Option<&Path>) -> Result<String, NodeError> {
    if let Some(file) = file {
        return password_from_file(file);
    }
    let password = ask("New password: ")?;
    if password != ask("Repeat it: ")? {
        return Err(wrong("the two passwords differ"));
    }
    Ok(password)
}

fn password_from_file(file: &Path) -> Result<String, NodeError> {
    let wrong =
        |reason: &str| NodeError::Key { file: file.to_owned(), field: "password".into(), reason: reason.to_owned() };
    let bytes = std::fs::metadata(file).map_err(NodeError::file("read", file))?.len();
    if bytes > PASSWORD_BYTES_MAX {
        return Err(wrong("the file is longer than any password"));
    }
    let text = std::fs::read_to_string(file).map_err(NodeError::file("read", file))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(wrong("the first line is empty")),
    }
}

fn ask(prompt: &str) -> Result<String, NodeError> {
    let terminal = Term::stderr();
    if !terminal.is_term() {
        return Err(wrong("there is no terminal to ask for it: name a file that holds it"));
    }
    terminal.write_str(prompt).and_then(|()| terminal.read_secure_line()).map_err(NodeError::file("read", "terminal"))
}

fn wrong(reason: &str) -> NodeError {
    NodeError::Setting { setting: "password", reason: reason.to_owned() }
}
