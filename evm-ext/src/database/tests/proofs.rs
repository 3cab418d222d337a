//! Proofs and providers through the precompile.
use super::*;
use alloy_primitives::hex;
use pervade_chainspec::params::DATABASE_PROVIDER_KEYS_MAX;
use pervade_evidence::{Codec, ContentId, HashFunction, Tally};

/// A COSE_Key of secp256k1, another one for each seed.
fn cose_key(seed: u8) -> Bytes {
    use alloy_signer_local::PrivateKeySigner;
    let signer = PrivateKeySigner::from_slice(&[seed; 32]).unwrap();
    let point = signer.credential().verifying_key().to_encoded_point(false);
    let point = point.as_bytes();
    [&hex!("a401022008215820")[..], &point[1..33], &hex!("225820"), &point[33..]].concat().into()
}

#[test]
fn content_is_read_out_of_its_blocks_and_one_turned_bit_is_refused() {
    let (mut harness, _) = opened();
    let block = bytes(3_000);
    for hash in [HashFunction::Sha2_256, HashFunction::Blake3, HashFunction::Keccak256] {
        let id = ContentId::of(Codec::Raw, hash, &block, &mut Tally::default()).unwrap();
        let call = |block: &Bytes, offset, length| abi::verifyContentCall {
            cid: id.to_bytes().into(),
            offset,
            length,
            blocks: vec![block.clone()],
        };
        assert_eq!(send(&mut harness, BOB, &call(&block, 0, 0)).unwrap(), block);
        assert_eq!(send(&mut harness, BOB, &call(&block, 100, 7)).unwrap(), block[100..107]);
        let invalid = abi::InvalidContent {};
        assert!(send(&mut harness, BOB, &call(&block, 2_999, 2)).unwrap_err().is(&invalid), "beyond the end");
        let mut flipped = block.to_vec();
        flipped[1_234] ^= 4;
        assert!(send(&mut harness, BOB, &call(&flipped.into(), 0, 0)).unwrap_err().is(&invalid));
        let text = abi::verifyContentCall { cid: id.to_string().into_bytes().into(), ..call(&block, 0, 0) };
        assert_eq!(send(&mut harness, BOB, &text).unwrap(), block);
    }
}

/// A field of bytes of a protocol buffer, shorter than 128 bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()][..], bytes].concat()
}

/// A UnixFS file in dag-pb: a leaf with `data`, or a node above parts of so many bytes. All sizes are below 128.
fn unixfs(data: &[u8], parts: &[(ContentId, u8)]) -> Bytes {
    let link = |(id, size): &(ContentId, u8)| {
        field(2, &[field(1, &id.to_bytes()), field(2, b""), vec![3 << 3, *size]].concat())
    };
    let size = u8::try_from(data.len()).unwrap() + parts.iter().map(|(_, size)| size).sum::<u8>();
    let own = if data.is_empty() { Vec::new() } else { field(2, data) };
    let sizes = parts.iter().flat_map(|(_, size)| [4 << 3, *size]).collect();
    let entry = [vec![1 << 3, 2], own, vec![3 << 3, size], sizes].concat();
    [parts.iter().flat_map(link).collect(), field(1, &entry)].concat().into()
}

#[test]
fn files_of_several_blocks_are_read_by_identifiers_of_both_versions() {
    let (mut harness, _) = opened();
    let content: Vec<u8> = (0..90).collect();
    for hash in [HashFunction::Sha2_256, HashFunction::Blake3, HashFunction::Keccak256] {
        let id = |codec, block: &Bytes| ContentId::of(codec, hash, block, &mut Tally::default()).unwrap();
        for codec in [Codec::Raw, Codec::DagPb] {
            let leaf = |part: &[u8]| if codec == Codec::Raw { Bytes::copy_from_slice(part) } else { unixfs(part, &[]) };
            let leaves: Vec<_> = content.chunks(30).map(leaf).collect();
            let parts: Vec<_> = leaves.iter().map(|leaf| (id(codec, leaf), 30)).collect();
            let root = unixfs(&[], &parts);
            let name = id(Codec::DagPb, &root);
            // Version 0 is the bare multihash of SHA2-256, 34 bytes at the end of version 1.
            let mut names = vec![name.to_bytes(), name.to_string().into_bytes()];
            if hash == HashFunction::Sha2_256 {
                let bare = ContentId::parse(&name.to_bytes()[2..]).unwrap();
                names.extend([bare.to_bytes(), bare.to_string().into_bytes()]);
                assert!(bare.to_string().starts_with("Qm"));
            }
            for cid in names {
                let call = |offset, length, blocks: &[&Bytes]| {
                    let blocks = blocks.iter().map(|block| (*block).clone()).collect();
                    abi::verifyContentCall { cid: cid.clone().into(), offset, length, blocks }
                };
                let invalid = abi::InvalidContent {};
                let whole = [&root, &leaves[0], &leaves[1], &leaves[2]];
                assert_eq!(send(&mut harness, BOB, &call(0, 0, &whole)).unwrap(), content);
                let middle = call(25, 40, &whole);
                assert_eq!(send(&mut harness, BOB, &middle).unwrap(), content[25..65]);
                let last = call(70, 20, &[&root, &leaves[2]]);
                assert_eq!(send(&mut harness, BOB, &last).unwrap(), content[70..], "only blocks on the way");
                for (place, block) in whole.iter().enumerate() {
                    for bit in [0, block.len() * 4, block.len() * 8 - 1] {
                        let mut flipped = block.to_vec();
                        flipped[bit / 8] ^= 1 << (bit % 8);
                        let flipped = Bytes::from(flipped);
                        let mut blocks = whole;
                        blocks[place] = &flipped;
                        assert!(send(&mut harness, BOB, &call(0, 0, &blocks)).unwrap_err().is(&invalid));
                    }
                }
                let swapped = [&root, &leaves[1], &leaves[0], &leaves[2]];
                assert!(send(&mut harness, BOB, &call(0, 0, &swapped)).unwrap_err().is(&invalid));
                assert!(send(&mut harness, BOB, &call(0, 0, &whole[..3])).unwrap_err().is(&invalid));
            }
        }
    }
}

#[test]
fn a_token_of_others_is_held_against_a_policy() {
    // RFC 9783, appendix A.1.
    let token = hex!(
        "d28443a10126a0590100a8190100582101020202020202020202020202020202020202020202020202020202020202020219095c5820"
        "00000000000000000000000000000000000000000000000000000000000000000a582001010101010101010101010101010101010101"
        "0101010101010101010101010119095a1a7fffffff19095b19300019010978217461673a7073616365727469666965642e6f72672c32"
        "3032333a7073612374666d19010c48000000000000000019095f81a30558200404040404040404040404040404040404040404040404"
        "0404040404040404040258200303030303030303030303030303030303030303030303030303030303030303016450526f545840786e"
        "937a4c42667af3847399319ca95c7e7dbabdc9b50fdb8de3f6bff4ab82ff80c42140e2a488000219e3e10663193da69c75f52b798ea1"
        "0b2f7041a90e8e5a"
    );
    let policy = hex!(
        "a20181a4010220012158204e5e22099e3bceb45b446d1355fd1dc3b545947b6fd7c1c89d886798c3726e8f225820"
        "80d70b840b256aac34a62ede1043364f044095f003474b91e0182092afb13f2e"
        "048158200303030303030303030303030303030303030303030303030303030303030303"
    );
    let (mut harness, _) = opened();
    let call = |token: &[u8], nonce| abi::verifyEvidenceCall {
        policy: policy.into(),
        nonce: B256::repeat_byte(nonce),
        evidence: Bytes::copy_from_slice(token),
    };
    let claims = send(&mut harness, BOB, &call(&token, 1)).unwrap();
    assert_eq!(claims[..], token[10..10 + 256]);
    let invalid = abi::InvalidEvidence {};
    assert!(send(&mut harness, BOB, &call(&token, 2)).unwrap_err().is(&invalid), "another nonce");
    let mut flipped = token;
    flipped[100] ^= 1;
    assert!(send(&mut harness, BOB, &call(&flipped, 1)).unwrap_err().is(&invalid));
}

#[test]
fn providers_are_their_owners_and_can_be_changed() {
    let (mut harness, _) = opened();
    let thing = B256::repeat_byte(0x1d);
    let set =
        |keys: Vec<Bytes>| abi::setProviderCall { kind: abi::ProviderKind::Quorum, thing, keys, policy: Bytes::new() };
    let provider = send(&mut harness, ALICE, &set(vec![cose_key(1), cose_key(2)])).unwrap();
    assert_eq!(provider, keccak256((ALICE, U256::from(1), thing).abi_encode()));
    let of = abi::providerOfCall { provider };
    let found = send(&mut harness, BOB, &of).unwrap();
    assert_eq!((found.owner, found.kind, found.thing), (ALICE, abi::ProviderKind::Quorum, thing));
    assert_eq!(found.keys, [cose_key(1), cose_key(2)]);
    assert_eq!(send(&mut harness, ALICE, &set(vec![cose_key(3)])).unwrap(), provider);
    assert_eq!(send(&mut harness, BOB, &of).unwrap().keys, [cose_key(3)]);
    assert_ne!(send(&mut harness, BOB, &set(vec![cose_key(3)])).unwrap(), provider, "another owner's");
    let unknown = abi::providerOfCall { provider: thing };
    assert!(send(&mut harness, BOB, &unknown).map(|_| ()).unwrap_err().is(&abi::UnknownProvider { provider: thing }));
}

#[test]
fn providers_without_means_to_check_are_refused() {
    let (mut harness, _) = opened();
    let mut set = |kind, keys: Vec<Bytes>, policy: Bytes| {
        send(&mut harness, ALICE, &abi::setProviderCall { kind, thing: TABLE, keys, policy }).map(|_| ())
    };
    use abi::ProviderKind::{Attested, Content, Quorum, Signed};
    let policy: Bytes = [&hex!("a10181")[..], &cose_key(1)].concat().into();
    let none = Bytes::new;
    assert_eq!(set(Signed, vec![cose_key(1)], none()), Ok(()));
    assert_eq!(set(Attested, vec![], policy.clone()), Ok(()));
    assert_eq!(set(Content, vec![], none()), Ok(()));
    assert!(set(Signed, vec![], none()).is_err());
    assert!(set(Signed, vec![cose_key(1)], policy.clone()).is_err());
    assert!(set(Content, vec![cose_key(1)], none()).is_err());
    assert!(set(Attested, vec![cose_key(1)], policy.clone()).is_err());
    assert!(set(Attested, vec![], none()).is_err());
    let invalid = abi::InvalidEvidence {};
    assert!(set(Attested, vec![], bytes(9)).unwrap_err().is(&invalid));
    assert!(set(Quorum, vec![cose_key(1), bytes(70)], none()).unwrap_err().is(&invalid));
    assert!(set(Quorum, vec![cose_key(1), cose_key(1)], none()).unwrap_err().reason().contains("twice"));
    let keys = |count: usize| (1..=count as u8).map(cose_key).collect();
    assert_eq!(set(Quorum, keys(DATABASE_PROVIDER_KEYS_MAX), none()), Ok(()));
    let limit = abi::LimitExceeded { what: "keys of a provider".into(), limit: U256::from(DATABASE_PROVIDER_KEYS_MAX) };
    assert!(set(Quorum, keys(DATABASE_PROVIDER_KEYS_MAX + 1), none()).unwrap_err().is(&limit));
}
