//! Content by its identifier, from gateways that nobody needs to trust (the trustless HTTP gateway specification of IPFS).
//!
//! ```text
//!  identifier ──► /ipfs/ID?format=car   one archive with the blocks on the way ──┐
//!       │                                                                        ├─► each block hashed ──► file read ──► content
//!       └───────► /ipfs/ID?format=raw   a block, one after the other ────────────┘
//! ```
//!
//! A gateway may leave blocks out, add others or cut off: what is missing is asked for by itself, what does not hash to its name
//! ends the talk with that gateway, and the next one is asked.
use crate::{
    bindings::{Exchange, Reach},
    error::{Failure, FailureCode},
    limits,
    target::Target,
    thing::{Form, Operation, Security},
};
use bytes::Bytes;
use pervade_evidence::{CarReader, ContentId, EvidenceError, Tally, read_file};
use serde_json::Map;
use std::collections::BTreeMap;

/// Bytes of a file, and the blocks that prove them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub data: Vec<u8>,
    /// The blocks on the way to them, in depth-first order, as `verifyContent` of the Contract Database takes them: at most
    /// [`limits::CONTENT_BYTES_MAX`] in all.
    pub blocks: Vec<Bytes>,
}

/// Which bytes of which file.
pub(crate) struct Wanted {
    id: ContentId,
    offset: u64,
    /// 0: to the end.
    length: u64,
}

impl Wanted {
    /// Reads an identifier in binary or text.
    ///
    /// # Errors
    /// Malformed.
    pub(crate) fn parse(id: &[u8], offset: u64, length: u64) -> Result<Self, Failure> {
        let id = ContentId::parse(id).map_err(|error| Failure::malformed(error.to_string()))?;
        Ok(Self { id, offset, length })
    }

    /// The form of a query for an archive (IPIP-402).
    fn archive_query(&self) -> String {
        let end = match self.length {
            0 => "*".to_owned(),
            length => self.offset.saturating_add(length).saturating_sub(1).to_string(),
        };
        format!("format=car&dag-scope=entity&entity-bytes={}:{end}", self.offset)
    }
}

/// Fetches content from the first of the operator's gateways that has it.
///
/// # Errors
/// [`Failure`] of the last gateway; not allowed if none is configured.
pub(crate) async fn fetch(reach: &Reach, wanted: &Wanted) -> Result<Content, Failure> {
    let mut last = Failure::not_allowed("no gateway of IPFS is configured");
    for gateway in &reach.policy.config().ipfs {
        match fetch_from(reach, gateway, wanted).await {
            Ok(content) => return Ok(content),
            Err(failure) => last = failure,
        }
    }
    Err(last)
}

async fn fetch_from(reach: &Reach, gateway: &Target, wanted: &Wanted) -> Result<Content, Failure> {
    let mut blocks = Blocks::default();
    match get(reach, gateway, &wanted.id, &wanted.archive_query()).await {
        Ok(archive) => blocks.add_archive(&archive)?,
        // Not every gateway has archives, and not every archive is small.
        Err(failure) if matches!(failure.code, FailureCode::RefusedByThing | FailureCode::TooLarge) => {}
        Err(failure) => return Err(failure),
    }
    loop {
        match blocks.read(wanted)? {
            Step::Done(content) => return Ok(content),
            Step::Missing(id) => {
                let block = get(reach, gateway, &id, "format=raw").await?;
                blocks.add(id, block)?;
            }
        }
    }
}

/// One request to a gateway, judged like every other.
async fn get(reach: &Reach, gateway: &Target, id: &ContentId, query: &str) -> Result<Bytes, Failure> {
    let mut target = gateway.clone();
    target.path = format!("{}/ipfs/{id}", gateway.path.trim_end_matches('/'));
    target.query = Some(query.to_owned());
    let admitted = reach.policy.admit(target).await?;
    let form =
        Form { href: String::new(), content_type: String::new(), security: vec![Security::Nothing], terms: Map::new() };
    let exchange = Exchange { operation: Operation::ReadProperty, form, body: None, key: [0; 32] };
    Ok(reach.http.perform(&reach.policy, &admitted, &exchange).await?.body)
}

/// Blocks that hash to their names.
#[derive(Default)]
struct Blocks {
    known: BTreeMap<ContentId, Bytes>,
    fetched_bytes: usize,
}

/// How far reading came.
enum Step {
    Done(Content),
    Missing(ContentId),
}

impl Blocks {
    /// Takes the blocks of an archive; those of other kinds are of no use here.
    fn add_archive(&mut self, archive: &Bytes) -> Result<(), Failure> {
        let wrong = |error: EvidenceError| Failure::malformed(format!("the gateway's archive: {error}"));
        let mut meter = Tally::default();
        // Some gateways answer whatever they are asked with a page of their own.
        let Ok(mut reader) = CarReader::new(archive, &mut meter) else { return Ok(()) };
        // What is cut off at the end is asked for block by block.
        while let Ok(Some(block)) = reader.next_block() {
            match block.check(&mut meter) {
                Ok(id) => {
                    self.known.insert(id, archive.slice_ref(block.bytes));
                }
                Err(error @ EvidenceError::BlockMismatch) => return Err(wrong(error)),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, id: ContentId, block: Bytes) -> Result<(), Failure> {
        self.fetched_bytes = self.fetched_bytes.saturating_add(block.len());
        if self.fetched_bytes > limits::CONTENT_BYTES_MAX {
            return Err(Failure::too_large_for(limits::CONTENT_BYTES_MAX));
        }
        let wrong = |error: EvidenceError| Failure::malformed(format!("the gateway's block {id}: {error}"));
        id.check(&block, &mut Tally::default()).map_err(wrong)?;
        self.known.insert(id, block);
        Ok(())
    }

    /// Reads the file as far as its blocks are known.
    fn read(&self, wanted: &Wanted) -> Result<Step, Failure> {
        let (mut way, mut missing) = (Vec::new(), None);
        let mut source = |id: &ContentId| match self.known.get(id) {
            Some(block) => {
                way.push(block.clone());
                Some(&block[..])
            }
            None => {
                missing = Some(*id);
                None
            }
        };
        let read = read_file(&wanted.id, wanted.offset, wanted.length, &mut source, &mut Tally::default());
        match (read, missing) {
            (Err(EvidenceError::BlockMissing), Some(id)) => Ok(Step::Missing(id)),
            (Err(EvidenceError::Limit { .. }), _) => Err(Failure::too_large_for(limits::CONTENT_BYTES_MAX)),
            (Err(error), _) => Err(Failure::malformed(format!("{}: {error}", wanted.id))),
            (Ok(data), _) => {
                let bytes: usize = way.iter().map(Bytes::len).sum();
                if bytes > limits::CONTENT_BYTES_MAX {
                    return Err(Failure::too_large_for(limits::CONTENT_BYTES_MAX));
                }
                Ok(Step::Done(Content { data, blocks: way }))
            }
        }
    }
}
