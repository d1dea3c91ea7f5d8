//! Which addresses are connected to.

use super::{
    Says, Ticks, Tracked, ask, id,
    server::{Do, serve},
    settings,
};
use crate::{AddressClass as C, AuthStyle, Client, Settings, UpstreamError, address::permitted, classify};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

#[test]
fn every_range_by_name() {
    let check = |ip: &str, class: C| assert_eq!(classify(ip.parse().unwrap()), class, "{ip}");
    for (v4, class) in [
        ("8.8.8.8", C::Public),
        ("172.32.0.1", C::Public),
        ("100.128.0.1", C::Public),
        ("10.1.2.3", C::Private),
        ("172.31.255.255", C::Private),
        ("192.168.0.1", C::Private),
        ("127.9.9.9", C::Loopback),
        ("169.254.169.254", C::Metadata),
        ("169.254.1.1", C::LinkLocal),
        ("100.64.0.1", C::Shared),
        ("100.100.100.200", C::Metadata),
        ("168.63.129.16", C::Metadata),
        ("0.0.0.0", C::Unspecified),
        ("0.1.2.3", C::Unspecified),
        ("192.0.2.1", C::Documentation),
        ("198.18.0.1", C::Benchmarking),
        ("224.0.0.1", C::Multicast),
        ("255.255.255.255", C::Reserved),
        ("192.0.0.1", C::Reserved),
    ] {
        check(v4, class);
        let [a, b, c, d] = v4.parse::<Ipv4Addr>().unwrap().octets();
        let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        for carrier in [
            format!("::ffff:{v4}"),
            format!("64:ff9b::{v4}"),
            format!("::ffff:0:{v4}"),
            format!("64:ff9b:1::{v4}"),
            format!("2002:{high:x}:{low:x}::1"),
            format!("2001:4860::5efe:{v4}"),
            format!("2001:4860::200:5efe:{v4}"),
            format!("64:ff9b:1:{high:x}:{:x}:{:x}::", low >> 8, low << 8),
        ] {
            // A carrier whose address part is all zeros may be another special address; it is never better.
            let got = classify(carrier.parse().unwrap());
            assert!(got == class || got > C::Public && class != C::Public, "{carrier}: {got:?}");
            assert_eq!(got == C::Public, class == C::Public, "{carrier}");
        }
        let teredo = format!("2001:0:808:808:0:0:{:x}:{:x}", !high, !low);
        assert!(classify(teredo.parse().unwrap()) >= class.max(C::Reserved).min(C::Metadata), "{teredo}");
    }
    for (v6, class) in [
        ("::1", C::Loopback),
        ("::", C::Unspecified),
        ("fe80::1", C::LinkLocal),
        ("fd12::1", C::Private),
        ("fd00:ec2::254", C::Metadata),
        ("ff02::1", C::Multicast),
        ("2001:db8::1", C::Documentation),
        ("2001:2::1", C::Benchmarking),
        ("2606:4700::1111", C::Public),
        ("100::1", C::Reserved),
        ("4000::1", C::Reserved),
        ("fec0::1", C::Reserved),
        ("::7f00:1", C::Loopback),
    ] {
        check(v6, class);
    }
}

#[test]
fn what_an_operator_can_open() {
    let net = |s: &str| vec![s.parse().unwrap()];
    let check = |ip: &str, private: bool, allow: &[ipnet::IpNet], ok: bool| {
        assert_eq!(permitted(ip.parse().unwrap(), private, allow).is_ok(), ok, "{ip} {private} {allow:?}");
    };
    check("8.8.8.8", false, &[], true);
    check("10.0.0.1", false, &[], false);
    check("10.0.0.1", true, &[], true);
    check("::ffff:10.0.0.1", false, &net("10.0.0.0/8"), true);
    check("169.254.169.254", true, &[], false);
    check("::ffff:169.254.169.254", true, &[], false);
    check("fd00:ec2::254", true, &[], false);
    check("169.254.169.254", true, &net("169.254.0.0/16"), true);
    check("100.64.0.1", true, &[], false);
    check("0.0.0.0", true, &[], false);
}

fn named(s: Settings, addresses: Vec<SocketAddr>) -> Result<Client, UpstreamError> {
    Client::with_resolver(vec![s], Arc::new(Tracked), Arc::new(Ticks::default()), Arc::new(Says(addresses)))
}

#[tokio::test]
async fn one_inner_address_refuses_the_name() {
    let (address, seen) = serve(vec![Do::Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")]).await;
    let mut s = settings("http://model.example");
    s.auth = AuthStyle::None;
    s.credential = None;
    let both = vec![address, SocketAddr::new(IpAddr::from([169, 254, 169, 254]), 80)];
    let e = ask(&named(s.clone(), both).unwrap()).await.unwrap_err();
    assert_eq!(e.name(), "address_refused");
    assert_eq!(e.public(), "the model's provider cannot be reached; try again later");
    ask(&named(s.clone(), vec![address]).unwrap()).await.unwrap();
    s.allow_private = false;
    assert_eq!(ask(&named(s, vec![address]).unwrap()).await.unwrap_err().name(), "address_refused");
    assert_eq!(seen.connections(), 1);
}

#[tokio::test]
async fn a_credential_does_not_cross_the_open_network_in_the_clear() {
    let mut s = settings("http://model.example");
    let e = ask(&named(s.clone(), vec!["8.8.8.8:80".parse().unwrap()]).unwrap()).await.unwrap_err();
    assert_eq!(e.name(), "address_refused");
    s.allow_private = false;
    assert_eq!(named(s, vec![]).err().unwrap().name(), "settings");
    let shown = format!("{:?}", settings("https://model.example"));
    assert!(!shown.contains("sk-canary"), "{shown}");
    let _ = id();
}

#[tokio::test]
async fn the_next_address_is_tried() {
    let (address, _) = serve(vec![Do::Reply(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")]).await;
    let dead = "127.0.0.1:1".parse().unwrap();
    let client = named(settings("http://model.example"), vec![dead, address]).unwrap();
    assert_eq!(ask(&client).await.unwrap(), b"hi");
}
