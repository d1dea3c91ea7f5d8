//! TLS: a private authority, a stranger's, and the wrong name.

use super::{
    Says, Ticks, Tracked, ask,
    server::{Do, Seen, talk},
    settings,
};
use crate::{Client, UpstreamError};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::{net::SocketAddr, sync::Arc};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

type Pair = (CertificateDer<'static>, PrivateKeyDer<'static>);

/// A certificate for `model.example` that is its own authority.
pub(super) fn authority() -> Pair {
    let made = rcgen::generate_simple_self_signed(vec!["model.example".to_owned()]).unwrap();
    (made.cert.der().clone(), PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into())
}

fn acceptor((certificate, key): Pair) -> tokio_rustls::TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    tokio_rustls::TlsAcceptor::from(Arc::new(config))
}

async fn serve(pair: Pair) -> (SocketAddr, Seen) {
    let acceptor = acceptor(pair);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let out = seen.clone();
    let runtime = tokio::runtime::Handle::current();
    runtime.spawn(async move {
        let ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
        while let Ok((stream, _)) = listener.accept().await {
            // Every second answer ends its connection.
            if let Ok(stream) = acceptor.accept(stream).await {
                seen.0.lock().unwrap().0 += 1;
                talk(
                    stream,
                    vec![Do::Reply(ok), Do::ReplyAndClose(ok), Do::Reply(ok), Do::ReplyAndClose(ok)],
                    seen.clone(),
                )
                .await;
            }
        }
    });
    (address, out)
}

fn client(host: &str, ca: CertificateDer<'static>, address: SocketAddr) -> Client {
    let mut s = settings(&format!("https://{host}:{}", address.port()));
    s.ca = Some(vec![ca]);
    Client::with_resolver(
        vec![s],
        Arc::new(Tracked),
        Arc::new(Ticks::default()),
        Arc::new(Says(vec![address])),
    )
    .unwrap()
}

#[tokio::test]
async fn a_private_authority_works_and_connections_are_reused() {
    let pair = authority();
    let ca = pair.0.clone();
    let (address, seen) = serve(pair).await;
    let client = client("model.example", ca, address);
    for _ in 0..4 {
        assert_eq!(ask(&client).await.unwrap(), b"hi");
    }
    assert_eq!((seen.connections(), seen.requests().len()), (2, 4));
}

#[tokio::test]
async fn a_stranger_gets_nothing() {
    let pair = authority();
    let right = pair.0.clone();
    let (address, seen) = serve(pair).await;
    for c in [client("model.example", authority().0, address), client("other.example", right, address)] {
        assert!(matches!(ask(&c).await, Err(UpstreamError::Tls { .. })));
    }
    assert!(seen.requests().is_empty());
}

#[tokio::test]
async fn an_idle_connection_ends_with_a_word() {
    let pair = authority();
    let (ca, acceptor) = (pair.0.clone(), acceptor(pair));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::runtime::Handle::current().spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut some = [0; 4096];
        assert!(stream.read(&mut some).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await.unwrap();
        // Nothing, and said so: one that breaks off is an error here.
        stream.read(&mut some).await.unwrap()
    });
    let client = client("model.example", ca, address);
    assert_eq!(ask(&client).await.unwrap(), b"hi");
    client.close_idle();
    assert_eq!(serving.await.unwrap(), 0);
}
