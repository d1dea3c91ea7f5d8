//! The note about one service that is not approved: why not, what instead, whom to ask. For a block page, a mail, a
//! report.
//!
//! What always holds: the service comes from the catalogue and the texts from the operator's file; each format escapes
//! both, as its own rules ask; HTML has no script, no style and no remote resource. The digest is of the plain text
//! without a link, so it is the same in all formats.

use crate::asset::{AssetId, AssetKind, slug};
use crate::catalogue::{ServiceKind, catalogue};
use crate::declared::{Declared, Status};
use crate::offer::{Offer, find};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The service's key.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Why it may not be used, a sentence or two each.
    pub why: Vec<String>,
    /// What to use instead.
    pub instead: Option<String>,
    /// Whom to ask.
    pub contact: Option<String>,
    /// Where to say that one read it.
    pub link: Option<String>,
}

/// Whether the catalogue has a service of that key.
#[must_use]
pub fn is_known(key: &str) -> bool {
    !kinds(key).1.is_empty()
}

/// The name and the kinds of a service of the catalogue.
fn kinds(key: &str) -> (&'static str, BTreeSet<ServiceKind>) {
    let rows =
        catalogue().hosts.rows().iter().filter(|r| r.kind != ServiceKind::Mcp && slug(r.vendor) == key);
    rows.fold(("", BTreeSet::new()), |(_, mut kinds), row| {
        kinds.insert(row.kind);
        (row.vendor, kinds)
    })
}

const fn what(kind: ServiceKind) -> &'static str {
    match kind {
        ServiceKind::Api => "an API of models",
        ServiceKind::Chat => "an application to talk to a model",
        ServiceKind::Coding => "a coding assistant",
        ServiceKind::Agent => "a platform for agents",
        ServiceKind::Image => "a maker of images, sound or video",
        ServiceKind::Mcp => "a tool server",
        ServiceKind::Productivity => "an application with AI in it",
        ServiceKind::Local => "software to run models with",
    }
}

impl Note {
    /// The note about the service of that key or name; none where the catalogue has no such service, or it is approved.
    #[must_use]
    pub fn about(service: &str, declared: &[Declared], offers: &[Offer]) -> Option<Self> {
        let key = slug(service);
        let (name, kinds) = kinds(&key);
        if kinds.is_empty() {
            return None;
        }
        let id = AssetId { kind: AssetKind::Service, key };
        let own = declared
            .iter()
            .filter(|d| d.means(&id, name))
            .max_by_key(|d| (d.is_one(), d.status == Status::Forbidden));
        if own.is_some_and(|d| d.status == Status::Approved) {
            return None;
        }
        let sorts: Vec<&str> = kinds.iter().map(|k| k.name()).collect();
        let offer = find(offers, &id.key, name, &sorts);
        let all: Vec<&str> = kinds.into_iter().map(what).collect();
        let standing = if own.is_some() { "It is forbidden here." } else { "It is not approved here." };
        let mut why = vec![format!("{name} is {}. {standing}", all.join(", and "))];
        why.extend(offer.and_then(|o| o.why.clone()));
        Some(Self {
            name: name.to_owned(),
            why,
            instead: own.and_then(|d| d.instead.clone()).or_else(|| offer.map(|o| o.offer.clone())),
            contact: offer.and_then(|o| o.contact.clone()),
            link: None,
            key: id.key,
        })
    }

    fn title(&self) -> String {
        format!("Please do not use {} for work", self.name)
    }

    /// Headings and what stands below them.
    fn parts(&self) -> Vec<(&'static str, Vec<&str>)> {
        let instead = self.instead.as_deref().unwrap_or("Nothing is named yet; please ask.");
        let contact = self.contact.as_deref().unwrap_or("Those who run your AI gateway.");
        vec![
            ("Why not", self.why.iter().map(String::as_str).collect()),
            ("What to use instead", vec![instead]),
            ("Whom to ask", vec![contact]),
        ]
    }

    /// As plain text, without the link: what a digest is of.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = format!("{}\n", self.title());
        for (heading, lines) in self.parts() {
            let _ = write!(out, "\n{heading}\n");
            for line in lines {
                let _ = writeln!(out, "  {line}");
            }
        }
        out
    }

    /// As a mail's subject and text (RFC 5322), to be handed to a mail program, which adds to whom.
    #[must_use]
    pub fn mail(&self) -> String {
        // SECURITY: a line break would begin a header of its own. Names and texts hold none; this makes sure.
        let subject: String = self.title().chars().filter(|c| !c.is_control()).collect();
        let link = self.link_line().map_or_else(String::new, |l| format!("\n{l}\n"));
        let text = format!(
            "Subject: {subject}\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\
             Content-Transfer-Encoding: 8bit\n\n{}{link}",
            self.text()
        );
        text.replace('\n', "\r\n")
    }

    /// As plain text with the link.
    #[must_use]
    pub fn plain(&self) -> String {
        let link = self.link_line().map_or_else(String::new, |l| format!("\n{l}\n"));
        format!("{}{link}", self.text())
    }

    fn link_line(&self) -> Option<String> {
        self.link.as_ref().map(|link| format!("Say that you read this: {link}"))
    }

    /// As Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut out = format!("# {}\n", marked(&self.title()));
        for (heading, lines) in self.parts() {
            let _ = write!(out, "\n## {heading}\n");
            for line in lines {
                let _ = write!(out, "\n{}\n", marked(line));
            }
        }
        if let Some(link) = &self.link {
            let _ = write!(out, "\n<{link}>\n");
        }
        out
    }

    /// As a page of its own.
    #[must_use]
    pub fn html(&self) -> String {
        let title = escaped(&self.title());
        let mut body = format!("<h1>{title}</h1>\n");
        for (heading, lines) in self.parts() {
            let _ = writeln!(body, "<h2>{heading}</h2>");
            for line in lines {
                let _ = writeln!(body, "<p>{}</p>", escaped(line));
            }
        }
        if let Some(link) = &self.link {
            let link = escaped(link);
            let _ = writeln!(body, "<p><a href=\"{link}\" rel=\"noreferrer\">Say that you read this</a></p>");
        }
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; base-uri 'none'; \
             form-action 'none'\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n</head>\n\
             <body>\n<main>\n{body}</main>\n</body>\n</html>\n"
        )
    }
}

/// As HTML's text and attributes in double quotes take it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    cordon_types::html::escape(&mut out, text);
    out
}

/// Markdown's own signs as themselves (CommonMark 2.4). Code spans stay: operators write names so.
fn marked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '|' | '&' | '~') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{declared, offers};

    const FILE: &str = "[[asset]]\nkind=\"service\"\nname=\"openai\"\n\
        [[asset]]\nkind=\"service\"\nname=\"deepseek\"\nstatus=\"forbidden\"\n\
        [[instead]]\noffer=\"<script>alert(1)</script> `main` [x](javascript:1)\"\ncontact=\"\\\"a\\\"&b@example.com\"\nwhy=\"Our <b>own</b> words.\"\n";

    fn note(service: &str) -> Option<Note> {
        Note::about(service, &declared(FILE).unwrap(), &offers(FILE).unwrap())
    }

    #[test]
    fn who_gets_a_note() {
        assert!(note("openai").is_none(), "approved");
        assert!(note("no-such-service").is_none());
        assert!(note("DeepSeek").unwrap().text().contains("It is forbidden here."));
        assert!(note("anthropic").unwrap().text().contains("It is not approved here."));
    }

    #[test]
    fn every_format_escapes() {
        let mut note = note("deepseek").unwrap();
        note.link = Some("https://gateway.example/x?token=a\"><script>".into());
        let html = note.html();
        assert!(!html.contains("<script") && !html.contains("<b>") && !html.contains("a\"><"), "{html}");
        assert!(html.contains("default-src 'none'") && html.contains("&quot;a&quot;&amp;b@example.com"));
        let markdown = note.markdown();
        assert!(markdown.contains("\\<script\\>") && markdown.contains("\\[x\\]("), "{markdown}");
        let mail = note.mail();
        assert_eq!(mail.matches("Subject:").count(), 1);
        assert!(mail.contains("\r\n\r\n") && !mail.replace("\r\n", "").contains('\n'));
        assert!(!note.text().contains("token="), "the digest is of the note alone");
    }
}
