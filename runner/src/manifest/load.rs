//! From files to a [`Fleet`], or to everything that is wrong with them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;
use std::{fs, io};

use serde::de::DeserializeOwned;
use site_job::protocol::{Class, MaskRule, Only};

use super::discover::{Found, discover};
use super::finding::{Finding, Rule, Source as Text};
use super::schema::{
    CellFile, ContentFile, Defaults, EnvironmentFile, FoundationFile, ManifestKind, MaskFile,
    PackageFile, PromotionFile, SiteFile, TenantFile, json_schema,
};
use super::shape::Shape;
use super::yaml::{self, Node};
use super::{
    Admin, CellChoice, CellName, Code, ContentRules, Environment, EnvironmentName, Fleet, Freeze,
    Hold, Line, Lines, Nat, Package, Place, Removal, Requested, Rollout, Shared, Site, SiteState,
    Source, Standby, TableRule, TaskRange, TenantId, rules,
};

/// Sites in a wave when the manifest does not say.
const AT_ONCE: usize = 10;

/// Why a folder is no valid fleet: every problem of every file, in order of file and place.
#[derive(Debug, thiserror::Error)]
#[error("the manifests have {} problem{}", .findings.len(), if .findings.len() == 1 { "" } else { "s" })]
pub struct Invalid {
    /// Never empty.
    pub findings: Vec<Finding>,
    /// How many manifests were read.
    pub files: usize,
}

/// A manifest that was parsed to its end, whether or not it is valid.
pub(super) struct Document {
    pub(super) source: Text,
    pub(super) node: Node,
}

/// What the rules look at. A file that is no YAML, or that is missing, is none; its place in the maps stays.
#[derive(Default)]
pub(super) struct Documents {
    pub(super) environments: BTreeMap<EnvironmentName, Option<Document>>,
    pub(super) tenants: BTreeMap<TenantId, Option<Document>>,
    pub(super) sites: BTreeMap<(TenantId, EnvironmentName), Option<Document>>,
    files: usize,
}

/// Reads and checks the fleet below `root`.
///
/// # Errors
/// [`Invalid`] with all findings, when there is one.
pub fn load(root: &Path) -> Result<Fleet, Invalid> {
    let mut findings = Vec::new();
    let found = discover(root, &mut findings);
    let documents = read(root, found, &mut findings);
    rules::check(&documents, &mut findings);
    rules::unusable_keys(root, &documents, &mut findings);
    rules::unusable_packages(root, &documents, &mut findings);
    if findings.is_empty() {
        let fleet = resolve(root, &documents, &mut findings);
        if findings.is_empty() {
            return Ok(fleet);
        }
    }
    findings.sort();
    findings.dedup();
    Err(Invalid {
        findings,
        files: documents.files,
    })
}

/// A finding on `key` of a manifest below `root` that was valid when it was loaded; on the file where it lacks the key.
#[must_use]
pub fn finding_at(
    root: &Path,
    file: &str,
    key: &str,
    rule: Rule,
    (message, help): (String, String),
) -> Finding {
    let text = fs::read_to_string(root.join(file)).unwrap_or_default();
    let source = Text {
        file: file.to_owned(),
        text,
    };
    let tree = yaml::parse(&source, &mut Vec::new());
    match tree.as_ref().and_then(|tree| tree.get(key)) {
        Some(node) => source.finding(node.span, rule, message, help),
        None => Finding::on_file(file, rule, message, help),
    }
}

fn read(root: &Path, found: Found, findings: &mut Vec<Finding>) -> Documents {
    let mut documents = Documents::default();
    let mut open = |path: String, kind| {
        documents.files += 1;
        document(root, path, kind, findings)
    };
    for (name, path) in found.environments {
        let document = path.and_then(|path| open(path, ManifestKind::Environment));
        documents.environments.insert(name, document);
    }
    for tenant in found.tenants {
        let document = tenant
            .manifest
            .and_then(|path| open(path, ManifestKind::Tenant));
        documents.tenants.insert(tenant.id.clone(), document);
        for (environment, path) in tenant.sites {
            let document = open(path, ManifestKind::Site);
            documents
                .sites
                .insert((tenant.id.clone(), environment), document);
        }
    }
    documents
}

fn document(
    root: &Path,
    file: String,
    kind: ManifestKind,
    findings: &mut Vec<Finding>,
) -> Option<Document> {
    let text = match fs::read_to_string(root.join(&file)) {
        Ok(text) => text,
        Err(error) => {
            let (message, help) = if error.kind() == io::ErrorKind::InvalidData {
                ("is not UTF-8".to_owned(), "save it in UTF-8")
            } else {
                (
                    format!("could not be read: {error}"),
                    "make it readable for the user who runs bbws",
                )
            };
            findings.push(Finding::on_file(file, Rule::UnreadableFile, message, help));
            return None;
        }
    };
    let source = Text { file, text };
    let node = yaml::parse(&source, findings)?;
    let (shape, what) = shape(kind);
    shape.check(&node, what, &source, findings);
    Some(Document { source, node })
}

/// The shape of a kind of file, and what messages call the file.
fn shape(kind: ManifestKind) -> (&'static Shape, &'static str) {
    static ENVIRONMENT: LazyLock<Shape> = LazyLock::new(|| compiled(ManifestKind::Environment));
    static TENANT: LazyLock<Shape> = LazyLock::new(|| compiled(ManifestKind::Tenant));
    static SITE: LazyLock<Shape> = LazyLock::new(|| compiled(ManifestKind::Site));
    match kind {
        ManifestKind::Environment => (&ENVIRONMENT, "the environment"),
        ManifestKind::Tenant => (&TENANT, "the tenant"),
        ManifestKind::Site => (&SITE, "the site"),
    }
}

fn compiled(kind: ManifestKind) -> Shape {
    Shape::compile(&json_schema(kind))
        .expect("the schemas of our own types use known keywords only")
}

/// Fills the environments' defaults in. Comes after all checks; where one of them has a hole it makes a finding, because
/// a site that were silently left out would look like one to destroy.
fn resolve(root: &Path, documents: &Documents, findings: &mut Vec<Finding>) -> Fleet {
    let mut environments = BTreeMap::new();
    let mut defaults = BTreeMap::new();
    for (name, document) in &documents.environments {
        let Some((document, file)) = document
            .as_ref()
            .and_then(|document| Some((document, value::<EnvironmentFile>(document, findings)?)))
        else {
            continue;
        };
        defaults.insert(name, file.defaults);
        let rollout = file.rollout.unwrap_or_default();
        let environment = Environment {
            name: name.clone(),
            account: file.account,
            region: file.region,
            domain: file.domain,
            release: file.release,
            require_signed: file.require_signed.unwrap_or(false),
            signing_keys: file.signing_keys.unwrap_or_default(),
            foundation: shared(file.foundation.unwrap_or_default()),
            rollout: Rollout {
                canaries: rollout.canaries.unwrap_or_default(),
                at_once: rollout.at_once.map_or(AT_ONCE, |sites| sites as usize),
            },
            restore_proof_days: file.restore_proof_days,
            freeze: file.freeze.map(|freeze| Freeze {
                reason: freeze.reason,
                by: freeze.by,
                until: freeze.until,
                place: Place::of(document, "freeze"),
            }),
        };
        environments.insert(name.clone(), environment);
    }
    let (mut organizations, mut holds) = (BTreeMap::new(), BTreeMap::new());
    for (id, document) in &documents.tenants {
        organizations.extend(document.as_ref().and_then(|document| {
            let file = value::<TenantFile>(document, findings)?;
            let hold = hold(document, file.hold);
            holds.extend(hold.map(|hold| (id.clone(), hold)));
            Some((id, (file.name, content(file.content))))
        }));
    }
    let mut sites = Vec::new();
    for ((tenant, name), document) in &documents.sites {
        let file = document.as_ref().and_then(|document| {
            let file = value::<SiteFile>(document, findings)?;
            Some((document, file))
        });
        match (
            file,
            environments.get(name),
            defaults.get(name),
            organizations.get(tenant),
        ) {
            (
                Some((document, mut file)),
                Some(environment),
                Some(defaults),
                Some((organization, content)),
            ) => {
                let hold = hold(document, file.hold.take());
                let mut site = site(tenant, environment, organization.as_str(), defaults, file);
                site.hold = hold;
                site.lines = Lines::of(document);
                site.content = content.clone();
                for package in site.code.plugins.iter_mut().chain(&mut site.code.themes) {
                    if let Source::File(path) = &mut package.source {
                        *path = root.join(&path);
                    }
                }
                sites.push(site);
            }
            _ => findings.push(Finding::on_file(
                format!("tenants/{tenant}/{name}.yaml"),
                Rule::MissingFile,
                "its environment or its tenant could not be read",
                BUG,
            )),
        }
    }
    sites.sort_by(|a, b| (&a.environment, &a.tenant).cmp(&(&b.environment, &b.tenant)));
    Fleet {
        environments,
        sites,
        holds,
    }
}

fn hold(document: &Document, reason: Option<Line>) -> Option<Hold> {
    Some(Hold {
        reason: reason?,
        place: Place::of(document, "hold"),
    })
}

/// The defaults are those of the Terraform modules; a test holds the two together.
fn shared(file: FoundationFile) -> Shared {
    let cell = |file: CellFile| CellChoice {
        name: file.name,
        database_class: file.database_class.unwrap_or_default(),
        database_storage: file.database_storage.unwrap_or(20),
        database_standby: file.database_standby.unwrap_or(Standby::None),
    };
    let one = || {
        vec![CellFile {
            name: CellName::default(),
            database_class: None,
            database_storage: None,
            database_standby: None,
        }]
    };
    Shared {
        zones: file.zones.unwrap_or(2),
        nat: file.nat.unwrap_or(Nat::Gateway),
        cells: file
            .cells
            .unwrap_or_else(one)
            .into_iter()
            .map(cell)
            .collect(),
    }
}

/// The first list counts, so its rules come last.
fn content(file: Option<ContentFile>) -> ContentRules {
    let file = file.unwrap_or_default();
    let lists = [
        (file.content, Class::Content),
        (file.code, Class::Code),
        (file.live, Class::Live),
    ];
    let tables = lists.into_iter().flat_map(|(patterns, class)| {
        patterns
            .into_iter()
            .flatten()
            .map(move |pattern| TableRule {
                tables: pattern.to_string(),
                class,
            })
    });
    let mask = |mask: MaskFile| MaskRule {
        table: mask.table.to_string(),
        column: mask.column.to_string(),
        only: mask.only.map(|only| Only {
            column: only.column.to_string(),
            value: only.value.to_string(),
        }),
        mask: mask.mask.into(),
    };
    ContentRules {
        tables: tables.collect(),
        keep_options: file.keep_options.unwrap_or_default(),
        masks: file.mask.into_iter().flatten().map(mask).collect(),
    }
}

fn site(
    tenant: &TenantId,
    environment: &Environment,
    organization: &str,
    defaults: &Defaults,
    file: SiteFile,
) -> Site {
    let tasks = file.tasks.unwrap_or(defaults.tasks);
    Site {
        tenant: tenant.clone(),
        environment: environment.name.clone(),
        organization: organization.to_owned(),
        title: file.title.to_string(),
        domains: file.domains,
        locale: file
            .locale
            .or_else(|| defaults.locale.clone())
            .unwrap_or_default(),
        timezone: file
            .timezone
            .or_else(|| defaults.timezone.clone())
            .unwrap_or_default(),
        admin: Admin {
            user: file.admin.user.to_string(),
            email: file.admin.email,
        },
        release: file.release.unwrap_or_else(|| environment.release.clone()),
        code: Code {
            plugins: packages("plugin", file.plugins),
            themes: packages("theme", file.themes),
            theme: file.theme,
        },
        cpu: file.cpu.unwrap_or(defaults.cpu),
        memory: file.memory.unwrap_or(defaults.memory),
        tasks: TaskRange {
            min: tasks.min,
            max: tasks.max,
        },
        price_class: file.price_class.unwrap_or(defaults.price_class),
        backup: file.backup.unwrap_or(defaults.backup),
        monthly_budget: file.monthly_budget.unwrap_or(defaults.monthly_budget),
        state: match file.removal {
            Some(_) => SiteState::Suspended,
            None => file.state.unwrap_or(SiteState::Active),
        },
        promotion: file.promotion.map(requested),
        removal: file.removal.map(|removal| Removal {
            after: removal.after,
            reason: removal.reason,
        }),
        hold: None,
        lines: Lines::default(),
        content: ContentRules::default(),
    }
}

fn requested(file: PromotionFile) -> Requested {
    Requested {
        from: file.from,
        content: file
            .content
            .as_str()
            .parse()
            .expect("what is checked as `Promoted` can be read"),
        request: file.request.to_string(),
    }
}

/// Files by their path in the fleet.
fn packages(sort: &str, files: Option<Vec<PackageFile>>) -> Vec<Package> {
    let package = |file: PackageFile| Package {
        source: match file.source {
            Some(source) if source.as_str().starts_with("https://") => {
                Source::Url(source.to_string())
            }
            Some(source) => Source::File(source.as_str().into()),
            // <https://developer.wordpress.org/plugins/wordpress-org/plugin-developer-faq/>
            None => Source::Url(format!(
                "https://downloads.wordpress.org/{sort}/{}.{}.zip",
                file.slug, file.version
            )),
        },
        slug: file.slug,
        version: file.version,
        sha256: file.sha256,
    };
    files.into_iter().flatten().map(package).collect()
}

const BUG: &str = "another check should have said why: please report this as a bug of bbws";

fn value<T: DeserializeOwned>(document: &Document, findings: &mut Vec<Finding>) -> Option<T> {
    let read = serde_json::from_value(document.node.to_json());
    read.map_err(|error| {
        findings.push(document.source.finding(
            document.node.span,
            Rule::WrongType,
            error.to_string(),
            BUG,
        ))
    })
    .ok()
}
