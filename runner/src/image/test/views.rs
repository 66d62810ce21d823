//! The object cache: what strangers' views read is kept for others of them, until content changes, and for nobody else.
//!
//! That something is kept shows only when the database is changed behind WordPress's back.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    browser::{Answer, Browser, CACHE},
    check::{Checks, needs},
    editor::People,
    site::{Site, Task},
};

pub(super) async fn check(
    site: &Site<'_>,
    task: &Task,
    people: Option<&People>,
    checks: &Checks<'_>,
) {
    checks
        .run("object cache: views use what earlier ones read", async {
            kept_until_a_change(site, needs(people, "log in")?, &site.visitor(task)).await
        })
        .await;
}

async fn kept_until_a_change(site: &Site<'_>, people: &People, stranger: &Browser) -> Result<()> {
    let mut editor = people.editor.clone();
    let (before, after) = ("As views read it", "As the database has it");
    let post = json!({"title": before, "content": "x", "status": "publish"});
    editor.create("/wp/v2/posts", &post).await?;
    // Whoever wrote a comment gets no page out of the page cache.
    let mut author = stranger
        .stranger()
        .with_cookie("comment_author_0", "Passer-by");
    for _ in 0..2 {
        ensure!(
            view(&mut author).await?.shows(before),
            "the post is not on the front page"
        );
    }
    let statement =
        format!("UPDATE wp_posts SET post_title = '{after}' WHERE post_title = '{before}'");
    site.sql(&statement).await?;
    ensure!(
        view(&mut author).await?.shows(before),
        "the view reads the post anew"
    );
    let own = editor.get("/").await?.expect(200)?;
    ensure!(
        own.shows(after),
        "an editor is shown what is kept for strangers"
    );

    let post = json!({"title": "Something new", "content": "x", "status": "publish"});
    editor.create("/wp/v2/posts", &post).await?;
    let next = view(&mut author).await?;
    ensure!(
        next.shows(after) && next.shows("Something new"),
        "a view after a change shows what was kept before it"
    );
    Ok(())
}

async fn view(author: &mut Browser) -> Result<Answer> {
    let page = author.get("/").await?.expect(200)?;
    let word = page.header(CACHE);
    ensure!(
        word == "BYPASS",
        "the page comes out of the page cache: {CACHE} is {word:?}"
    );
    Ok(page)
}
