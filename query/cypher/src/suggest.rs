//! "Did you mean …?"

use strsim::osa_distance;

/// The candidate that most resembles `word`, if one is close enough to be a slip of the finger.
///
/// Case does not count. Words of up to three letters may differ by one edit, longer ones by two.
/// Of several equally close candidates the first wins.
pub fn closest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let word = word.to_lowercase();
    let letters = word.chars().count();
    let edits_max = if letters <= 3 { 1 } else { 2 };
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = osa_distance(&word, &candidate.to_lowercase());
        // A suggestion must keep more of the word than it changes.
        let is_close = distance > 0 && distance <= edits_max && distance < letters;
        if is_close && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised() {
        let candidates = ["MATCH", "MERGE", "RETURN", "AS"];
        assert_eq!(closest("MATHC", candidates), Some("MATCH"));
        assert_eq!(closest("retrun", candidates), Some("RETURN"));
        assert_eq!(closest("person", candidates), None);
        assert_eq!(closest("x", candidates), None);
        assert_eq!(
            closest("MATCH", candidates),
            None,
            "the word itself is no suggestion"
        );
    }
}
