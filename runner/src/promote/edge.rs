//! What a promotion does where visitors are: it empties the edge's caches, and visits the site.

use super::Side;
use crate::cloud::wait::{Seen, until};
use crate::cloud::{CloudError, aws};
use crate::resource::Kind;
use crate::rollout::Visitor;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use std::time::Duration;

/// CloudFront keeps an origin's error for 10 s; tasks empty their caches within seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Tells the edge to ask for everything again; a repeat with the same reference is one.
pub(super) async fn invalidate(side: Side<'_>, reference: &str) -> Result<String, CloudError> {
    let unusable = |error: aws_smithy_types::error::operation::BuildError| {
        CloudError::Unusable(error.to_string())
    };
    let paths = Paths::builder()
        .quantity(1)
        .items("/*")
        .build()
        .map_err(unusable)?;
    let batch = InvalidationBatch::builder()
        .caller_reference(reference)
        .paths(paths)
        .build()
        .map_err(unusable)?;
    let made = side
        .cloud
        .cloudfront
        .create_invalidation()
        .distribution_id(side.context.known(Kind::Distribution, "id"))
        .invalidation_batch(batch)
        .send()
        .await
        .map_err(aws("cloudfront:CreateInvalidation"))?;
    let id = made.invalidation.map(|invalidation| invalidation.id);
    Ok(id.unwrap_or_default())
}

/// Visits the site until all is well, and returns how much was asked for.
pub(super) async fn visit(home: &str, sample: &[String]) -> Result<usize, CloudError> {
    let visitor = Visitor::new().map_err(|error| {
        CloudError::Unusable(format!(
            "no TLS without the machine's certificates: {error}"
        ))
    })?;
    // What a page may answer at most: the site's makers may have closed the others to the public.
    let mut pages = vec![
        ("/".to_owned(), 399),
        ("/wp-login.php".to_owned(), 499),
        ("/wp-json/".to_owned(), 499),
    ];
    let uploads = sample
        .iter()
        .map(|path| format!("/wp-content/uploads/{}", encoded(path)));
    pages.extend(uploads.map(|path| (path, 399)));
    let visited = until("the site to serve its new content", PATIENCE, || async {
        for (path, at_most) in &pages {
            let url = format!("{home}{path}");
            match visitor.status(&url).await {
                Ok(status) if status <= *at_most => {}
                Ok(status) => return Ok(Seen::NotYet(format!("{url} answers {status}"))),
                Err(reason) => return Ok(Seen::NotYet(format!("{url}: {reason}"))),
            }
        }
        Ok(Seen::Done(pages.len()))
    });
    visited.await.map_err(|error| match error {
        CloudError::TimedOut { last, .. } => CloudError::RolledBack {
            reason: format!("with the new content, {last}"),
        },
        error => error,
    })
}

/// A path for a URL (RFC 3986, "pchar").
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_uploads_become_urls() {
        assert_eq!(
            encoded("2026/11/größe 1.jpg"),
            "2026/11/gr%C3%B6%C3%9Fe%201.jpg"
        );
    }
}
