//! A site's releases and how each fared: `tenants/<tenant>/rollouts.json` in the artifact bucket. Written under the
//! tenant's lease alone, so one writer at a time.

use crate::cloud::{Class, Cloud, CloudError};
use crate::manifest::TenantId;
use crate::resource::Revision;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How many entries are kept, the newest.
const KEPT: usize = 50;

/// Whether a revision served its site well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It came up and was healthy.
    Good,
    /// It did not come up, or was not healthy.
    Bad,
}

/// One revision that a site was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// When it was judged.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// The run that rolled it out.
    pub run: String,
    /// The release as the manifest named it.
    pub release: String,
    /// `<registry>@sha256:…`.
    pub image: String,
    /// The revision of the site's task definition.
    pub revision: Revision,
    /// How it fared.
    pub verdict: Verdict,
    /// Why, if badly.
    pub reason: Option<String>,
}

/// All that is remembered of one site, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    version: u32,
    /// At most 50.
    pub entries: Vec<Entry>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            version: 1,
            entries: Vec::new(),
        }
    }
}

impl Ledger {
    /// `tenant`'s ledger; an empty one if nothing was written yet.
    ///
    /// # Errors
    /// AWS's; the object is no ledger.
    pub async fn read(cloud: &Cloud, tenant: &TenantId) -> Result<Self, CloudError> {
        let (bucket, key) = (&cloud.foundation.artifacts.bucket, key(tenant));
        let body = match cloud.read_object(&key).await {
            Ok(body) => body,
            Err(error) if error.class() == Class::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&body)
            .map_err(|error| CloudError::Unusable(format!("ledger s3://{bucket}/{key}: {error}")))
    }

    /// Adds `entry` to `tenant`'s ledger. The caller holds the tenant's lease.
    ///
    /// # Errors
    /// See [`Self::read`].
    pub async fn add(cloud: &Cloud, tenant: &TenantId, entry: Entry) -> Result<(), CloudError> {
        let mut ledger = Self::read(cloud, tenant).await?;
        ledger.entries.push(entry);
        let surplus = ledger.entries.len().saturating_sub(KEPT);
        ledger.entries.drain(..surplus);
        cloud.write_record(&key(tenant), &ledger).await
    }

    /// The newest revision that fared well, apart from `but`.
    #[must_use]
    pub fn last_good(&self, but: Option<&Revision>) -> Option<&Entry> {
        let good = |entry: &&Entry| entry.verdict == Verdict::Good && Some(&entry.revision) != but;
        // A revision that fared well once and badly later is none to go back to.
        let later_bad = |entry: &Entry| {
            let last = self
                .entries
                .iter()
                .rfind(|other| other.revision == entry.revision);
            last.is_some_and(|last| last.verdict == Verdict::Bad)
        };
        self.entries
            .iter()
            .rev()
            .filter(good)
            .find(|entry| !later_bad(entry))
    }
}

fn key(tenant: &TenantId) -> String {
    format!("tenants/{tenant}/rollouts.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32, verdict: Verdict) -> Entry {
        Entry {
            at: OffsetDateTime::UNIX_EPOCH,
            run: "run".to_owned(),
            release: "7.1.1-1".to_owned(),
            image: "registry@sha256:00".to_owned(),
            revision: revision(number),
            verdict,
            reason: None,
        }
    }

    fn revision(number: u32) -> Revision {
        format!("{number}:0123456789abcdef").parse().unwrap()
    }

    fn last_good(entries: &[(u32, Verdict)], but: Option<u32>) -> Option<Revision> {
        let ledger = Ledger {
            entries: entries
                .iter()
                .map(|(number, verdict)| entry(*number, *verdict))
                .collect(),
            ..Ledger::default()
        };
        let but = but.map(revision);
        Some(ledger.last_good(but.as_ref())?.revision.clone())
    }

    #[test]
    fn the_last_good_one_is_another_than_the_present_and_never_turned_bad() {
        use Verdict::{Bad, Good};
        let entries = [
            (1, Good),
            (2, Good),
            (3, Good),
            (4, Bad),
            (3, Bad),
            (5, Good),
        ];
        assert_eq!(last_good(&entries, None), Some(revision(5)));
        assert_eq!(last_good(&entries, Some(5)), Some(revision(2)));
        assert_eq!(last_good(&entries[..1], Some(1)), None);
        assert_eq!(last_good(&[], None), None);
    }

    #[test]
    fn a_ledger_is_read_as_it_was_written() {
        let ledger = Ledger {
            entries: vec![entry(7, Verdict::Bad)],
            ..Ledger::default()
        };
        let text = serde_json::to_string(&ledger).unwrap();
        assert!(text.contains("\"7:0123456789abcdef\""), "{text}");
        let read: Ledger = serde_json::from_str(&text).unwrap();
        assert_eq!(read.entries, ledger.entries);
    }
}
