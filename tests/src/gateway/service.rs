//! A service over HTTP in this process: says what the scenario wants it to say, and counts who asked.
use parking_lot::Mutex;
use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Longest body that is read, bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What a service answers and what it was asked.
#[derive(Debug, Default)]
pub struct Replies {
    /// Status and body of every answer.
    pub answer: (u16, String),
    /// Time between doing what is asked for and saying so.
    pub delay: Duration,
    /// How often each path was asked for.
    pub asked: BTreeMap<String, u64>,
    /// How often each idempotency key came.
    pub keys: BTreeMap<String, u64>,
    /// How often each path and body was carried out: once a key.
    pub carried_out: BTreeMap<(String, Vec<u8>), u64>,
}

/// A running service. Ends when dropped.
#[derive(Debug)]
pub struct HttpService {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it answers, and what it was asked.
    pub replies: Arc<Mutex<Replies>>,
    task: JoinHandle<()>,
}

impl HttpService {
    /// Listens on an address of this machine, and answers everything alike.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn start(address: SocketAddr, answer: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let replies = Arc::new(Mutex::new(Replies { answer: (200, answer.to_owned()), ..Replies::default() }));
        let shared = replies.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let replies = shared.clone();
                tokio::spawn(async move {
                    // A client that goes away is its own business.
                    let _ = serve(stream, &replies).await;
                });
            }
        });
        Ok(Self { address, replies, task })
    }

    /// From now on it says this.
    pub fn say(&self, status: u16, body: &str) {
        self.replies.lock().answer = (status, body.to_owned());
    }
}

impl Drop for HttpService {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, replies: &Mutex<Replies>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let (mut length, mut key) = (0usize, None);
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or_default(),
            "idempotency-key" => key = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length.min(BODY_BYTES_MAX)];
    stream.read_exact(&mut body).await?;
    let (status, text, delay) = {
        let mut replies = replies.lock();
        *replies.asked.entry(path.clone()).or_default() += 1;
        if let Some(key) = key {
            let times = replies.keys.entry(key).or_default();
            *times += 1;
            if *times == 1 {
                *replies.carried_out.entry((path, body)).or_default() += 1;
            }
        }
        let (status, text) = replies.answer.clone();
        (status, text, replies.delay)
    };
    tokio::time::sleep(delay).await;
    let head = format!("HTTP/1.1 {status} Said\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", text.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}
