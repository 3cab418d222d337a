//! go-car's archives: what is whole is read to its end, what is corrupt is refused. Its fuzzing inputs must only not
//! bring the reader down.
use super::{Verdict, expect};
use pervade_evidence::{CarReader, EvidenceError, Tally};
use std::path::Path;

const INDEX: &str = "index of an archive, which is not read";
const HASH: &str = "blocks of an archive with a hash function that is not supported";

pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    let name = file.file_name()?.to_str()?;
    if let Some(input) = fuzz_input(content) {
        let _ = read(&input);
        return Some(vec![(String::new(), Ok(()))]);
    }
    if name.ends_with(".carindex") {
        return Some(vec![(String::new(), Err(Verdict::Skipped(INDEX)))]);
    }
    if !name.ends_with(".car") {
        return None;
    }
    // The suite says what is wrong with an archive in its name, nowhere else.
    let wrong = ["corrupt", "zero-len", "v42"].iter().any(|mark| name.contains(mark));
    let read = read(content);
    let unsupported = matches!(read, Ok(Blocks { unsupported: 1.., .. }));
    let mut results = vec![("structure".to_owned(), expect(!wrong, read))];
    if unsupported && !wrong {
        results.push(("blocks".to_owned(), Err(Verdict::Skipped(HASH))));
    }
    Some(results)
}

struct Blocks {
    unsupported: usize,
}

fn read(archive: &[u8]) -> Result<Blocks, EvidenceError> {
    let mut tally = Tally::default();
    let mut reader = CarReader::new(archive, &mut tally)?;
    let mut blocks = Blocks { unsupported: 0 };
    while let Some(block) = reader.next_block()? {
        match block.check(&mut tally) {
            Ok(_) => {}
            Err(EvidenceError::UnsupportedHash { .. }) => blocks.unsupported += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(blocks)
}

/// The bytes in a file of Go's fuzzer.
fn fuzz_input(content: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok()?;
    let quoted = text.strip_prefix("go test fuzz v1\n")?.trim().strip_prefix("[]byte(\"")?.strip_suffix("\")")?;
    let mut bytes = Vec::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            bytes.extend(character.to_string().bytes());
            continue;
        }
        match characters.next()? {
            'x' => {
                let digits: String = characters.by_ref().take(2).collect();
                bytes.push(u8::from_str_radix(&digits, 16).ok()?);
            }
            'u' => {
                let digits: String = characters.by_ref().take(4).collect();
                bytes.extend(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?.to_string().bytes());
            }
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'v' => bytes.push(11),
            other => bytes.extend(other.to_string().bytes()),
        }
    }
    Some(bytes)
}
