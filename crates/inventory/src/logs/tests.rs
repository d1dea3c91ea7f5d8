//! A table for each format, cutting that changes nothing, and hostile logs.

use super::*;
use crate::catalogue::catalogue;

/// who, user, vendor, lookups, connections, requests, up, down, first
type Row = (String, String, &'static str, u64, u64, u64, u64, u64, Option<i64>);

fn run(format: Option<Format>, log: &str) -> (Option<Format>, Counts, Vec<Row>) {
    let mut usage = Usage::default();
    let mut scan = LogScan::new("log", format, 2026, &mut usage);
    scan.push(log.as_bytes()).unwrap();
    let (format, counts) = scan.finish().unwrap();
    (format, counts, rows(&usage))
}

fn rows(usage: &Usage) -> Vec<Row> {
    let hosts = &catalogue().hosts;
    let row = |p: &Pair| {
        let vendor = hosts.row(p.hit).unwrap().vendor;
        (
            p.who.to_string(),
            p.user.to_string(),
            vendor,
            p.lookups,
            p.connections,
            p.requests,
            p.up(),
            p.down(),
            p.first,
        )
    };
    usage.pairs().iter().map(row).collect()
}

fn row(who: &str, user: &str, n: [u64; 5], first: Option<i64>) -> Row {
    (who.into(), user.into(), "OpenAI", n[0], n[1], n[2], n[3], n[4], first)
}

/// 2026-11-25T10:00:00Z.
const TEN: i64 = 1_795_600_800_000;

#[test]
fn each_format_is_told_and_read() {
    let zeek_ssl = "#separator \\x09\n#path\tssl\n#fields\tts\tuid\tid.orig_h\tid.resp_h\tserver_name\n1795600800.000000\tC1\t10.0.0.5\t1.2.3.4\tapi.openai.com\n1795600801.0\tC2\t10.0.0.5\t1.2.3.4\t-\n";
    let zeek_dns = "#separator \\x09\n#path\tdns\n#fields\tts\tuid\tid.orig_h\tquery\n1795600800.0\tC1\t10.0.0.5\tapi.openai.com\n";
    let zeek_http = "#separator \\x09\n#path\thttp\n#fields\tts\tuid\tid.orig_h\thost\turi\tusername\trequest_body_len\tresponse_body_len\n1795600800.0\tC1\t10.0.0.5\tapi.openai.com:80\t/v1/x\tann\t100\t2000\n";
    let one = [0, 0, 1, 0, 0];
    let cases: Vec<(&str, String, Row)> = vec![
        ("zeek-tsv", zeek_ssl.into(), row("10.0.0.5", "", [0, 1, 0, 0, 0], Some(TEN))),
        ("zeek-tsv", zeek_dns.into(), row("10.0.0.5", "", [1, 0, 0, 0, 0], Some(TEN))),
        ("zeek-tsv", zeek_http.into(), row("10.0.0.5", "ann", [0, 0, 1, 100, 2000], Some(TEN))),
        ("zeek-json", r#"{"_path":"ssl","ts":"2026-11-25T10:00:00.000000Z","uid":"C","id.orig_h":"10.0.0.5","server_name":"api.openai.com"}"#.into(), row("10.0.0.5", "", [0, 1, 0, 0, 0], Some(TEN))),
        ("zeek-json", r#"{"ts":1795600800.0,"uid":"C","id.orig_h":"10.0.0.5","query":"api.openai.com","qtype_name":"A"}"#.into(), row("10.0.0.5", "", [1, 0, 0, 0, 0], Some(TEN))),
        ("suricata", r#"{"timestamp":"2026-11-25T05:00:00.000000-0500","flow_id":7,"event_type":"tls","src_ip":"10.0.0.5","tls":{"sni":"api.openai.com"}}"#.into(), row("10.0.0.5", "", [0, 1, 0, 0, 0], Some(TEN))),
        ("suricata", r#"{"timestamp":"2026-11-25T10:00:00.000000+0000","event_type":"dns","src_ip":"10.0.0.5","dns":{"version":3,"type":"request","queries":[{"rrname":"api.openai.com"}]}}"#.into(), row("10.0.0.5", "", [1, 0, 0, 0, 0], Some(TEN))),
        ("suricata", r#"{"event_type":"http","src_ip":"10.0.0.5","http":{"hostname":"api.openai.com","url":"/v1","length":9}}"#.into(), row("10.0.0.5", "", [0, 0, 1, 0, 9], None)),
        ("squid", "1795600800.000    310 10.0.0.5 TCP_TUNNEL/200 4321 CONNECT api.openai.com:443 ann HIER_DIRECT/1.2.3.4 -".into(), row("10.0.0.5", "ann", [0, 0, 1, 0, 4321], Some(TEN))),
        ("combined", r#"10.0.0.5 - ann [25/Nov/2026:11:00:00 +0100] "CONNECT api.openai.com:443 HTTP/1.1" 200 77 "-" "curl/8""#.into(), row("10.0.0.5", "ann", [0, 0, 1, 0, 77], Some(TEN))),
        ("dnsmasq", "Nov 25 10:00:00 gw dnsmasq[512]: query[A] api.openai.com from 10.0.0.5".into(), row("10.0.0.5", "", [1, 0, 0, 0, 0], Some(TEN))),
        ("coredns", r#"[INFO] 10.0.0.5:43210 - 12345 "A IN api.openai.com. udp 41 false 512" NOERROR qr,rd,ra 100 0.01s"#.into(), row("10.0.0.5", "", [1, 0, 0, 0, 0], None)),
        ("coredns", r#"2026-11-25T10:00:00Z [INFO] [fd00::5]:43210 - 12345 "AAAA IN api.openai.com. udp 41 false 512" NOERROR qr 100 0.01s"#.into(), row("fd00::5", "", [1, 0, 0, 0, 0], Some(TEN))),
        ("bind", "25-Nov-2026 10:00:00.000 queries: info: client @0x7f3c 10.0.0.5#4321 (api.openai.com): query: api.openai.com IN A +E(0)K (10.0.0.1)".into(), row("10.0.0.5", "", [1, 0, 0, 0, 0], Some(TEN))),
        ("route53", r#"{"srcaddr":"10.0.0.5","query_name":"api.openai.com.","srcids":{"instance":"i-1"},"query_timestamp":"2026-11-25T10:00:00Z"}"#.into(), row("10.0.0.5", "i-1", [1, 0, 0, 0, 0], Some(TEN))),
        ("csv", "time,src_ip,domain,bytes_sent,bytes_received\n2026-11-25 10:00:00,10.0.0.5,api.openai.com,5,6\n".into(), row("10.0.0.5", "", [0, 0, 1, 5, 6], Some(TEN))),
        ("csv", "\"User\",\"URL\",\"Client_IP\"\n\"o\"\"neil, ann\",\"https://u:p@api.openai.com:443/v1?x=\"\"y\"\"\",10.0.0.5\n".into(), row("10.0.0.5", "o\"neil, ann", one, None)),
    ];
    for (format, log, want) in cases {
        let (told, counts, got) = run(None, &log);
        assert_eq!(told.as_ref().map(Format::name), Some(format), "{log}");
        assert_eq!(got, std::slice::from_ref(&want), "{log}");
        assert_eq!(counts.unreadable, 0, "{log}");
        // Named, the same.
        let (_, _, got) = run(Some(Format::from_name(format).unwrap()), &log);
        assert_eq!(got, [want], "named: {log}");
    }
}

#[test]
fn flows_give_their_bytes_once() {
    let mut usage = Usage::default();
    let ssl = "#path\tssl\n#fields\tts\tuid\tid.orig_h\tserver_name\n1.0\tC1\t10.0.0.5\tapi.openai.com\n";
    let conn = "#path\tconn\n#fields\tts\tuid\tid.orig_h\torig_bytes\tresp_bytes\n1.0\tC1\t10.0.0.5\t10\t20\n1.0\tC1\t10.0.0.5\t10\t20\n1.0\tC9\t10.0.0.5\t1\t-\n";
    for log in [ssl, conn] {
        let mut scan = LogScan::new("l", Some(Format::ZeekTsv), 2026, &mut usage);
        scan.push(log.as_bytes()).unwrap();
        scan.finish().unwrap();
    }
    assert_eq!(rows(&usage), [row("10.0.0.5", "", [0, 1, 0, 10, 20], Some(1000))]);

    let palo = concat!(
        "Nov 25 10:00:00 fw 1,2026/11/25 10:00:00,001,THREAT,url,1,2026/11/25 10:00:00,10.0.0.5,1.2.3.4,0.0.0.0,0.0.0.0,rule,corp\\ann,,ssl,vsys1,in,out,a,b,Log,x,77,1,50000,443,0,0,0x0,tcp,alert,\"api.openai.com/v1,a\",9999,computer,info\n",
        "Nov 25 10:00:05 fw 1,2026/11/25 10:00:05,001,TRAFFIC,end,1,2026/11/25 10:00:05,10.0.0.5,1.2.3.4,0.0.0.0,0.0.0.0,rule,corp\\ann,,ssl,vsys1,in,out,a,b,Log,x,77,1,50000,443,0,0,0x0,tcp,allow,30,10,20,5\n",
    );
    let (format, _, got) = run(None, palo);
    assert_eq!(format, Some(Format::PaloAlto));
    assert_eq!(got, [row("10.0.0.5", "corp\\ann", [0, 0, 1, 10, 20], Some(TEN))]);

    let eve = "{\"event_type\":\"tls\",\"flow_id\":5,\"src_ip\":\"10.0.0.5\",\"tls\":{\"sni\":\"api.openai.com\"}}\n{\"event_type\":\"flow\",\"flow_id\":5,\"src_ip\":\"10.0.0.5\",\"flow\":{\"bytes_toserver\":3,\"bytes_toclient\":4}}\n";
    assert_eq!(run(None, eve).2, [row("10.0.0.5", "", [0, 1, 0, 3, 4], None)]);
}

#[test]
fn any_cutting_reads_the_same() {
    let log = "#separator \\x09\r\n#path\tssl\r\n#fields\tts\tuid\tid.orig_h\tserver_name\r\n1.0\tC1\t10.0.0.5\tapi.openai.com\r\n2.0\tC2\t10.0.0.6\tclaude.ai";
    let (_, counts, whole) = run(None, log);
    assert_eq!(whole.len(), 2);
    for size in 1..40 {
        let mut usage = Usage::default();
        let mut scan = LogScan::new("log", None, 2026, &mut usage);
        for chunk in log.as_bytes().chunks(size) {
            scan.push(chunk).unwrap();
        }
        assert_eq!(scan.finish().unwrap().1, counts);
        assert_eq!(rows(&usage), whole);
    }
}

#[test]
fn hostile_logs_end_cleanly() {
    let mut usage = Usage::default();
    let mut scan = LogScan::new("log", Some(Format::Squid), 2026, &mut usage);
    let chunk = vec![b'a'; 1 << 16];
    for _ in 0..100 {
        scan.push(&chunk).unwrap();
    }
    scan.push(b"\n1795600800.000 1 10.0.0.5 TCP/200 1 GET http://api.openai.com/ - X/- -\n").unwrap();
    let (_, counts) = scan.finish().unwrap();
    assert_eq!((counts.too_long, counts.hits), (1, 1));

    let deep = format!("{{\"event_type\":{}1{}}}\n", "[".repeat(200_000), "]".repeat(200_000));
    assert_eq!(run(Some(Format::Suricata), &deep).1.unreadable, 1);
    assert_eq!(run(Some(Format::ZeekTsv), "a\tb\n\u{0}\n").1.unreadable, 2);
    assert_eq!(run(None, "").1, Counts::default());

    let mut usage = Usage::default();
    let mut scan = LogScan::new("log", None, 2026, &mut usage);
    let _ = scan.push("nothing that tells\n".repeat(300).as_bytes());
    assert_eq!(scan.finish(), Err(LogError::Unknown));
}

#[test]
fn clients_are_capped_and_counted() {
    let mut usage = Usage::of(100);
    let place: std::sync::Arc<str> = "log".into();
    for n in 0..100 + 10 {
        let who = n.to_string();
        usage.take(&Event::new(Seen::Lookup, &who, "api.openai.com"), &place, 1, 2026);
    }
    assert!(usage.pairs().len() <= 100 + 1);
    let others: Vec<_> = usage.pairs().iter().filter(|p| &*p.who == usage::OTHERS).collect();
    assert_eq!(others.len(), 1);
    assert_eq!(others[0].lookups, usage.beyond);
    assert_eq!(usage.pairs().iter().map(|p| p.lookups).sum::<u64>(), 100_u64 + 10);
}

#[test]
fn column_maps() {
    let map = ColumnMap::parse("who=2,host=3,up=4").unwrap();
    let (_, _, got) = run(Some(Format::Csv(map)), "x,10.0.0.5,api.openai.com,9\n");
    assert_eq!(got, [row("10.0.0.5", "", [0, 0, 1, 9, 0], None)]);
    assert_eq!(ColumnMap::parse("who=a"), Err(ColumnMapError::Incomplete));
    assert_eq!(ColumnMap::parse("who"), Err(ColumnMapError::NoPair("who".into())));
    assert_eq!(ColumnMap::parse("whom=a"), Err(ColumnMapError::NoPart("whom".into())));
    assert!(ColumnMap::from_heading("a,b,c").is_none());
}
