//! What strangers try.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use hyper::Method;
use serde_json::{Value, json};

use super::{
    check::{Checks, needs},
    editor::{EDITOR, People},
    engine::until,
    site::{Site, Task},
};
use crate::{image::ImageError, resource::UPLOADS};

/// The engine collects what is written a moment later.
const LOG_FOLLOWS: Duration = Duration::from_secs(5);

pub(super) async fn check(
    site: &Site<'_>,
    (task, trusting_nobody): (&Task, &Task),
    people: Option<&People>,
    checks: &Checks<'_>,
) {
    checks.run("XML-RPC is closed", xml_rpc(site, task)).await;
    checks
        .run("users cannot be listed", users(site, task))
        .await;
    checks
        .run("uploaded PHP is not run", uploaded_php(site, task))
        .await;
    checks
        .run("private files are not served", private_files(site, task))
        .await;
    checks
        .run("security headers", security_headers(site, task))
        .await;
    checks
        .run("no code from the browser", async {
            no_code(needs(people, "log in")?).await
        })
        .await;
    checks
        .run("forged addresses are not believed", async {
            forged(site, (task, trusting_nobody)).await
        })
        .await;
}

async fn xml_rpc(site: &Site<'_>, task: &Task) -> Result<()> {
    let call = "<?xml version=\"1.0\"?><methodCall><methodName>system.listMethods</methodName></methodCall>";
    let mut visitor = site.visitor(task);
    let headers = [("content-type", "text/xml")];
    let answer = visitor
        .send(Method::POST, "/xmlrpc.php", &headers, call)
        .await?;
    ensure!(
        matches!(answer.status, 403 | 404 | 405 | 410) && !answer.shows("methodResponse"),
        "it answers {}",
        answer.status
    );
    let page = visitor.get("/").await?.expect(200)?;
    ensure!(
        page.header("x-pingback").is_empty() && !page.shows("xmlrpc.php"),
        "pages still advertise it"
    );
    Ok(())
}

/// Login names are half of what it takes to log in.
async fn users(site: &Site<'_>, task: &Task) -> Result<()> {
    let mut visitor = site.visitor(task);
    let admin = site.admin_name();
    for path in [
        "/?author=1",
        "/?author=2",
        "/author/editor/",
        "/wp-json/wp/v2/users",
        "/wp-json/wp/v2/users/1",
        "/wp-json/wp/v2/users?search=e",
        "/?rest_route=/wp/v2/users",
        "/wp-sitemap-users-1.xml",
        "/wp-json/oembed/1.0/embed?url=HOME/%3Fp=1",
    ] {
        let path = path.replace("HOME", &site.home());
        let answer = visitor.get(&path).await?;
        let leaks = answer.shows(admin)
            || answer.shows(EDITOR)
            || answer.header("location").contains("/author/");
        ensure!(!leaks, "{path} tells a user's name");
        ensure!(
            path.contains("oembed") || answer.status >= 300,
            "{path} answers {}",
            answer.status
        );
    }
    let mut words = Vec::new();
    for name in [admin, "nobody"] {
        let fields = [("log", name), ("pwd", "wrong"), ("wp-submit", "Log In")];
        let mut person = visitor.stranger();
        person.open("/wp-login.php").await?;
        let page = person.submit("/wp-login.php", &fields).await?.text();
        let (_, from) = page
            .split_once("id=\"login_error\"")
            .context("a wrong password is not refused")?;
        let message = from.split("</div>").next().unwrap_or_default();
        words.push(message.replace(name, ""));
    }
    ensure!(
        words[0] == words[1],
        "the login form tells whether a user exists"
    );
    Ok(())
}

async fn uploaded_php(site: &Site<'_>, task: &Task) -> Result<()> {
    let program = b"<?php echo 'I ' . 'run';";
    let names = [
        "shell.php",
        "shell.PHP",
        "shell.phtml",
        "shell.php.jpg",
        "2020/shell.php",
    ];
    let mut archive = tar::Builder::new(Vec::new());
    for name in names {
        let mut header = tar::Header::new_gnu();
        header.set_size(program.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, &program[..])?;
    }
    let options = bollard::query_parameters::UploadToContainerOptionsBuilder::default()
        .path(UPLOADS)
        .build();
    let put = site.engine.docker.upload_to_container(
        &task.container,
        Some(options),
        bollard::body_full(archive.into_inner()?.into()),
    );
    put.await
        .map_err(ImageError::docker("laying PHP into the uploads"))?;
    let mut visitor = site.visitor(task);
    for name in names {
        for path in [
            format!("/wp-content/uploads/{name}"),
            format!("/wp-content/uploads/{name}/x.php"),
            format!("/wp-content//uploads/{name}"),
            format!("/wp-content/plugins/../uploads/{name}"),
        ] {
            let answer = visitor.get(&path).await?;
            ensure!(!answer.shows("I run"), "{path} is run");
            let program = answer.shows("<?php") && !name.ends_with(".jpg");
            ensure!(!program, "{path} hands out the program");
        }
    }
    Ok(())
}

async fn private_files(site: &Site<'_>, task: &Task) -> Result<()> {
    let mut visitor = site.visitor(task);
    for path in [
        "/wp-config.php",
        "/wp-config-sample.php",
        "/wp-config.php~",
        "/.env",
        "/.git/config",
        "/.htaccess",
        "/wp-content/.hidden",
        "/wp-admin/install.php",
        "/wp-admin/setup-config.php",
        "/wp-admin/upgrade.php?step=1",
        "/wp-content/debug.log",
        "/readme.html",
        "/license.txt",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/wp-content/mu-plugins/bbws.php",
        "/srv/health/readyz.php",
    ] {
        let answer = visitor.get(path).await?;
        // A program that prints nothing when it is called by itself gives nothing away.
        let served = answer.status == 200 && !answer.body.is_empty();
        let served = served && !(path.contains("upgrade") && answer.shows("No Update Required"));
        ensure!(!served, "{path} answers 200");
        let leaks = answer.shows("DB_PASSWORD") || answer.shows("root:");
        ensure!(!leaks, "{path} gives a file away");
    }
    Ok(())
}

async fn security_headers(site: &Site<'_>, task: &Task) -> Result<()> {
    let mut visitor = site.visitor(task);
    for path in [
        "/",
        "/no-such-page/",
        "/wp-login.php",
        "/wp-json/",
        "/wp-includes/css/dashicons.min.css",
        "/.env",
    ] {
        let answer = visitor.get(path).await?;
        let sniff = answer.header("x-content-type-options");
        ensure!(
            sniff == "nosniff",
            "{path}: x-content-type-options is {sniff:?}"
        );
        for name in ["referrer-policy", "permissions-policy"] {
            ensure!(!answer.header(name).is_empty(), "{path} has no {name}");
        }
        let frame = answer.header("x-frame-options").to_ascii_uppercase();
        let own = answer
            .header("content-security-policy")
            .contains("frame-ancestors");
        ensure!(
            frame == "SAMEORIGIN" || frame == "DENY" || own,
            "{path} may be framed by other sites"
        );
        let server = answer.header("server");
        ensure!(
            !server.contains(|c: char| c.is_ascii_digit()),
            "{path} tells the server's version: {server}"
        );
        let by = answer.header("x-powered-by");
        ensure!(by.is_empty(), "{path} tells what powers it: {by}");
        let count = answer.headers.get_all("x-frame-options").iter().count();
        ensure!(count < 2, "{path} has x-frame-options {count} times");
    }
    Ok(())
}

/// Not even an administrator, whose password may be stolen, puts code on the site.
async fn no_code(people: &People) -> Result<()> {
    let mut admin = people.admin.clone();
    let plugin = json!({"slug": "hello-dolly"});
    let answer = admin
        .rest(Method::POST, "/wp/v2/plugins", Some(&plugin))
        .await?;
    ensure!(
        answer.status == 403,
        "installing a plugin is answered with {}",
        answer.status
    );
    for path in [
        "/wp-admin/plugin-install.php",
        "/wp-admin/plugin-editor.php",
        "/wp-admin/theme-editor.php",
        "/wp-admin/update-core.php?action=do-core-upgrade",
    ] {
        let answer = admin.get(path).await?;
        ensure!(answer.status != 200, "{path} opens");
    }
    Ok(())
}

/// The scheme comes from the configuration, the visitor's address from the last proxies of our own, if it is they who speak.
async fn forged(site: &Site<'_>, (task, trusting_nobody): (&Task, &Task)) -> Result<()> {
    let mut visitor = site.visitor(task);
    let claims = [
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-ssl", "on"),
    ];
    let page = visitor.send(Method::GET, "/?claim=1", &claims, "").await?;
    let secure = page.shows(&format!("https://{}", site.authority()))
        || page.header("location").starts_with("https://");
    ensure!(!secure, "X-Forwarded-Proto is believed");

    // What a viewer claims stands first; the edge adds the viewer that it saw, the load balancer the edge.
    let (claimed, seen) = ("203.0.113.66", "198.51.100.7");
    let forwarded = format!("{claimed}, {seen}, 192.0.2.15");
    let headers = [
        ("x-forwarded-for", forwarded.as_str()),
        ("x-real-ip", claimed),
        ("client-ip", claimed),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let form = "comment=Where+am+I&author=Passer&email=where%40image.test&comment_post_ID=1&comment_parent=0";
    for (task, expected) in [(task, Some(seen)), (trusting_nobody, None)] {
        let mut visitor = site.visitor(task);
        let path = format!("/address-{}/", hex::encode(rand::random::<[u8; 4]>()));
        visitor.send(Method::GET, &path, &headers, "").await?;
        let entry = until(LOG_FOLLOWS, async || {
            let (out, _) = site.engine.logs(&task.container).await?;
            let entry = out.lines().find(|line| line.contains(&path));
            Ok(entry.context("the log has no line of it")?.to_owned())
        });
        let entry: Value = serde_json::from_str(&entry.await?)?;
        let remote = entry["remote"].as_str().unwrap_or_default();
        ensure!(remote != claimed, "the log believes what the viewer claims");
        let believed = expected.map_or(remote != seen && !remote.is_empty(), |seen| remote == seen);
        ensure!(
            believed,
            "the log takes the visitor for {remote:?}; the request came over {forwarded}, {}",
            match expected {
                Some(_) => "which a proxy of our own says",
                None => "which no proxy of our own says",
            }
        );
        let sent = visitor
            .send(Method::POST, "/wp-comments-post.php", &headers, form)
            .await?;
        // Both comments are one to WordPress if it takes them to be from one visitor, which it refuses.
        ensure!(
            matches!(sent.status, 302 | 409 | 429),
            "a comment is answered with {}",
            sent.status
        );
    }
    let query = "SELECT DISTINCT comment_author_IP FROM wp_comments WHERE comment_author_email = 'where@image.test'";
    let addresses = site.sql(query).await?;
    ensure!(
        addresses.contains(seen) && !addresses.contains(claimed),
        "WordPress takes the visitor for {addresses}"
    );
    Ok(())
}
