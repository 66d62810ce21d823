//! Debian changelogs (deb-changelog(5)): which flaws an update repairs, and since when.

use std::collections::BTreeMap;

use time::{Date, OffsetDateTime, format_description::well_known::Rfc2822};

/// What stands in a changelog above the installed version.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct News {
    /// The CVEs named, each with the day of the first update that names it.
    pub(super) cves: BTreeMap<String, Option<Date>>,
    /// The day of the oldest of these updates.
    pub(super) since: Option<Date>,
}

/// Reads the entries that are newer than `installed`, a source version. When no entry is of that version, only the newest
/// entry counts: the older ones may have been in the image for years.
pub(super) fn since(changelog: &str, installed: &str) -> News {
    let mut entries: Vec<(Vec<String>, Option<Date>)> = Vec::new();
    let mut known = false;
    for line in changelog.lines() {
        if let Some(version) = header(line) {
            if version == installed {
                known = true;
                break;
            }
            entries.push((Vec::new(), None));
        } else if let Some((cves, day)) = entries.last_mut() {
            match line
                .strip_prefix(" -- ")
                .and_then(|rest| rest.split_once(">  "))
            {
                Some((_, time)) => *day = day_of(time),
                None => cves.extend(cves_in(line)),
            }
        }
    }
    entries.truncate(if known { usize::MAX } else { 1 });
    let mut news = News::default();
    // Entries go back in time, so the last word is the oldest.
    for (cves, day) in entries {
        news.since = day.or(news.since);
        news.cves.extend(cves.into_iter().map(|cve| (cve, day)));
    }
    news
}

/// `package (version) distributions; urgency=…`
fn header(line: &str) -> Option<&str> {
    if line.starts_with([' ', '\t']) || !line.contains("; urgency=") {
        return None;
    }
    Some(line.split_once(" (")?.1.split_once(')')?.0)
}

fn day_of(time: &str) -> Option<Date> {
    let time = OffsetDateTime::parse(time.trim(), &Rfc2822).ok()?;
    Some(time.to_offset(time::UtcOffset::UTC).date())
}

fn cves_in(line: &str) -> Vec<String> {
    let found = line.match_indices("CVE-").filter_map(|(at, _)| {
        let rest = &line[at + 4..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '-')
            .unwrap_or(rest.len());
        let (year, number) = rest[..end].trim_end_matches('-').split_once('-')?;
        (year.len() == 4 && number.len() >= 4).then(|| format!("CVE-{year}-{number}"))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    const LOG: &str = "\
php8.4 (8.4.21-1~deb13u2) trixie-security; urgency=high

  * New upstream version 8.4.22
   + CVE-2026-1111, CVE-2026-22222: one and another

 -- Ondřej Surý <ondrej@debian.org>  Tue, 10 Nov 2026 23:30:00 -0200

php8.4 (8.4.21-1~deb13u1) trixie-security; urgency=medium

  * Fix CVE-2026-1000 (and CVE-2026-1111 in part)

 -- Ondřej Surý <ondrej@debian.org>  Mon, 05 Oct 2026 10:00:00 +0000

php8.4 (8.4.20-1) unstable; urgency=medium

  * Fix CVE-2025-9

 -- Ondřej Surý <ondrej@debian.org>  Fri, 05 Jun 2026 10:00:00 +0000
";

    #[test]
    fn everything_above_the_installed_version_is_pending() {
        let news = since(LOG, "8.4.20-1");
        let (october, november) = (Some(date!(2026 - 10 - 05)), Some(date!(2026 - 11 - 11)));
        let told: Vec<_> = news
            .cves
            .iter()
            .map(|(cve, day)| (cve.as_str(), *day))
            .collect();
        assert_eq!(
            told,
            [
                ("CVE-2026-1000", october),
                ("CVE-2026-1111", october),
                ("CVE-2026-22222", november)
            ]
        );
        assert_eq!(news.since, october);
        let news = since(LOG, "8.4.21-1~deb13u1");
        assert_eq!(
            news.cves.into_keys().collect::<Vec<_>>(),
            ["CVE-2026-1111", "CVE-2026-22222"]
        );
        assert_eq!(news.since, november);
    }

    #[test]
    fn without_the_installed_version_only_the_newest_entry_counts() {
        assert_eq!(since(LOG, "8.4.1-1"), since(LOG, "8.4.21-1~deb13u1"));
        assert_eq!(since("no changelog at all", "1"), News::default());
    }
}
