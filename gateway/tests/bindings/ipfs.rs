//! Content from gateways of IPFS, honest and others: a file of several blocks that Kubo made, served by a server made here.
use crate::world::{Names, alias, allow, bindings};
use pervade_evidence::{CarReader, Codec, ContentId, Node, NodeKind, Tally, verify_file};
use pervade_gateway::{Bindings, FailureCode, limits};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const ARCHIVE: &[u8] = include_bytes!("../data/ipfs/mixed-block-files.car");

type Blocks = BTreeMap<String, Vec<u8>>;

/// The archive's blocks by name, and the file of several among them.
fn archive() -> (Blocks, ContentId) {
    let mut meter = Tally::default();
    let mut reader = CarReader::new(ARCHIVE, &mut meter).unwrap();
    let (mut blocks, mut file) = (Blocks::new(), None);
    while let Some(block) = reader.next_block().unwrap() {
        let id = block.check(&mut meter).unwrap();
        blocks.insert(id.to_string(), block.bytes.to_vec());
        if id.codec() == Codec::DagPb {
            let node = Node::parse(block.bytes, &mut meter).unwrap();
            if node.kind == NodeKind::File && node.links.len() > 1 {
                file = Some(id);
            }
        }
    }
    (blocks, file.unwrap())
}

/// Serves `answer(identifier, format)`, or 404 where it is none; counts requests.
async fn server(answer: impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let requests = Arc::new(AtomicUsize::new(0));
    let counter = requests.clone();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(socket.read_u8().await.unwrap());
            }
            counter.fetch_add(1, Ordering::Relaxed);
            let head = String::from_utf8(head).unwrap();
            let target = head.split(' ').nth(1).unwrap();
            let (path, query) = target.split_once('?').unwrap();
            let id = path.strip_prefix("/ipfs/").or_else(|| path.strip_prefix("/deep/ipfs/")).unwrap();
            let format = query.split('&').next().unwrap().strip_prefix("format=").unwrap();
            let (status, body) = match answer(id, format) {
                Some(body) => ("200 OK", body),
                None => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // A client that has read enough closes early.
            let _ = socket.write_all(&[head.as_bytes(), &body].concat()).await;
        }
    });
    (port, requests)
}

/// A gateway with these gateways of IPFS.
fn gateway(urls: &[String], ports: &[u16]) -> Bindings {
    let mut config: String = urls.iter().map(|url| format!("[[ipfs]]\nurl = '{url}'\n")).collect();
    config += &alias("127.0.0.1", "127.0.0.1");
    config.extend(ports.iter().map(|port| allow("http", "127.0.0.1", *port)));
    bindings(&config, Names::none())
}

fn at(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

fn raw_only(blocks: Blocks) -> impl Fn(&str, &str) -> Option<Vec<u8>> + Send + Sync + 'static {
    move |id, format| if format == "raw" { blocks.get(id).cloned() } else { None }
}

#[tokio::test]
async fn a_file_of_several_blocks_comes_with_its_proof_by_archive_or_block_by_block() {
    let (blocks, file) = archive();
    let (with_archives, asked) = server(|_, format| (format == "car").then(|| ARCHIVE.to_vec())).await;
    let (with_blocks, asked_for_blocks) = server(raw_only(blocks)).await;
    for (port, url) in
        [(with_archives, at(with_archives)), (with_blocks, at(with_blocks)), (with_blocks, at(with_blocks) + "/deep/")]
    {
        let gateway = gateway(&[url], &[port]);
        let whole = gateway.content(&file.to_bytes(), 0, 0).await.unwrap();
        assert_eq!((whole.data.len(), whole.blocks.len()), (1_026, 6));
        assert!(whole.data.starts_with(b"Lorem ipsum"), "{:?}", String::from_utf8_lossy(&whole.data));
        // By its name in text, and a part across the border of two blocks.
        let part = gateway.content(file.to_string().as_bytes(), 250, 20).await.unwrap();
        assert_eq!(part.data, whole.data[250..270]);
        assert_eq!(part.blocks.len(), 3, "the root, and two of five");
        let proof: Vec<&[u8]> = part.blocks.iter().map(|block| &block[..]).collect();
        assert_eq!(verify_file(&file, 250, 20, &proof, &mut Tally::default()).unwrap(), part.data);
        let past = gateway.content(&file.to_bytes(), 1_000, 27).await.unwrap_err();
        assert_eq!(past.code, FailureCode::Malformed, "{past}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3, "an archive has all that is needed");
    assert!(asked_for_blocks.load(Ordering::Relaxed) > 10);
}

#[tokio::test]
async fn one_flipped_bit_anywhere_is_found_and_the_next_gateway_asked() {
    let (blocks, file) = archive();
    let honest = archive().0;
    let whole = {
        let (port, _) = server(raw_only(honest.clone())).await;
        gateway(&[at(port)], &[port]).content(&file.to_bytes(), 0, 0).await.unwrap()
    };
    let (good, _) = server(raw_only(honest)).await;
    for block in &whole.blocks {
        for place in [0, block.len() / 2, block.len() - 1] {
            let mut forged = blocks.clone();
            let (name, _) = blocks.iter().find(|(_, bytes)| bytes[..] == block[..]).unwrap();
            forged.get_mut(name).unwrap()[place] ^= 1 << (place % 8);
            let (port, _) = server(raw_only(forged)).await;
            let failure = gateway(&[at(port)], &[port]).content(&file.to_bytes(), 0, 0).await.unwrap_err();
            assert_eq!(failure.code, FailureCode::Malformed, "{name} {place}: {failure}");
            let content = gateway(&[at(port), at(good)], &[port, good]).content(&file.to_bytes(), 0, 0).await.unwrap();
            assert_eq!(content, whole);
        }
    }
    // The same in an archive, wherever its bits are of use: in names, lengths, blocks.
    for place in (0..ARCHIVE.len()).step_by(37) {
        let mut forged = ARCHIVE.to_vec();
        forged[place] ^= 0x10;
        let (port, _) = server(move |_, format| (format == "car").then(|| forged.clone())).await;
        match gateway(&[at(port)], &[port]).content(&file.to_bytes(), 0, 0).await {
            // A block of another file.
            Ok(content) => assert_eq!(content, whole, "{place}"),
            Err(failure) => {
                let refused = matches!(failure.code, FailureCode::Malformed | FailureCode::RefusedByThing);
                assert!(refused, "{place}: {failure}");
            }
        }
    }
}

#[tokio::test]
async fn an_archive_that_is_cut_off_is_completed_block_by_block() {
    let (blocks, file) = archive();
    for kept in [60, 500, 900, ARCHIVE.len() - 400] {
        let blocks = blocks.clone();
        let (port, _) = server(move |id, format| match format {
            "car" => Some(ARCHIVE[..kept].to_vec()),
            _ => blocks.get(id).cloned(),
        })
        .await;
        let content = gateway(&[at(port)], &[port]).content(&file.to_bytes(), 0, 0).await.unwrap();
        assert_eq!(content.data.len(), 1_026, "{kept}");
    }
}

#[tokio::test]
async fn proofs_are_taken_at_the_limit_and_refused_one_past_it() {
    for bytes in [limits::CONTENT_BYTES_MAX, limits::CONTENT_BYTES_MAX + 1] {
        let block = vec![7; bytes];
        let id =
            ContentId::of(Codec::Raw, pervade_evidence::HashFunction::Blake3, &block, &mut Tally::default()).unwrap();
        let (port, _) = server(move |_, format| (format == "raw").then(|| block.clone())).await;
        let result = gateway(&[at(port)], &[port]).content(&id.to_bytes(), 0, 0).await;
        match result {
            Ok(content) => assert_eq!((content.data.len(), bytes), (bytes, limits::CONTENT_BYTES_MAX)),
            Err(failure) => {
                assert_eq!((failure.code, bytes), (FailureCode::TooLarge, limits::CONTENT_BYTES_MAX + 1));
            }
        }
    }
}

#[tokio::test]
async fn gateways_are_reached_by_the_operators_rules_only() {
    let (_, file) = archive();
    let (port, asked) = server(|_, _| None).await;
    let code = |gateway: Bindings| async move { gateway.content(&file.to_bytes(), 0, 0).await.unwrap_err().code };
    assert_eq!(code(gateway(&[], &[port])).await, FailureCode::NotAllowed);
    assert_eq!(code(gateway(&[at(port)], &[])).await, FailureCode::NotAllowed);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(code(gateway(&[at(port)], &[port])).await, FailureCode::RefusedByThing);
    let nonsense = gateway(&[at(port)], &[port]).content(b"not an identifier", 0, 0).await.unwrap_err();
    assert_eq!(nonsense.code, FailureCode::Malformed);
}
