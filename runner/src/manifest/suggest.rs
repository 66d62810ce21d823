//! "Did you mean": the nearest of a set of words.

/// The candidate closest to `word`, if any is close enough to be a likely slip of the keyboard or memory.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let lowered = word.to_lowercase().replace(['-', ' '], "_");
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::jaro_winkler(&lowered, &candidate.to_lowercase().replace(['-', ' '], "_")),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.84)
        // Ties go to the first candidate, so that the answer doesn't depend on iteration details.
        .fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(current) if current.0 >= next.0 => Some(current),
            _ => Some(next),
        })
        .map(|(_, candidate)| candidate)
}
