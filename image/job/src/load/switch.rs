//! Puts what was loaded in the place of a site's content, and back.

use std::collections::BTreeSet;

use mysql_async::{Conn, prelude::Queryable};

use super::{MARK, Schemas, begin, connect, tables, uploads};
use crate::{
    database::{failed, sql},
    job::UPLOADS,
    protocol::{Failure, FailureCode, Switched},
};

/// See [`crate::protocol::Work::Switch`]. The uploads go first: they take nothing from the old content that it shows under another
/// name. The tables follow all at once. A repeat does what is left to do.
///
/// # Errors
/// Nothing was loaded by `run`; the database's and the files'.
pub async fn switch(run: &str) -> Result<Switched, Failure> {
    let schemas = Schemas::of_site()?;
    let mut connection = connect(&schemas.live).await?;
    if marked(&mut connection, &schemas.before, run)
        .await?
        .is_some()
    {
        return Ok(Switched::default());
    }
    let names = marked(&mut connection, &schemas.next, run).await?;
    let names = names.ok_or_else(|| {
        Failure::new(
            FailureCode::BadRequest,
            format!("nothing that run {run} loaded is beside the site: load it again"),
        )
    })?;
    let (uploads, sample) = uploads::switch(UPLOADS.as_ref())?;
    // Before it is marked it says nothing; the mark moves with the tables.
    begin(&mut connection, &schemas.before, "").await?;
    let present = tables::list(&mut connection, &schemas.live).await?;
    let mut moves = Vec::new();
    for name in &names {
        if present.contains(name) {
            moves.push(renamed(&schemas.live, &schemas.before, name));
        }
        moves.push(renamed(&schemas.next, &schemas.live, name));
    }
    let mark = sql::identifier(MARK);
    connection
        .query_drop(format!(
            "DROP TABLE {}.{mark}",
            sql::identifier(&schemas.before)
        ))
        .await
        .map_err(failed("moving the mark"))?;
    moves.push(renamed(&schemas.next, &schemas.before, MARK));
    rename(&mut connection, &moves).await?;
    let _ = connection.disconnect().await;
    Ok(Switched {
        tables: names.len() as u64,
        uploads,
        sample,
    })
}

/// See [`crate::protocol::Work::SwitchBack`]. What was put in place goes beside the site again, so nothing is lost by it. A repeat
/// does what is left to do, and nothing where `run` did not switch.
///
/// # Errors
/// The database's and the files'.
pub async fn switch_back(run: &str) -> Result<Switched, Failure> {
    let schemas = Schemas::of_site()?;
    let mut connection = connect(&schemas.live).await?;
    let mut done = Switched::default();
    if let Some(names) = marked(&mut connection, &schemas.before, run).await? {
        let before = tables::list(&mut connection, &schemas.before).await?;
        let mut moves = Vec::new();
        for name in &names {
            moves.push(renamed(&schemas.live, &schemas.next, name));
            if before.contains(name) {
                moves.push(renamed(&schemas.before, &schemas.live, name));
            }
        }
        moves.push(renamed(&schemas.before, &schemas.next, MARK));
        rename(&mut connection, &moves).await?;
        done.tables = names.len() as u64;
    }
    let _ = connection.disconnect().await;
    done.uploads = uploads::switch_back(UPLOADS.as_ref())?;
    Ok(done)
}

/// The tables that `run` marked in a schema, or `None` when the schema is another run's or none.
async fn marked(
    connection: &mut Conn,
    schema: &str,
    run: &str,
) -> Result<Option<BTreeSet<String>>, Failure> {
    if !tables::list(connection, schema).await?.contains(MARK) {
        return Ok(None);
    }
    let names: Vec<String> = connection
        .exec(
            format!(
                "SELECT name FROM {}.{MARK} WHERE run = ?",
                sql::identifier(schema)
            ),
            (run,),
        )
        .await
        .map_err(failed("reading what was loaded"))?;
    if names.is_empty() {
        return Ok(None);
    }
    Ok(Some(
        names.into_iter().filter(|name| !name.is_empty()).collect(),
    ))
}

fn renamed(from: &str, to: &str, table: &str) -> String {
    let table = sql::identifier(table);
    format!(
        "{}.{table} TO {}.{table}",
        sql::identifier(from),
        sql::identifier(to)
    )
}

/// All or none (<https://dev.mysql.com/doc/refman/8.4/en/rename-table.html>).
async fn rename(connection: &mut Conn, moves: &[String]) -> Result<(), Failure> {
    connection
        .query_drop(format!("RENAME TABLE {}", moves.join(", ")))
        .await
        .map_err(failed("putting the tables in their place"))
}
