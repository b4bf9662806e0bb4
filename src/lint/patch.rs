//! Mended files as one unified diff that `git apply` and `patch -p1` take.

use std::fmt::Write as _;

use similar::TextDiff;

use super::fixes::MendedFile;

/// The diff of all files. `name` says how each is called in it: its path from where the diff is applied.
pub fn unified(files: &[MendedFile], name: &dyn Fn(&str) -> String) -> String {
    let mut out = String::new();
    for file in files {
        let before = file.before.as_deref().unwrap_or_default();
        if before == file.after {
            continue;
        }
        let path = name(&file.path);
        let (old, new) = (quoted('a', &path), quoted('b', &path));
        // Writing to a String can't fail.
        let _ = writeln!(out, "diff --git {old} {new}");
        let from = match &file.before {
            Some(_) => old.as_str(),
            None => {
                let _ = writeln!(out, "new file mode 100644");
                "/dev/null"
            }
        };
        let _ = writeln!(out, "--- {from}{}\n+++ {new}{}", tab(from), tab(&new));
        let diff = TextDiff::from_lines(before, &file.after);
        let _ = write!(out, "{}", diff.unified_diff().context_radius(3));
    }
    out
}

/// A name with blanks ends with a tab in the two lines above the first change.
fn tab(name: &str) -> &'static str {
    if name.contains(' ') && !name.starts_with('"') {
        "\t"
    } else {
        ""
    }
}

/// A path behind `a/` or `b/`; in quotes, as git writes it, where it has bytes that are no plain text.
fn quoted(side: char, path: &str) -> String {
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\' || b == b' ';
    if path.bytes().all(plain) {
        return format!("{side}/{path}");
    }
    let mut out = format!("\"{side}/");
    for byte in path.bytes() {
        // Writing to a String can't fail.
        let _ = match byte {
            b'"' | b'\\' => write!(out, "\\{}", char::from(byte)),
            b'\t' => write!(out, "\\t"),
            b'\n' => write!(out, "\\n"),
            _ if plain(byte) => write!(out, "{}", char::from(byte)),
            _ => write!(out, "\\{byte:03o}"),
        };
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, before: Option<&str>, after: &str) -> MendedFile {
        MendedFile {
            path: path.into(),
            before: before.map(str::to_owned),
            after: after.into(),
        }
    }

    #[test]
    fn new_and_changed_files_are_one_diff() {
        let files = [
            file(".dockerignore", None, ".git\n"),
            file("Dockerfile", Some("FROM a\nENV A b"), "FROM a\nENV A=b"),
            file("same", Some("x"), "x"),
        ];
        assert_eq!(
            unified(&files, &|path| format!("sub/{path}")),
            "diff --git a/sub/.dockerignore b/sub/.dockerignore\n\
             new file mode 100644\n\
             --- /dev/null\n\
             +++ b/sub/.dockerignore\n\
             @@ -0,0 +1 @@\n\
             +.git\n\
             diff --git a/sub/Dockerfile b/sub/Dockerfile\n\
             --- a/sub/Dockerfile\n\
             +++ b/sub/Dockerfile\n\
             @@ -1,2 +1,2 @@\n \
             FROM a\n\
             -ENV A b\n\\ No newline at end of file\n\
             +ENV A=b\n\\ No newline at end of file\n"
        );
    }

    #[test]
    fn strange_names_are_quoted_as_git_does() {
        assert_eq!(quoted('a', "x y"), "a/x y");
        assert_eq!(quoted('b', "a\"é\n"), "\"b/a\\\"\\303\\251\\n\"");
    }
}
