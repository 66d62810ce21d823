//! A consistent SQL dump of the connection's schema that any `mysql` client loads into any schema.
//!
//! Rows are read as the server's text, one at a time, so numbers and dates (zero dates too) are written exactly as
//! the server says them, and memory holds one statement. Triggers, routines and events are not dumped: the site's user
//! has no privilege to make or see any.

use std::io::Write as _;

use mysql_async::{Conn, Row, prelude::Queryable};
use zstd::stream::write::Encoder;

use super::upload::Upload;
use crate::{
    database::{
        failed,
        literals::{self, Checksum},
        sql,
    },
    log,
    protocol::{ExportedTable, Failure, FailureCode},
};

/// An INSERT is ended when it is longer: under the server's `max_allowed_packet` (64 MiB by default) even with a long row.
const STATEMENT: usize = 1 << 20;
/// What was dumped.
pub(super) struct Dump {
    pub(super) taken_at: String,
    pub(super) tables: Vec<ExportedTable>,
    pub(super) views: Vec<String>,
}

/// Dumps every table and view as of one moment.
///
/// # Errors
/// When the database or the storage fails.
pub(super) async fn dump(connection: &mut Conn, upload: &mut Upload<'_>) -> Result<Dump, Failure> {
    let attempt = failed("beginning a consistent snapshot");
    for statement in [
        // Slow storage must not look like a dead client.
        "SET SESSION net_write_timeout = 600, time_zone = '+00:00', sql_mode = '', sql_quote_show_create = 1",
        "SET NAMES utf8mb4",
        "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ] {
        connection.query_drop(statement).await.map_err(&attempt)?;
    }
    let taken_at = log::now();
    let listed: Vec<(String, String)> = connection
        .query(
            "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE() \
             ORDER BY table_name",
        )
        .await
        .map_err(failed("listing the tables"))?;
    let (tables, views): (Vec<_>, Vec<_>) = listed
        .into_iter()
        .partition(|(_, kind)| kind == "BASE TABLE");
    let views: Vec<String> = views.into_iter().map(|(name, _)| name).collect();

    let mut out = Output::new(upload)?;
    out.line(
        "SET NAMES utf8mb4; SET time_zone = '+00:00'; SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';",
    )?;
    out.line("SET foreign_key_checks = 0; SET unique_checks = 0;")?;
    let mut done = Vec::with_capacity(tables.len());
    for (name, _) in tables {
        let (rows, checksum) = table(connection, &name, &mut out).await?;
        let checksum = Some(checksum.to_string());
        done.push(ExportedTable {
            name,
            rows,
            checksum,
        });
    }
    // Views may use each other in any order, so each exists as a stub before the first real one.
    for view in &views {
        let name = sql::identifier(view);
        out.line(&format!(
            "DROP VIEW IF EXISTS {name};\nCREATE VIEW {name} AS SELECT 1 AS stub;"
        ))?;
    }
    for view in &views {
        let create = definition(connection, "VIEW", view).await?;
        let name = sql::identifier(view);
        out.line(&format!("DROP VIEW {name};\n{};", without_definer(&create)))?;
    }
    out.line("SET foreign_key_checks = 1; SET unique_checks = 1;")?;
    out.finish().await?;
    connection
        .query_drop("COMMIT")
        .await
        .map_err(failed("ending the snapshot"))?;
    Ok(Dump {
        taken_at,
        tables: done,
        views,
    })
}

async fn definition(connection: &mut Conn, kind: &str, name: &str) -> Result<String, Failure> {
    let attempt = format!("reading the definition of {name}");
    let row: Option<Row> = connection
        .query_first(format!("SHOW CREATE {kind} {}", sql::identifier(name)))
        .await
        .map_err(failed(&attempt))?;
    row.and_then(|row| row.get::<String, _>(1))
        .ok_or_else(|| Failure::new(FailureCode::DatabaseFailed, format!("{attempt}: no answer")))
}

/// The definer is a user of this server; whoever loads the dump takes its place.
fn without_definer(create: &str) -> String {
    let Some((before, rest)) = create.split_once(" DEFINER=") else {
        return create.to_owned();
    };
    match rest.split_once(" SQL SECURITY ") {
        Some((_definer, after)) => format!("{before} SQL SECURITY {after}"),
        None => create.to_owned(),
    }
}

/// Dumps one table and returns the number and the checksum of its rows.
async fn table(
    connection: &mut Conn,
    name: &str,
    out: &mut Output<'_, '_>,
) -> Result<(u64, Checksum), Failure> {
    let mut checksum = Checksum::default();
    let create = definition(connection, "TABLE", name).await?;
    let quoted = sql::identifier(name);
    out.line(&format!("DROP TABLE IF EXISTS {quoted};\n{create};"))?;

    let Some(reading) = literals::reading(connection, name).await? else {
        return Ok((0, checksum));
    };
    let names: Vec<_> = reading
        .columns
        .iter()
        .map(|name| sql::identifier(name))
        .collect();
    let attempt = format!("reading {name}");
    let mut result = connection
        .query_iter(reading.select)
        .await
        .map_err(failed(&attempt))?;
    let insert = format!("INSERT INTO {quoted} ({}) VALUES\n", names.join(", "));
    let mut rows = 0;
    let mut length = 0;
    while let Some(row) = result.next().await.map_err(failed(&attempt))? {
        out.text(if length == 0 {
            insert.as_bytes()
        } else {
            b",\n"
        })?;
        length += out.row(&row, &mut checksum)?;
        rows += 1;
        if length >= STATEMENT {
            out.text(b";\n")?;
            length = 0;
        }
        out.send_when_full().await?;
    }
    if length > 0 {
        out.text(b";\n")?;
    }
    Ok((rows, checksum))
}

/// The compressed stream towards the storage.
struct Output<'u, 'a> {
    encoder: Encoder<'static, Vec<u8>>,
    upload: &'u mut Upload<'a>,
    row: Vec<u8>,
}

impl<'u, 'a> Output<'u, 'a> {
    fn new(upload: &'u mut Upload<'a>) -> Result<Self, Failure> {
        let encoder =
            Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL).map_err(compressing)?;
        Ok(Self {
            encoder,
            upload,
            row: Vec::new(),
        })
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Failure> {
        self.encoder.write_all(text).map_err(compressing)
    }

    fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.text(text.as_bytes())?;
        self.text(b"\n")
    }

    /// Writes `(…)` and returns its length.
    fn row(&mut self, row: &Row, checksum: &mut Checksum) -> Result<usize, Failure> {
        let mut text = std::mem::take(&mut self.row);
        text.clear();
        literals::push_row(&mut text, row)?;
        checksum.add(&text);
        self.text(&text)?;
        let length = text.len();
        self.row = text;
        Ok(length)
    }

    async fn send_when_full(&mut self) -> Result<(), Failure> {
        if self.encoder.get_ref().len() < STATEMENT {
            return Ok(());
        }
        let bytes = std::mem::take(self.encoder.get_mut());
        self.upload.write(&bytes).await
    }

    async fn finish(self) -> Result<(), Failure> {
        let rest = self.encoder.finish().map_err(compressing)?;
        self.upload.write(&rest).await
    }
}

fn compressing(error: std::io::Error) -> Failure {
    Failure::new(
        FailureCode::StorageFailed,
        format!("compressing the dump: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_views_definer_is_left_out() {
        let create = "CREATE ALGORITHM=UNDEFINED DEFINER=`a``b`@`%` SQL SECURITY DEFINER VIEW `v` AS select 1";
        assert_eq!(
            without_definer(create),
            "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1"
        );
    }
}
