//! A change of the fleet's own files: checked with the whole fleet, then left in the folder or opened as a pull request.

use super::{CliError, ExitCode, Global, Interrupt};
use crate::github::{Client, File, open_pull_request};
use crate::{manifest, output};
use std::path::Path;

/// What is to change in git.
pub(super) struct Proposal<'a> {
    /// The verb, for the JSON.
    pub verb: &'a str,
    /// The pull request's branch: the same change again moves it.
    pub branch: String,
    /// The pull request's.
    pub title: String,
    /// The pull request's.
    pub body: String,
    /// Each as it is and as it is to be.
    pub files: Vec<File>,
}

/// The client that opens a pull request, where one is wanted: what it lacks is told before anything is done.
pub(super) fn client(pr: bool) -> Result<Option<Client>, CliError> {
    Ok(pr.then(Client::of_workflow).transpose()?)
}

/// Writes the files, and takes them back when the fleet is not valid with them, or when a pull request is all that is wanted. A crash
/// in between leaves them, for git to show.
pub(super) async fn propose(
    global: &Global,
    proposal: Proposal<'_>,
    client: Option<Client>,
    mut interrupt: Interrupt,
) -> Result<ExitCode, CliError> {
    let Proposal {
        verb,
        branch,
        title,
        body,
        files,
    } = proposal;
    check(&global.fleet, &files)?;
    let made = if let Some(client) = client {
        put(&global.fleet, &files, |file| file.before.as_deref())?;
        let opened = open_pull_request(&client, &branch, (&title, &body), &files);
        interrupt
            .ends(async { opened.await.map_err(CliError::from) })
            .await?
    } else {
        output::narrate("a commit and its merge, or `bbws apply`, carry this out:");
        let names: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        names.join(", ")
    };
    if global.json {
        let result = serde_json::json!({"made": made});
        output::print(output::result(verb, ExitCode::Done, &result));
    } else {
        output::print(made);
    }
    Ok(ExitCode::Done)
}

/// The files stay written where the fleet is valid with them.
fn check(root: &Path, files: &[File]) -> Result<(), CliError> {
    let is_new = |file: &&File| file.before.is_none() && root.join(&file.path).exists();
    if let Some(file) = files.iter().find(is_new) {
        let message = format!("{} is there already; nothing was written", file.path);
        return Err(CliError::new(ExitCode::Refused, message).next("change it instead"));
    }
    put(root, files, |file| file.after.as_deref())?;
    let Err(invalid) = manifest::load(root) else {
        return Ok(());
    };
    put(root, files, |file| file.before.as_deref())?;
    let palette = output::Palette::stderr();
    output::narrate(output::findings(&invalid.findings, invalid.files, palette));
    let message = format!("{invalid} with this change; nothing was written");
    Err(CliError::new(ExitCode::InvalidManifests, message)
        .next("ask for something else, or correct the fleet"))
}

/// Makes each file what `content` says: none is no file.
fn put(
    root: &Path,
    files: &[File],
    content: impl Fn(&File) -> Option<&str>,
) -> Result<(), CliError> {
    for file in files {
        let path = root.join(&file.path);
        let folder = path.parent().unwrap_or(root);
        let written = match content(file) {
            Some(text) => {
                std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, text))
            }
            None if !path.exists() => Ok(()),
            None => std::fs::remove_file(&path).inspect(|()| {
                // Gone with the last of its files; a tenant who has others keeps it.
                let _ = std::fs::remove_dir(folder);
            }),
        };
        written.map_err(|error| unusable(&path, &error))?;
    }
    Ok(())
}

/// The text of a file of the fleet.
pub(super) fn read(root: &Path, path: &str) -> Result<String, CliError> {
    let path = root.join(path);
    std::fs::read_to_string(&path).map_err(|error| unusable(&path, &error))
}

pub(super) fn unusable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(ExitCode::Failed, format!("{}: {error}", path.display()))
}

/// The error of a manifest that [`manifest::set`] does not change.
pub(super) fn by_hand(path: &str, key: &str) -> CliError {
    CliError::new(
        ExitCode::Refused,
        format!("{path} is not written one key a line, so `{key}` was not changed"),
    )
    .next("change it by hand")
}
