//! What people do who may log in.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use hyper::Method;
use serde_json::{Value, json};

use super::{
    browser::Browser,
    check::{Checks, needs},
    site::{Site, Task},
};

/// Two people, logged in.
pub(super) struct People {
    pub(super) admin: Browser,
    pub(super) editor: Browser,
}

/// Shown in the bar over every page.
pub(super) const EDITOR: &str = "Ntombi Editor";
const SAMPLES: [(&str, &str, &[u8]); 3] = [
    ("sample.jpg", "image/jpeg", include_bytes!("sample.jpg")),
    ("sample.webp", "image/webp", include_bytes!("sample.webp")),
    ("sample.avif", "image/avif", include_bytes!("sample.avif")),
];

/// Installs twice: the second time there must be nothing to do.
pub(super) async fn install(site: &Site<'_>) -> Result<()> {
    let first = site.install().await?;
    ensure!(first.installed, "the job says it was installed before");
    let again = site.install().await.context("a second time")?;
    ensure!(
        !again.installed && again.changed.is_empty(),
        "a second run changed something: {again:?}"
    );
    Ok(())
}

pub(super) async fn check(site: &Site<'_>, task: &Task, checks: &Checks<'_>) -> Option<People> {
    let people = checks.run("log in", log_in(site, task)).await;
    let who = people.as_ref();
    checks
        .run("upload images", async {
            upload(needs(who, "log in")?.editor.clone()).await
        })
        .await;
    checks
        .run("publish a post", async {
            publish(needs(who, "log in")?.editor.clone()).await
        })
        .await;
    people
}

/// The administrator makes an editor, who logs in as well.
async fn log_in(site: &Site<'_>, task: &Task) -> Result<People> {
    let mut admin = site.admin(task).await.context("as the administrator")?;
    let password = hex::encode(rand::random::<[u8; 16]>());
    let user = json!({
        "username": "editor", "name": EDITOR, "email": "editor@image.test", "roles": ["editor"], "password": password,
    });
    admin.create("/wp/v2/users", &user).await?;
    let mut editor = site.visitor(task);
    editor
        .log_in("editor", &password)
        .await
        .context("as an editor")?;
    let mut stranger = site.visitor(task);
    let page = stranger.open("/wp-admin/").await?.expect(200)?;
    ensure!(
        page.shows("loginform"),
        "a stranger gets something else than the login form"
    );
    Ok(People { admin, editor })
}

/// Each kind of image is taken, shown, and made into smaller ones.
async fn upload(mut editor: Browser) -> Result<()> {
    for (name, kind, content) in SAMPLES {
        let disposition = format!("attachment; filename=\"{name}\"");
        let headers = [
            ("content-type", kind),
            ("content-disposition", disposition.as_str()),
        ];
        let made = editor
            .rest_raw(
                Method::POST,
                "/wp/v2/media",
                &headers,
                Bytes::from_static(content),
            )
            .await?;
        let made = made.expect(201).context(name)?.json()?;
        let sizes = made["media_details"]["sizes"].as_object();
        let sizes = sizes.with_context(|| format!("{name} has no sizes"))?;
        for size in ["thumbnail", "medium", "full"] {
            let size = sizes
                .get(size)
                .with_context(|| format!("{name} was not made into a {size} image"))?;
            let path = path_of(&size["source_url"])?;
            let image = editor.stranger().get(&path).await?.expect(200)?;
            ensure!(
                image.header("content-type") == size["mime_type"].as_str().unwrap_or(kind),
                "{path} has the type {:?}",
                image.header("content-type")
            );
            ensure!(!image.body.is_empty(), "{path} is empty");
        }
    }
    Ok(())
}

async fn publish(mut editor: Browser) -> Result<()> {
    let post = json!({"title": "Published", "content": "<p>Plain words.</p>", "status": "publish"});
    let made = editor.create("/wp/v2/posts", &post).await?;
    let page = editor.stranger().get(&path_of(&made["link"])?).await?;
    ensure!(
        page.expect(200)?.shows("Plain words."),
        "the post's own page does not show it"
    );
    Ok(())
}

/// The path of a URL of the site.
pub(super) fn path_of(url: &Value) -> Result<String> {
    let url = url.as_str().context("there is no URL")?;
    let path = url
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('/'));
    Ok(format!("/{}", path.map_or("", |(_, path)| path)))
}
