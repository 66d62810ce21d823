//! The one question of DNS that the doctor asks, and its answer (RFC 1035, section 4).

const NS: u16 = 2;
const INTERNET: u16 = 1;
/// Length of a message's header.
const HEADER: usize = 12;
/// A name has 255 bytes at most, so no honest one follows more pointers than that.
const POINTERS: usize = 128;

/// Which name servers `zone` has, to be found out by asking others.
pub(super) fn question(id: u16, zone: &str) -> Vec<u8> {
    const RECURSION_DESIRED: u16 = 0x0100;
    let header = [id, RECURSION_DESIRED, 1, 0, 0, 0];
    let mut message: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
    for label in zone.trim_end_matches('.').split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend([NS, INTERNET].into_iter().flat_map(u16::to_be_bytes));
    message
}

/// The name servers of an answer; none where the name is unknown.
///
/// # Errors
/// It is no answer to `id`, is cut off, or the resolver failed.
pub(super) fn servers(message: &[u8], id: u16) -> Result<Vec<String>, String> {
    let short = || "the answer is cut off".to_owned();
    let number = |at: usize| {
        Some(u16::from_be_bytes([
            *message.get(at)?,
            *message.get(at + 1)?,
        ]))
    };
    let field = |at: usize| number(at).ok_or_else(short);
    if field(0)? != id {
        return Err("the answer is to another question".to_owned());
    }
    let flags = field(2)?;
    if flags & 0x0200 != 0 {
        return Err(short());
    }
    match flags & 0xf {
        0 | 3 => {}
        code => return Err(format!("it failed with code {code}")),
    }
    let (questions, answers) = (field(4)?, field(6)?);
    let mut at = HEADER;
    for _ in 0..questions {
        at = name(message, at).ok_or_else(short)?.1 + 4;
    }
    let mut servers = Vec::new();
    for _ in 0..answers {
        let fields = name(message, at).ok_or_else(short)?.1;
        let (kind, length) = (field(fields)?, usize::from(field(fields + 8)?));
        if kind == NS {
            servers.push(name(message, fields + 10).ok_or_else(short)?.0);
        }
        at = fields + 10 + length;
    }
    Ok(servers)
}

/// The name at `at`, and where what follows it begins. A name may end in a pointer to an earlier one.
fn name(message: &[u8], mut at: usize) -> Option<(String, usize)> {
    let (mut labels, mut end) = (Vec::new(), None);
    for _ in 0..POINTERS {
        let length = usize::from(*message.get(at)?);
        match length {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            1..=63 => {
                let label = message.get(at + 1..at + 1 + length)?;
                labels.push(String::from_utf8_lossy(label).into_owned());
                at += 1 + length;
            }
            _ => {
                end = end.or(Some(at + 2));
                at = (length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `question`, answered with an alias that is no name server and one whose name points back into the question.
    fn answer() -> Vec<u8> {
        let mut message = question(7, "a.example");
        message[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 2]);
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 14]);
        message.extend([
            0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60, 0, 5, 2, b'n', b's', 0xc0, 14,
        ]);
        message
    }

    #[test]
    fn name_servers_are_read_through_pointers() {
        assert_eq!(servers(&answer(), 7).unwrap(), ["ns.example"]);
    }

    #[test]
    fn what_is_no_whole_answer_is_an_error_and_never_an_empty_one() {
        assert!(servers(&answer(), 8).is_err());
        for length in 0..answer().len() {
            assert!(servers(&answer()[..length], 7).is_err(), "{length} bytes");
        }
        let mut failed = answer();
        failed[3] = 0x82;
        assert_eq!(servers(&failed, 7).unwrap_err(), "it failed with code 2");
        let mut endless = answer();
        let last = endless.len() - 2;
        endless[last..].copy_from_slice(&[0xc0, last as u8]);
        assert!(servers(&endless, 7).is_err());
    }

    #[test]
    fn an_unknown_name_has_none() {
        let mut message = question(7, "a.example");
        message[2..4].copy_from_slice(&[0x81, 0x83]);
        assert!(servers(&message, 7).unwrap().is_empty());
    }
}
