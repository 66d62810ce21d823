//! YAML into a tree in which every key and value knows its place. Collects what it refuses instead of stopping.
//!
//! Manifests are the plain part of YAML 1.2: one document of mappings, lists and scalars. Anchors, aliases, merge keys and
//! tags are refused: a reviewer must see what a file says without following references.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};

use super::finding::{Finding, Position, Rule, Source, Span};

/// Manifests nest three deep; this only keeps a hostile file from exhausting the stack.
const DEEPEST: usize = 32;

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    /// The value and the way it was written.
    Integer(i64, String),
    /// A number that is no integer of 64 bits, as it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// A value that a finding was already made for.
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// The value under `key`, when this is a mapping that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Mapping(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The items, when this is a list; nothing otherwise.
    pub(super) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self.kind {
            Kind::Integer(number, _) => Some(number),
            _ => None,
        }
    }

    /// What this is, for messages: "the number 12", "a list".
    pub(super) fn describe(&self) -> String {
        match &self.kind {
            Kind::Null => "nothing".to_owned(),
            Kind::Bool(value) => format!("the boolean `{value}`"),
            Kind::Integer(_, raw) | Kind::Number(raw) => format!("the number `{raw}`"),
            Kind::Text(text) => format!("the text `{text}`"),
            Kind::List(_) => "a list".to_owned(),
            Kind::Mapping(_) => "a mapping".to_owned(),
            Kind::Refused => "a refused value".to_owned(),
        }
    }

    /// The value as JSON, for serde. Refused values and odd numbers become null: they come with a finding.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::Null | Kind::Refused | Kind::Number(_) => serde_json::Value::Null,
            Kind::Bool(value) => (*value).into(),
            Kind::Integer(number, _) => (*number).into(),
            Kind::Text(text) => text.as_str().into(),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Mapping(entries) => entries
                .iter()
                .map(|entry| (entry.key.clone(), entry.value.to_json()))
                .collect(),
        }
    }
}

/// The tree of a file, and what is wrong with its YAML. No tree when it cannot be parsed to its end.
pub(super) fn parse(source: &Source, findings: &mut Vec<Finding>) -> Option<Node> {
    let mut reader = Reader {
        source,
        parser: Parser::new_from_str(&source.text),
        findings,
    };
    match reader.document() {
        Ok(node) => Some(node),
        Err(Stop { mark, reason }) => {
            let at = reader.within_text(position(mark));
            reader.findings.push(source.finding(
                Span { start: at, end: at },
                Rule::YamlSyntax,
                format!("this cannot be read as YAML: {reason}"),
                reader.syntax_help(at),
            ));
            None
        }
    }
}

struct Reader<'a, 'f> {
    source: &'a Source,
    parser: Parser<'a, StrInput<'a>>,
    findings: &'f mut Vec<Finding>,
}

/// Where and why parsing cannot go on.
struct Stop {
    mark: Marker,
    reason: String,
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Self {
            mark: *error.marker(),
            reason: error.info().to_owned(),
        }
    }
}

type Spanned<'a> = (Event<'a>, saphyr_parser::Span);

impl<'a> Reader<'a, '_> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut root = None;
        while let Some((event, at)) = self.parser.next().transpose()? {
            match event {
                Event::DocumentStart(_) if root.is_some() => {
                    self.refuse(
                        span(at),
                        "a second document begins here",
                        "keep one document a file: remove the `---` line and what follows",
                    );
                    break;
                }
                Event::DocumentStart(_) => {
                    let first = self.next()?;
                    root = Some(self.node(first, 0)?);
                }
                _ => {}
            }
        }
        let start = Position { line: 1, column: 1 };
        Ok(root.unwrap_or(Node {
            kind: Kind::Null,
            span: Span { start, end: start },
        }))
    }

    fn next(&mut self) -> Result<Spanned<'a>, Stop> {
        match self.parser.next() {
            Some(next) => Ok(next?),
            None => Err(Stop {
                mark: Marker::new(0, 1, 0),
                reason: "the file ends too early".to_owned(),
            }),
        }
    }

    fn node(&mut self, (event, at): Spanned<'a>, depth: usize) -> Result<Node, Stop> {
        if depth > DEEPEST {
            return Err(Stop {
                mark: at.start,
                reason: format!("it nests more than {DEEPEST} levels"),
            });
        }
        let whole = span(at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_decoration(whole, anchor, tag.is_some());
                let (kind, span) = match style {
                    ScalarStyle::Plain => (resolve(&text), self.trimmed(whole)),
                    ScalarStyle::SingleQuoted => {
                        (Kind::Text(text.into_owned()), self.quoted(whole, '\''))
                    }
                    ScalarStyle::DoubleQuoted => {
                        (Kind::Text(text.into_owned()), self.quoted(whole, '"'))
                    }
                    ScalarStyle::Literal | ScalarStyle::Folded => {
                        (Kind::Text(text.into_owned()), self.trimmed(whole))
                    }
                };
                Ok(Node { kind, span })
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_decoration(whole, anchor, tag.is_some());
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        next => items.push(self.node(next, depth + 1)?),
                    }
                }
                Ok(Node {
                    kind: Kind::List(items),
                    span: whole,
                })
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_decoration(whole, anchor, tag.is_some());
                self.mapping(whole, depth)
            }
            Event::Alias(_) => {
                self.refuse(whole, "manifests may not use aliases (`*name`)", "write the value out; what sites share belongs in their environment's `defaults`");
                Ok(Node {
                    kind: Kind::Refused,
                    span: whole,
                })
            }
            _ => Ok(Node {
                kind: Kind::Null,
                span: whole,
            }),
        }
    }

    fn mapping(&mut self, whole: Span, depth: usize) -> Result<Node, Stop> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => break,
                next => self.node(next, depth + 1)?,
            };
            let after = self.next()?;
            let value = self.node(after, depth + 1)?;
            let Some(name) = self.key_name(&key) else {
                continue;
            };
            if let Some(first) = entries.iter().find(|entry| entry.key == name) {
                let line = first.key_span.start.line;
                self.findings.push(self.source.finding(
                    key.span,
                    Rule::DuplicateKey,
                    format!("`{name}` stands twice here, first on line {line}"),
                    "keep one of the two",
                ));
                continue;
            }
            entries.push(Entry {
                key: name,
                key_span: key.span,
                value,
            });
        }
        Ok(Node {
            kind: Kind::Mapping(entries),
            span: whole,
        })
    }

    /// The key as text; none, with a finding, when it can be no key of a manifest.
    fn key_name(&mut self, key: &Node) -> Option<String> {
        match &key.kind {
            Kind::Text(text) if text == "<<" => {
                self.refuse(key.span, "manifests may not use merge keys (`<<`)", "write the keys out; what sites share belongs in their environment's `defaults`");
                None
            }
            Kind::Text(text) | Kind::Integer(_, text) | Kind::Number(text) => Some(text.clone()),
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Refused => None,
            Kind::Null | Kind::List(_) | Kind::Mapping(_) => {
                self.refuse(
                    key.span,
                    format!("{} is no key", key.describe()),
                    "write a plain word before the colon",
                );
                None
            }
        }
    }

    fn refuse_decoration(&mut self, at: Span, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.refuse(
                at,
                "manifests may not use anchors (`&name`)",
                "remove the anchor, and write the value out wherever it is used",
            );
        }
        if tagged {
            self.refuse(at, "manifests may not use tags (`!name`)", "remove the tag");
        }
    }

    fn refuse(&mut self, at: Span, message: impl Into<String>, help: &str) {
        self.findings
            .push(self.source.finding(at, Rule::YamlFeature, message, help));
    }

    /// The parser may name a line behind the last one; nobody can look there.
    fn within_text(&self, at: Position) -> Position {
        let last = self.source.text.lines().count().max(1);
        if at.line <= last {
            return at;
        }
        let width = self
            .source
            .text
            .lines()
            .last()
            .map_or(0, |line| line.chars().count());
        Position {
            line: last,
            column: width + 1,
        }
    }

    fn syntax_help(&self, at: Position) -> &'static str {
        let line = self
            .source
            .text
            .lines()
            .nth(at.line - 1)
            .unwrap_or_default();
        let content = line.trim_start();
        if line[..line.len() - content.len()].contains('\t') {
            return "indent with spaces: YAML allows no tabs there";
        }
        "check the indentation, the colons and the quotes on this line and the one before it"
    }

    /// A quoted scalar's span to its closing quote, or to the end of its first line: the parser's own may hold a comment.
    fn quoted(&self, at: Span, quote: char) -> Span {
        let line = self
            .source
            .text
            .lines()
            .nth(at.start.line - 1)
            .unwrap_or_default();
        let mut characters = line.chars().skip(at.start.column).peekable();
        let mut column = at.start.column;
        while let Some(character) = characters.next() {
            column += 1;
            let is_escape = if quote == '"' {
                character == '\\'
            } else {
                character == quote && characters.peek() == Some(&quote)
            };
            if is_escape {
                characters.next();
                column += 1;
            } else if character == quote {
                break;
            }
        }
        Span {
            start: at.start,
            end: Position {
                line: at.start.line,
                column: column + 1,
            },
        }
    }

    /// A scalar's span without the line breaks and comments that the parser may count in at its end.
    fn trimmed(&self, at: Span) -> Span {
        if at.end.line == at.start.line || at.end.column > 1 {
            return at;
        }
        let line = at.end.line - 1;
        let width = self
            .source
            .text
            .lines()
            .nth(line - 1)
            .map_or(0, |line| line.chars().count());
        Span {
            start: at.start,
            end: Position {
                line,
                column: width + 1,
            },
        }
    }
}

fn position(mark: Marker) -> Position {
    Position {
        line: mark.line().max(1),
        column: mark.col() + 1,
    }
}

fn span(at: saphyr_parser::Span) -> Span {
    Span {
        start: position(at.start),
        end: position(at.end),
    }
}

/// YAML 1.2's core schema, 10.3.2: what a plain scalar is.
fn resolve(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => return Kind::Bool(true),
        "false" | "False" | "FALSE" => return Kind::Bool(false),
        _ => {}
    }
    let parsed = if let Some(hex) = text.strip_prefix("0x") {
        i64::from_str_radix(hex, 16)
    } else if let Some(octal) = text.strip_prefix("0o") {
        i64::from_str_radix(octal, 8)
    } else {
        text.parse()
    };
    if let Ok(number) = parsed {
        return Kind::Integer(number, text.to_owned());
    }
    let is_number = text.contains(|c: char| c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && text.parse::<f64>().is_ok();
    let is_special = matches!(
        text.trim_start_matches(['+', '-']),
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    );
    if is_number || is_special {
        Kind::Number(text.to_owned())
    } else {
        Kind::Text(text.to_owned())
    }
}
