//! The socket under a connection, which knows whether anything of a request has left the machine.
//!
//! A server may close an idle connection at any moment. Writing into it and hoping leaves a request of which
//! nobody knows whether it was processed. So the first write on a *reused* connection looks into the socket
//! itself (not into the runtime's memory of it, which is older) and fails, without having written, when the
//! other side has closed. Then the request can safely go out on a new connection, whatever its method.

use rustls_pki_types::ServerName;
use std::{
    io::{self, ErrorKind, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// What a pool knows of a socket that a connection's own task holds.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    state: AtomicU8,
    sent: AtomicBool,
}

/// The next write goes out without a look.
const OPEN: u8 = 0;
/// The next write is preceded by a look into the socket.
const ARMED: u8 = 1;
/// SECURITY: the look failed. No write may follow, not even of what the TLS layer has buffered, or the
/// request would leave after it was said not to have.
const DEAD: u8 = 2;

impl Watch {
    /// Called before each request. `reused`: look into the socket before the first write.
    pub(crate) fn begin(&self, reused: bool) {
        self.sent.store(false, Ordering::Release);
        self.state.store(if reused { ARMED } else { OPEN }, Ordering::Release);
    }

    /// Whether a byte was handed to the system since [`Watch::begin`].
    pub(crate) fn sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }
}

struct Tcp {
    stream: TcpStream,
    watch: Arc<Watch>,
}

impl Tcp {
    /// Open, and nothing to read: anything else (an end, an error, bytes that nobody asked for) is not a
    /// connection to write to.
    fn is_quiet(&self) -> bool {
        let mut byte = [MaybeUninit::<u8>::uninit(); 1];
        let seen = socket2::SockRef::from(&self.stream).peek(&mut byte);
        matches!(seen, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }

    fn before_write(&self) -> io::Result<()> {
        match self.watch.state.load(Ordering::Acquire) {
            OPEN => {}
            ARMED if self.is_quiet() => self.watch.state.store(OPEN, Ordering::Release),
            _ => {
                self.watch.state.store(DEAD, Ordering::Release);
                return Err(io::Error::new(ErrorKind::NotConnected, "closed while idle"));
            }
        }
        self.watch.sent.store(true, Ordering::Release);
        Ok(())
    }
}

/// A connection's transport, plain or encrypted.
pub(crate) struct Socket(Inner);

enum Inner {
    Plain(Tcp),
    Tls(Box<TlsStream<Tcp>>),
}

impl Socket {
    pub(crate) fn plain(stream: TcpStream) -> (Self, Arc<Watch>) {
        let watch = Arc::new(Watch::default());
        (Self(Inner::Plain(Tcp { stream, watch: watch.clone() })), watch)
    }

    pub(crate) async fn tls(
        stream: TcpStream,
        connector: &TlsConnector,
        name: ServerName<'static>,
    ) -> io::Result<(Self, Arc<Watch>)> {
        let watch = Arc::new(Watch::default());
        let tls = connector.connect(name, Tcp { stream, watch: watch.clone() }).await?;
        Ok((Self(Inner::Tls(Box::new(tls))), watch))
    }
}

macro_rules! each {
    ($self:ident, $io:ident => $e:expr) => {
        match &mut $self.get_mut().0 {
            Inner::Plain($io) => {
                let $io = Pin::new($io);
                $e
            }
            Inner::Tls($io) => {
                let $io = Pin::new($io.as_mut());
                $e
            }
        }
    };
}

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.before_write()?;
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.before_write()?;
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, io => io.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, io => io.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::Plain(io) => io.is_write_vectored(),
            Inner::Tls(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, io => io.poll_shutdown(cx))
    }
}
