//! Proves what was loaded, by the database's own word.

use mysql_async::{Conn, Value, prelude::Queryable};

use crate::{
    database::{failed, sql},
    mask::Masker,
    protocol::{ExportedTable, Failure, FailureCode, Load},
    rewrite::Rewriter,
};

/// As many rows as the manifest says.
pub(super) async fn rows(
    connection: &mut Conn,
    schema: &str,
    table: &ExportedTable,
) -> Result<(), Failure> {
    let found: Option<u64> = connection
        .query_first(format!(
            "SELECT COUNT(*) FROM {}.{}",
            sql::identifier(schema),
            sql::identifier(&table.name)
        ))
        .await
        .map_err(failed(&format!("counting the rows of {}", table.name)))?;
    let found = found.unwrap_or_default();
    if found == table.rows {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::DatabaseFailed,
        format!(
            "{} has {found} rows after loading, but the manifest says {}",
            table.name, table.rows
        ),
    ))
}

/// No old address in any column that can hold text, or bytes.
pub(super) async fn no_leftovers(
    connection: &mut Conn,
    schema: &str,
    tables: &[&str],
    load: &Load,
    rewriter: &Rewriter,
) -> Result<(), Failure> {
    let conditions = |_: &str, column: &str| {
        let of_host = |host: &String| {
            let pattern = host.replace('_', "\\_").replace('%', "\\%");
            // As bytes, case would count.
            format!(
                "CONVERT({column} USING utf8mb4) LIKE {} COLLATE utf8mb4_general_ci",
                sql::string(&format!("%{pattern}%"))
            )
        };
        Some(
            load.hosts
                .iter()
                .map(of_host)
                .collect::<Vec<_>>()
                .join(" OR "),
        )
    };
    let count = |bytes: &[u8]| rewriter.count(bytes);
    none(
        connection,
        (schema, tables),
        "old addresses",
        conditions,
        count,
    )
    .await
}

/// No e-mail address that is not masked, but where a rule keeps them.
pub(super) async fn no_mails(
    connection: &mut Conn,
    schema: &str,
    tables: &[&str],
    masker: &Masker,
) -> Result<(), Failure> {
    let conditions = |table: &str, column: &str| {
        let kept = masker.keeps(table, column.trim_matches('`'));
        (!kept).then(|| format!("INSTR({column}, '@') > 0"))
    };
    let count = |bytes: &[u8]| masker.count_mails(bytes);
    none(
        connection,
        (schema, tables),
        "e-mail addresses",
        conditions,
        count,
    )
    .await
}

/// Nothing of what `count` counts in any column that can hold text, or bytes. Of a table only rows are read that fulfil one of the
/// conditions that `suspect` makes for its columns.
async fn none(
    connection: &mut Conn,
    (schema, tables): (&str, &[&str]),
    what: &str,
    suspect: impl Fn(&str, &str) -> Option<String>,
    count: impl Fn(&[u8]) -> u64,
) -> Result<(), Failure> {
    let mut left = Vec::new();
    for table in tables {
        let columns: Vec<String> = connection
            .exec(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = ? AND table_name = ? \
                 AND (data_type LIKE '%char' OR data_type LIKE '%text' OR data_type LIKE '%blob' \
                      OR data_type LIKE '%binary' OR data_type = 'json') ORDER BY ordinal_position",
                (schema, table),
            )
            .await
            .map_err(failed("listing columns"))?;
        let suspects = columns.iter().filter_map(|column| {
            let column = sql::identifier(column);
            suspect(table, &column).map(|condition| (column, condition))
        });
        let (names, conditions): (Vec<_>, Vec<_>) = suspects.unzip();
        if names.is_empty() {
            continue;
        }
        let select = format!(
            "SELECT {} FROM {}.{} WHERE {}",
            names.join(", "),
            sql::identifier(schema),
            sql::identifier(table),
            conditions.join(" OR ")
        );
        let attempt = format!("looking for {what} in {table}");
        let mut counts = vec![0; names.len()];
        let mut rows = connection
            .query_iter(select)
            .await
            .map_err(failed(&attempt))?;
        while let Some(row) = rows.next().await.map_err(failed(&attempt))? {
            for (at, counted) in counts.iter_mut().enumerate() {
                if let Some(Value::Bytes(bytes)) = row.as_ref(at) {
                    *counted += count(bytes);
                }
            }
        }
        let found = names.iter().zip(counts).filter(|(_, count)| *count > 0);
        left.extend(
            found.map(|(column, count)| format!("{count} in {table}.{}", column.trim_matches('`'))),
        );
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::DatabaseFailed,
        format!("{what} are left: {}", left.join(", ")),
    ))
}
