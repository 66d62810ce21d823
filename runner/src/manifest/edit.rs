//! Changes of a manifest's text that leave everything else of it as people wrote it, comments too.

use super::finding::Source;
use super::yaml::{self, Kind};

/// The manifest `text` with its top-level `key` set to `value`, or without it. A value is what stands behind the colon: ` 512`, or
/// lines that are indented. A new key comes last.
///
/// None where the manifest is not the plain kind, one key a line: then a person has to change it.
#[must_use]
pub fn set(text: &str, key: &str, value: Option<&str>) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let before = |range: std::ops::Range<usize>| lines[range].concat();
    let entry = value.map(|value| format!("{key}:{value}\n"));
    let entry = entry.unwrap_or_default();
    Some(match block(text, &lines, key)? {
        Some((first, end)) => format!("{}{entry}{}", before(0..first), before(end..lines.len())),
        None if entry.is_empty() || text.ends_with('\n') => format!("{text}{entry}"),
        None => format!("{text}\n{entry}"),
    })
}

/// What stands behind the colon of `key` in the manifest `text`, as [`set`] takes it: empty where the manifest lacks it.
///
/// None as for [`set`].
#[must_use]
pub fn get(text: &str, key: &str) -> Option<Option<String>> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let block = block(text, &lines, key)?.map(|(first, end)| lines[first..end].concat());
    Some(block.map(|block| {
        let value = block[key.len() + 1..].trim_end();
        value.to_owned()
    }))
}

/// The lines of `key`, from and to, without the comments that stand before the next one.
fn block(text: &str, lines: &[&str], key: &str) -> Option<Option<(usize, usize)>> {
    let source = Source {
        file: String::new(),
        text: text.to_owned(),
    };
    let tree = yaml::parse(&source, &mut Vec::new())?;
    let Kind::Mapping(entries) = &tree.kind else {
        return None;
    };
    let starts: Vec<_> = entries
        .iter()
        .map(|entry| entry.key_span.start.line - 1)
        .collect();
    let is_plain = |(entry, line): (&yaml::Entry, &usize)| {
        let rest = lines.get(*line)?.strip_prefix(entry.key.as_str())?;
        rest.starts_with(':').then_some(())
    };
    entries
        .iter()
        .zip(&starts)
        .map(is_plain)
        .collect::<Option<Vec<_>>>()?;
    let Some(at) = entries.iter().position(|entry| entry.key == key) else {
        return Some(None);
    };
    let mut end = starts.get(at + 1).copied().unwrap_or(lines.len());
    let belongs_to_the_next = |line: &str| line.trim().is_empty() || line.starts_with('#');
    while end > starts[at] + 1 && belongs_to_the_next(lines[end - 1]) {
        end -= 1;
    }
    Some(Some((starts[at], end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: &str = "# Acme's.\nversion: 1\ntitle: \"A: # b\" # why\ndomains:\n- acme.dev.localhost\n  # the second\n- www\n\n# Big.\n\
        memory: 1024\ntasks:\n  min: 1\n  max: 3";

    #[test]
    fn one_key_changes_and_all_else_stays() {
        let set = |key, value| set(SITE, key, value).unwrap();
        assert_eq!(
            set("memory", Some(" 512")),
            SITE.replace("memory: 1024", "memory: 512")
        );
        assert_eq!(
            set("state", Some(" suspended")),
            format!("{SITE}\nstate: suspended\n")
        );
        assert_eq!(set("state", None), SITE);
        assert_eq!(
            set("tasks", Some("\n  min: 2\n  max: 2")),
            SITE.replace("min: 1\n  max: 3", "min: 2\n  max: 2\n")
        );
        let without = set("domains", None);
        assert!(
            without.contains("# why\n\n# Big.\nmemory: 1024\n"),
            "{without}"
        );
        assert_eq!(set("tasks", None), SITE.split("tasks").next().unwrap());
        assert_eq!(get(SITE, "tasks").unwrap().unwrap(), "\n  min: 1\n  max: 3");
        assert_eq!(get(SITE, "memory").unwrap().unwrap(), " 1024");
        assert_eq!(get(SITE, "state").unwrap(), None);
    }

    #[test]
    fn what_is_not_one_key_a_line_is_left_to_people() {
        for text in [
            "{version: 1, title: a}\n",
            "- a\n",
            "version: 1\n\"title\": a\n",
            "a: [\n",
        ] {
            assert_eq!(set(text, "state", Some(" suspended")), None, "{text}");
        }
    }
}
