//! `bbws image lock`: what the image is pinned to.

use std::path::PathBuf;

use super::{CliError, ExitCode, Global};
use crate::{
    image::{self, Lock, Missing, Source, Updated},
    output,
};

/// Print what the image is pinned to, or pin what is newest.
///
/// --update asks Debian's mirrors (in a throw-away container of the base image), npm's registry, wordpress.org and GitHub, and
/// writes the lock file anew when something is newer, with the next revision. A source that cannot be asked is named. --check
/// exits with 1 when the mirrors no longer have a pinned package: a build then needs snapshot.debian.org.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  bbws image lock                      what is pinned
  bbws image lock --check              whether Debian's mirrors still have it
  bbws image lock --update && git diff image/image.lock.yaml
  bbws image lock --json | jq -r .result.components.wordpress.version")]
pub(super) struct Args {
    /// The folder with image.lock.yaml and packages.sh.
    #[arg(long, value_name = "DIR", default_value = "image")]
    folder: PathBuf,
    /// Pin what is newest, and print what changed.
    #[arg(long, conflicts_with = "check")]
    update: bool,
    /// Ask Debian's mirrors whether they still have every pinned package.
    #[arg(long)]
    check: bool,
    /// Whose Debian packages: linux/amd64 or linux/arm64. The engine's own otherwise.
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

/// Runs the verb.
pub(super) async fn run(global: &Global, args: Args) -> Result<ExitCode, CliError> {
    let platform = args.platform.as_deref();
    if args.update {
        let cache = image::cache_directory();
        let updated = image::update(&args.folder, &cache, platform).await?;
        if global.json {
            output::print(output::result("image lock", ExitCode::Done, &updated));
        } else {
            print_updated(&updated);
        }
        return Ok(ExitCode::Done);
    }
    if args.check {
        let missing = image::missing(&args.folder, platform).await?;
        let exit = match missing.missing.is_empty() {
            true => ExitCode::Done,
            false => ExitCode::Failed,
        };
        if global.json {
            output::print(output::result("image lock", exit, &missing));
        } else {
            print_missing(&missing);
        }
        return Ok(exit);
    }
    let lock = Lock::load(&args.folder.join("image.lock.yaml"))?;
    if global.json {
        output::print(output::result("image lock", ExitCode::Done, &lock));
    } else {
        print(&lock);
    }
    Ok(ExitCode::Done)
}

fn print(lock: &Lock) {
    let row = |name: &str, version: &str, from: &str| [name, version, from].map(str::to_owned);
    let mut rows = vec![
        row("NAME", "VERSION", "FROM"),
        row("image", &lock.image_version(), &lock.base),
    ];
    for (name, component) in &lock.components {
        let sources: Vec<_> = component.sources.iter().map(Source::name).collect();
        rows.push(row(name, &component.version, &sources.join(", ")));
    }
    for (architecture, locked) in &lock.packages.locked {
        let from = format!("{} {architecture}", locked.suites.join(", "));
        for (name, pin) in &locked.pins {
            rows.push(row(name, &pin.version, &from));
        }
    }
    output::print(output::table(rows.into_iter()));
}

fn print_updated(updated: &Updated) {
    for line in &updated.not_asked {
        output::narrate(format_args!("not asked: {line}"));
    }
    for change in &updated.changes {
        output::print(change);
    }
    let path = updated.path.display();
    match (updated.changes.len(), updated.not_asked.is_empty()) {
        (0, true) => output::print(format_args!("nothing is newer; {path} is as it was")),
        (0, false) => output::print(format_args!(
            "nothing is newer at the sources that could be asked; {path} is as it was"
        )),
        (some, _) => output::print(format_args!(
            "{} in {path}; the image's version is {} now",
            output::count(some, "change"),
            updated.version
        )),
    }
}

fn print_missing(missing: &Missing) {
    let Missing {
        architecture,
        pinned,
        missing,
    } = missing;
    for package in missing {
        output::print(package);
    }
    match missing.len() {
        0 => output::print(format_args!(
            "Debian's mirrors have all {pinned} packages that are pinned for {architecture}"
        )),
        some => output::narrate(format_args!(
            "Debian's mirrors no longer have {} of {pinned} that are pinned for {architecture}\n  next: `bbws image lock \
             --update`",
            output::count(some, "package"),
        )),
    }
}
