//! Positions are what makes a finding useful, so they are tried on many trees of every style.

use super::finding::{Finding, Source, Span};
use super::yaml::{Kind, Node, parse};

fn read(text: &str) -> (Option<Node>, Vec<Finding>) {
    let source = Source {
        file: "test.yaml".to_owned(),
        text: text.to_owned(),
    };
    let mut findings = Vec::new();
    (parse(&source, &mut findings), findings)
}

/// The stretch of `text` that `span` names; spans of scalars and keys stay on one line here.
fn slice(text: &str, span: Span) -> String {
    assert_eq!(span.start.line, span.end.line, "{span:?}");
    let line = text.lines().nth(span.start.line - 1).unwrap();
    line.chars()
        .skip(span.start.column - 1)
        .take(span.end.column - span.start.column)
        .collect()
}

/// Writes random trees whose scalars and keys are all different, so that a slice can only match at its own place.
struct Writer {
    state: u64,
    next: usize,
}

impl Writer {
    /// A linear congruential generator (Knuth's MMIX constants): the same trees on every run.
    fn random(&mut self, below: u64) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) % below
    }

    fn word(&mut self) -> String {
        self.next += 1;
        let word = ["w", "wörd-", "字", "two words "][self.random(4) as usize];
        format!("{word}{}", self.next)
    }

    fn scalar(&mut self) -> String {
        let word = self.word();
        match self.random(4) {
            0 => format!("\"{word}\""),
            1 => format!("'{word}'"),
            _ => word,
        }
    }

    fn flow(&mut self, depth: u64) -> String {
        let count = self.random(4);
        let items: Vec<String> = match self.random(if depth == 0 { 1 } else { 3 }) {
            0 => return self.scalar(),
            1 => (0..count).map(|_| self.flow(depth - 1)).collect(),
            _ => {
                let pairs =
                    (0..count).map(|_| format!("{}: {}", self.word(), self.flow(depth - 1)));
                return format!("{{{}}}", pairs.collect::<Vec<_>>().join(",  "));
            }
        };
        format!("[ {} ]", items.join(", "))
    }

    fn block(&mut self, text: &mut String, indent: usize, depth: u64) {
        let is_list = self.random(2) == 0;
        for _ in 0..=self.random(3) {
            if self.random(4) == 0 {
                text.push_str("\n# a comment: with [signs]\n");
            }
            let key = if is_list {
                "-".to_owned()
            } else {
                format!("{}:", self.word())
            };
            text.push_str(&format!("{}{key}", " ".repeat(indent)));
            if depth > 0 && self.random(2) == 0 {
                text.push('\n');
                let deeper = indent + 1 + self.random(3) as usize;
                self.block(text, deeper, depth - 1);
            } else {
                let gap = " ".repeat(1 + self.random(3) as usize);
                let value = self.flow(2);
                let comment = if self.random(3) == 0 { "  # so" } else { "" };
                text.push_str(&format!("{gap}{value}{comment}\n"));
            }
        }
    }
}

fn check(text: &str, node: &Node) -> usize {
    match &node.kind {
        Kind::Text(value) => {
            let found = slice(text, node.span);
            assert_eq!(found.trim_matches(['"', '\'']), value, "{text}");
            1
        }
        Kind::List(items) => items.iter().map(|item| check(text, item)).sum(),
        Kind::Mapping(entries) => {
            let entry = |entry: &super::yaml::Entry| {
                assert_eq!(slice(text, entry.key_span), entry.key, "{text}");
                check(text, &entry.value)
            };
            entries.iter().map(entry).sum()
        }
        other => panic!("{other:?} in\n{text}"),
    }
}

#[test]
fn every_scalar_and_key_is_where_its_span_says() {
    let mut scalars = 0;
    for seed in 0..2000 {
        let mut writer = Writer {
            state: seed,
            next: 0,
        };
        let mut text = String::new();
        writer.block(&mut text, 0, 4);
        for text in [text.clone(), text.replace('\n', "\r\n")] {
            let (node, findings) = read(&text);
            assert_eq!(findings, [], "{text}");
            scalars += check(&text, &node.unwrap());
        }
    }
    assert!(scalars > 20_000, "{scalars} scalars were tried");
}

#[test]
fn plain_scalars_mean_what_the_core_schema_says() {
    let cases = [
        ("~", "null"),
        ("null", "null"),
        ("yes", "\"yes\""),
        ("no", "\"no\""),
        ("TRUE", "true"),
        ("tRue", "\"tRue\""),
        ("12", "12"),
        ("+12", "12"),
        ("-0x1F", "\"-0x1F\""),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("1_000", "\"1_000\""),
        ("7.1.1-1", "\"7.1.1-1\""),
        ("2026-11-23", "\"2026-11-23\""),
        ("\"12\"", "\"12\""),
        ("'true'", "\"true\""),
    ];
    for (written, meant) in cases {
        let (node, _) = read(&format!("key: {written}\n"));
        let value = node.unwrap().get("key").unwrap().to_json();
        assert_eq!(value.to_string(), meant, "{written}");
    }
    for number in [
        "1.5",
        "-1e3",
        ".inf",
        "-.INF",
        ".nan",
        "99999999999999999999",
    ] {
        let (node, _) = read(&format!("key: {number}\n"));
        let node = node.unwrap();
        assert!(
            matches!(node.get("key").unwrap().kind, Kind::Number(_)),
            "{number}"
        );
    }
}

/// No file may bring the process down, whatever somebody puts into a pull request.
#[test]
fn any_cut_of_a_manifest_ends_in_a_tree_or_in_findings() {
    let whole = "version: 1\ntitle: \"Ä & b\"\nlist:\n  - {a: [1, 'x']}\n  - |\n    text\n  - &a b\n  - *a\n? k\n: v\n...\n";
    for end in whole.char_indices().map(|(at, _)| at) {
        for text in [&whole[..end], &whole[end..]] {
            let (node, findings) = read(text);
            assert!(node.is_some() || !findings.is_empty(), "{text}");
        }
    }
    for opening in ["[", "{", "- ", "a: [", "? "] {
        let (node, findings) = read(&opening.repeat(5000));
        assert!(node.is_none() && !findings.is_empty(), "{opening}");
    }
}

#[test]
fn a_quoted_scalar_ends_at_its_quote_whatever_is_inside_or_behind() {
    for written in [r#""a \" b""#, "'it''s'", r#""\\""#, r#""""#, "''", "'#'"] {
        let text = format!("- {written}   # 'a' \"comment\"\n");
        let (node, _) = read(&text);
        assert_eq!(slice(&text, node.unwrap().items()[0].span), written);
    }
}
