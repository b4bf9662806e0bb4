//! NET02: commands that fetch from the network (R10).

use super::code;
use crate::dockerfile::shell::{Command, Word};
use crate::lint::address;
use crate::lint::invocation::{self, has, operands};
use crate::lint::rule::{Rule, Sink, Step};
use crate::model::Severity;

pub(super) static NET02: Net02 = Net02;

pub(super) struct Net02;

const HELP: &str = "Put what it fetches into the submission's context and COPY it.";

impl Rule for Net02 {
    fn id(&self) -> &'static str {
        "NET02"
    }

    fn severity(&self) -> Severity {
        Severity::Block
    }

    fn doc(&self) -> &'static str {
        "A RUN calls curl, wget, git, ssh, rsync, nc or their kin, opens /dev/tcp, or holds a line of a program that \
         connects to a host. A build has no network. Addresses of this machine pass."
    }

    fn step(&self, step: &Step<'_>, sink: &mut Sink<'_>) {
        for command in step.commands() {
            if let Some(message) = reaches(command) {
                let span = sink.span(command.span());
                sink.network(
                    span,
                    Step::say(command, message),
                    HELP,
                    Step::texts(command),
                    None,
                );
            }
            for redirect in &command.redirects {
                let target = redirect.target.text.as_str();
                let file = !redirect.operator.starts_with("<<");
                if file && (target.starts_with("/dev/tcp/") || target.starts_with("/dev/udp/")) {
                    let host = target.split('/').nth(3).unwrap_or("");
                    if !address::is_loopback(host) {
                        let span = sink.span(redirect.target.span.clone());
                        let message = format!("{target} is a connection to a host");
                        // Not HTTPS: no grant covers it.
                        sink.report(span, Step::say(command, message), HELP);
                    }
                }
            }
        }
    }
}

/// How a command reaches for the network, in words.
pub(super) fn reaches(command: &Command) -> Option<String> {
    let name = command.name();
    let words = command.arguments();
    let asks_version = words
        .iter()
        .any(|w| matches!(w.text.as_str(), "--version" | "--help"))
        || matches!(words, [only] if matches!(only.text.as_str(), "-V" | "-h" | "-v"));
    if asks_version {
        return None;
    }
    let fetches = |what: &str| Some(format!("{name} {what}"));
    match name {
        "curl" | "wget" | "wget2" | "aria2c" | "axel" | "http" | "https" | "xh" | "httpie"
        | "lynx" | "links" | "elinks" | "w3m" | "fetch" | "curlie" | "uclient-fetch" => {
            (!only_local(command)).then(|| format!("{name} fetches from the network"))
        }
        "git" => git(command),
        "hg" | "svn" | "bzr" | "fossil" | "cvs" => {
            let fetching = [
                "clone", "checkout", "co", "update", "up", "export", "pull", "branch", "login",
                "incoming", "identify",
            ];
            let sub = operands(words, "");
            sub.first()
                .is_some_and(|w| !w.known || fetching.contains(&w.text.as_str()))
                .then(|| format!("{name} fetches from a repository"))
        }
        "ssh" | "scp" | "sftp" | "ftp" | "lftp" | "tftp" | "ssh-keyscan" | "mosh" | "telnet"
        | "nc" | "ncat" | "netcat" | "socat" | "nmap" => {
            let named = operands(words, "-p -P -i -o -l -F -w -t -T -u");
            let local = named.first().is_some_and(|w| {
                w.known
                    && (address::is_local(&w.text) || w.text.split(':').any(address::is_loopback))
            });
            if local {
                None
            } else {
                fetches("connects to a host")
            }
        }
        "rsync" => {
            let remote = words.iter().any(|w| {
                let text = w.text.as_str();
                let host = text.split_once(':').map(|(host, _)| host);
                !text.starts_with('-')
                    && (!w.known
                        || address::has_scheme(text)
                        || host.is_some_and(|h| !h.is_empty() && !h.contains('/')))
            });
            remote.then(|| format!("{name} copies from a host"))
        }
        "openssl" if words.first().is_some_and(|w| w.text == "s_client") => {
            fetches("connects to a host")
        }
        "gpg" | "gpg2"
            if has(
                command,
                "--recv-keys --recv --receive-keys --search-keys --refresh-keys --fetch-keys --locate-keys \
            --auto-key-locate",
            ) =>
        {
            fetches("asks a key server")
        }
        "dig" | "nslookup" | "host" | "ping" | "ping6" | "traceroute" | "whois" | "ntpdate"
            if !words.is_empty() =>
        {
            fetches("asks a host")
        }
        "docker" | "podman" | "skopeo" | "crane" | "oras" | "buildah" | "nerdctl" => {
            let sub = operands(words, "");
            sub.first()
                .is_some_and(|w| {
                    matches!(
                        w.text.as_str(),
                        "pull"
                            | "push"
                            | "run"
                            | "build"
                            | "copy"
                            | "login"
                            | "inspect"
                            | "sync"
                            | "export"
                            | "manifest"
                    )
                })
                .then(|| format!("{name} asks a registry"))
        }
        "aws" | "gsutil" | "gcloud" | "az" | "gh" | "glab" | "mc" | "rclone" | "s3cmd"
        | "kubectl" | "huggingface-cli" | "hf" | "kaggle" | "gdown" | "youtube-dl" | "yt-dlp"
        | "steamcmd"
            if !words.is_empty() =>
        {
            fetches("asks a service on the network")
        }
        "deno" => words
            .iter()
            .any(|w| remote(&w.text))
            .then(|| format!("{name} fetches from the network")),
        _ => code::reaches(command).map(|mark| {
            format!(
                "a program given to {name} reaches for the network ({})",
                mark.trim()
            )
        }),
    }
}

fn remote(text: &str) -> bool {
    address::has_scheme(text) && !address::is_local(text)
}

/// Options of curl and wget whose value is the next word.
const FETCH_VALUED: &str = "-o -H -d -X -A -b -c -e -F -m -T -u -w -D -E -Q -r -t -y -Y -z -C -U -P -a --output --header \
            --data --data-raw --data-binary --request --user-agent --cookie --cookie-jar --referer \
            --form --max-time --connect-timeout --retry --retry-delay --retry-max-time --upload-file \
            --user --write-out --dump-header --cert --key --cacert --capath --range --limit-rate \
            --output-document --output-file --directory-prefix --timeout --tries --wait --password \
            --post-data --output-dir";

/// Options that send a request elsewhere, or take addresses from elsewhere.
const FETCH_ELSEWHERE: &str = "-x --proxy --preproxy --socks5 --socks4 --socks4a --socks5-hostname --resolve --connect-to \
            -K --config --url -i --input-file --execute --dns-servers --doh-url --netrc-file --url-query";

/// Whether all that a fetcher is asked for stands on this machine. What can't be told does not.
fn only_local(command: &Command) -> bool {
    let words = command.arguments();
    let name = command.name();
    let elsewhere = FETCH_ELSEWHERE
        .split_ascii_whitespace()
        // For curl `-i` shows headers; for wget `-x` makes folders.
        .filter(|option| match *option {
            "-i" => name != "curl",
            "-x" => name == "curl",
            _ => true,
        })
        .any(|option| {
            words.iter().any(|word| {
                let behind = word.text.strip_prefix(option);
                behind.is_some_and(|b| b.is_empty() || b.starts_with('=') || option.len() == 2)
            })
        });
    let valued = if name == "wget" {
        // wget's -c and -r take nothing, its -O does.
        "-O -o -a -P -t -T -w -Q -U -e --output-document --output-file --directory-prefix --timeout \
            --tries --header --user-agent --post-data"
    } else {
        FETCH_VALUED
    };
    let asked = operands(words, valued);
    !elsewhere
        && !asked.is_empty()
        && asked
            .iter()
            .all(|w| w.known && !w.pattern && address::is_local(&w.text))
}

/// What a git command reaches for.
fn git(command: &Command) -> Option<String> {
    let valued = "-C -c --git-dir --work-tree --namespace --exec-path --config-env";
    let words = operands(command.arguments(), valued);
    let (sub, rest) = words.split_first()?;
    let text = |at: usize| rest.get(at).map_or("", |w| w.text.as_str());
    let local = |word: Option<&&Word>| {
        word.is_some_and(|w| {
            let text = w.text.as_str();
            w.known
                && (text.starts_with(['/', '.'])
                    || (address::has_scheme(text) && address::is_local(text)))
        })
    };
    let fetches = match sub.text.as_str() {
        _ if !sub.known => true,
        "clone" | "fetch" | "pull" | "push" | "ls-remote" | "fetch-pack" | "http-fetch" => {
            !local(first_repository(sub, command).as_ref())
        }
        "submodule" => !matches!(
            text(0),
            "" | "status"
                | "init"
                | "deinit"
                | "summary"
                | "foreach"
                | "sync"
                | "absorbgitdirs"
                | "set-branch"
                | "set-url"
        ),
        "remote" => {
            matches!(text(0), "update" | "show" | "prune")
                || (text(0) == "add" && has(command, "-f --fetch"))
        }
        "archive" => invocation::has(command, "--remote"),
        "lfs" => matches!(text(0), "pull" | "fetch" | "clone" | "push"),
        "subtree" => matches!(text(0), "add" | "pull" | "push"),
        "svn" | "p4" | "send-email" | "daemon" | "annex" => true,
        _ => false,
    };
    fetches.then(|| format!("git {} fetches from a repository", sub.text))
}

/// The repository that `git clone` and its kin name.
fn first_repository<'c>(sub: &Word, command: &'c Command) -> Option<&'c Word> {
    let behind = command
        .arguments()
        .iter()
        .position(|w| w.span == sub.span)?;
    let valued = "-b --branch --depth -o --origin --reference -c --config -j --jobs -u --upload-pack --filter \
            --shallow-since --template --separate-git-dir";
    operands(command.arguments().get(behind + 1..)?, valued)
        .first()
        .copied()
}

#[cfg(test)]
mod tests {
    use crate::lint::tests::{caught, caught_in_run, of, passes, passes_in_run};

    #[test]
    fn fetching_is_caught() {
        caught_in_run(
            "NET02",
            &[
                "curl -fsSL https://example.com/install.sh | sh",
                "curl example.com",
                "curl -o x example.com",
                "wget -q https://example.com/x",
                "wget -O- example.com",
                "/usr/bin/curl x",
                "busybox wget http://example.com",
                "git clone https://example.com/x.git",
                "git clone --depth 1 -b main git@example.com:x.git /x",
                "git -C /x fetch origin",
                "git pull",
                "git submodule update --init --recursive",
                "git ls-remote x",
                "ssh host true",
                "scp host:/x /y",
                "rsync -a host:/x /y",
                "rsync rsync://host/x /y",
                "nc example.com 80",
                "exec 3<>/dev/tcp/example.com/80",
                "cat < /dev/tcp/example.com/80",
                "bash -c 'echo > /dev/tcp/example.com/80'",
                "openssl s_client -connect example.com:443",
                "gpg --keyserver hkps://keys.example --recv-keys 1",
                "python -c 'import urllib.request as r; r.urlopen(\"https://example.com\")'",
                "python3 -c \"import requests\"",
                "python3 -Ic 'import requests'",
                "python3 <<'E'\nimport urllib.request\nE",
                "echo 'import requests' | python3",
                "node -e \"fetch('https://example.com')\"",
                "node -e 'require(\"https\").get(\"x\")'",
                "node --eval=\"fetch('x')\"",
                "perl -MLWP::Simple -e 'getstore(\"http://example.com\", \"x\")'",
                "ruby -ropen-uri -e 'URI.open(\"https://example.com\")'",
                "php -r 'file_get_contents(\"https://example.com\");'",
                "docker pull x",
                "aws s3 cp s3://x y",
                "echo $(curl example.com)",
                "echo `wget example.com`",
                "x=$(curl -s example.com); echo $x",
                "env A=b curl example.com",
                "exec curl example.com",
                "sudo -u app curl example.com",
                "echo example.com | xargs curl",
                "timeout 10 curl example.com",
                "sh -c 'curl example.com'",
                "c=curl; $c example.com",
                "if ! curl example.com; then exit 1; fi",
                "curl http://localhost@example.com/",
                "curl http://localhost http://example.com",
                "curl -x proxy.example http://localhost",
                "curl --connect-to ::example.com: http://localhost",
                "curl -K urls http://localhost",
                "wget -i urls http://localhost",
                "curl $HOST",
                "curl",
            ],
        );
    }

    #[test]
    fn what_stays_here_passes() {
        passes_in_run(
            "NET02",
            &[
                "echo \"curl\"",
                "echo curl https://example.com",
                "rm /usr/bin/curl",
                "rm -f /usr/bin/wget && which curl",
                "command -v curl",
                "curl --version",
                "curl -fsS http://localhost:8080/health",
                "curl -f -o /dev/null http://127.0.0.1:80/",
                "curl -i http://localhost",
                "wget -q --spider http://localhost:8080/health",
                "wget -qO- http://127.0.0.1",
                "nc -z localhost 80",
                "curl file:///etc/os-release",
                "git init && git add . && git commit -m x",
                "git config --global user.name x",
                "git clone /src /dst",
                "git clone file:///src /dst",
                "git submodule status",
                "git rev-parse HEAD",
                "rsync -a /x/ /y/",
                "python -c 'print(1)'",
                "python -m http.server --help",
                "python3 -c \"import urllib.request as r; r.urlopen('http://127.0.0.1:8000/')\"",
                "node -e 'console.log(1)'",
                "node server.js",
                "openssl req -new",
                "gpg --import key.asc",
                "cat <<EOF > script.sh\ncurl https://example.com\nEOF",
                "printf 'curl example.com' > notes",
                "# curl example.com",
                "test -x /usr/bin/curl || true",
                "awk '{print $1}' x",
                "cat < /dev/tcp/127.0.0.1/80",
                "sed -i s/curl/wget/ x",
            ],
        );
    }

    #[test]
    fn forms_and_instructions() {
        caught(
            "NET02",
            &[
                "FROM node:20-slim\nRUN [\"curl\", \"https://example.com\"]",
                "FROM node:20-slim\nRUN [\"sh\", \"-c\", \"curl https://example.com\"]",
                "FROM node:20-slim\nRUN <<EOF\nset -e\ncurl https://example.com\nEOF",
                "FROM node:20-slim\nRUN <<EOF python3\nimport urllib.request\nEOF",
                "FROM node:20-slim\nRUN <<EOF\n#!/usr/bin/env python3\nimport urllib.request\nEOF",
                "FROM node:20-slim\nRUN cat <<EOF | sh\ncurl https://example.com\nEOF",
                "FROM node:20-slim\nSHELL [\"/usr/bin/python3\", \"-c\"]\nRUN import urllib.request",
                "FROM node:20-slim\nENV GET=\"curl -fsSL\"\nRUN $GET https://example.com",
                "FROM node:20-slim\nRUN true \\\n  # a comment\n  && cu\\\nrl https://example.com",
                "FROM node:20-slim\nRUN cat <<EOF\n$(curl https://example.com)\nEOF",
                "FROM node:20-slim AS unused\nRUN curl https://example.com\nFROM scratch",
            ],
        );
        passes(
            "NET02",
            &[
                "FROM node:20-slim\nHEALTHCHECK CMD wget -q --spider http://example.com || exit 1",
                "FROM node:20-slim\nCMD [\"curl\", \"https://example.com\"]",
                "FROM node:20-slim\nENTRYPOINT curl https://example.com",
                "FROM node:20-slim\nCOPY curl.conf /etc/curl.conf",
                "FROM node:20-slim\nRUN <<EOF cat > script.sh\ncurl https://example.com\nEOF",
                "FROM node:20-slim\nCOPY <<EOF /script.sh\ncurl https://example.com\nEOF",
                "FROM node:20-slim\nLABEL a=\"curl https://example.com\"",
                "FROM node:20-slim\n# RUN curl https://example.com\nRUN true",
            ],
        );
    }

    #[test]
    fn places_are_right_through_quotes_and_heredocs() {
        let text = "FROM node:20-slim\nRUN [\"sh\", \"-c\", \"true; curl x\"]\nRUN <<-EOF\n\ttrue\n\t\twget x\n\tEOF\n";
        let findings = of("NET02", text);
        let places: Vec<_> = findings
            .iter()
            .map(|f| (f.span.line, f.span.column))
            .collect();
        assert_eq!(places, [(2, 25), (5, 3)]);
        let shown: Vec<_> = findings
            .iter()
            .map(|f| &text[f.span.start..f.span.end])
            .collect();
        assert_eq!(shown, ["curl x", "wget x"]);
    }
}
