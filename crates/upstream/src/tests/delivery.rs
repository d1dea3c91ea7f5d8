//! Receivers of the operator's own: what they get, when it counts as taken, and where nothing goes.

use super::{Ticks, Tracked, post, read, settings};
use crate::{AuthStyle, Delivery, Line, Settings, UpstreamError};
use http::HeaderValue;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UdpSocket},
};

async fn listener() -> (TcpListener, Settings) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings(&format!("http://{}", listener.local_addr().unwrap()));
    settings.credential = None;
    settings.auth = AuthStyle::None;
    (listener, settings)
}

async fn all(mut peer: TcpStream) -> (TcpStream, Vec<u8>) {
    let mut taken = Vec::new();
    peer.read_to_end(&mut taken).await.unwrap();
    (peer, taken)
}

#[tokio::test]
async fn a_stream_is_taken_when_the_other_side_has_read_it_all_and_closed() {
    let (listener, settings) = listener().await;
    let line = Line::new(&settings, Arc::new(Tracked)).unwrap();
    let text = vec![b'x'; 300_000];
    let (sent, taken) = tokio::join!(line.stream(&text), async {
        let (peer, taken) = all(listener.accept().await.unwrap().0).await;
        drop(peer);
        taken
    });
    sent.unwrap();
    assert_eq!(taken, text);
}

#[tokio::test]
async fn a_stream_is_not_taken_by_one_who_goes_or_stays_silent() {
    let (listener, settings) = listener().await;
    // Never closes.
    let impatient = Settings { idle: Duration::from_millis(200), ..settings.clone() };
    let line = Line::new(&impatient, Arc::new(Tracked)).unwrap();
    let (sent, _peer) =
        tokio::join!(line.stream(b"x"), async { all(listener.accept().await.unwrap().0).await });
    assert_eq!(sent, Err(UpstreamError::TimeoutIdle { limit_ms: 200 }));
    let line = Line::new(&settings, Arc::new(Tracked)).unwrap();
    // Goes while bytes are unread: the system resets the connection.
    let text = vec![b'x'; 4_000_000];
    let (sent, ()) = tokio::join!(line.stream(&text), async { drop(listener.accept().await.unwrap()) });
    assert!(matches!(sent, Err(UpstreamError::Reset { .. })), "{sent:?}");
    // Nobody there.
    drop(listener);
    assert!(matches!(line.stream(b"x").await, Err(UpstreamError::Connect { .. })));
}

#[tokio::test]
async fn datagrams_go_one_by_one() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(&format!("http://{}", socket.local_addr().unwrap()));
    let line = Line::new(&settings, Arc::new(Tracked)).unwrap();
    line.datagrams(&[b"one".to_vec(), b"two".to_vec()]).await.unwrap();
    for expected in ["one", "two"] {
        let mut bytes = [0; 16];
        let n = socket.recv(&mut bytes).await.unwrap();
        assert_eq!(&bytes[..n], expected.as_bytes());
    }
}

#[tokio::test]
async fn an_authorization_made_for_the_request_goes_with_it_and_no_other() {
    let (listener, settings) = listener().await;
    let delivery = Delivery::new(&settings, Arc::new(Tracked), Arc::new(Ticks::default())).unwrap();
    let mut request = post("{}");
    request.headers.insert("authorization", HeaderValue::from_static("Bearer of-somebody"));
    request.headers.insert("cookie", HeaderValue::from_static("a=b"));
    let signed = Some(HeaderValue::from_static("AWS4-HMAC-SHA256 signature"));
    let (answer, head) = tokio::join!(delivery.send(request, signed), async {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut head = vec![0; 4096];
        let n = peer.read(&mut head).await.unwrap();
        peer.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        String::from_utf8(head[..n].to_vec()).unwrap()
    });
    assert_eq!(read(answer.unwrap()).await.unwrap(), b"ok");
    assert!(head.contains("AWS4-HMAC-SHA256 signature"), "{head}");
    assert!(!head.contains("of-somebody") && !head.contains("a=b"), "{head}");
}

#[tokio::test]
async fn metadata_addresses_stay_refused() {
    for address in ["169.254.169.254", "[fd00:ec2::254]", "169.254.1.1"] {
        let settings = settings(&format!("http://{address}:80"));
        let line = Line::new(&settings, Arc::new(Tracked)).unwrap();
        let refused = |sent: Result<(), UpstreamError>| {
            assert!(matches!(sent, Err(UpstreamError::AddressRefused { .. })), "{address}: {sent:?}");
        };
        refused(line.stream(b"x").await);
        refused(line.datagrams(&[b"x".to_vec()]).await);
        let delivery = Delivery::new(&settings, Arc::new(Tracked), Arc::new(Ticks::default())).unwrap();
        refused(delivery.send(post("{}"), None).await.map(|_| ()));
    }
}

#[tokio::test]
async fn an_encrypted_stream_names_no_protocol_and_trusts_the_authority_given() {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![made.cert.der().clone()],
            rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut s = settings(&format!("https://{}", listener.local_addr().unwrap()));
    // Without the authority it is a stranger.
    let line = Line::new(&Settings { ca: Some(vec![stranger()]), ..s.clone() }, Arc::new(Tracked)).unwrap();
    let (sent, _) = tokio::join!(line.stream(b"x"), async {
        acceptor.accept(listener.accept().await.unwrap().0).await.err()
    });
    assert!(matches!(sent, Err(UpstreamError::Tls { .. })), "{sent:?}");
    s.ca = Some(vec![made.cert.der().clone()]);
    let line = Line::new(&s, Arc::new(Tracked)).unwrap();
    let (sent, (taken, protocol)) = tokio::join!(line.stream(b"a message"), async {
        let mut peer = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut taken = Vec::new();
        peer.read_to_end(&mut taken).await.unwrap();
        let protocol = peer.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        peer.shutdown().await.unwrap();
        (taken, protocol)
    });
    sent.unwrap();
    assert_eq!((taken.as_slice(), protocol), (b"a message".as_slice(), None));
}

fn stranger() -> rustls_pki_types::CertificateDer<'static> {
    super::tls::authority().0
}
