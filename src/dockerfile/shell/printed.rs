//! What a command prints, where its arguments say it: `echo` and `printf` with their escapes and conversions, `which`.

use super::Command;
use super::file_name;

/// A conversion may come to this many bytes: no shorter text than what it is told about is made of a repetition.
const LONGEST: usize = 64 << 10;

/// What a command prints, wherever that goes; none if it can't be told.
pub(super) fn printed(command: &Command) -> Option<String> {
    let words = command.arguments();
    if !words.iter().all(|w| w.known && !w.pattern) {
        return None;
    }
    let texts: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    match (command.name(), texts.as_slice()) {
        // dash reads escapes always, bash when it is asked to: whoever writes them means them.
        ("echo", ["-n" | "-e" | "-ne" | "-en" | "-E", rest @ ..] | rest) => {
            Some(escaped(&rest.join(" ")))
        }
        ("printf", ["--", format, rest @ ..] | [format, rest @ ..]) => formatted(format, rest),
        ("which", [program]) => Some(file_name(program).to_owned()),
        ("command", ["-v", program]) => Some((*program).to_owned()),
        _ => None,
    }
}

/// A format with its arguments put in, again and again while there are any.
fn formatted(format: &str, arguments: &[&str]) -> Option<String> {
    let mut out = String::new();
    let mut rest = arguments.iter();
    loop {
        let before = rest.len();
        let mut parts = format.split('%');
        out.push_str(&escaped(parts.next()?));
        while let Some(part) = parts.next() {
            if part.is_empty() {
                // `%%`, which split in two.
                out.push('%');
                out.push_str(&escaped(parts.next()?));
                continue;
            }
            let flags = part.find(|c: char| !"-+ #0.123456789".contains(c))?;
            let conversion = part[flags..].chars().next()?;
            let argument = rest.next().copied().unwrap_or("");
            match conversion {
                's' | 'q' | 'd' | 'i' | 'u' => out.push_str(argument),
                'b' => out.push_str(&escaped(argument)),
                'c' => out.extend(argument.chars().next()),
                _ => return None,
            }
            out.push_str(&escaped(&part[flags + conversion.len_utf8()..]));
        }
        if rest.len() == 0 || rest.len() == before {
            return Some(out);
        }
        if out.len() > LONGEST {
            return None;
        }
    }
}

/// A text with its backslash escapes read.
fn escaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let (b'\\', [letter, after @ ..]) = (first, tail) else {
            bytes.push(*first);
            continue;
        };
        let (byte, used) = match letter {
            b'n' => (b'\n', 0),
            b't' => (b'\t', 0),
            b'r' => (b'\r', 0),
            b'a' => (7, 0),
            b'b' => (8, 0),
            b'f' => (12, 0),
            b'v' => (11, 0),
            b'e' => (27, 0),
            b'\\' | b'"' | b'\'' => (*letter, 0),
            b'x' => number(after, 16, 2),
            b'0' => number(after, 8, 3),
            b'1'..=b'7' => {
                let (byte, used) = number(tail, 8, 3);
                (byte, used - 1)
            }
            b'c' => break,
            _ => {
                bytes.push(b'\\');
                continue;
            }
        };
        if *letter == b'x' && used == 0 {
            bytes.push(b'\\');
            continue;
        }
        bytes.push(byte);
        rest = &after[used..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The number that at most `most` digits write, and how many did.
fn number(digits: &[u8], radix: u32, most: usize) -> (u8, usize) {
    let values = digits.iter().take(most);
    let values = values.map_while(|digit| char::from(*digit).to_digit(radix));
    let (number, used) = values.fold((0_u32, 0), |(sum, used), digit| {
        (sum * radix + digit, used + 1)
    });
    // Octal goes one bit further than a byte, which the shell cuts off.
    (number.to_le_bytes()[0], used)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formats_and_escapes_are_those_of_the_shell() {
        for (format, arguments, text) in [
            ("curl %s", &["x"][..], "curl x"),
            ("%s%s", &["cu", "rl"], "curl"),
            ("%s ", &["a", "b", "c"], "a b c "),
            ("100%% %s", &["x"], "100% x"),
            ("\\143\\x75\\162l", &[], "curl"),
            ("%b", &["\\0143url"], "curl"),
            ("%-5s|", &["a"], "a|"),
            ("a\\nb", &[], "a\nb"),
            ("%s", &[], ""),
            ("plain", &["left", "over"], "plain"),
            ("\\q\\x", &[], "\\q\\x"),
        ] {
            assert_eq!(
                formatted(format, arguments).as_deref(),
                Some(text),
                "{format}"
            );
        }
        assert_eq!(formatted("%x", &["99"]), None);
        assert_eq!(formatted("%", &["99"]), None);
    }

    proptest! {
        #[test]
        fn any_format_comes_to_an_end(
            format in "[%sbdc\\\\x0-9a-f ]{0,12}",
            arguments in proptest::collection::vec("[a\\\\%]{0,3}", 0..6),
        ) {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let _ = formatted(&format, &arguments);
        }
    }
}
