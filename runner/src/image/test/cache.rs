//! The page cache: quick for strangers, never stale after a change, never somebody else's page.
//!
//! What it did is in the header [`CACHE`]: `HIT`, `MISS`, `BYPASS`, and the other words of nginx.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    browser::{Answer, Browser, CACHE},
    check::{Checks, needs},
    editor::{EDITOR, People, path_of},
    engine::until,
    site::{Site, Task},
};

/// The other tasks look for changes every second.
const OTHERS_FOLLOW: Duration = Duration::from_secs(4);

pub(super) async fn check(
    site: &Site<'_>,
    (one, other): (&Task, &Task),
    people: Option<&People>,
    checks: &Checks<'_>,
) {
    let who = || needs(people, "log in");
    let stranger = site.visitor(one);
    checks
        .run("page cache: second visit hits", hits(&stranger))
        .await;
    checks
        .run("page cache: publishing purges", async {
            publishing(who()?, &stranger, &stranger.at(other.at)).await
        })
        .await;
    checks
        .run("page cache: a comment purges", async {
            comment(who()?, &stranger).await
        })
        .await;
    checks
        .run("page cache: a menu purges", async {
            menu(who()?, &stranger).await
        })
        .await;
    checks
        .run("page cache: an option purges", async {
            option(who()?, &stranger, site).await
        })
        .await;
    checks
        .run("page cache: nobody gets another's page", async {
            others_pages(who()?, &stranger, site).await
        })
        .await;
    checks
        .run("page cache: previews bypass", async {
            preview(who()?, &stranger).await
        })
        .await;
    checks
        .run("page cache: passwords and carts bypass", async {
            cookies(who()?, &stranger).await
        })
        .await;
}

/// A page as a stranger gets it, and what the cache did.
async fn visit(stranger: &Browser, path: &str) -> Result<Answer> {
    let page = stranger.stranger().get(path).await?;
    page.expect(200).context(path.to_owned())
}

/// Asks until the page comes out of the cache, so that a change is one. Tasks empty their caches once more a while after a
/// change.
async fn warm(stranger: &Browser, path: &str) -> Result<Answer> {
    let mut last = String::new();
    for _ in 0..5 {
        let page = visit(stranger, path).await?;
        last = page.header(CACHE).to_owned();
        if last == "HIT" {
            return Ok(page);
        }
    }
    anyhow::bail!("{path} is not kept: five visits end with {CACHE}: {last:?}")
}

async fn hits(stranger: &Browser) -> Result<()> {
    for path in ["/", "/?p=1"] {
        // WordPress sends `/?p=1` on to the post's address.
        let path = match stranger.stranger().get(path).await?.header("location") {
            "" => path.to_owned(),
            location => path_of(&Value::from(location))?,
        };
        let first = visit(stranger, &path).await?;
        let word = first.header(CACHE);
        ensure!(!word.is_empty(), "{path} has no header {CACHE}");
        let second = warm(stranger, &path).await?;
        ensure!(
            first.body == second.body,
            "{path} differs between two visits"
        );
        let control = second.header("cache-control");
        ensure!(
            control.contains("no-cache") || control.contains("max-age=0"),
            "{path} may be kept outside, where nothing purges it: cache-control is {control:?}"
        );
        ensure!(
            second.headers.get("set-cookie").is_none(),
            "{path} sets a cookie for everybody"
        );
    }
    let one = visit(stranger, "/?s=plain").await?.text();
    let two = visit(stranger, "/?s=other").await?.text();
    ensure!(one != two, "two searches give one page");
    Ok(())
}

/// The page as it is at the very next visit must show `text`.
async fn next_shows(stranger: &Browser, path: &str, text: &str) -> Result<()> {
    let page = visit(stranger, path).await?;
    ensure!(
        page.shows(text),
        "the next visit of {path} does not show it ({CACHE}: {})",
        page.header(CACHE)
    );
    Ok(())
}

async fn publishing(people: &People, stranger: &Browser, at_other: &Browser) -> Result<()> {
    warm(stranger, "/").await?;
    warm(at_other, "/").await?;
    let mut editor = people.editor.clone();
    let title = "Fresh from the press";
    let post = json!({"title": title, "content": "x", "status": "publish"});
    let made = editor.create("/wp/v2/posts", &post).await?;
    next_shows(stranger, "/", title).await?;
    let other = until(OTHERS_FOLLOW, async || {
        next_shows(at_other, "/", title).await
    });
    other.await.context("at the site's other task")?;

    warm(stranger, "/").await?;
    let path = format!("/wp/v2/posts/{}", made["id"]);
    let changed = json!({"title": "Corrected"});
    let changed = editor.rest(Method::POST, &path, Some(&changed)).await?;
    changed.expect(200)?;
    next_shows(stranger, "/", "Corrected")
        .await
        .context("after a correction")?;

    warm(stranger, "/").await?;
    let deleted = editor.rest(Method::DELETE, &path, None).await?;
    deleted.expect(200)?;
    let page = visit(stranger, "/").await?;
    ensure!(
        !page.shows("Corrected"),
        "the next visit still shows the deleted post"
    );
    Ok(())
}

async fn comment(people: &People, stranger: &Browser) -> Result<()> {
    let mut editor = people.editor.clone();
    let post = json!({"title": "Talk", "content": "x", "status": "publish"});
    let made = editor.create("/wp/v2/posts", &post).await?;
    let path = path_of(&made["link"])?;
    warm(stranger, &path).await?;
    let text = "What an unusual remark";
    let id = made["id"].to_string();
    let fields = [
        ("comment", text),
        ("author", "Passer-by"),
        ("email", "passer@image.test"),
        ("comment_post_ID", id.as_str()),
        ("comment_parent", "0"),
    ];
    let mut passer = stranger.stranger();
    let sent = passer.submit("/wp-comments-post.php", &fields).await?;
    sent.expect(200)?;
    let page = visit(stranger, &path).await?;
    ensure!(
        !page.shows(text),
        "a comment that waits for moderation is shown to everybody"
    );
    warm(stranger, &path).await?;
    let held = editor
        .rest(Method::GET, "/wp/v2/comments?status=hold", None)
        .await?
        .expect(200)?
        .json()?;
    let comment = held[0]["id"].as_u64().context("no comment waits")?;
    let approve = json!({"status": "approved"});
    let approved = editor
        .rest(
            Method::POST,
            &format!("/wp/v2/comments/{comment}"),
            Some(&approve),
        )
        .await?;
    approved.expect(200)?;
    next_shows(stranger, &path, text).await
}

/// A block theme's menus are posts of their own.
async fn menu(people: &People, stranger: &Browser) -> Result<()> {
    let mut admin = people.admin.clone();
    warm(stranger, "/").await?;
    let link = "<!-- wp:navigation-link {\"label\":\"Way out\",\"url\":\"/out/\"} /-->";
    let menu = json!({"title": "Menu", "content": link, "status": "publish"});
    let made = admin.create("/wp/v2/navigation", &menu).await?;
    next_shows(stranger, "/", "Way out").await?;
    warm(stranger, "/").await?;
    let changed = json!({"content": link.replace("Way out", "Way home")});
    let path = format!("/wp/v2/navigation/{}", made["id"]);
    let changed = admin.rest(Method::POST, &path, Some(&changed)).await?;
    changed.expect(200)?;
    next_shows(stranger, "/", "Way home").await
}

async fn option(people: &People, stranger: &Browser, site: &Site<'_>) -> Result<()> {
    let mut admin = people.admin.clone();
    for title in ["Another title", site.title()] {
        warm(stranger, "/").await?;
        let setting = json!({"title": title});
        let set = admin
            .rest(Method::POST, "/wp/v2/settings", Some(&setting))
            .await?;
        set.expect(200)?;
        next_shows(stranger, "/", title).await?;
    }
    Ok(())
}

/// In turns, and all at once: everybody gets the page made for them.
async fn others_pages(people: &People, stranger: &Browser, site: &Site<'_>) -> Result<()> {
    let admin = site.admin_name();
    for _ in 0..3 {
        let (mut a, mut b, mut c) = (
            people.admin.clone(),
            people.editor.clone(),
            stranger.stranger(),
        );
        let (of_admin, of_editor, of_stranger) = tokio::join!(a.get("/"), b.get("/"), c.get("/"));
        let (of_admin, of_editor, of_stranger) = (of_admin?, of_editor?, of_stranger?);
        for (page, own, foreign) in [(of_admin, admin, EDITOR), (of_editor, EDITOR, admin)] {
            let page = page.expect(200)?;
            ensure!(
                page.shows("wpadminbar") && page.shows(own),
                "{own} gets a page without their name"
            );
            ensure!(!page.shows(foreign), "{own} gets {foreign}'s page");
            let word = page.header(CACHE);
            ensure!(word == "BYPASS", "{own}'s page has {CACHE}: {word:?}");
            let control = page.header("cache-control");
            ensure!(
                control.contains("no-store") || control.contains("private"),
                "others may keep {own}'s page: cache-control is {control:?}"
            );
        }
        let page = of_stranger.expect(200)?;
        ensure!(
            !page.shows("wpadminbar") && !page.shows(EDITOR),
            "a stranger gets the page of somebody who is logged in"
        );
    }
    for path in [
        "/wp-login.php",
        "/wp-admin/admin-ajax.php?action=nothing",
        "/wp-json/",
    ] {
        stranger.stranger().get(path).await?;
        let page = stranger.stranger().get(path).await?;
        ensure!(page.header(CACHE) != "HIT", "{path} is kept");
    }
    Ok(())
}

async fn preview(people: &People, stranger: &Browser) -> Result<()> {
    let mut editor = people.editor.clone();
    let text = "Not for everybody yet";
    let post = json!({"title": "Draft", "content": text, "status": "draft"});
    let made = editor.create("/wp/v2/posts", &post).await?;
    let path = format!("/?p={}&preview=true", made["id"]);
    // A stranger first: what he gets must not be what the editor is shown.
    for _ in 0..2 {
        let page = stranger.stranger().get(&path).await?;
        ensure!(!page.shows(text), "a stranger sees the draft");
        ensure!(page.header(CACHE) != "HIT", "a preview's address is kept");
        let page = editor.get(&path).await?.expect(200)?;
        ensure!(page.shows(text), "the editor does not see the draft");
        let word = page.header(CACHE);
        ensure!(word == "BYPASS", "a preview has {CACHE}: {word:?}");
    }
    Ok(())
}

async fn cookies(people: &People, stranger: &Browser) -> Result<()> {
    let mut editor = people.editor.clone();
    let text = "Only for those who know";
    let post = json!({"title": "Locked", "content": text, "status": "publish", "password": "open"});
    let made = editor.create("/wp/v2/posts", &post).await?;
    let path = path_of(&made["link"])?;
    visit(stranger, &path).await?;
    let mut knowing = stranger.stranger();
    let unlock = [("post_password", "open"), ("Submit", "Enter")];
    let answer = knowing.submit("/wp-login.php?action=postpass", &unlock);
    answer.await?;
    for _ in 0..2 {
        let page = knowing.get(&path).await?.expect(200)?;
        ensure!(page.shows(text), "the password does not open the post");
        let page = visit(stranger, &path).await?;
        ensure!(!page.shows(text), "the opened post is shown to everybody");
    }
    warm(stranger, "/").await?;
    for (name, value) in [
        ("woocommerce_items_in_cart", "1"),
        ("wp_woocommerce_session_0123", "x"),
        ("comment_author_0123", "Passer-by"),
    ] {
        let mut shopper = stranger.stranger().with_cookie(name, value);
        let page = shopper.get("/").await?.expect(200)?;
        let word = page.header(CACHE);
        ensure!(
            word == "BYPASS",
            "with the cookie {name}, {CACHE} is {word:?}"
        );
    }
    Ok(())
}
