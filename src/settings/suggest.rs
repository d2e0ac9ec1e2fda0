//! "Did you mean …?"

/// How alike two words must be for one to be offered for the other: 1 is equal, 0 is nothing in common.
const ALIKE: f64 = 0.5;

/// The end of a sentence about a word that is not known, when one like it is: "; did you mean `buyers`?".
pub fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// The candidate most like `word`, when one is like it at all.
pub fn nearest<'list>(word: &str, candidates: impl IntoIterator<Item = &'list str>) -> Option<&'list str> {
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::normalized_damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_is_offered_and_only_when_it_is_near() {
        let keys = ["duration", "buyers", "timeout", "warm_up"];
        assert_eq!(nearest("durations", keys), Some("duration"));
        assert_eq!(nearest("Buyer", keys), Some("buyers"));
        assert_eq!(nearest("warmup", keys), Some("warm_up"));
        assert_eq!(nearest("zebra", keys), None);
        assert_eq!(nearest("anything", []), None);
    }
}
