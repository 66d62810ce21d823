//! Quoting for SQL that takes no parameters: identifiers, strings, and patterns in grants.

/// An identifier in backticks.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A string literal in single quotes, for a session whose `sql_mode` lacks `NO_BACKSLASH_ESCAPES` (MySQL's default).
pub fn string(value: &str) -> String {
    let mut literal = Vec::with_capacity(value.len() + 2);
    push_string(&mut literal, value.as_bytes());
    // Only ASCII was put between whole characters.
    String::from_utf8_lossy(&literal).into_owned()
}

/// Appends a string literal; the bytes are text in the session's character set, utf8mb4.
pub fn push_string(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'\'');
    for &byte in value {
        // https://dev.mysql.com/doc/refman/8.4/en/string-literals.html, "Special Character Escape Sequences"
        match byte {
            0 => out.extend(b"\\0"),
            b'\n' => out.extend(b"\\n"),
            b'\r' => out.extend(b"\\r"),
            0x1a => out.extend(b"\\Z"),
            b'\\' => out.extend(b"\\\\"),
            b'\'' => out.extend(b"\\'"),
            _ => out.push(byte),
        }
    }
    out.push(b'\'');
}

/// The schema in a grant. `_` and `%` are wildcards there, even in backticks: unescaped, `t_acme` would match `txacme`
/// (<https://dev.mysql.com/doc/refman/8.4/en/grant.html>).
pub fn grant_schema(schema: &str) -> String {
    identifier(
        &schema
            .replace('\\', "\\\\")
            .replace('_', "\\_")
            .replace('%', "\\%"),
    )
}

/// A user at any host.
pub fn account(user: &str) -> String {
    format!("{}@'%'", string(user))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(identifier("a`b"), "`a``b`");
        assert_eq!(string("it's \\ \0\n é"), "'it\\'s \\\\ \\0\\n é'");
        assert_eq!(account("t_a'x"), "'t_a\\'x'@'%'");
    }

    #[test]
    fn a_grant_matches_one_schema_only() {
        assert_eq!(grant_schema("t_acme_2"), "`t\\_acme\\_2`");
    }
}
