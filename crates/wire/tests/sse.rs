//! Framing: tables, and any cutting of the transport.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use cordon_wire::{Frame, SseReader, WireCode};
use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

/// Frames, and the code of the error that ended them.
fn read(chunks: &[&[u8]], cap: usize) -> (Vec<Frame>, Option<WireCode>) {
    let mut reader = SseReader::new(cap);
    let mut frames = Vec::new();
    for chunk in chunks {
        reader.push(chunk);
        loop {
            match reader.next() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(e) => return (frames, Some(e.code)),
            }
        }
    }
    (frames, reader.finish().err().map(|e| e.code))
}

fn check(input: &str, expected: &[(Option<&str>, &str)], error: Option<WireCode>) {
    let (frames, failed) = read(&[input.as_bytes()], 1 << 20);
    let got: Vec<_> =
        frames.iter().map(|f| (f.event.as_deref(), std::str::from_utf8(&f.data).unwrap())).collect();
    assert_eq!(got, expected, "{input:?}");
    assert_eq!(failed, error, "{input:?}");
}

#[test]
fn line_ends_and_fields() {
    check("data: a\n\ndata:b\n\n", &[(None, "a"), (None, "b")], None);
    check("data: a\r\n\r\ndata: b\r\n\r\n", &[(None, "a"), (None, "b")], None);
    check("data: a\r\rdata: b\r\r", &[(None, "a"), (None, "b")], None);
    check("\u{feff}data: a\n\n", &[(None, "a")], None);
    check("data:  two spaces\n\n", &[(None, " two spaces")], None);
    check("event: x\ndata: a\ndata: b\ndata\n\n", &[(Some("x"), "a\nb\n")], None);
    check(": ping\n\ndata: a\n\n", &[(None, ""), (None, "a")], None);
    check("\n\n\ndata: a\n\n\n\n", &[(None, "a")], None);
    check("id: 7\nretry: 5\ndata: a\n\n", &[(None, "a")], None);
    check("", &[], None);
}

#[test]
fn what_is_refused() {
    check("data: a", &[], Some(WireCode::BadStream));
    check("data: a\n", &[], Some(WireCode::BadStream));
    check("data: a\n\ndata: b\n", &[(None, "a")], Some(WireCode::BadStream));
    check("note: a\n\n", &[], Some(WireCode::BadStream));
    check("event: a\nevent: b\ndata: c\n\n", &[], Some(WireCode::BadStream));
    check(" data: a\n\n", &[], Some(WireCode::BadStream));
}

#[test]
fn asides_are_told_and_a_comment_is_one() {
    let (frames, _) = read(&[b": ping\nid: 7\n\n: note\ndata: a\n\ndata:\n\n"], 1 << 20);
    assert_eq!(frames.iter().map(Frame::is_comment).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(frames[0].aside, "ping\n7");
    assert_eq!(frames[1].aside, "note");
}

#[test]
fn a_frame_has_a_cap_whatever_the_cutting() {
    let long = format!("data: a\n\ndata: {}\n\n", "x".repeat(90));
    let pieces: Vec<&[u8]> = long.as_bytes().chunks(1).collect();
    for chunks in [&[long.as_bytes()][..], &pieces] {
        let (frames, error) = read(chunks, 64);
        assert_eq!((frames.len(), error), (1, Some(WireCode::TooMany)));
    }
    // Without a line end, too.
    assert_eq!(read(&[&[b'x'; 65]], 64).1, Some(WireCode::TooMany));
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("data: ".to_owned()),
        Just("event: x".to_owned()),
        Just(": c".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("\n".to_owned()),
        Just("\n\n".to_owned()),
        Just("\r".to_owned()),
        Just("\r\n".to_owned()),
        Just("\r\n\r\n".to_owned()),
        "[a-c:é]{0,4}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|p| p.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_frames(bytes in stream(), cuts in proptest::collection::vec(any::<u8>(), 0..20), cap in 8usize..80) {
        let whole = read(&[&bytes], cap);
        let mut at: Vec<usize> = cuts.iter().map(|c| usize::from(*c) % (bytes.len() + 1)).collect();
        at.extend([0, bytes.len()]);
        at.sort_unstable();
        let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        prop_assert_eq!(&read(&pieces, cap), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&read(&single, cap), &whole);
        let raw: Vec<u8> = whole.0.iter().flat_map(|f| f.raw.to_vec()).collect();
        prop_assert_eq!(&raw[..], &bytes[..raw.len()]);
    }
}
