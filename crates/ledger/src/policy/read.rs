//! The text of a policy file (C2SP tlog-policy, *Policy file syntax and structure*).

use super::{Log, MAX_POLICY_BYTES, MOST, Node, Policy, PolicyError, Witness};
use crate::note::VerifierKey;

/// A line's number, and what stands between its white space. Names are octets.
type Items<'a> = (usize, Vec<&'a [u8]>);

/// The lines that say something.
pub(crate) fn lines(file: &[u8]) -> Result<Vec<Items<'_>>, PolicyError> {
    let fail = |line, problem: &str| Err(PolicyError { line, problem: problem.to_owned() });
    if file.len() > MAX_POLICY_BYTES {
        return fail(0, "the file is larger than 1 MiB");
    }
    let mut out = Vec::new();
    for (line, text) in (1..).zip(file.split(|b| *b == b'\n')) {
        if text.iter().any(|b| !matches!(b, 0x09 | 0x20..=0x7e | 0x80..)) {
            return fail(line, "it has a control character; only tab and newline are allowed (no CR)");
        }
        let items: Vec<_> = text.split(|b| matches!(b, b' ' | b'\t')).filter(|i| !i.is_empty()).collect();
        if items.first().is_some_and(|first| !first.starts_with(b"#")) {
            out.push((line, items));
        }
    }
    Ok(out)
}

pub(super) fn policy(file: &[u8]) -> Result<Policy, PolicyError> {
    let mut reader = Reader::default();
    for (line, items) in lines(file)? {
        reader.line(&items).map_err(|problem| PolicyError { line, problem })?;
    }
    let Reader { logs, witnesses, nodes, quorum, .. } = reader;
    let quorum = quorum.ok_or(PolicyError {
        line: 0,
        problem: "there is no `quorum` line; write `quorum <name>`, or `quorum none`".to_owned(),
    })?;
    Ok(Policy { logs, witnesses, nodes, quorum })
}

#[derive(Default)]
struct Reader<'a> {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    nodes: Vec<Node>,
    /// The name of each node, and whether it is some group's member already.
    names: Vec<(&'a [u8], bool)>,
    quorum: Option<Option<usize>>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, items: &[&'a [u8]]) -> Result<(), String> {
        match items {
            [b"log", key] => self.log(key, None),
            [b"log", key, url] => self.log(key, Some(url)),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, k, members @ ..] if !members.is_empty() => self.group(name, k, members),
            [b"quorum", name] => self.quorum(name),
            [b"log", ..] => Err("write `log <vkey> [<url>]`".to_owned()),
            [b"witness", ..] => Err("write `witness <name> <vkey> [<url>]`".to_owned()),
            [b"group", ..] => Err("write `group <name> all|any|<k> <name>...`".to_owned()),
            [b"quorum", ..] => Err("write `quorum <name>`, or `quorum none`".to_owned()),
            _ => Err("a line begins with `log`, `witness`, `group` or `quorum`".to_owned()),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&&[u8]>) -> Result<(), String> {
        let key = vkey(key)?;
        if !key.algorithm().is_for_logs() {
            return Err(format!("a key of type {} is no log's key", key.algorithm().name()));
        }
        if self.logs.iter().any(|l| l.key.is_duplicate_of(&key)) {
            return Err("this log's key stands in an earlier line".to_owned());
        }
        room(self.logs.len())?;
        self.logs.push(Log { key, url: url.map(|u| shown(u)) });
        Ok(())
    }

    fn witness(&mut self, name: &'a [u8], key: &[u8], url: Option<&&[u8]>) -> Result<(), String> {
        let key = vkey(key)?;
        if !key.algorithm().is_cosignature() {
            return Err(format!(
                "a key of type {} is no witness's key; a witness's is a cosignature key (0x04 or 0x06)",
                key.algorithm().name()
            ));
        }
        if self.witnesses.iter().any(|w| w.key.is_duplicate_of(&key)) {
            return Err("this witness's key stands in an earlier line".to_owned());
        }
        self.define(name, Node::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness { name: shown(name), key, url: url.map(|u| shown(u)) });
        Ok(())
    }

    fn group(&mut self, name: &'a [u8], k: &[u8], members: &[&'a [u8]]) -> Result<(), String> {
        let mut found = Vec::with_capacity(members.len());
        for member in members {
            let at = self.find(member)?;
            let taken = self.names.get_mut(at).is_some_and(|(_, taken)| std::mem::replace(taken, true));
            if taken {
                return Err(format!("`{}` is a group's member already", shown(member)));
            }
            found.push(at);
        }
        let k = match k {
            b"all" => found.len(),
            b"any" => 1,
            digits => number(digits)
                .filter(|k| (1..=found.len()).contains(k))
                .ok_or("the threshold is `all`, `any`, or a number from 1 to that of the members")?,
        };
        self.define(name, Node::Group { k, members: found })
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("there is a `quorum` line already".to_owned());
        }
        self.quorum = Some(if name == b"none" { None } else { Some(self.find(name)?) });
        Ok(())
    }

    fn find(&self, name: &[u8]) -> Result<usize, String> {
        let missing = || format!("no line before this one defines `{}`", shown(name));
        self.names.iter().position(|(n, _)| *n == name).ok_or_else(missing)
    }

    fn define(&mut self, name: &'a [u8], node: Node) -> Result<(), String> {
        if name == b"none" || self.names.iter().any(|(n, _)| *n == name) {
            return Err(format!("the name `{}` is taken", shown(name)));
        }
        room(self.nodes.len() / 2)?;
        self.names.push((name, false));
        self.nodes.push(node);
        Ok(())
    }
}

fn room(have: usize) -> Result<(), String> {
    if have < MOST { Ok(()) } else { Err(format!("more than {MOST} such lines")) }
}

pub(crate) fn vkey(text: &[u8]) -> Result<VerifierKey, String> {
    let text = std::str::from_utf8(text).map_err(|_| "the key is not UTF-8".to_owned())?;
    VerifierKey::from_text(text).map_err(|e| e.to_string())
}

fn number(digits: &[u8]) -> Option<usize> {
    let fine = digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0");
    std::str::from_utf8(digits).ok().filter(|_| fine)?.parse().ok()
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
