//! Where manifests say things, for whoever reads of it elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::load::Document;
use super::yaml::Kind;

/// Where a manifest says something: `environments/dev/environment.yaml:12`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Relative to the fleet's root, with `/` between its parts.
    pub file: String,
    /// From 1.
    pub line: usize,
}

impl Place {
    /// Of a top-level key; the file's first line where it lacks the key.
    pub(super) fn of(document: &Document, key: &str) -> Self {
        let Lines { file, lines } = Lines::of(document);
        Self {
            file,
            line: lines.get(key).copied().unwrap_or(1),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The lines of a manifest's top-level keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    /// Relative to the fleet's root, with `/` between its parts.
    pub file: String,
    /// By key, from 1.
    pub lines: BTreeMap<String, usize>,
}

impl Lines {
    pub(super) fn of(document: &Document) -> Self {
        let entries = match &document.node.kind {
            Kind::Mapping(entries) => entries.as_slice(),
            _ => &[],
        };
        let lines = entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.key_span.start.line));
        Self {
            file: document.source.file.clone(),
            lines: lines.collect(),
        }
    }
}
