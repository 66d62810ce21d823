//! What is wrong with a fleet: where, by which rule, and how to put it right.

use serde::{Serialize, Serializer};

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
}

/// A stretch of a file; `end` is the first position behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// Where it begins.
    pub start: Position,
    /// Where it has ended.
    pub end: Position,
}

/// What a fleet is checked for. The ids are part of the JSON output and don't change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The file is no YAML.
    YamlSyntax,
    /// The file uses a part of YAML that manifests do without.
    YamlFeature,
    /// A key stands twice in one mapping.
    DuplicateKey,
    /// A key that the schema doesn't have.
    UnknownKey,
    /// A key that the schema requires is not there.
    MissingKey,
    /// Text where a number is wanted, and the like.
    WrongType,
    /// Of the right type, and still no valid value.
    InvalidValue,
    /// A file or folder whose name has no meaning at its place.
    UnexpectedFile,
    /// A file that must be there is not.
    MissingFile,
    /// A file that could not be read.
    UnreadableFile,
    /// A site for an environment that is not there.
    UnknownEnvironment,
    /// CPU and memory are no pair that Fargate offers.
    FargateSize,
    /// Fewer tasks at most than at least.
    TaskRange,
    /// A domain that is not inside its environment's zone.
    DomainOutsideZone,
    /// A domain that two sites, or one twice, claim.
    DomainClaimed,
    /// A primary domain that no certificate can be issued for.
    DomainTooLong,
    /// Two environments with the same zone.
    ZoneClaimed,
    /// A name that exceeds a limit of AWS.
    NameTooLong,
    /// A canary that has no site in the environment.
    UnknownCanary,
    /// A trusted key's file that is missing, or holds no public key.
    UnusableKey,
    /// Two cells of one name in an environment.
    CellClaimed,
    /// A plugin or theme that a site lists twice.
    PackageListedTwice,
    /// A zip of the fleet that is missing or is another than the manifest says.
    UnusablePackage,
    /// A site that costs more than its budget even without a visitor. A warning: the manifests stay valid.
    BudgetBelowEstimate,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 24] = [
        Self::YamlSyntax,
        Self::YamlFeature,
        Self::DuplicateKey,
        Self::UnknownKey,
        Self::MissingKey,
        Self::WrongType,
        Self::InvalidValue,
        Self::UnexpectedFile,
        Self::MissingFile,
        Self::UnreadableFile,
        Self::UnknownEnvironment,
        Self::FargateSize,
        Self::TaskRange,
        Self::DomainOutsideZone,
        Self::DomainClaimed,
        Self::DomainTooLong,
        Self::ZoneClaimed,
        Self::NameTooLong,
        Self::UnknownCanary,
        Self::UnusableKey,
        Self::CellClaimed,
        Self::PackageListedTwice,
        Self::UnusablePackage,
        Self::BudgetBelowEstimate,
    ];

    /// Whether a finding of it leaves the manifests valid.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        matches!(self, Self::BudgetBelowEstimate)
    }

    /// The rule's stable id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::YamlSyntax => "yaml-syntax",
            Self::YamlFeature => "yaml-feature",
            Self::DuplicateKey => "duplicate-key",
            Self::UnknownKey => "unknown-key",
            Self::MissingKey => "missing-key",
            Self::WrongType => "wrong-type",
            Self::InvalidValue => "invalid-value",
            Self::UnexpectedFile => "unexpected-file",
            Self::MissingFile => "missing-file",
            Self::UnreadableFile => "unreadable-file",
            Self::UnknownEnvironment => "unknown-environment",
            Self::FargateSize => "fargate-size",
            Self::TaskRange => "task-range",
            Self::DomainOutsideZone => "domain-outside-zone",
            Self::DomainClaimed => "domain-claimed",
            Self::DomainTooLong => "domain-too-long",
            Self::ZoneClaimed => "zone-claimed",
            Self::NameTooLong => "name-too-long",
            Self::UnknownCanary => "unknown-canary",
            Self::UnusableKey => "unusable-key",
            Self::CellClaimed => "cell-claimed",
            Self::PackageListedTwice => "package-listed-twice",
            Self::UnusablePackage => "unusable-package",
            Self::BudgetBelowEstimate => "budget-below-estimate",
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

/// One problem of a fleet.
///
/// The order of the fields is the order of findings: by file, place, rule, then words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The file or folder, relative to the fleet's root, with `/` between its parts.
    pub file: String,
    /// Where in the file; none when the file itself is the problem.
    pub span: Option<Span>,
    /// The rule that is broken.
    pub rule: Rule,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub help: String,
    /// The line that `span` begins on.
    #[serde(skip)]
    pub source_line: Option<String>,
}

impl Finding {
    /// A finding on a file or folder as a whole.
    pub(super) fn on_file(
        file: impl Into<String>,
        rule: Rule,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            file: visible(&file.into()),
            span: None,
            rule,
            message: visible(&message.into()),
            help: visible(&help.into()),
            source_line: None,
        }
    }
}

/// Control characters in their escaped form: what a manifest holds may not steer the reader's terminal or forge lines.
fn visible(text: &str) -> String {
    let escape = |c: char| {
        if c.is_control() {
            c.escape_default().to_string()
        } else {
            c.to_string()
        }
    };
    text.chars().map(escape).collect()
}

/// A file's text under the name that findings use.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: String,
    pub(super) text: String,
}

impl Source {
    /// A finding at a place in this file.
    pub(super) fn finding(
        &self,
        span: Span,
        rule: Rule,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Finding {
        Finding {
            span: Some(span),
            source_line: self
                .text
                .lines()
                .nth(span.start.line - 1)
                .map(|line| line.replace(char::is_control, " ")),
            ..Finding::on_file(self.file.clone(), rule, message, help)
        }
    }
}
