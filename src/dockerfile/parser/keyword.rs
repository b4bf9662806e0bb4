//! The instructions' keywords, and which one was probably meant.

/// Every keyword, in upper case.
pub(super) const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// What to say about a word that is no instruction.
pub(super) fn unknown(word: &str) -> String {
    if word.is_empty() {
        return "a line continuation without an instruction".into();
    }
    let upper = word.to_uppercase();
    let near = KEYWORDS
        .iter()
        .map(|k| (distance(&upper, k), k))
        .min()
        .filter(|(d, k)| *d <= k.len().div_ceil(3));
    let shown: String = word.chars().take(60).collect();
    match near {
        Some((_, keyword)) => format!("unknown instruction: {shown} (did you mean {keyword}?)"),
        None => format!("unknown instruction: {shown}"),
    }
}

/// How many letters differ, neighbours in the wrong order counting once.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(20).collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1)
                .min(row[j - 1] + 1)
                .min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
