use super::*;

fn krate(name: &str, dependencies: &[&str]) -> Crate {
    Crate { name: name.to_owned(), dependencies: dependencies.iter().map(|d| (*d).to_owned()).collect() }
}

fn check(name: &str, dependencies: &[&str], findings: usize) {
    let found = arrows(&[krate(name, dependencies)]);
    assert_eq!(found.len(), findings, "{name} {dependencies:?}: {found:?}");
}

#[test]
fn arrows_go_one_way() {
    check("cordon-wire", &["cordon-types", "bytes"], 0);
    check("cordon-wire", &["cordon-detect"], 1);
    check("cordon-types", &["cordon-wire"], 1);
    check("cordon-policy", &["cordon-detect"], 1);
    check("cordon-proxy", &["cordon-store", "cordon-api"], 2);
    check("cordon-pipeline", &["cordon-proxy"], 1);
    check("cordon-app", &["cordon-testkit"], 1);
    check("cordon-new", &[], 1);
}

#[test]
fn reserved_crates_stay_with_their_owners() {
    check("cordon-policy", &["cedar-policy"], 0);
    check("cordon-pipeline", &["cedar-policy", "tokio"], 2);
    check("cordon-store", &["rusqlite"], 0);
    check("cordon-app", &["rusqlite"], 1);
    check("cordon-app", &["tokio", "hyper", "rustls"], 0);
    check("xtask", &["anyhow"], 0);
    check("cordon-wire", &["anyhow", "reqwest"], 2);
}

#[test]
fn the_table_has_no_cycle_and_every_name_in_it_is_a_row() {
    for row in TABLE {
        for name in row.may {
            let other = TABLE.iter().find(|r| r.package == *name).unwrap();
            assert!(!other.may.contains(&row.package), "{} and {name} point at each other", row.package);
            assert!(!row.pure || other.pure, "{} is pure and depends on {name}, which is not", row.package);
        }
    }
}

fn reached(code: &str, expected: &[&str]) {
    let found: Vec<String> = reaches(&scan::code(code)).into_iter().map(|(_, what)| what).collect();
    assert_eq!(found, expected, "{code}");
}

#[test]
fn reaching_out_is_seen_however_it_is_written() {
    reached("use std::fs;", &["std::fs"]);
    reached("use std::{fmt, fs::File};", &["std::fs"]);
    reached("let x = std::env::var(\"A\");", &["std::env"]);
    reached("use std::net::TcpStream;", &["std::net"]);
    reached("use std::net;", &["std::net"]);
    reached("use std::net::{IpAddr, TcpListener};", &["std::net"]);
    reached("use std::{net::{IpAddr, UdpSocket}, fmt};", &["std::net"]);
    reached("use ::std::process::Command;", &["std::process"]);
    reached("tokio::spawn(f)", &["tokio"]);
    reached("std::time::Instant::now()", &["Instant::now"]);
}

#[test]
fn addresses_words_in_texts_and_other_names_are_free() {
    reached("use std::net::IpAddr;", &[]);
    reached("use std::net::{IpAddr, Ipv4Addr, SocketAddr};", &[]);
    reached("std::net::Ipv4Addr::LOCALHOST", &[]);
    reached("use std::{net::{IpAddr}, fmt};", &[]);
    reached("// std::fs\n\"std::fs\"", &[]);
    reached("env!(\"CARGO_PKG_VERSION\"); use std::fmt; mod tokio_like {}", &[]);
}
