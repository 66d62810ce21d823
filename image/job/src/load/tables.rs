//! Which tables a load fills, and what it does to them so that they fit the site they come to.

use std::collections::BTreeSet;

use mysql_async::{Conn, prelude::Queryable};

use super::{MARK, Schemas};
use crate::{
    database::{failed, sql},
    log::{self, Level},
    protocol::{
        Class, Content, Failure, FailureCode, Load, LoadedTable, Manifest, QUARANTINE_OPTION, class,
    },
    tend::GENERATION,
};

pub(super) const USERS: &str = "wp_users";
const POSTS: &str = "wp_posts";
pub(super) const OPTIONS: &str = "wp_options";
const COMMENTS: &str = "wp_comments";
/// Tables that WordPress needs with their rows to answer anybody; copied where they stay the site's own.
const ACCOUNTS: [&str; 2] = [USERS, "wp_usermeta"];

/// Options that are the environment's own: its addresses and settings, its code, its schedule, and what opens other doors.
/// Names, or beginnings of names with `*` after them.
const OWN: &[&str] = &[
    "siteurl",
    "home",
    "blogname",
    "admin_email",
    "new_admin_email",
    "adminhash",
    "WPLANG",
    "timezone_string",
    "gmt_offset",
    "blog_public",
    "upload_path",
    "upload_url_path",
    "users_can_register",
    "default_role",
    "mailserver_*",
    "active_plugins",
    "recently_activated",
    "template",
    "stylesheet",
    "current_theme",
    "cron",
    "bbws_*",
    // Gateways' keys (WooCommerce's own names: `woocommerce_<gateway>_settings`).
    "woocommerce_stripe*",
    "woocommerce_ppcp*",
    "woocommerce-ppcp*",
    "woocommerce_paypal*",
    "woocommerce_square*",
    "woocommerce_woocommerce_payments*",
    "wcpay_*",
];
/// Options that are made again where they are missing.
const PASSING: &[&str] = &[
    "rewrite_rules",
    "_transient_*",
    "_site_transient_*",
    "recovery_keys",
];

/// What becomes of each of a snapshot's tables.
#[derive(Clone, Debug)]
pub(super) struct Fates {
    takes: BTreeSet<String>,
    /// Live tables that the site does not have yet: it gets them without rows.
    empty: BTreeSet<String>,
    /// Filled only to know who wrote what.
    accounts: bool,
}

impl Fates {
    pub(super) fn takes(&self, table: &str) -> bool {
        self.takes.contains(table)
    }

    pub(super) fn fills(&self, table: &str) -> bool {
        self.takes(table) || (self.accounts && table == USERS)
    }

    pub(super) fn defines(&self, table: &str) -> bool {
        self.fills(table) || self.empty.contains(table)
    }

    pub(super) fn made_empty(&self) -> impl Iterator<Item = &String> {
        self.empty.iter()
    }

    pub(super) fn left_out(&self, manifest: &Manifest) -> Vec<String> {
        let tables = manifest.tables.iter().map(|table| &table.name);
        tables
            .filter(|table| !self.takes(table) && !self.empty.contains(*table))
            .cloned()
            .collect()
    }
}

/// The tables of a schema, without its views.
pub(super) async fn list(connection: &mut Conn, schema: &str) -> Result<BTreeSet<String>, Failure> {
    let names: Vec<String> = connection
        .exec(
            "SELECT table_name FROM information_schema.tables \
             WHERE table_schema = ? AND table_type = 'BASE TABLE'",
            (schema,),
        )
        .await
        .map_err(failed("listing the tables"))?;
    Ok(names.into_iter().collect())
}

/// Decides, and refuses what cannot be.
pub(super) fn fates(
    load: &Load,
    manifest: &Manifest,
    present: &BTreeSet<String>,
) -> Result<Fates, Failure> {
    let refused = |reason: String| Failure::new(FailureCode::BadRequest, reason);
    if !present.contains(OPTIONS) {
        return Err(refused(
            "the site has no WordPress yet; provision it before content is loaded".to_owned(),
        ));
    }
    let names = || manifest.tables.iter().map(|table| table.name.as_str());
    if let Content::Tables { tables } = &load.content {
        for table in tables {
            if !names().any(|name| name == table) {
                return Err(refused(format!("the snapshot has no table {table}")));
            }
            if class(table, &load.rules) == Class::Live {
                return Err(refused(format!(
                    "{table} is live: its rows are made by the site's users and are never overwritten"
                )));
            }
        }
    }
    let taken = names().filter(|table| load.content.takes(table, &load.rules));
    let takes: BTreeSet<String> = taken.map(str::to_owned).collect();
    let missing = names().filter(|table| {
        load.content == Content::All
            && class(table, &load.rules) == Class::Live
            && !present.contains(*table)
    });
    Ok(Fates {
        empty: missing.map(str::to_owned).collect(),
        accounts: takes.contains(POSTS) && !takes.contains(USERS) && names().any(|t| t == USERS),
        takes,
    })
}

/// Refuses to overwrite what customers wrote where nobody would look for it: WooCommerce kept orders among the posts.
pub(super) async fn guard(
    connection: &mut Conn,
    load: &Load,
    manifest: &Manifest,
) -> Result<(), Failure> {
    let takes_posts = manifest.tables.iter().any(|table| table.name == POSTS)
        && load.content.takes(POSTS, &load.rules);
    if !takes_posts {
        return Ok(());
    }
    let orders: Option<u64> = connection
        .query_first(
            "SELECT COUNT(*) FROM wp_posts WHERE post_type IN ('shop_order', 'shop_order_refund', 'shop_subscription')",
        )
        .await
        .map_err(failed("looking for orders"))?;
    match orders.unwrap_or_default() {
        0 => Ok(()),
        orders => Err(Failure::new(
            FailureCode::BadRequest,
            format!(
                "{orders} orders lie among the site's posts, which would be overwritten: move them to tables of their own (in \
                 WooCommerce's settings, Advanced, Features: high-performance order storage), or load other content"
            ),
        )),
    }
}

/// Posts and comments name their authors by numbers of the site that they come from: finds the accounts of the same names here.
/// Returns how many posts are the administrator's now because their authors have none.
pub(super) async fn authors(
    connection: &mut Conn,
    load: &Load,
    schemas: &Schemas,
    fates: &Fates,
) -> Result<u64, Failure> {
    if !fates.accounts {
        return Ok(0);
    }
    let (live, next) = (
        sql::identifier(&schemas.live),
        sql::identifier(&schemas.next),
    );
    let attempt = failed("giving posts their authors");
    let admin: Option<u64> = connection
        .exec_first(
            format!("SELECT ID FROM {live}.{USERS} WHERE user_login = ?"),
            (&load.settings.admin_user,),
        )
        .await
        .map_err(&attempt)?;
    let admin = admin.ok_or_else(|| {
        Failure::new(
            FailureCode::DatabaseFailed,
            format!("the site has no account {}", load.settings.admin_user),
        )
    })?;
    let accounts = |number: &str| {
        format!(
            "LEFT JOIN {next}.{USERS} theirs ON theirs.ID = {number} \
             LEFT JOIN {live}.{USERS} ours ON ours.user_login = theirs.user_login"
        )
    };
    // 0 is nobody: navigation and templates of the site itself.
    let orphans: Option<u64> = connection
        .query_first(format!(
            "SELECT COUNT(*) FROM {next}.{POSTS} p {} WHERE p.post_author <> 0 AND ours.ID IS NULL",
            accounts("p.post_author")
        ))
        .await
        .map_err(&attempt)?;
    connection
        .query_drop(format!(
            "UPDATE {next}.{POSTS} p {} SET p.post_author = COALESCE(ours.ID, {admin}) WHERE p.post_author <> 0",
            accounts("p.post_author")
        ))
        .await
        .map_err(&attempt)?;
    if fates.takes(COMMENTS) {
        connection
            .query_drop(format!(
                "UPDATE {next}.{COMMENTS} c {} SET c.user_id = COALESCE(ours.ID, 0) WHERE c.user_id <> 0",
                accounts("c.user_id")
            ))
            .await
            .map_err(&attempt)?;
    }
    connection
        .query_drop(format!("DROP TABLE {next}.{USERS}"))
        .await
        .map_err(&attempt)?;
    Ok(orphans.unwrap_or_default())
}

/// Refuses content of a newer WordPress than this site's: its tables have a form that the code here does not know.
pub(super) async fn age(
    connection: &mut Conn,
    schemas: &Schemas,
    fates: &Fates,
) -> Result<(), Failure> {
    if !fates.takes(OPTIONS) {
        return Ok(());
    }
    let mut versions = [0; 2];
    for (schema, version) in [&schemas.next, &schemas.live]
        .into_iter()
        .zip(&mut versions)
    {
        let found: Option<u64> = connection
            .query_first(format!(
                "SELECT CAST(option_value AS UNSIGNED) FROM {}.{OPTIONS} WHERE option_name = 'db_version'",
                sql::identifier(schema)
            ))
            .await
            .map_err(failed("reading the version of the tables"))?;
        *version = found.unwrap_or_default();
    }
    let [theirs, ours] = versions;
    if theirs <= ours {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::BadRequest,
        format!(
            "the snapshot's tables are of a newer WordPress (version {theirs}) than the site's ({ours}): promote the release first"
        ),
    ))
}

/// Puts the environment's own options in the place of those that came.
pub(super) async fn options(
    connection: &mut Conn,
    load: &Load,
    schemas: &Schemas,
    fates: &Fates,
) -> Result<(), Failure> {
    if !fates.takes(OPTIONS) {
        return Ok(());
    }
    let (live, next) = (
        sql::identifier(&schemas.live),
        sql::identifier(&schemas.next),
    );
    let own = || {
        OWN.iter()
            .copied()
            .chain(load.keep_options.iter().map(String::as_str))
    };
    let statements = [
        format!(
            "DELETE FROM {next}.{OPTIONS} WHERE option_name <> '{QUARANTINE_OPTION}' AND ({})",
            named(own().chain(PASSING.iter().copied()))
        ),
        format!(
            "INSERT INTO {next}.{OPTIONS} (option_name, option_value, autoload) \
             SELECT option_name, option_value, autoload FROM {live}.{OPTIONS} \
             WHERE option_name <> '{QUARANTINE_OPTION}' AND ({})",
            named(own())
        ),
        another_generation(&format!("{next}.{OPTIONS}")),
    ];
    for statement in statements {
        connection
            .query_drop(statement)
            .await
            .map_err(failed("keeping the site's own options"))?;
    }
    Ok(())
}

/// Every task sees that the content is another as soon as these options are the site's.
pub(super) fn another_generation(options: &str) -> String {
    format!(
        "REPLACE INTO {options} (option_name, option_value, autoload) VALUES ('{GENERATION}', UUID(), 'on')"
    )
}

fn named<'a>(patterns: impl Iterator<Item = &'a str>) -> String {
    let conditions = patterns.map(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => {
            let escaped = beginning
                .replace('\\', "\\\\")
                .replace('_', "\\_")
                .replace('%', "\\%");
            format!("option_name LIKE {}", sql::string(&format!("{escaped}%")))
        }
        None => format!("option_name = {}", sql::string(pattern)),
    });
    conditions.collect::<Vec<_>>().join(" OR ")
}

/// Gives `next` what a site needs to be tried and is not loaded: its accounts as they are, its other tables without rows.
pub(super) async fn surround(
    connection: &mut Conn,
    schemas: &Schemas,
    present: &BTreeSet<String>,
    fates: &Fates,
) -> Result<(), Failure> {
    let (live, next) = (
        sql::identifier(&schemas.live),
        sql::identifier(&schemas.next),
    );
    for table in present.iter().filter(|table| !fates.takes(table)) {
        let name = sql::identifier(table);
        let attempt = format!("making {table} to try the site with");
        connection
            .query_drop(format!("CREATE TABLE {next}.{name} LIKE {live}.{name}"))
            .await
            .map_err(failed(&attempt))?;
        if ACCOUNTS.contains(&table.as_str()) || table == OPTIONS {
            connection
                .query_drop(format!(
                    "INSERT INTO {next}.{name} SELECT * FROM {live}.{name}"
                ))
                .await
                .map_err(failed(&attempt))?;
        }
    }
    log::line("job", Level::Info, None, "the tables are loaded");
    Ok(())
}

/// Writes down which tables are to be moved.
pub(super) async fn mark(
    connection: &mut Conn,
    schema: &str,
    tables: &[LoadedTable],
) -> Result<(), Failure> {
    let schema = sql::identifier(schema);
    for table in tables {
        connection
            .query_drop(format!(
                "INSERT INTO {schema}.{MARK} SELECT run, {} FROM {schema}.{MARK} WHERE name = ''",
                sql::string(&table.name)
            ))
            .await
            .map_err(failed("noting what was loaded"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_in_names_are_no_wildcards() {
        assert_eq!(
            named(["home", "bbws_*"].into_iter()),
            r"option_name = 'home' OR option_name LIKE 'bbws\\_%'"
        );
    }
}
