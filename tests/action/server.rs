//! A server of HTTP on the loopback that answers as it is told, and keeps what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Method and path.
    pub line: String,
    /// Each header, in small letters up to the colon.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A server that runs until the test ends.
pub struct Server {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts one that answers each request with a status and a body.
    pub fn start(answer: impl Fn(&str) -> (u16, Vec<u8>) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap_or(0) == 0 {
                    continue;
                }
                let (mut headers, mut length) = (Vec::new(), 0);
                loop {
                    let mut header = String::new();
                    stream.read_line(&mut header).unwrap();
                    let Some((name, value)) = header.trim_end().split_once(':') else { break };
                    if name.eq_ignore_ascii_case("content-length") {
                        length = value.trim().parse().unwrap();
                    }
                    headers.push(format!("{}:{value}", name.to_ascii_lowercase()));
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
                let (status, text) = answer(&line);
                kept.lock().unwrap().push(Asked { line, headers, body });
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    text.len()
                );
                let mut to = stream.into_inner();
                let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(&text));
            }
        });
        Server { url, asked }
    }

    /// Everything that was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}
