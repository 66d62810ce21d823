//! What a site's user may do, and reading what it can.

use mysql_async::{Conn, Row, prelude::Queryable};

use super::{failed, sql};
use crate::protocol::Failure;

/// The privileges on the site's own schemas.
///
/// WordPress reads and writes (SELECT, INSERT, UPDATE, DELETE), and its upgrades and plugins change tables (CREATE,
/// ALTER, DROP, INDEX): <https://developer.wordpress.org/advanced-administration/security/hardening/#database-security>.
/// Widely used plugins also lock tables, make temporary ones, and declare foreign keys (REFERENCES). Nothing with which
/// one could reach beyond the schema, run stored code, or read files.
pub(super) const PRIVILEGES: [&str; 11] = [
    "ALTER",
    "CREATE",
    "CREATE TEMPORARY TABLES",
    "DELETE",
    "DROP",
    "INDEX",
    "INSERT",
    "LOCK TABLES",
    "REFERENCES",
    "SELECT",
    "UPDATE",
];

/// The schemas that are a site's: its own, and those beside it, which its user makes and removes itself.
fn schemas(schema: &str) -> [String; 3] {
    [
        schema.to_owned(),
        super::before(schema),
        super::next(schema),
    ]
}

/// The statements that give a user its privileges; a repeat changes nothing.
pub(super) fn statements(schema: &str, user: &str) -> Vec<String> {
    let schemas = schemas(schema);
    let grants = schemas.iter().map(|schema| {
        format!(
            "GRANT {} ON {}.* TO {}",
            PRIVILEGES.join(", "),
            sql::grant_schema(schema),
            sql::account(user)
        )
    });
    grants.collect()
}

/// The desired grants in [`current`]'s form.
pub(super) fn desired(schema: &str) -> Vec<String> {
    let schemas = schemas(schema);
    let mut desired: Vec<String> = schemas
        .iter()
        .map(|schema| sql::grant_schema(schema))
        .flat_map(|schema| PRIVILEGES.map(|privilege| format!("{privilege} ON {schema}.*")))
        .collect();
    desired.sort();
    desired
}

/// What a user may do: one `PRIVILEGE ON target` each, sorted. The user must exist.
pub(super) async fn current(admin: &mut Conn, user: &str) -> Result<Vec<String>, Failure> {
    let attempt = format!("reading the grants of {user}");
    let rows: Vec<Row> = admin
        .query(format!("SHOW GRANTS FOR {}", sql::account(user)))
        .await
        .map_err(failed(&attempt))?;
    let statements = rows.iter().filter_map(|row| row.get::<String, _>(0));
    Ok(normalise(statements))
}

/// Splits `GRANT A, B (c, d) ON target TO user …` statements. USAGE is MySQL's word for nothing. A statement of another
/// form, such as a granted role, is kept whole, so that it counts as a difference.
fn normalise(statements: impl Iterator<Item = String>) -> Vec<String> {
    let mut grants = Vec::new();
    for statement in statements {
        let body = statement
            .strip_prefix("GRANT ")
            .and_then(|rest| rest.rsplit_once(" TO "));
        match body.and_then(|(body, to)| Some((body.split_once(" ON ")?, to))) {
            Some(((privileges, target), to)) => {
                let option = if to.ends_with(" WITH GRANT OPTION") {
                    " WITH GRANT OPTION"
                } else {
                    ""
                };
                for privilege in split(privileges)
                    .filter(|privilege| *privilege != "USAGE" || !option.is_empty())
                {
                    grants.push(format!("{privilege} ON {target}{option}"));
                }
            }
            None => grants.push(statement),
        }
    }
    grants.sort();
    grants
}

/// Splits at commas outside of parentheses.
fn split(privileges: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    privileges
        .split(move |c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ',' && depth == 0
        })
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(statements: &[&str]) -> Vec<String> {
        normalise(statements.iter().map(|s| (*s).to_owned()))
    }

    #[test]
    fn mysqls_own_order_and_usage_make_no_difference() {
        let all = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE TEMPORARY TABLES, LOCK TABLES";
        let on = |schema| format!("GRANT {all} ON `{schema}`.* TO `t_acme`@`%`");
        let shown = normalise(
            [
                "GRANT USAGE ON *.* TO `t_acme`@`%`".to_owned(),
                on("t\\_acme"),
                on("t\\_acme$before"),
                on("t\\_acme$next"),
            ]
            .into_iter(),
        );
        assert_eq!(shown, desired("t_acme"));
    }

    #[test]
    fn every_excess_is_a_difference() {
        assert_eq!(
            of(&["GRANT SELECT (a, b), FILE ON *.* TO `u`@`%`"]),
            ["FILE ON *.*", "SELECT (a, b) ON *.*"]
        );
        assert_eq!(
            of(&["GRANT `r`@`%` TO `u`@`%`"]),
            ["GRANT `r`@`%` TO `u`@`%`"]
        );
        assert_eq!(
            of(&["GRANT USAGE ON *.* TO `u`@`%` WITH GRANT OPTION"]),
            ["USAGE ON *.* WITH GRANT OPTION"]
        );
    }
}
