//! A server of files over HTTP, on the loopback, which keeps what it was asked.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

/// A server that runs until the test ends.
pub struct Server {
    /// Where it is.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Serves files by their paths, and nothing else.
    pub fn start(files: HashMap<String, Vec<u8>>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = BufReader::new(stream.unwrap());
                let mut to = stream.get_ref().try_clone().unwrap();
                let lines = stream.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let request = lines.collect::<Vec<_>>().join("\n");
                let path = request.split(' ').nth(1).unwrap_or_default();
                let (status, body) = files.get(path).map_or((404, [].as_slice()), |body| (200, body));
                let length = body.len();
                let head =
                    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                kept.lock().unwrap().push(request);
                let _ = to.write_all(head.as_bytes()).and_then(|()| to.write_all(body));
            }
        });
        Server { url, asked }
    }

    /// Every request until now, with its headers.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
