//! Fills a schema from a dump. One thread reads; rows are changed and written statement by statement, several at once.

use std::{
    collections::BTreeMap,
    io::{self, BufReader, Read},
    sync::Arc,
    time::{Duration, Instant},
};

use mysql_async::{Conn, prelude::Queryable};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Schemas, connect,
    download::through,
    statements::{self, Edited, Edits, Kind, Statement},
    tables::Fates,
};
use crate::{
    database::{failed, literals::Checksum},
    protocol::{ExportedFile, Failure, FailureCode, Load},
};

/// Connections that fill tables, or read them back.
pub(super) const WIDTH: usize = 3;

/// What came of a dump.
#[derive(Default)]
pub(super) struct Filled {
    /// By table.
    pub(super) tables: BTreeMap<String, Sent>,
    /// How long the storage was waited for.
    pub(super) waited: Duration,
    /// How long rows were rewritten and masked, of all threads together.
    pub(super) edited: Duration,
}

/// The rows of a table on their way.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent {
    /// As they came.
    pub(super) dumped: Checksum,
    /// As the database got them.
    pub(super) sent: Checksum,
    pub(super) edited: Edited,
    /// What the database first had to say about them.
    pub(super) warning: Option<String>,
}

/// Fills `next` from the dump.
pub(super) async fn fill(
    s3: &aws_sdk_s3::Client,
    load: &Load,
    dump: &ExportedFile,
    schemas: &Schemas,
    fates: &Fates,
    edits: Arc<Edits>,
) -> Result<Filled, Failure> {
    let (sender, receiver) = mpsc::channel(1);
    let wanted = fates.clone();
    let reading = through(s3, &load.snapshot.bucket, dump, move |chunks| {
        read(chunks, &wanted, &sender).map_err(unreadable)
    });
    // The reader's end of the channel goes with it, so both end whichever fails.
    let (read, executed) = tokio::join!(reading, execute(receiver, &schemas.next, edits));
    let mut filled = executed?;
    ((), filled.waited) = read?;
    Ok(filled)
}

fn unreadable(error: io::Error) -> Failure {
    Failure::new(
        FailureCode::StorageFailed,
        format!("reading the dump: {error}"),
    )
}

/// Sends the statements that are wanted.
fn read(dump: impl Read, wanted: &Fates, sender: &mpsc::Sender<Statement>) -> io::Result<()> {
    let plain = zstd::stream::read::Decoder::new(dump)?;
    let mut plain = BufReader::with_capacity(1 << 18, plain);
    while let Some(statement) = statements::next(&mut plain)? {
        let wanted = match &statement.kind {
            Kind::Define(table) => wanted.defines(table),
            Kind::Fill(table) => wanted.fills(table),
            Kind::Session | Kind::View => false,
        };
        // Whoever executes has failed, and says why.
        if wanted && sender.blocking_send(statement).is_err() {
            break;
        }
    }
    Ok(())
}

/// Executes statements in their order where that matters: a table is made before it is filled.
async fn execute(
    mut statements: mpsc::Receiver<Statement>,
    schema: &str,
    edits: Arc<Edits>,
) -> Result<Filled, Failure> {
    let mut all = Filled::default();
    let mut defining = connect(schema).await?;
    let mut idle = Vec::new();
    for _ in 0..WIDTH {
        idle.push(connect(schema).await?);
    }
    let mut busy = JoinSet::new();
    while let Some(statement) = statements.recv().await {
        match statement.kind {
            Kind::Define(table) => defining
                .query_drop(statement.text)
                .await
                .map_err(failed(&format!("making {table}")))?,
            Kind::Fill(table) => {
                let connection = match idle.pop() {
                    Some(connection) => connection,
                    None => all.take(busy.join_next().await)?,
                };
                busy.spawn(write(connection, table, statement.text, Arc::clone(&edits)));
            }
            Kind::Session | Kind::View => {}
        }
    }
    while let Some(done) = busy.join_next().await {
        idle.push(all.take(Some(done))?);
    }
    for connection in idle.into_iter().chain([defining]) {
        let _ = connection.disconnect().await;
    }
    Ok(all)
}

/// One INSERT that was written, and whose connection is free again.
struct Written {
    connection: Conn,
    table: String,
    rows: Sent,
    took: Duration,
}

async fn write(
    mut connection: Conn,
    table: String,
    text: Vec<u8>,
    edits: Arc<Edits>,
) -> Result<Written, Failure> {
    let name = table.clone();
    let edit = tokio::task::spawn_blocking(move || edit(&edits, &name, text));
    let (text, mut rows, took) = edit.await.map_err(ended)?.map_err(unreadable)?;
    let attempt = format!("filling {table}");
    let attempt = failed(&attempt);
    connection.query_drop(text).await.map_err(&attempt)?;
    if connection.get_warnings() > 0 {
        let warning: Option<(String, u16, String)> = connection
            .query_first("SHOW WARNINGS LIMIT 1")
            .await
            .map_err(&attempt)?;
        rows.warning = warning.map(|(_, _, message)| message);
    }
    Ok(Written {
        connection,
        table,
        rows,
        took,
    })
}

/// The INSERT with its changes, what there is to know of its rows, and how long the changes took.
fn edit(edits: &Edits, table: &str, text: Vec<u8>) -> io::Result<(Vec<u8>, Sent, Duration)> {
    let mut rows = Sent::default();
    rows.dumped.add_rows(&text);
    let began = Instant::now();
    let (text, edited) = edits.apply(table, text)?;
    let took = began.elapsed();
    rows.edited = edited;
    rows.sent = rows.dumped;
    if edited != Edited::default() {
        rows.sent = Checksum::default();
        rows.sent.add_rows(&text);
    }
    Ok((text, rows, took))
}

fn ended(error: impl std::fmt::Display) -> Failure {
    Failure::new(FailureCode::DatabaseFailed, error.to_string())
}

impl Filled {
    /// Notes what was written, and gives back its connection.
    fn take(
        &mut self,
        done: Option<Result<Result<Written, Failure>, tokio::task::JoinError>>,
    ) -> Result<Conn, Failure> {
        let done = done.ok_or_else(|| ended("no connection is left to fill tables with"))?;
        let written = done.map_err(ended)??;
        let table = self.tables.entry(written.table).or_default();
        table.dumped.join(written.rows.dumped);
        table.sent.join(written.rows.sent);
        table.edited.rewritten += written.rows.edited.rewritten;
        table.edited.masked += written.rows.edited.masked;
        table.warning = table.warning.take().or(written.rows.warning);
        self.edited += written.took;
        Ok(written.connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_known_before_and_after_their_changes() {
        let edits = statements::edits();
        let of = |text: &str| edit(&edits, "a", text.as_bytes().to_vec()).unwrap().1;
        let insert = |rows: &str| format!("INSERT INTO `a` (`b`) VALUES\n{rows}");
        let changed = of(&insert("('acme.test'),\n('x')"));
        let plain = of(&insert("('www.acme.com'),\n('x')"));
        assert_eq!(changed.edited.rewritten, 1);
        assert_ne!(changed.dumped, changed.sent);
        assert_eq!((plain.dumped, plain.sent), (changed.sent, changed.sent));
    }
}
