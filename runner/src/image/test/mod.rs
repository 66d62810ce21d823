//! `bbws image test`: the built image started as its tasks are, and checked as visitors, editors and attackers would.
//!
//! Nothing is changed in the image, and nothing is asked of its inside: what counts is what answers over HTTP, what the
//! engine tells of the containers, and what stands in the database. Checks never stop each other; one that needs what
//! another did not bring about fails and says so.

mod attacks;
mod browser;
mod cache;
mod check;
mod container;
mod cron;
mod editor;
mod engine;
mod health;
mod site;
mod stop;
mod views;
mod visitor;

pub use check::Check;
#[cfg(test)]
pub(crate) use site::variable_names;

use std::time::Instant;

use serde::Serialize;

use super::ImageError;
use check::Checks;
use engine::Engine;
use site::Site;

/// What to test, and with which database.
#[derive(Clone, Debug)]
pub struct Test {
    /// Name and tag of the image on this machine.
    pub image: String,
    /// The image of the database.
    pub database: String,
}

/// What became of every check, in the order in which they ended.
#[derive(Debug, Serialize)]
pub struct Tested {
    /// Name and tag of the image.
    pub image: String,
    /// The engine's id of the image.
    pub id: String,
    /// Whether every check is.
    pub ok: bool,
    /// From first to last.
    pub seconds: f64,
    /// One by one.
    pub checks: Vec<Check>,
}

/// A place in the Docker engine for a test. Whatever [`run`](Self::run) makes there goes with [`remove`](Self::remove),
/// also when `run` was cut off; what a killed process leaves goes when the next one begins.
#[derive(Debug)]
pub struct Stage(Engine);

impl Stage {
    /// Connects to the engine, and removes what killed tests left.
    ///
    /// # Errors
    /// The engine's.
    pub async fn prepare() -> Result<Self, ImageError> {
        Engine::connect().await.map(Self)
    }

    /// Tests; `seen` hears of every check as it ends.
    ///
    /// # Errors
    /// When no check could begin: there is no such image, no database, or the engine fails.
    pub async fn run(
        &self,
        test: &Test,
        seen: &(dyn Fn(&Check) + Sync),
    ) -> Result<Tested, ImageError> {
        let began = Instant::now();
        let engine = &self.0;
        let image = engine.docker.inspect_image(&test.image).await;
        let image = image.map_err(|_| ImageError::NotBuilt(test.image.clone()))?;
        let images = (test.image.as_str(), test.database.as_str());
        // Cron has a site of its own: its check holds locks in the database for over a minute.
        let (site, clock) = tokio::try_join!(
            Site::prepare(engine, "site", images),
            Site::prepare(engine, "cron", images)
        )?;
        let checks = Checks::new(seen);
        tokio::join!(
            all(&site, &checks),
            cron::check(&clock, &checks),
            container::files(engine, &test.image, &checks)
        );
        let checks = checks.ended();
        Ok(Tested {
            image: test.image.clone(),
            id: image.id.unwrap_or_default(),
            ok: checks.iter().all(|check| check.ok),
            seconds: began.elapsed().as_secs_f64(),
            checks,
        })
    }

    /// Removes everything that the test made.
    ///
    /// # Errors
    /// The engine's.
    pub async fn remove(&self) -> Result<(), ImageError> {
        self.0.remove().await
    }
}

async fn all(site: &Site<'_>, checks: &Checks<'_>) {
    let installed = checks.run("install", editor::install(site)).await;
    let tasks = checks
        .run("two tasks start", async {
            check::needs(installed.as_ref(), "install")?;
            // The second hears of visitors' addresses from proxies that there are not, so it must believe none.
            let none = ("BBWS_TRUSTED_PROXIES", "192.0.2.0/24".to_owned());
            Ok((site.task("1", &[]).await?, site.task("2", &[none]).await?))
        })
        .await;
    let Some((one, other)) = tasks else {
        return;
    };
    visitor::check(site, &one, checks).await;
    let people = editor::check(site, &one, checks).await;
    cache::check(site, (&one, &other), people.as_ref(), checks).await;
    views::check(site, &one, people.as_ref(), checks).await;
    attacks::check(site, (&one, &other), people.as_ref(), checks).await;
    health::check(site, &one, people.as_ref(), checks).await;
    container::check(site, &one, checks).await;
    stop::check(site, &one, people.as_ref(), checks).await;
    container::logs(site, &[&one, &other], checks).await;
}
