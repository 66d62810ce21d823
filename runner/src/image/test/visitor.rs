//! What anybody sees.

use anyhow::{Result, ensure};
use hyper::Method;

use super::{
    browser::Answer,
    check::Checks,
    site::{Site, Task},
};

pub(super) async fn check(site: &Site<'_>, task: &Task, checks: &Checks<'_>) {
    checks.run("front page", front_page(site, task)).await;
    checks.run("pages and files", pages(site, task)).await;
    checks.run("other domains", domains(site, task)).await;
}

async fn front_page(site: &Site<'_>, task: &Task) -> Result<()> {
    let page = site.visitor(task).get("/").await?.expect(200)?;
    let text = page.text();
    let title = text
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    let title = title.map_or("", |(title, _)| title);
    ensure!(title.contains(site.title()), "its title is {title:?}");
    ensure!(
        page.header("content-type") == "text/html; charset=UTF-8",
        "its type is {:?}",
        page.header("content-type")
    );
    let own_prefix = page.shows("/tenant-image-test");
    ensure!(!own_prefix, "the load balancer's prefix is in the page");
    Ok(())
}

async fn pages(site: &Site<'_>, task: &Task) -> Result<()> {
    let mut visitor = site.visitor(task);
    let missing = visitor.get("/no-such-page/").await?.expect(404)?;
    ensure!(
        missing.shows("</html>"),
        "a missing page is not WordPress's own"
    );
    let style = visitor.get("/wp-includes/css/dashicons.min.css").await?;
    let style = style.expect(200)?;
    let type_ = style.header("content-type");
    ensure!(
        type_.starts_with("text/css"),
        "a style sheet has the type {type_:?}"
    );
    ensure!(
        kept(&style),
        "a style sheet is not kept by browsers: {:?}",
        style.header("cache-control")
    );
    let feed = visitor.get("/feed/").await?.expect(200)?;
    ensure!(feed.shows("<rss"), "the feed is no feed");
    let posts = visitor.get("/wp-json/wp/v2/posts").await?.expect(200)?;
    ensure!(
        posts.json()?.is_array(),
        "the REST interface lists no posts"
    );
    visitor.get("/wp-sitemap.xml").await?.expect(200)?;
    let head = visitor
        .send(Method::HEAD, "/", &[], "")
        .await?
        .expect(200)?;
    ensure!(head.body.is_empty(), "HEAD has a body");
    let zipped = [("accept-encoding", "gzip")];
    let page = visitor
        .send(Method::GET, "/", &zipped, "")
        .await?
        .expect(200)?;
    ensure!(
        page.header("content-encoding") == "gzip",
        "pages are not compressed"
    );
    Ok(())
}

fn kept(answer: &Answer) -> bool {
    let control = answer.header("cache-control");
    let age = control.split("max-age=").nth(1);
    let age = age.and_then(|rest| rest.split([',', ' ']).next()?.parse::<u64>().ok());
    age.is_some_and(|seconds| seconds >= 24 * 3600)
}

/// A host that somebody made up must neither get into a page nor make WordPress redirect there.
async fn domains(site: &Site<'_>, task: &Task) -> Result<()> {
    let mut visitor = site.visitor(task);
    for headers in [
        &[("host", "evil.example")] as &[_],
        &[("x-forwarded-host", "evil.example")],
        &[("forwarded", "host=evil.example")],
    ] {
        let path = format!("/?domains={}", headers[0].0);
        let page = visitor.send(Method::GET, &path, headers, "").await?;
        let named = page.shows("evil.example") || page.header("location").contains("evil.example");
        ensure!(!named, "a made-up `{}` gets into the page", headers[0].0);
    }
    let page = visitor.get("/").await?.expect(200)?;
    ensure!(
        !page.shows("evil.example"),
        "a made-up host got into the cached page"
    );
    Ok(())
}
