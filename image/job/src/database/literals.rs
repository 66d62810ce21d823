//! Rows as a dump writes them: every value as the literal that makes it again, and a checksum of them.

use std::fmt;

use mysql_async::{Column, Conn, Row, Value, consts::ColumnType, prelude::Queryable};
use sha2::{Digest, Sha256};

use super::{failed, sql};
use crate::protocol::{Failure, FailureCode};

/// The collation id of bytes that are no text, in column metadata
/// (<https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html>).
const BINARY: u16 = 63;

/// How a table of the connection's schema is read.
pub(crate) struct Reading {
    /// Its columns, in the order in which they are read.
    pub(crate) columns: Vec<String>,
    /// The SELECT; its rows are for [`push_row`].
    pub(crate) select: String,
}

/// How `table` is read; `None` if it has no columns but those that are computed.
///
/// # Errors
/// The database's.
pub(crate) async fn reading(
    connection: &mut Conn,
    table: &str,
) -> Result<Option<Reading>, Failure> {
    // Generated columns are computed again; invisible ones must be named to be read.
    let columns: Vec<(String, String)> = connection
        .exec(
            "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_schema = DATABASE() AND table_name = ? AND generation_expression = '' ORDER BY ordinal_position",
            (table,),
        )
        .await
        .map_err(failed("listing columns"))?;
    if columns.is_empty() {
        return Ok(None);
    }
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
        "SELECT {} FROM {}",
        selected.collect::<Vec<_>>().join(", "),
        sql::identifier(table)
    );
    let columns = columns.into_iter().map(|(column, _)| column).collect();
    Ok(Some(Reading { columns, select }))
}

/// Appends `(…)`.
///
/// # Errors
/// The row came in another protocol than that of texts.
pub(crate) fn push_row(out: &mut Vec<u8>, row: &Row) -> Result<(), Failure> {
    out.push(b'(');
    for (at, column) in row.columns_ref().iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_value(out, column, row.as_ref(at).unwrap_or(&Value::NULL))?;
    }
    out.push(b')');
    Ok(())
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
        // `-0` alone is an integer, which has no sign.
        T::MYSQL_TYPE_DOUBLE if bytes == b"-0" => out.extend(b"-0e0"),
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

/// Of a table's rows in whatever order: the sum of the first eight bytes of their SHA-256s, each of the row as a dump writes it,
/// from `(` to `)`. As a text it is hexadecimal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Checksum(u64);

impl Checksum {
    /// Takes a row in.
    pub(crate) fn add(&mut self, row: &[u8]) {
        let hash = Sha256::digest(row);
        let first = hash.iter().take(8);
        let number = first.fold(0, |number, byte| number << 8 | u64::from(*byte));
        self.0 = self.0.wrapping_add(number);
    }

    /// Takes in the rows of an INSERT that [`push_row`] wrote, one a line.
    pub(crate) fn add_rows(&mut self, insert: &[u8]) {
        let mut lines = insert.split(|byte| *byte == b'\n');
        // It names the columns.
        lines.next();
        for row in lines {
            self.add(row.strip_suffix(b",").unwrap_or(row));
        }
    }

    /// Takes in what another has taken in.
    pub(crate) fn join(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            literal(ColumnType::MYSQL_TYPE_DOUBLE, BINARY, bytes(b"-0")),
            "-0e0"
        );
        assert_eq!(
            literal(ColumnType::MYSQL_TYPE_LONGLONG, BINARY, Value::NULL),
            "NULL"
        );
    }

    #[test]
    fn a_checksum_knows_every_row_and_no_order() {
        let of = |insert: &str| {
            let mut checksum = Checksum::default();
            checksum.add_rows(insert.as_bytes());
            checksum
        };
        let rows = of("INSERT INTO `a` (`b`) VALUES\n(1,'x'),\n(2,'y),')");
        assert_eq!(
            rows,
            of("INSERT INTO `a` (`b`) VALUES\n(2,'y),'),\n(1,'x')")
        );
        for other in [
            "(1,'x')",
            "(1,'y'),\n(2,'x),')",
            "(1,'x'),\n(2,'y),'),\n(2,'y),')",
        ] {
            assert_ne!(rows, of(&format!("INSERT INTO `a` (`b`) VALUES\n{other}")));
        }
        let (mut sum, mut parts) = (Checksum::default(), of("\n(1,'x')"));
        sum.add(b"(2,'y),')");
        parts.join(sum);
        assert_eq!(parts, rows);
        // As manifests have it.
        assert_eq!(of("\n(1)").to_string(), "fd0ad9026eee596b");
    }
}
