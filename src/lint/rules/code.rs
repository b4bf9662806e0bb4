//! Programs that stand in a command: does this line of Python, JavaScript, Perl, Ruby or PHP reach for the network?
//!
//! Found by the names of what they would have to use; a program whose addresses are all this machine's passes.

use crate::dockerfile::shell::{Command, Input};
use crate::lint::address;

struct Language {
    names: &'static [&'static str],
    /// Options that a program stands behind.
    options: &'static [&'static str],
    /// What reaches for the network.
    marks: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        names: &["python", "pypy"],
        options: &["-c"],
        marks: &[
            "urllib",
            "urlopen",
            "urlretrieve",
            "requests",
            "httpx",
            "aiohttp",
            "http.client",
            "httplib",
            "ftplib",
            "smtplib",
            "telnetlib",
            "pycurl",
            "paramiko",
            "xmlrpc",
            "socket.socket",
            "create_connection",
            "getaddrinfo",
            "gethostby",
            "websocket",
            "curl ",
            "wget ",
            "pip install",
            "pip._internal",
            "pip.main",
        ],
    },
    Language {
        names: &["node", "nodejs", "bun", "deno"],
        options: &["-e", "--eval", "-p", "--print", "-pe", "eval"],
        marks: &[
            "fetch(",
            "http'",
            "http\"",
            "http`",
            "https'",
            "https\"",
            "https`",
            "http2",
            "'net'",
            "\"net\"",
            "node:net",
            "'tls'",
            "\"tls\"",
            "node:tls",
            "dgram",
            "'dns",
            "\"dns",
            "node:dns",
            "axios",
            "undici",
            "XMLHttpRequest",
            "WebSocket",
            "got(",
            "curl ",
            "wget ",
            "npm install",
        ],
    },
    Language {
        names: &["perl"],
        options: &[
            "-e", "-E", "-ne", "-pe", "-le", "-we", "-nle", "-lne", "-Mstrict",
        ],
        marks: &[
            "LWP",
            "HTTP::",
            "IO::Socket",
            "Net::",
            "WWW::",
            "use Socket",
            "getstore",
            "getprint",
            "curl ",
            "wget ",
        ],
    },
    Language {
        names: &["ruby", "jruby"],
        options: &["-e", "-ne", "-pe"],
        marks: &[
            "open-uri",
            "net/http",
            "Net::",
            "URI.open",
            "TCPSocket",
            "UDPSocket",
            "Socket.",
            "httparty",
            "faraday",
            "curl ",
            "wget ",
        ],
    },
    Language {
        names: &["php"],
        options: &["-r"],
        marks: &[
            "http://",
            "https://",
            "ftp://",
            "curl_",
            "fsockopen",
            "stream_socket_client",
            "dns_get_record",
            "curl ",
            "wget ",
        ],
    },
    Language {
        names: &["lua", "luajit"],
        options: &["-e"],
        marks: &["socket", "http", "curl ", "wget "],
    },
    Language {
        names: &["Rscript", "R"],
        options: &["-e"],
        marks: &[
            "install.packages",
            "download.file",
            "install_github",
            "url(",
            "curl",
            "httr",
            "BiocManager",
            "pak::",
            "remotes::",
        ],
    },
    Language {
        names: &["awk", "gawk", "mawk"],
        options: &[],
        marks: &["/inet/", "/inet4/", "/inet6/", "curl ", "wget "],
    },
];

/// What in a command's own program reaches for the network.
pub(super) fn reaches(command: &Command) -> Option<&'static str> {
    let language = language(command)?;
    programs(command, language).into_iter().find_map(|program| {
        let addresses = address::addresses(program);
        if !addresses.is_empty() && addresses.iter().all(|a| address::is_local(a)) {
            return None;
        }
        language
            .marks
            .iter()
            .copied()
            .find(|mark| program.contains(mark))
    })
}

/// What in a command's own program runs a text that the program makes.
pub(super) fn hides(command: &Command) -> Option<&'static str> {
    const RUNS: [&str; 6] = ["exec(", "eval(", "eval ", "Function(", "compile(", "loads("];
    const MAKES: [&str; 9] = [
        "base64",
        "b64decode",
        "atob(",
        "fromhex",
        "unhex",
        "decode(",
        "decompress",
        "chr(",
        "pack(",
    ];
    let programs = programs(command, language(command)?);
    let has = |program: &str, marks: &[&str]| marks.iter().any(|mark| program.contains(mark));
    let hides = programs.iter().any(|p| has(p, &RUNS) && has(p, &MAKES));
    hides.then_some("this program runs a text that it makes of other bytes")
}

fn language(command: &Command) -> Option<&'static Language> {
    let name = command.name();
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    LANGUAGES.iter().find(|l| l.names.contains(&plain))
}

/// The programs that a command is given: behind its options, or through its standard input.
fn programs<'c>(command: &'c Command, language: &Language) -> Vec<&'c str> {
    let mut programs: Vec<&str> = Vec::new();
    let words = command.arguments();
    for (index, word) in words.iter().enumerate() {
        let text = word.text.as_str();
        let behind = language.options.contains(&text)
            || (text.starts_with('-') && !text.starts_with("--") && {
                let last = text.chars().last().map(|c| format!("-{c}"));
                last.is_some_and(|l| language.options.contains(&l.as_str()))
            });
        if behind {
            programs.extend(words.get(index + 1).map(|w| w.text.as_str()));
        } else if let Some(attached) = language
            .options
            .iter()
            .filter(|o| o.len() == 2 || o.starts_with("--"))
            .find_map(|o| text.strip_prefix(o))
        {
            programs.push(attached);
        } else if language.options.is_empty() {
            programs.push(text);
        }
    }
    if let Input::Text(text) = &command.input
        && programs.is_empty()
    {
        programs.push(text.text.as_str());
    }
    programs
}
