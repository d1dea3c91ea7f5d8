//! Writing HTML: text goes in, escaped; markup only through these functions.
//!
//! SECURITY: what comes from records or files reaches a page through [`Html::text`] or an attribute of
//! [`Html::link`], both of which escape. Pages have no scripts and load nothing.

use crate::answer::{Cell, Table};
use cordon_types::html::escape;

/// The style of every page, within the page.
const STYLE: &str = include_str!("../data/style.css");

/// A page being written.
pub(crate) struct Html(String);

impl Html {
    /// Opens a page. `trail` leads back: names and relative links.
    pub(crate) fn page(title: &str, trail: &[(&str, &str)]) -> Self {
        let mut page = Self(String::with_capacity(16_384));
        page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
        page.raw("<title>")
            .text(title)
            .raw("</title>\n<style>\n")
            .raw(STYLE)
            .raw("</style>\n</head>\n<body>\n");
        page.raw(
            "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n<nav aria-label=\"Trail\"><ol>\n",
        );
        for (name, to) in trail {
            page.raw("<li>").link(to, name).raw("</li>\n");
        }
        page.raw("<li aria-current=\"page\">").text(title).raw("</li>\n</ol></nav>\n<main id=\"main\">\n");
        page
    }

    /// Closes it.
    pub(crate) fn end(mut self, footer: &str) -> Vec<u8> {
        self.raw("</main>\n<footer><p>").text(footer).raw("</p></footer>\n</body>\n</html>\n");
        self.0.into_bytes()
    }

    /// Markup of our own.
    pub(crate) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        escape(&mut self.0, text);
        self
    }

    /// `<tag>text</tag>`.
    pub(crate) fn el(&mut self, tag: &'static str, text: &str) -> &mut Self {
        let name = tag.split(' ').next().unwrap_or(tag);
        self.raw("<").raw(tag).raw(">").text(text).raw("</").raw(name).raw(">\n")
    }

    /// A link to a file of the pack.
    pub(crate) fn link(&mut self, to: &str, text: &str) -> &mut Self {
        self.raw("<a href=\"").text(to).raw("\">").text(text).raw("</a>")
    }

    /// A word in a box; its class colours it, its text says it.
    pub(crate) fn badge(&mut self, class: &'static str, text: &str) -> &mut Self {
        self.raw("<span class=\"badge ").raw(class).raw("\">").text(text).raw("</span>")
    }

    /// Names and values.
    pub(crate) fn facts(&mut self, facts: &[(&str, &str)]) -> &mut Self {
        self.raw("<dl>\n");
        for (name, value) in facts {
            self.raw("<div><dt>").text(name).raw("</dt><dd>").text(value).raw("</dd></div>\n");
        }
        self.raw("</dl>\n")
    }

    /// Commands, one a line.
    pub(crate) fn commands(&mut self, commands: &[String]) -> &mut Self {
        self.raw("<pre><code>").text(&commands.join("\n")).raw("</code></pre>\n")
    }

    /// A table of figures.
    pub(crate) fn table(&mut self, table: &Table) -> &mut Self {
        self.raw("<div class=\"wide\"><table>\n<caption>").text(table.title);
        self.raw(" <span class=\"from\">from ")
            .text(table.from.words())
            .raw("</span></caption>\n<thead><tr>");
        for (at, column) in table.columns.iter().enumerate() {
            let number = |row: &Vec<Cell>| matches!(row.get(at), Some(Cell::Number(_)));
            let class = if table.rows.iter().all(number) { " class=\"n\"" } else { "" };
            self.raw("<th scope=\"col\"").raw(class).raw(">").text(column).raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in &table.rows {
            self.raw("<tr>");
            for (at, cell) in row.iter().enumerate() {
                self.cell(at == 0, cell);
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n")
    }

    fn cell(&mut self, head: bool, cell: &Cell) {
        let (open, close) = if head { ("<th scope=\"row\"", "</th>") } else { ("<td", "</td>") };
        self.raw(open);
        match cell {
            Cell::Number(n) => self.raw(" class=\"n\">").text(&grouped(*n)),
            // A hash breaks anywhere; a name does not.
            Cell::Text(text) if text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                self.raw(" class=\"hash\">").text(text)
            }
            Cell::Text(text) if is_time(text) => self.raw(" class=\"t\">").text(text),
            Cell::Text(text) => self.raw(">").text(text),
        };
        self.raw(close);
    }
}

/// A time as [`cordon_types::time::text`] writes it, which is not to break.
fn is_time(text: &str) -> bool {
    text.len() <= 24 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T')
}

/// `1 234 567`, with narrow spaces that do not break.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 2);
    for (at, c) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        let mut page = Html::page("<script>alert(1)</script>", &[("\" onclick=\"x", "\"><img src=x>")]);
        page.text("<b>&\"'\u{0}\u{202e}").el("h2 class=\"x\"", "</h2><script>").badge("none", "<i>");
        page.facts(&[("<dt>", "</dd>")]).commands(&["a </code>".to_owned()]);
        let text = String::from_utf8(page.end("</footer>")).unwrap();
        for bad in
            ["<script", "<img", "<b>", "<i>", "\u{0}", "\u{202e}", "\"x\" onclick", "<dt><dt>", "</dd></dd>"]
        {
            assert!(!text.contains(bad), "{bad}");
        }
        assert!(text.contains("&lt;b&gt;&amp;&quot;&#39;\u{fffd}\u{fffd}"), "{text}");
        assert!(text.contains("<h2 class=\"x\">&lt;/h2&gt;&lt;script&gt;</h2>"));
    }

    #[test]
    fn numbers_are_grouped() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1_000, "1\u{202f}000"), (1_234_567, "1\u{202f}234\u{202f}567")]
        {
            assert_eq!(grouped(n), text);
        }
    }
}
