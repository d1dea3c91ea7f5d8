//! A server that does exactly as it is told, byte by byte.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};

/// What to do with a request.
#[derive(Clone)]
pub(super) enum Do {
    /// Write this and go on.
    Reply(&'static [u8]),
    /// Write this and close.
    ReplyAndClose(&'static [u8]),
    /// Write this, then nothing.
    ReplyAndStall(&'static [u8]),
}

/// What came, and how many connections there were.
#[derive(Clone, Default)]
pub(super) struct Seen(pub(super) Arc<Mutex<(usize, Vec<String>)>>);

impl Seen {
    pub(super) fn connections(&self) -> usize {
        self.0.lock().unwrap().0
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.0.lock().unwrap().1.clone()
    }
}

/// Serves each request by the next of `script`; the last one is for all further requests.
pub(super) async fn serve(script: Vec<Do>) -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let out = seen.clone();
    let runtime = tokio::runtime::Handle::current();
    runtime.clone().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            seen.0.lock().unwrap().0 += 1;
            runtime.spawn(talk(stream, script.clone(), seen.clone()));
        }
    });
    (address, out)
}

pub(super) async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, script: Vec<Do>, seen: Seen) {
    while let Some(request) = request(&mut stream).await {
        let turn = {
            let mut seen = seen.0.lock().unwrap();
            seen.1.push(request);
            seen.1.len() - 1
        };
        let (bytes, after) = match script.get(turn).or(script.last()).unwrap() {
            Do::Reply(b) => (b, 0),
            Do::ReplyAndClose(b) => (b, 1),
            Do::ReplyAndStall(b) => (b, 2),
        };
        stream.write_all(bytes).await.unwrap();
        stream.flush().await.unwrap();
        match after {
            0 => {}
            1 => {
                let _ = stream.shutdown().await;
                return;
            }
            _ => std::future::pending().await,
        }
    }
}

/// One request, head and body, as text.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut all = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&all).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |l| l.parse().unwrap()) {
                return Some(String::from_utf8(all).unwrap());
            }
        }
        let mut some = [0; 4096];
        match stream.read(&mut some).await {
            Ok(n) if n > 0 => all.extend_from_slice(&some[..n]),
            _ => return None,
        }
    }
}
