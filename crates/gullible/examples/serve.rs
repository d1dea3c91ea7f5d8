//! A small HTTP/1.1 server around the model, to try the official clients against it directly:
//! `cargo run -p cordon-gullible --example serve -- 127.0.0.1:8099`. One connection a request; not for anything else.

use cordon_gullible::{Answer, End, answer};
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8099".to_owned());
    for stream in TcpListener::bind(address)?.incoming() {
        let stream = stream?;
        // A client that goes away is its own affair.
        thread::spawn(move || drop(serve(&stream)));
    }
    Ok(())
}

fn serve(stream: &TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, mut path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or((header.as_str(), ""));
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "anthropic-version" => path = format!("/anthropic{path}"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    send(stream, &answer(&method, &path, &body))
}

fn send(mut stream: &TcpStream, answer: &Answer) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {} X\r\ncontent-type: {}\r\nconnection: close\r\n",
        answer.status, answer.content_type
    )?;
    for (name, value) in &answer.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    let written: usize = answer.chunks.iter().map(|c| c.len()).sum();
    let missing = match answer.end {
        End::Clean => 0,
        End::Break | End::Stall => 1,
        End::Short(missing) => missing,
    };
    write!(
        stream,
        "content-length: {}\r\n\r\n",
        u64::try_from(written).unwrap_or(u64::MAX).saturating_add(missing)
    )?;
    for chunk in &answer.chunks {
        stream.write_all(chunk)?;
        stream.flush()?;
    }
    if answer.end == End::Stall {
        loop {
            thread::park();
        }
    }
    stream.shutdown(Shutdown::Both)
}
