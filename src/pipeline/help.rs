//! The texts of `data/help/`: the same in `flareo help TOPIC`, on the console's page of help and in these docs, so that
//! a reviewer over SSH never needs a browser.

/// Declares every topic once: its page in these docs, and its entry in [`TOPICS`].
macro_rules! topics {
    ($($name:ident)*) => {
        $(
            #[doc = include_str!(concat!("../../data/help/", stringify!($name), ".md"))]
            pub mod $name {}
        )*

        /// Every topic and its text in Markdown, in the order in which a newcomer would read them.
        pub const TOPICS: &[(&str, &str)] = &[
            $((stringify!($name), include_str!(concat!("../../data/help/", stringify!($name), ".md")))),*
        ];
    };
}

topics! { submitting reviewing console bases building differences limits network scanning signing policy linting linters }

/// A text for a terminal: what stands between fences is indented instead.
pub fn plain(markdown: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for line in markdown.lines() {
        if line.starts_with("```") {
            inside = !inside;
            continue;
        }
        if inside && !line.is_empty() {
            out.push_str("    ");
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}
