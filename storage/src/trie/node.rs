//! Decoding of trie nodes (Yellow Paper, appendix D), borrowing from their RLP.
use alloy_primitives::B256;
use alloy_rlp::Header;
use alloy_trie::Nibbles;

/// Nibbles in a key of 32 bytes: no path is longer.
pub(super) const PATH_NIBBLES_MAX: usize = 64;
/// RLP shorter than this is embedded in the parent instead of being named by its hash.
pub(super) const HASHED_RLP_BYTES_MIN: usize = 32;
/// A reference by hash: the string header and 32 bytes.
const HASH_REFERENCE_BYTES: usize = 33;

/// One decoded node. A child is kept as its raw reference: nothing if absent, the RLP of a 32-byte hash, or an
/// embedded node. Lives on the stack while one node is looked at: boxing the large one would only cost.
pub(super) enum Node<'a> {
    /// The rest of the key, and its value.
    Leaf { suffix: Nibbles, value: &'a [u8] },
    /// Nibbles that all keys below share, and the branch below.
    Extension { prefix: Nibbles, child: &'a [u8] },
    /// A fork.
    Branch(Branch<'a>),
}

/// A fork: a child for each next nibble, and the value of the key that ends here (32-byte keys never do).
pub(super) struct Branch<'a> {
    pub(super) children: [&'a [u8]; 16],
    pub(super) value: &'a [u8],
}

impl<'a> Branch<'a> {
    /// The reference to a child, empty if there is none.
    pub(super) fn child(&self, nibble: u8) -> &'a [u8] {
        self.children.get(usize::from(nibble)).copied().unwrap_or_default()
    }
}

impl<'a> Node<'a> {
    /// Decodes the node that sits at depth `depth` (nibbles above it).
    ///
    /// # Errors
    /// What is wrong with it, as the end of a sentence.
    pub(super) fn decode(mut rlp: &'a [u8], depth: usize) -> Result<Self, &'static str> {
        let mut items = match read_item(&mut rlp)? {
            Item { list: true, payload, .. } if rlp.is_empty() => payload,
            _ => return Err("is not one RLP list"),
        };
        let first = read_item(&mut items)?;
        let second = read_item(&mut items)?;
        if items.is_empty() {
            Self::decode_short(&first, &second, depth)
        } else {
            Self::decode_branch(first, second, items, depth)
        }
    }

    fn decode_short(key: &Item<'a>, content: &Item<'a>, depth: usize) -> Result<Self, &'static str> {
        if key.list {
            return Err("has a list for its partial key");
        }
        let (nibbles, is_leaf) = decode_hex_prefix(key.payload)?;
        let end = depth.saturating_add(nibbles.len());
        if is_leaf {
            if end > PATH_NIBBLES_MAX {
                return Err("is a leaf with too long a key");
            }
            if content.list || content.payload.is_empty() {
                return Err("is a leaf without a value");
            }
            return Ok(Self::Leaf { suffix: nibbles, value: content.payload });
        }
        if nibbles.is_empty() || end >= PATH_NIBBLES_MAX {
            return Err("is an extension whose partial key is empty or too long");
        }
        match content.reference()? {
            [] => Err("is an extension without a child"),
            child => Ok(Self::Extension { prefix: nibbles, child }),
        }
    }

    fn decode_branch(
        first: Item<'a>,
        second: Item<'a>,
        mut items: &'a [u8],
        depth: usize,
    ) -> Result<Self, &'static str> {
        if depth >= PATH_NIBBLES_MAX {
            return Err("is a branch below the end of all keys");
        }
        let mut children: [&[u8]; 16] = [&[]; 16];
        let (head, tail) = children.split_at_mut(2);
        head.copy_from_slice(&[first.reference()?, second.reference()?]);
        for child in tail {
            *child = read_item(&mut items)?.reference()?;
        }
        match read_item(&mut items)? {
            Item { list: false, payload, .. } if items.is_empty() => {
                Ok(Self::Branch(Branch { children, value: payload }))
            }
            _ => Err("is a list of neither 2 nor 17 fitting items"),
        }
    }
}

/// The hash in a reference, `None` if the child is absent or embedded.
pub(super) fn hash_of(reference: &[u8]) -> Option<&B256> {
    let hash = (reference.len() == HASH_REFERENCE_BYTES).then(|| reference.get(1..)).flatten()?;
    hash.try_into().ok()
}

struct Item<'a> {
    list: bool,
    /// With its header.
    raw: &'a [u8],
    payload: &'a [u8],
}

impl<'a> Item<'a> {
    /// This item as a reference to a child.
    fn reference(&self) -> Result<&'a [u8], &'static str> {
        match (self.list, self.payload.len()) {
            (false, 0) => Ok(&[]),
            (false, 32) => Ok(self.raw),
            (true, _) if self.raw.len() < HASHED_RLP_BYTES_MIN => Ok(self.raw),
            _ => Err("has a child that is neither a hash nor a short node"),
        }
    }
}

fn read_item<'a>(rest: &mut &'a [u8]) -> Result<Item<'a>, &'static str> {
    let start = *rest;
    let header = Header::decode(rest).map_err(|_| "is not canonical RLP")?;
    let (payload, after) = rest.split_at_checked(header.payload_length).ok_or("is truncated")?;
    *rest = after;
    let raw = start.get(..start.len().saturating_sub(after.len())).ok_or("is truncated")?;
    Ok(Item { list: header.list, raw, payload })
}

/// Yellow Paper, appendix C: the flag nibble says leaf or extension and whether the length is odd.
fn decode_hex_prefix(packed: &[u8]) -> Result<(Nibbles, bool), &'static str> {
    let Some((&first, rest)) = packed.split_first() else { return Err("has an empty partial key") };
    let mut nibbles = Nibbles::new();
    match first & 0xd0 {
        0x10 if rest.len() < 32 => nibbles.push_unchecked(first & 0x0f),
        0x00 if rest.len() <= 32 && first & 0x0f == 0 => {}
        _ => return Err("has a malformed partial key"),
    }
    nibbles.extend(&Nibbles::unpack(rest));
    Ok((nibbles, first & 0x20 != 0))
}
