//! One keep-alive HTTP/1.1 connection, as little work as a request can be.
use super::LoadError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A node that says nothing for so long is taken for dead.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A connection to a node.
pub struct Connection {
    url: String,
    host: String,
    stream: BufReader<TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    /// Connects to `http://host:port`.
    ///
    /// # Errors
    /// [`LoadError::Url`], [`LoadError::Connection`].
    pub fn open(url: &str) -> Result<Self, LoadError> {
        let host = url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'))
            .filter(|host| !host.contains('/'))
            .ok_or_else(|| LoadError::Url { url: url.into() })?;
        let connect = || {
            let stream = TcpStream::connect(host)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(TIMEOUT))?;
            Ok(stream)
        };
        let stream = connect().map_err(|source| LoadError::Connection { url: url.into(), source })?;
        Ok(Self {
            url: url.into(),
            host: host.into(),
            stream: BufReader::with_capacity(64 * 1024, stream),
            answer: Vec::new(),
        })
    }

    /// Sends a body and gives the answer's body.
    ///
    /// # Errors
    /// [`LoadError::Connection`], [`LoadError::Answer`].
    pub fn post(&mut self, body: &[u8]) -> Result<&[u8], LoadError> {
        self.exchange(body).map_err(|source| LoadError::Connection { url: self.url.clone(), source })?;
        Ok(&self.answer)
    }

    /// One call.
    ///
    /// # Errors
    /// [`LoadError::Rpc`] and those of [`Self::post`].
    pub fn call<T: DeserializeOwned>(&mut self, method: &str, params: Value) -> Result<T, LoadError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer: Value = self.post_json(&request)?;
        self.result(method, answer)
    }

    /// Many calls of one method in a batch; answers in the order of `params`.
    ///
    /// # Errors
    /// Those of [`Self::call`].
    pub fn batch<T: DeserializeOwned>(&mut self, method: &str, params: &[Value]) -> Result<Vec<T>, LoadError> {
        if params.is_empty() {
            return Ok(Vec::new());
        }
        let request = params.iter().enumerate();
        let request =
            request.map(|(id, params)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let mut answers: Vec<Value> = self.post_json(&Value::Array(request.collect()))?;
        answers.sort_by_key(|answer| answer["id"].as_u64());
        answers.into_iter().map(|answer| self.result(method, answer)).collect()
    }

    fn post_json<T: DeserializeOwned>(&mut self, request: &Value) -> Result<T, LoadError> {
        let body = request.to_string();
        self.post(body.as_bytes())?;
        let answer = &self.answer;
        serde_json::from_slice(answer).map_err(|error| {
            let text = String::from_utf8_lossy(answer.get(..300).unwrap_or(answer)).into_owned();
            LoadError::Answer { url: self.url.clone(), reason: format!("{error}: {text}") }
        })
    }

    fn result<T: DeserializeOwned>(&self, method: &str, mut answer: Value) -> Result<T, LoadError> {
        if let Some(error) = answer.get("error") {
            return Err(LoadError::Rpc { method: method.into(), message: error.to_string() });
        }
        serde_json::from_value(answer["result"].take())
            .map_err(|error| LoadError::Answer { url: self.url.clone(), reason: format!("{method}: {error}") })
    }

    fn exchange(&mut self, body: &[u8]) -> io::Result<()> {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(&[head.as_bytes(), body].concat())?;
        let length = self.read_head()?;
        self.answer.clear();
        match length {
            Some(bytes) => {
                self.answer.resize(bytes, 0);
                self.stream.read_exact(&mut self.answer)
            }
            None => self.read_chunks(),
        }
    }

    /// Content length, `None` if the body is chunked.
    fn read_head(&mut self) -> io::Result<Option<usize>> {
        let mut length = None;
        let mut line = String::new();
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == "\r\n" {
                return Ok(length);
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse().map_err(|_| io::Error::other("malformed content-length"))?);
            }
        }
    }

    fn read_chunks(&mut self) -> io::Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let bytes = usize::from_str_radix(line.trim(), 16).map_err(|_| io::Error::other("malformed chunk"))?;
            let start = self.answer.len();
            self.answer.resize(start + bytes + 2, 0);
            self.stream.read_exact(&mut self.answer[start..])?;
            self.answer.truncate(start + bytes);
            if bytes == 0 {
                return Ok(());
            }
        }
    }
}
