//! The job contract, version 1: a request (environment variable [`REQUEST_VARIABLE`]), an outcome (an object in S3) and an
//! exit code.
//!
//! Requests hold identifiers, never secrets; outcomes hold neither. A field is added by giving it a default and by not saying it
//! where it has that default, as an image that does not know it refuses it; anything else is a new [`VERSION`].

mod code;
mod content;
mod failure;
mod quarantine;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use code::{CODE_VARIABLE, Code, Package};
#[cfg(feature = "program")]
pub(crate) use content::fits;
pub use content::{
    Address, Class, Content, ExportedFile, ExportedTable, Load, Loaded, LoadedTable, Manifest,
    Rule, Snapshot, Switched, class,
};
pub use failure::{ExitCode, Failure, FailureCode};
pub use quarantine::{LeakTest, Mask, MaskRule, Only, QUARANTINE_OPTION, Quarantine};

/// The version of requests and outcomes that this code speaks.
pub const VERSION: u32 = 1;
/// The environment variable that carries the request.
pub const REQUEST_VARIABLE: &str = "BBWS_JOB";

/// What a job is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// The job's id, chosen by the runner; also in every log line.
    pub id: String,
    /// The environment's name (`dev`).
    pub environment: String,
    /// The bucket for the outcome and for what the job makes.
    pub bucket: String,
    /// Where the outcome goes in that bucket.
    pub outcome_key: String,
    /// The work itself.
    pub work: Work,
}

/// The kinds of work. The first three run in a cell's admin task, the others in the tenant's own task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// Makes schemas, users, passwords and grants as they should be. Data: [`EnsuredDatabase`].
    EnsureDatabases {
        /// Whose.
        tenants: Vec<DatabaseTarget>,
    },
    /// Removes schemas and users. Data: [`DroppedDatabase`].
    DropDatabases {
        /// Whose.
        tenants: Vec<DatabaseName>,
    },
    /// Reads what no AWS call shows. Data: [`Inspection`].
    Inspect {
        /// Whose.
        tenants: Vec<DatabaseName>,
    },
    /// Installs WordPress where it is not, makes its settings so, prepares it for the site's own plugins and tries whether pages
    /// are answered with them. Data: [`Installed`].
    Install {
        /// The settings.
        settings: Settings,
        /// Pages are tried also where the site has no code of its own.
        #[serde(default, skip_serializing_if = "is_not_asked")]
        try_pages: bool,
        /// The site is quarantined: whether mail and calls get out is tried.
        #[serde(default, skip_serializing_if = "is_not_asked")]
        try_leaks: bool,
    },
    /// Streams the database and the uploads into the bucket. Data: [`Manifest`].
    Export {
        /// The key prefix, ending in `/`.
        prefix: String,
    },
    /// Loads a content snapshot beside the site's content, with the site's own addresses in it, and tries whether the site answers
    /// with it. Visitors see nothing of it. Data: [`Loaded`].
    Load(Box<Load>),
    /// Puts what was loaded in the place of the site's content. Data: [`Switched`].
    Switch {
        /// The run that loaded it.
        run: String,
    },
    /// Puts the content of before back in its place. Data: [`Switched`].
    SwitchBack {
        /// The run that switched.
        run: String,
    },
    /// Removes what is beside the site's content: what was loaded, and the content of before. Data: null.
    Settle,
    /// Ends a site's quarantine. Data: whether it was quarantined.
    Lift,
    /// Deletes every uploaded file. Data: [`Wiped`].
    Wipe,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_not_asked(asked: &bool) -> bool {
    !asked
}

/// One tenant's database, with the secret that holds its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseTarget {
    /// The tenant's id.
    pub tenant: String,
    /// The schema (`t_acme`).
    pub schema: String,
    /// The MySQL user (`t_acme`), at any host.
    pub user: String,
    /// Name or ARN of the secret whose JSON field `password` is the user's password.
    pub secret: String,
}

/// One tenant's database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseName {
    /// The tenant's id.
    pub tenant: String,
    /// The schema (`t_acme`).
    pub schema: String,
    /// The MySQL user (`t_acme`), at any host.
    pub user: String,
}

/// The settings of WordPress that a manifest declares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The site's title.
    pub title: String,
    /// The administrator's login name.
    pub admin_user: String,
    /// The administrator's and the site's e-mail address.
    pub admin_email: String,
    /// The site's URL without a trailing slash, as `WP_HOME`.
    pub home: String,
    /// A locale such as `de_DE`; `en_US` is WordPress's own language.
    pub locale: String,
    /// An IANA time zone.
    pub timezone: String,
    /// The permalink structure.
    #[serde(default = "default_permalinks")]
    pub permalinks: String,
}

fn default_permalinks() -> String {
    "/%year%/%monthnum%/%postname%/".to_owned()
}

/// What became of a job: one result a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// [`VERSION`].
    pub version: u32,
    /// The request's id.
    pub id: String,
    /// Whether every result is.
    pub ok: bool,
    /// One a tenant, in the request's order. A tenant's own job has exactly one.
    pub results: Vec<TenantResult>,
}

/// What became of one tenant's part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantResult {
    /// The tenant's id.
    pub tenant: String,
    /// Whether the work was done.
    pub ok: bool,
    /// Why not.
    pub error: Option<Failure>,
    /// What was done or found; its type depends on the [`Work`]. Null after a failure.
    pub data: serde_json::Value,
}

impl TenantResult {
    /// The data as the type that the work promises.
    ///
    /// # Errors
    /// When the data is of another shape, for instance after a failure.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde::Deserialize::deserialize(&self.data)
    }
}

/// What [`Work::EnsureDatabases`] changed; all false when everything was as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnsuredDatabase {
    /// The schema was made.
    pub schema_created: bool,
    /// The user was made.
    pub user_created: bool,
    /// The password was set because the secret's did not work.
    pub password_changed: bool,
    /// TLS was not required and now is.
    pub tls_changed: bool,
    /// Grants differed and were made so.
    pub grants_changed: bool,
}

/// What [`Work::DropDatabases`] removed; both false on a repeat.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedDatabase {
    /// The schema existed.
    pub schema_dropped: bool,
    /// The user existed.
    pub user_dropped: bool,
}

/// What [`Work::Inspect`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The schema exists.
    pub schema: bool,
    /// The user exists.
    pub user: bool,
    /// The user may connect with TLS only.
    pub requires_tls: bool,
    /// The user's grants, one `PRIVILEGE ON target` each, sorted; `USAGE`, which is no privilege, left out.
    pub grants: Vec<String>,
    /// Whether the grants are exactly those that [`Work::EnsureDatabases`] makes.
    pub grants_as_desired: bool,
    /// What WordPress says of itself, if it is installed.
    pub wordpress: Option<WordPressState>,
}

/// What is in WordPress's options table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordPressState {
    /// The title.
    pub title: String,
    /// The site's e-mail address.
    pub admin_email: String,
    /// The option `home`.
    pub home: String,
    /// The option `siteurl`.
    pub siteurl: String,
    /// The IANA time zone; empty when an offset is set.
    pub timezone: String,
    /// The locale; `en_US` when none is set.
    pub locale: String,
    /// The permalink structure.
    pub permalinks: String,
    /// The version of WordPress's own tables.
    pub db_version: String,
}

/// What [`Work::Install`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// WordPress was not installed before.
    pub installed: bool,
    /// The names of the settings that were changed afterwards; empty on a repeat.
    pub changed: Vec<String>,
    /// What a quarantined site tried in vain.
    #[serde(default)]
    pub leak_test: Option<LeakTest>,
}

/// What [`Work::Wipe`] deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiped {
    /// How many files; 0 on a repeat.
    pub files: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_the_contract_is_understood() {
        let json = r#"{"version":1,"id":"j1","environment":"dev","bucket":"b","outcome_key":"jobs/j1.json",
            "work":{"kind":"ensure_databases","tenants":[{"tenant":"acme","schema":"t_acme","user":"t_acme","secret":"s"}]}}"#;
        let request: Request = serde_json::from_str(json).unwrap();
        assert!(
            matches!(request.work, Work::EnsureDatabases { ref tenants } if tenants[0].schema == "t_acme")
        );
        assert_eq!(
            serde_json::from_str::<Work>(r#"{"kind":"wipe"}"#).unwrap(),
            Work::Wipe
        );
    }

    #[test]
    fn what_is_not_asked_is_not_said() {
        let settings = Settings {
            title: "Acme".into(),
            admin_user: "ada".into(),
            admin_email: "ada@acme.test".into(),
            home: "https://acme.test".into(),
            locale: "en_US".into(),
            timezone: "UTC".into(),
            permalinks: default_permalinks(),
        };
        let install = |asked| {
            let work = Work::Install {
                settings: settings.clone(),
                try_pages: asked,
                try_leaks: asked,
            };
            let json = serde_json::to_value(&work).unwrap();
            assert_eq!(serde_json::from_value::<Work>(json.clone()).unwrap(), work);
            json
        };
        assert_eq!(install(true)["try_leaks"], true);
        let silent = install(false);
        let said: Vec<_> = silent.as_object().unwrap().keys().collect();
        assert_eq!(said, ["kind", "settings"]);
    }

    #[test]
    fn an_unknown_field_is_refused_rather_than_ignored() {
        assert!(
            serde_json::from_str::<Work>(r#"{"kind":"export","prefix":"a/","password":"p"}"#)
                .is_err()
        );
    }
}
