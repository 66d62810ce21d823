//! Proves what was loaded, by reading it back: every row is there as it was sent, and what was sent is what the snapshot's manifest
//! knows; nothing is in them that must not be.

use std::sync::{Arc, Mutex, PoisonError};

use mysql_async::{Conn, Value, prelude::Queryable};
use tokio::task::JoinSet;

use super::{
    connect,
    fill::{Sent, WIDTH},
    statements::Edits,
};
use crate::{
    database::{
        failed,
        literals::{self, Checksum},
    },
    mask::Masker,
    protocol::{ExportedTable, Failure, FailureCode},
    rewrite::Rewriter,
};

/// A table that was filled.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) table: ExportedTable,
    pub(super) sent: Sent,
    /// Whether the site gets it.
    pub(super) stays: bool,
}

/// What a table holds.
#[derive(Debug, Default)]
struct Held {
    rows: u64,
    checksum: Checksum,
    /// Where there are old addresses, and how many.
    addresses: Vec<String>,
    /// Where there are e-mail addresses that are not masked.
    mails: Vec<String>,
}

/// Reads the tables of `schema`, several at once. They hold what they should, and those that stay no old address and, where a masker
/// worked, no e-mail address but where a rule keeps them.
///
/// # Errors
/// The database's; what is otherwise, by table and column.
pub(super) async fn rows(
    schema: &str,
    mut tables: Vec<Arrived>,
    edits: &Arc<Edits>,
) -> Result<(), Failure> {
    // The largest are begun with.
    tables.sort_by_key(|arrived| arrived.table.rows);
    let queue = Arc::new(Mutex::new(tables));
    let mut readers = JoinSet::new();
    for _ in 0..WIDTH {
        let (schema, queue, edits) = (schema.to_owned(), Arc::clone(&queue), Arc::clone(edits));
        readers.spawn(async move {
            let mut connection = connect(&schema).await?;
            let mut all = Held::default();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(arrived) = next else {
                    break;
                };
                let name = &arrived.table.name;
                let (rewriter, masker) = match arrived.stays {
                    true => (edits.rewriter.as_ref(), edits.masker.as_ref()),
                    false => (None, None),
                };
                let held = held(&mut connection, name, rewriter, masker).await?;
                compare(&arrived, &held)?;
                all.addresses.extend(held.addresses);
                all.mails.extend(held.mails);
            }
            let _ = connection.disconnect().await;
            Ok::<_, Failure>(all)
        });
    }
    let mut all = Held::default();
    while let Some(read) = readers.join_next().await {
        let read =
            read.map_err(|error| Failure::new(FailureCode::DatabaseFailed, error.to_string()))??;
        all.addresses.extend(read.addresses);
        all.mails.extend(read.mails);
    }
    none("e-mail addresses", all.mails)?;
    none("old addresses", all.addresses)
}

/// A table that more was put into than the snapshot's rows holds no old address either.
///
/// # Errors
/// As [`rows`].
pub(super) async fn no_addresses(
    schema: &str,
    table: &str,
    rewriter: &Rewriter,
) -> Result<(), Failure> {
    let mut connection = connect(schema).await?;
    let held = held(&mut connection, table, Some(rewriter), None).await?;
    let _ = connection.disconnect().await;
    none("old addresses", held.addresses)
}

/// Reads a table of the connection's schema, and looks for addresses and e-mail addresses in it.
async fn held(
    connection: &mut Conn,
    name: &str,
    rewriter: Option<&Rewriter>,
    masker: Option<&Masker>,
) -> Result<Held, Failure> {
    let attempt = format!("reading {name} back");
    let attempt = failed(&attempt);
    let mut held = Held::default();
    let Some(reading) = literals::reading(connection, name).await? else {
        return Ok(held);
    };
    // Addresses, and e-mail addresses where none may be.
    let mut counts = vec![(0, 0); reading.columns.len()];
    let mailless: Vec<_> = reading
        .columns
        .iter()
        .map(|column| masker.filter(|masker| !masker.keeps(name, column)))
        .collect();
    let mut text = Vec::new();
    let mut rows = connection
        .query_iter(reading.select)
        .await
        .map_err(&attempt)?;
    while let Some(row) = rows.next().await.map_err(&attempt)? {
        text.clear();
        literals::push_row(&mut text, &row)?;
        held.checksum.add(&text);
        held.rows += 1;
        for (at, (addresses, mails)) in counts.iter_mut().enumerate() {
            if let Some(Value::Bytes(bytes)) = row.as_ref(at) {
                *addresses += rewriter.map_or(0, |rewriter| rewriter.count(bytes));
                *mails += mailless[at].map_or(0, |masker| masker.count_mails(bytes));
            }
        }
    }
    for (column, (addresses, mails)) in reading.columns.iter().zip(counts) {
        for (count, all) in [(addresses, &mut held.addresses), (mails, &mut held.mails)] {
            if count > 0 {
                all.push(format!("{count} in {name}.{column}"));
            }
        }
    }
    Ok(held)
}

/// A table holds what was sent, and that came from what the manifest knows.
fn compare(arrived: &Arrived, held: &Held) -> Result<(), Failure> {
    let (table, sent) = (&arrived.table, &arrived.sent);
    let wrong = |reason: String| Err(Failure::new(FailureCode::DatabaseFailed, reason));
    if held.rows != table.rows {
        return wrong(format!(
            "{} has {} rows after loading, but the manifest says {}",
            table.name, held.rows, table.rows
        ));
    }
    let dumped = sent.dumped.to_string();
    if let Some(expected) = table.checksum.as_ref().filter(|known| **known != dumped) {
        return wrong(format!(
            "the snapshot's rows of {} have the checksum {dumped}, but the manifest says {expected}",
            table.name
        ));
    }
    if held.checksum != sent.sent {
        let warning = sent.warning.as_deref().unwrap_or("no warning");
        return wrong(format!(
            "the rows of {} are others than those that were sent (checksum {}, not {}); the database said: {warning}",
            table.name, held.checksum, sent.sent
        ));
    }
    Ok(())
}

fn none(what: &str, mut left: Vec<String>) -> Result<(), Failure> {
    if left.is_empty() {
        return Ok(());
    }
    left.sort();
    Err(Failure::new(
        FailureCode::DatabaseFailed,
        format!("{what} are left: {}", left.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checksum(rows: &[&str]) -> Checksum {
        let mut checksum = Checksum::default();
        for row in rows {
            checksum.add(row.as_bytes());
        }
        checksum
    }

    fn arrived() -> Arrived {
        let (dumped, sent) = (
            checksum(&["(1,'acme.test')", "(2,'x')"]),
            checksum(&["(1,'acme.com')", "(2,'x')"]),
        );
        Arrived {
            table: ExportedTable {
                name: "wp_posts".into(),
                rows: 2,
                checksum: Some(dumped.to_string()),
            },
            sent: Sent {
                dumped,
                sent,
                warning: Some("Data truncated for column 'guid' at row 1".into()),
                ..Sent::default()
            },
            stays: true,
        }
    }

    fn held(rows: &[&str]) -> Held {
        Held {
            rows: rows.len() as u64,
            checksum: checksum(rows),
            ..Held::default()
        }
    }

    fn refused(arrived: &Arrived, rows: &[&str]) -> String {
        compare(arrived, &held(rows)).unwrap_err().message
    }

    #[test]
    fn what_was_sent_has_to_be_there() {
        let arrived = arrived();
        compare(&arrived, &held(&["(2,'x')", "(1,'acme.com')"])).unwrap();
        assert!(refused(&arrived, &["(1,'acme.com')"]).contains("has 1 rows"));
        let altered = refused(&arrived, &["(1,'acme.co')", "(2,'x')"]);
        assert!(
            altered.contains("wp_posts are others") && altered.contains("column 'guid'"),
            "{altered}"
        );
    }

    #[test]
    fn what_came_has_to_be_what_the_manifest_knows() {
        let mut arrived = arrived();
        let rows = ["(1,'acme.com')", "(2,'x')"];
        arrived.table.checksum = Some(checksum(&["(1,'acme.test')", "(2,'y')"]).to_string());
        assert!(refused(&arrived, &rows).contains("the manifest says"));
        // An older export knows none.
        arrived.table.checksum = None;
        compare(&arrived, &held(&rows)).unwrap();
    }

    #[test]
    fn what_is_left_is_told() {
        none("old addresses", Vec::new()).unwrap();
        let left = vec!["2 in b.c".to_owned(), "1 in a.b".to_owned()];
        let failure = none("old addresses", left).unwrap_err();
        assert_eq!(
            failure.message,
            "old addresses are left: 1 in a.b, 2 in b.c"
        );
    }
}
