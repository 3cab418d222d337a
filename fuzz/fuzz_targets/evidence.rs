//! Signed tokens, keys, policies, identifiers and archives from outside.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pervade_evidence::{CarReader, Claims, ContentId, Node, Policy, PublicKey, Sign, Sign1, Tally, read_file};

fuzz_target!(|bytes: &[u8]| {
    let mut tally = Tally::default();
    if let Ok(message) = Sign1::parse(bytes, &mut tally) {
        let _ = Claims::parse(message.payload(), &mut tally);
    }
    let _ = Sign::parse(bytes, &mut tally);
    let _ = Claims::parse(bytes, &mut tally);
    let _ = Policy::parse(bytes, &mut tally);
    let _ = PublicKey::from_cose(bytes);
    let _ = Node::parse(bytes, &mut tally);
    if let Ok(id) = ContentId::parse(bytes) {
        assert_eq!(ContentId::parse(&id.to_bytes()), Ok(id));
    }
    archive(bytes);
});

/// Every block is checked; the first root is read as a file.
fn archive(bytes: &[u8]) {
    let mut tally = Tally::default();
    let Ok(mut archive) = CarReader::new(bytes, &mut tally) else { return };
    let mut blocks = Vec::new();
    while let Ok(Some(block)) = archive.next_block() {
        if let Ok(id) = block.check(&mut tally) {
            blocks.push((id, block.bytes));
        }
    }
    let Some(root) = archive.roots().first().and_then(|root| ContentId::parse(root).ok()) else { return };
    let mut source = |id: &ContentId| blocks.iter().find(|(known, _)| known == id).map(|(_, bytes)| *bytes);
    let _ = read_file(&root, 0, 0, &mut source, &mut tally);
}
