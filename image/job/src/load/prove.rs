//! Proves what was loaded, by the database's own word.

use mysql_async::{Conn, Row, Value, prelude::Queryable};

use crate::{
    database::{failed, sql},
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
        if columns.is_empty() {
            continue;
        }
        let names: Vec<String> = columns
            .iter()
            .map(|column| sql::identifier(column))
            .collect();
        let conditions = names.iter().flat_map(|column| {
            load.hosts.iter().map(move |host| {
                let pattern = host.replace('_', "\\_").replace('%', "\\%");
                // As bytes, case would count.
                format!(
                    "CONVERT({column} USING utf8mb4) LIKE {} COLLATE utf8mb4_general_ci",
                    sql::string(&format!("%{pattern}%"))
                )
            })
        });
        let select = format!(
            "SELECT {} FROM {}.{} WHERE {}",
            names.join(", "),
            sql::identifier(schema),
            sql::identifier(table),
            conditions.collect::<Vec<_>>().join(" OR ")
        );
        let attempt = format!("looking for old addresses in {table}");
        let mut counts = vec![0; columns.len()];
        let mut suspects = connection
            .query_iter(select)
            .await
            .map_err(failed(&attempt))?;
        while let Some(row) = suspects.next().await.map_err(failed(&attempt))? {
            count(&row, rewriter, &mut counts);
        }
        let found = columns.iter().zip(counts).filter(|(_, count)| *count > 0);
        left.extend(found.map(|(column, count)| format!("{count} in {table}.{column}")));
    }
    if left.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        FailureCode::DatabaseFailed,
        format!("old addresses are left: {}", left.join(", ")),
    ))
}

fn count(row: &Row, rewriter: &Rewriter, counts: &mut [u64]) {
    for (at, count) in counts.iter_mut().enumerate() {
        if let Some(Value::Bytes(bytes)) = row.as_ref(at) {
            *count += rewriter.count(bytes);
        }
    }
}
