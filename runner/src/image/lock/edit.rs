//! Writing a changed lock into the file's text, so that comments and the order of things stay.
//!
//! Only what changed is written anew: the revision's line, a component's lines, an architecture's packages. What comes out is
//! read again and must be the lock that was to be written.

use std::{fmt::Write as _, ops::Range};

use super::{Component, Lock, Locked};

/// The text with `new` in the place of the lock that it holds.
///
/// # Errors
/// When the text is not laid out as the project's own, one key a line, so that it cannot be changed in this way.
pub(crate) fn rewrite(text: &str, new: &Lock) -> Result<String, String> {
    let old = Lock::parse(text)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if old.revision != new.revision {
        let at = find(&lines, &["revision"])?.start;
        lines[at - 1] = format!("revision: {}", new.revision);
    }
    for (name, component) in &new.components {
        if old.components.get(name) != Some(component) {
            let block = find(&lines, &["components", name])?;
            lines.splice(block, of_component(component));
        }
    }
    for (architecture, locked) in &new.packages.locked {
        match old.packages.locked.get(architecture) {
            Some(same) if same == locked => {}
            Some(_) => {
                let block = find(&lines, &["packages", "locked", architecture])?;
                lines.splice(block, of_architecture(locked));
            }
            None => {
                let at = find(&lines, &["packages", "locked"])?.end;
                let block = of_architecture(locked);
                lines.splice(
                    at..at,
                    [format!("    {architecture}:")].into_iter().chain(block),
                );
            }
        }
    }
    let text = lines.join("\n") + "\n";
    match Lock::parse(&text) {
        Ok(written) if written == *new => Ok(text),
        Ok(_) => Err("its layout is not one key a line, so it cannot be rewritten".to_owned()),
        Err(reason) => Err(format!("rewritten, it would be wrong: {reason}")),
    }
}

/// The lines below a key's, which are indented more. The key's own line stands before them.
fn find(lines: &[String], path: &[&str]) -> Result<Range<usize>, String> {
    let mut block = 0..lines.len();
    for (depth, key) in path.iter().enumerate() {
        let start = format!("{}{key}:", "  ".repeat(depth));
        let at = block
            .clone()
            .find(|&at| lines[at].starts_with(&start))
            .ok_or_else(|| format!("there is no line of {}", path[..=depth].join(".")))?;
        let inside = |line: &String| {
            line.starts_with(&"  ".repeat(depth + 1)) || line.is_empty() || line.starts_with('#')
        };
        let mut end = (at + 1..block.end)
            .find(|&at| !inside(&lines[at]))
            .unwrap_or(block.end);
        // What stands before the next key belongs to that.
        while end > at + 1 && !lines[end - 1].starts_with(' ') {
            end -= 1;
        }
        block = at + 1..end;
    }
    Ok(block)
}

fn of_component(component: &Component) -> Vec<String> {
    let mut text = format!(
        "    version: {}\n    tree: {}\n    sources:\n",
        component.version, component.tree
    );
    for source in &component.sources {
        let mut start = "      - ";
        for (key, value) in [
            ("npm", &source.npm),
            ("url", &source.url),
            ("sha512", &source.sha512),
            ("path", &source.path),
        ] {
            if let Some(value) = value {
                let _ = writeln!(text, "{start}{key}: {value}");
                start = "        ";
            }
        }
    }
    text.lines().map(str::to_owned).collect()
}

fn of_architecture(locked: &Locked) -> Vec<String> {
    let mut lines = vec![
        format!("      suites: [{}]", locked.suites.join(", ")),
        format!("      snapshot: {}", locked.snapshot),
        "      pins:".to_owned(),
    ];
    lines.extend(
        locked
            .pins
            .iter()
            .map(|(name, pin)| format!("        {name}: {pin}")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = include_str!("../../../../image/image.lock.yaml");

    fn changed(change: impl FnOnce(&mut Lock)) -> (Vec<&'static str>, String) {
        let mut lock = Lock::parse(OWN).unwrap();
        change(&mut lock);
        let text = rewrite(OWN, &lock).unwrap();
        let gone = OWN.lines().filter(|line| !text.lines().any(|l| l == *line));
        (gone.collect(), text)
    }

    #[test]
    fn nothing_changed_leaves_every_byte() {
        assert_eq!(changed(|_| {}).1, OWN);
    }

    #[test]
    fn only_what_changed_is_written_anew() {
        let (gone, text) = changed(|lock| {
            lock.revision += 1;
            let component = lock.components.get_mut("wp-cli").unwrap();
            component.version = "99.1".to_owned();
            let locked = lock.packages.locked.get_mut("amd64").unwrap();
            locked.pins.get_mut("nginx").unwrap().version = "9:1.30-1".to_owned();
            let pin = locked.pins["nginx"].clone();
            locked.pins.insert("zz-new".to_owned(), pin);
        });
        assert_eq!(gone.len(), 3, "{gone:#?}");
        assert_eq!(text.lines().count(), OWN.lines().count() + 1);
        assert!(text.contains("        nginx: 9:1.30-1 sha256:"), "{text}");
    }

    #[test]
    fn another_architecture_is_added_behind_the_others() {
        let (gone, text) = changed(|lock| {
            let locked = lock.packages.locked["amd64"].clone();
            lock.packages.locked.insert("riscv64".to_owned(), locked);
        });
        assert_eq!(gone, Vec::<&str>::new());
        assert!(text.find("\n    arm64:") < text.find("\n    riscv64:"));
    }

    #[test]
    fn a_file_laid_out_otherwise_is_left_alone() {
        let mut lock = Lock::parse(OWN).unwrap();
        lock.revision += 1;
        let text = OWN.replace("\nrevision: ", "\n\"revision\": ");
        let error = rewrite(&text, &lock).unwrap_err();
        assert!(error.contains("no line of revision"), "{error}");
    }
}
