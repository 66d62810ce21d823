//! A consistent SQL dump of the connection's schema that any `mysql` client loads into any schema.
//!
//! Rows are read as the server's text, one at a time, so numbers and dates (zero dates too) are written exactly as
//! the server says them, and memory holds one statement. Triggers, routines and events are not dumped: the site's user
//! has no privilege to make or see any.

use std::io::Write as _;

use mysql_async::{Column, Conn, Row, Value, consts::ColumnType, prelude::Queryable};
use zstd::stream::write::Encoder;

use super::upload::Upload;
use crate::{
    database::{failed, sql},
    log,
    protocol::{ExportedTable, Failure, FailureCode},
};

/// An INSERT is ended when it is longer: under the server's `max_allowed_packet` (64 MiB by default) even with a long row.
const STATEMENT: usize = 1 << 20;
/// The collation id of bytes that are no text, in column metadata
/// (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html>).
const BINARY: u16 = 63;

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
        let rows = table(connection, &name, &mut out).await?;
        done.push(ExportedTable { name, rows });
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

/// Dumps one table and returns its number of rows.
async fn table(
    connection: &mut Conn,
    name: &str,
    out: &mut Output<'_, '_>,
) -> Result<u64, Failure> {
    let create = definition(connection, "TABLE", name).await?;
    let quoted = sql::identifier(name);
    out.line(&format!("DROP TABLE IF EXISTS {quoted};\n{create};"))?;

    // Generated columns are computed again; invisible ones must be named to be read.
    let columns: Vec<(String, String)> = connection
        .exec(
            "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND generation_expression = '' ORDER BY ordinal_position",
            (name,),
        )
        .await
        .map_err(failed("listing columns"))?;
    if columns.is_empty() {
        return Ok(0);
    }
    let names = columns
        .iter()
        .map(|(column, _)| sql::identifier(column))
        .collect::<Vec<_>>()
        .join(", ");
    let selected = columns.iter().map(|(column, kind)| {
        let column = sql::identifier(column);
        // As text a FLOAT has six digits; as a DOUBLE it has all it holds.
        if kind == "float" {
            format!("{column} + 0e0")
        } else {
            column
        }
    });
    let select = format!(
        "SELECT {} FROM {quoted}",
        selected.collect::<Vec<_>>().join(", ")
    );

    let attempt = format!("reading {name}");
    let mut result = connection
        .query_iter(select)
        .await
        .map_err(failed(&attempt))?;
    let insert = format!("INSERT INTO {quoted} ({names}) VALUES\n");
    let mut rows = 0;
    let mut length = 0;
    while let Some(row) = result.next().await.map_err(failed(&attempt))? {
        out.text(if length == 0 {
            insert.as_bytes()
        } else {
            b",\n"
        })?;
        length += out.row(&row)?;
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
    Ok(rows)
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
    fn row(&mut self, row: &Row) -> Result<usize, Failure> {
        let mut text = std::mem::take(&mut self.row);
        text.clear();
        text.push(b'(');
        for (at, column) in row.columns_ref().iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            push_value(&mut text, column, row.as_ref(at).unwrap_or(&Value::NULL))?;
        }
        text.push(b')');
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

/// Appends a value of the text protocol as a literal.
fn push_value(out: &mut Vec<u8>, column: &Column, value: &Value) -> Result<(), Failure> {
    use ColumnType as T;
    let bytes = match value {
        Value::NULL => b"NULL",
        Value::Bytes(bytes) => bytes.as_slice(),
        _ => {
            return Err(Failure::new(
                FailureCode::DatabaseFailed,
                "the server answered in another protocol",
            ));
        }
    };
    match column.column_type() {
        _ if *value == Value::NULL => out.extend(bytes),
        T::MYSQL_TYPE_TINY
        | T::MYSQL_TYPE_SHORT
        | T::MYSQL_TYPE_INT24
        | T::MYSQL_TYPE_LONG
        | T::MYSQL_TYPE_LONGLONG
        | T::MYSQL_TYPE_FLOAT
        | T::MYSQL_TYPE_DOUBLE
        | T::MYSQL_TYPE_DECIMAL
        | T::MYSQL_TYPE_NEWDECIMAL
        | T::MYSQL_TYPE_YEAR => out.extend(bytes),
        T::MYSQL_TYPE_BIT | T::MYSQL_TYPE_GEOMETRY => push_hex(out, bytes),
        T::MYSQL_TYPE_STRING
        | T::MYSQL_TYPE_VAR_STRING
        | T::MYSQL_TYPE_VARCHAR
        | T::MYSQL_TYPE_BLOB
        | T::MYSQL_TYPE_TINY_BLOB
        | T::MYSQL_TYPE_MEDIUM_BLOB
        | T::MYSQL_TYPE_LONG_BLOB
            if column.character_set() == BINARY =>
        {
            push_hex(out, bytes);
        }
        _ => sql::push_string(out, bytes),
    }
    Ok(())
}

fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        // `0x` alone is no literal.
        out.extend(b"''");
    } else {
        out.extend(b"0x");
        out.extend(hex::encode(bytes).into_bytes());
    }
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

    #[test]
    fn values_keep_their_bytes() {
        let literal = |kind, set, value: Value| {
            let mut out = Vec::new();
            push_value(&mut out, &Column::new(kind).with_character_set(set), &value).unwrap();
            String::from_utf8(out).unwrap()
        };
        let bytes = |b: &[u8]| Value::Bytes(b.to_vec());
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_BLOB, BINARY, bytes(&[0, 255])),
            "0x00ff"
        );
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_BLOB, BINARY, bytes(&[])),
            "''"
        );
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_BLOB, 224, bytes("é'".as_bytes())),
            "'é\\''"
        );
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_JSON, BINARY, bytes(b"{\"a\": 1}")),
            "'{\"a\": 1}'"
        );
        assert_eq!(
            literal(
                ColumnType::MYSQL_TYPE_DATETIME,
                BINARY,
                bytes(b"0000-00-00 00:00:00")
            ),
            "'0000-00-00 00:00:00'"
        );
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_LONGLONG, BINARY, bytes(b"-7")),
            "-7"
        );
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_LONGLONG, BINARY, Value::NULL),
            "NULL"
        );
    }
}
