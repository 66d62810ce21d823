//! The manifest files as they are written: the one definition of their structure, from which come the published JSON
//! Schemas, the check of every file (`shape`), and the values themselves.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::choices::MaskAs;
use super::names::{
    AccountId, CellName, Checksum, DatabaseClass, Domain, Email, EnvironmentName, Line, Locale,
    Login, Moment, PackageSource, PackageVersion, Pattern, Promoted, Region, Release, SigningKey,
    Slug, TenantId, Timezone,
};
use super::{BackupPolicy, Nat, PriceClass, SiteState, Standby};

/// The kinds of manifest file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ManifestKind {
    /// `environments/<environment>/environment.yaml`
    Environment,
    /// `tenants/<tenant>/tenant.yaml`
    Tenant,
    /// `tenants/<tenant>/<environment>.yaml`
    Site,
}

/// The JSON Schema (draft 2020-12) of a kind of manifest.
#[must_use]
pub fn json_schema(kind: ManifestKind) -> Value {
    let generator = SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(without_null))
        .into_generator();
    let schema = match kind {
        ManifestKind::Environment => generator.into_root_schema_for::<EnvironmentFile>(),
        ManifestKind::Tenant => generator.into_root_schema_for::<TenantFile>(),
        ManifestKind::Site => generator.into_root_schema_for::<SiteFile>(),
    };
    schema.to_value()
}

/// Leaving a key out is the only way to leave a value out: `key:` with nothing behind it is a slip, so no schema takes null.
fn without_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = object.get_mut("anyOf") {
        branches.retain(|branch| branch != &json!({"type": "null"}));
        if let [Value::Object(only)] = branches.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

/// The version of a manifest's form. Another number will mean another form; the runner will read both for a while.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Version(
    #[expect(
        dead_code,
        reason = "one version so far: the check of the shape compares it"
    )]
    u32,
);

impl JsonSchema for Version {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        schemars::json_schema!({"const": 1, "description": "The version of this file's form."})
    }
}

/// An environment: one AWS account and region, and what its sites share.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "bbws environment manifest")]
pub(super) struct EnvironmentFile {
    /// The version of this file's form.
    #[expect(dead_code, reason = "checked with the shape")]
    pub(super) version: Version,
    /// The AWS account that holds the environment. The runner refuses to work with credentials of another account.
    pub(super) account: AccountId,
    /// The AWS region of everything but the edge.
    pub(super) region: Region,
    /// The environment's Route 53 zone. Every domain of its sites lies inside it; no other environment has the same.
    pub(super) domain: Domain,
    /// What sites run that name no release of their own. Changing it rolls all of them.
    pub(super) release: Release,
    /// Whether only images that are signed by one of `signing_keys` may run: apply refuses any other. `false` when left out.
    pub(super) require_signed: Option<bool>,
    /// The keys whose signatures count.
    #[schemars(length(min = 1, max = 10))]
    pub(super) signing_keys: Option<Vec<SigningKey>>,
    /// How a change of what sites run reaches them.
    pub(super) rollout: Option<RolloutFile>,
    /// A promotion up into a site begins only where AWS Backup has restored backups of its database and its files within so many days.
    /// When left out, nobody asks.
    #[schemars(range(min = 1, max = 90))]
    pub(super) restore_proof_days: Option<u32>,
    /// Nothing of the environment changes while this stands: apply and every other verb that changes sites refuse.
    pub(super) freeze: Option<FreezeFile>,
    /// What its sites share. The environment's Terraform root reads it; the cost estimate counts it.
    pub(super) foundation: Option<FoundationFile>,
    /// What sites get that don't say otherwise.
    pub(super) defaults: Defaults,
}

/// Why nothing of an environment may change.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FreezeFile {
    /// Why.
    pub(super) reason: Line,
    /// Who wants it, and is to be asked.
    pub(super) by: Line,
    /// When it ends by itself. When left out, it lasts until it is taken out.
    pub(super) until: Option<Moment>,
}

/// How a change of what sites run reaches an environment's sites: in waves, each only when the one before is healthy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RolloutFile {
    /// The tenants whose sites are the first wave. When left out, it is the smallest site that changes.
    #[schemars(length(min = 1, max = 20))]
    pub(super) canaries: Option<Vec<TenantId>>,
    /// How many sites each later wave has, the smallest first. 10 when left out.
    #[schemars(range(min = 1, max = 100))]
    pub(super) at_once: Option<u32>,
}

/// What the sites of an environment share, as far as it is a matter of choice.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FoundationFile {
    /// How many availability zones are used. 2 when left out.
    #[schemars(range(min = 2, max = 3))]
    pub(super) zones: Option<u32>,
    /// How what runs in private subnets reaches the internet. `gateway` when left out.
    pub(super) nat: Option<Nat>,
    /// The cells: a load balancer, a database and a file system each. One, `a`, when left out.
    #[schemars(length(min = 1, max = 26))]
    pub(super) cells: Option<Vec<CellFile>>,
}

/// A load balancer, a database and a file system.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CellFile {
    /// Its name, part of what is made for it: another name is another cell.
    pub(super) name: CellName,
    /// The size of its database. `db.t4g.small` when left out.
    pub(super) database_class: Option<DatabaseClass>,
    /// The database's storage in GB; it grows by itself. 20 when left out.
    #[schemars(range(min = 20, max = 65_536))]
    pub(super) database_storage: Option<u32>,
    /// Whether the database has a standby. `none` when left out.
    pub(super) database_standby: Option<Standby>,
}

/// What the sites of an environment get that don't say otherwise.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Defaults {
    /// CPU units of a task, 1024 to a vCPU; with `memory` a pair that Fargate offers.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub(super) cpu: u32,
    /// Memory of a task in MiB; with `cpu` a pair that Fargate offers.
    #[schemars(range(min = 512, max = 122_880))]
    pub(super) memory: u32,
    /// Fewest and most tasks that autoscaling runs.
    pub(super) tasks: Tasks,
    /// Which of CloudFront's edge locations serve the site.
    pub(super) price_class: PriceClass,
    /// How often a site's own content is copied.
    pub(super) backup: BackupPolicy,
    /// What a site may cost a month, in whole US dollars; an AWS budget warns when it is exceeded.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) monthly_budget: u32,
    /// The language of the site and its dashboard. `en_US` when left out.
    pub(super) locale: Option<Locale>,
    /// The time zone of the site's dates. `UTC` when left out.
    pub(super) timezone: Option<Timezone>,
}

/// Fewest and most tasks that autoscaling runs.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tasks {
    /// Tasks that always run while the site is active.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) min: u32,
    /// Tasks that never are exceeded; at least `min`.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) max: u32,
}

/// A tenant: a customer organization. Its id is the name of its folder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "bbws tenant manifest")]
pub(super) struct TenantFile {
    /// The version of this file's form.
    #[expect(dead_code, reason = "checked with the shape")]
    pub(super) version: Version,
    /// The organization's name, as reports show it.
    pub(super) name: Line,
    /// Why none of its sites may be changed for now: apply leaves them alone, and changes others.
    pub(super) hold: Option<Line>,
    /// What a promotion of content does with its sites' own tables and options. WordPress's and WooCommerce's are known.
    pub(super) content: Option<ContentFile>,
}

/// Whose tables and options are, where `bbws promote` does not know it. A table that is in several lists is of the first.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContentFile {
    /// Tables that visitors and users of a site write while it runs, such as orders: they never leave it and are never overwritten.
    #[schemars(length(min = 1, max = 100))]
    pub(super) live: Option<Vec<Pattern>>,
    /// Tables that hold settings: they come with the content, and by themselves with `--content code`.
    #[schemars(length(min = 1, max = 100))]
    pub(super) code: Option<Vec<Pattern>>,
    /// Tables that come with the content.
    #[schemars(length(min = 1, max = 100))]
    pub(super) content: Option<Vec<Pattern>>,
    /// Options that each site keeps, such as keys of other services.
    #[schemars(length(min = 1, max = 100))]
    pub(super) keep_options: Option<Vec<Pattern>>,
    /// What is personal in their own tables, and masked where content goes to an environment further down. The last one that fits counts, and more than what is known.
    #[schemars(length(min = 1, max = 50))]
    pub(super) mask: Option<Vec<MaskFile>>,
}

/// What becomes of the values of a column.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MaskFile {
    /// The table.
    pub(super) table: Pattern,
    /// The column.
    pub(super) column: Pattern,
    /// Only in some rows, such as those of one key of metadata.
    #[serde(rename = "where")]
    pub(super) only: Option<OnlyFile>,
    /// What its values become.
    #[serde(rename = "as")]
    pub(super) mask: MaskAs,
}

/// Rows with such a value in another column.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OnlyFile {
    /// The other column.
    pub(super) column: Pattern,
    /// Its value.
    pub(super) value: Pattern,
}

/// A site: a tenant's WordPress in the environment that the file is named after.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "bbws site manifest")]
pub(super) struct SiteFile {
    /// The version of this file's form.
    #[expect(dead_code, reason = "checked with the shape")]
    pub(super) version: Version,
    /// WordPress's site title.
    pub(super) title: Line,
    /// The domains that the site answers to, the primary one first: WordPress's own URL. Each lies inside the environment's zone and belongs to one site only.
    // ACM: ten names a certificate unless the quota is raised, https://docs.aws.amazon.com/acm/latest/userguide/acm-limits.html
    #[schemars(length(min = 1, max = 10))]
    pub(super) domains: Vec<Domain>,
    /// The language of the site and its dashboard. The environment's default when left out.
    pub(super) locale: Option<Locale>,
    /// The time zone of the site's dates. The environment's default when left out.
    pub(super) timezone: Option<Timezone>,
    /// The first administrator. A password is generated and kept in Secrets Manager.
    pub(super) admin: AdminFile,
    /// What the site runs. Follows its environment when left out.
    pub(super) release: Option<Release>,
    /// The site's plugins. All of them are active; no others are.
    #[schemars(length(min = 1, max = 100))]
    pub(super) plugins: Option<Vec<PackageFile>>,
    /// The site's own themes, beside those of the image.
    #[schemars(length(min = 1, max = 20))]
    pub(super) themes: Option<Vec<PackageFile>>,
    /// The theme that visitors see: one of `themes`, or of the image's. The site's administrators choose when left out.
    pub(super) theme: Option<Slug>,
    /// CPU units of a task, 1024 to a vCPU; with `memory` a pair that Fargate offers. The environment's default when left out.
    #[schemars(extend("enum" = [256, 512, 1024, 2048, 4096, 8192, 16384]))]
    pub(super) cpu: Option<u32>,
    /// Memory of a task in MiB; with `cpu` a pair that Fargate offers. The environment's default when left out.
    #[schemars(range(min = 512, max = 122_880))]
    pub(super) memory: Option<u32>,
    /// Fewest and most tasks that autoscaling runs. The environment's default when left out.
    pub(super) tasks: Option<Tasks>,
    /// Which of CloudFront's edge locations serve the site. The environment's default when left out.
    pub(super) price_class: Option<PriceClass>,
    /// How often the site's own content is copied. The environment's default when left out.
    pub(super) backup: Option<BackupPolicy>,
    /// What the site may cost a month, in whole US dollars; an AWS budget warns when it is exceeded. The environment's default when left out.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(super) monthly_budget: Option<u32>,
    /// Whether visitors are served. `active` when left out.
    pub(super) state: Option<SiteState>,
    /// The site is to be removed: until its grace has ended it is suspended, and everything of it kept. Written by `bbws tenant remove`.
    pub(super) removal: Option<RemovalFile>,
    /// Content that was asked for from the environment below. Written by `bbws promote --pr`.
    pub(super) promotion: Option<PromotionFile>,
    /// Why the site may not be changed for now: apply leaves it alone, and changes others.
    pub(super) hold: Option<Line>,
}

/// A promotion of content that a merge carries out, once.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PromotionFile {
    /// Where the content comes from.
    pub(super) from: EnvironmentName,
    /// What of it.
    pub(super) content: Promoted,
    /// Tells this request from others of the same: another text asks for the content again.
    pub(super) request: Line,
}

/// The removal of a site.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RemovalFile {
    /// The end of the grace. From then on, the site is destroyed when its manifest is deleted.
    pub(super) after: Moment,
    /// Why.
    pub(super) reason: Line,
}

/// A plugin or theme: a zip, known by its checksum.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PackageFile {
    /// Its slug.
    pub(super) slug: Slug,
    /// Its version.
    pub(super) version: PackageVersion,
    /// The SHA-256 of its zip.
    pub(super) sha256: Checksum,
    /// Where the zip can be had. wordpress.org's directory when left out.
    pub(super) source: Option<PackageSource>,
}

/// The first WordPress administrator.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminFile {
    /// The name to log in with.
    pub(super) user: Login,
    /// Where WordPress's own mail goes.
    pub(super) email: Email,
}
