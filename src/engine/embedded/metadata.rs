//! Instructions that change the configuration and nothing else.

use super::image::StageImage;
use crate::dockerfile::ast::{Command, Instruction, Kind, Word};
use crate::dockerfile::duration;
use crate::dockerfile::scope::{ScopeError, Stage};
use crate::engine::fault::Fault;
use crate::engine::tree::clean;
use crate::oci::Healthcheck;

impl From<ScopeError> for Fault {
    fn from(error: ScopeError) -> Self {
        Self::input(error.to_string())
    }
}

/// Does what an instruction says about the configuration; false if it is not one of those.
///
/// # Errors
/// If a word can't be expanded, or a value is none.
pub fn apply(
    image: &mut StageImage,
    scope: &mut Stage,
    instruction: &Instruction,
) -> Result<bool, Fault> {
    let created_by = match &instruction.kind {
        Kind::From { .. }
        | Kind::Run(_)
        | Kind::Copy { .. }
        | Kind::Add { .. }
        | Kind::Workdir(_) => return Ok(false),
        Kind::Arg(declarations) => {
            let mut line = String::from("ARG");
            for declaration in declarations {
                let (name, value) = scope.declare(declaration)?;
                line.push(' ');
                line.push_str(&name);
                if let Some(value) = value {
                    line.push('=');
                    line.push_str(&value);
                }
            }
            line
        }
        Kind::Env { pairs, .. } => {
            let pairs = scope.pairs(pairs)?;
            let line = assignments("ENV", &pairs);
            for (name, value) in pairs {
                if name.contains('=') {
                    return Err(Fault::input(format!(
                        "ENV: `{name}` is no name of a variable"
                    )));
                }
                scope.set_env(name, value);
            }
            let env = scope.environment().iter();
            image.config.config.env = env.map(|(name, value)| format!("{name}={value}")).collect();
            line
        }
        Kind::Label { pairs, .. } => {
            let pairs = scope.pairs(pairs)?;
            let line = assignments("LABEL", &pairs);
            image.config.config.labels.extend(pairs);
            line
        }
        Kind::Maintainer(name) => {
            image.config.author = Some(name.text.clone());
            format!("MAINTAINER {}", name.text)
        }
        Kind::User(user) => {
            let user = scope.word(user)?;
            image.config.config.user.clone_from(&user);
            format!("USER {user}")
        }
        Kind::Expose(ports) => expose(image, scope, ports)?,
        Kind::Volume(volumes) => {
            let volumes: Result<Vec<String>, ScopeError> =
                volumes.iter().map(|v| scope.word(v)).collect();
            let volumes = volumes?;
            if volumes.iter().any(String::is_empty) {
                return Err(Fault::input("VOLUME specified can not be an empty string"));
            }
            let line = format!("VOLUME [{}]", volumes.join(" "));
            image.config.config.volumes.extend(volumes);
            line
        }
        Kind::Shell(words) => {
            let words = texts(words);
            let line = format!("SHELL [{}]", words.join(" "));
            image.config.config.shell = Some(words);
            line
        }
        Kind::Stopsignal(signal) => {
            let signal = scope.word(signal)?;
            if !is_signal(&signal) {
                return Err(Fault::input(format!("invalid signal: {signal}")));
            }
            image.config.config.stop_signal = Some(signal.clone());
            format!("STOPSIGNAL {signal}")
        }
        Kind::Cmd(command) => {
            let words = command_words(image, command);
            let line = format!("CMD {}", quoted(&words));
            image.config.config.cmd = Some(words);
            image.config.config.args_escaped = true;
            image.cmd_set = true;
            line
        }
        Kind::Entrypoint(command) => {
            let words = command_words(image, command);
            let line = format!("ENTRYPOINT {}", quoted(&words));
            image.config.config.entrypoint = Some(words);
            // What the base's CMD was meant for is gone.
            if !image.cmd_set {
                image.config.config.cmd = None;
            }
            line
        }
        Kind::Healthcheck(command) => {
            let check = healthcheck(instruction, command.as_ref())?;
            let line = instruction.original.clone();
            image.config.config.healthcheck = Some(check);
            line
        }
        Kind::Onbuild(trigger) => {
            image.config.config.on_build.push(trigger.as_trigger());
            format!("ONBUILD {}", trigger.original)
        }
    };
    image.add(created_by, None)?;
    Ok(true)
}

/// `path` as WORKDIR and destinations take it: absolute, from the working directory on.
pub fn absolute(working_dir: &str, path: &str) -> String {
    let joined = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{working_dir}/{path}")
    };
    // Both parts are texts, so what is left of them is one.
    format!("/{}", String::from_utf8_lossy(&clean(joined.as_bytes())))
}

fn assignments(keyword: &str, pairs: &[(String, String)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!(" {name}={value}"));
    format!("{keyword}{}", pairs.collect::<String>())
}

fn texts(words: &[Word]) -> Vec<String> {
    words.iter().map(|w| w.text.clone()).collect()
}

fn command_words(image: &StageImage, command: &Command) -> Vec<String> {
    match command {
        Command::Exec(words) => texts(words),
        Command::Shell(text) => {
            let mut words = image.shell();
            words.push(text.text.clone());
            words
        }
    }
}

fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|w| format!("{w:?}")).collect();
    format!("[{}]", words.join(" "))
}

fn expose(image: &mut StageImage, scope: &Stage, ports: &[Word]) -> Result<String, Fault> {
    let mut all = Vec::new();
    for port in ports {
        for text in scope.words(port)? {
            all.extend(port_range(&text).ok_or_else(|| {
                Fault::input(format!("EXPOSE: `{text}` is no port"))
                    .help("write a number or a range, with /tcp, /udp or /sctp behind it")
            })?);
        }
    }
    all.sort();
    all.dedup();
    let line = format!("EXPOSE [{}]", all.join(" "));
    image.config.config.exposed_ports.extend(all);
    Ok(line)
}

/// The ports of `80`, `80/udp`, `8000-8005/tcp`; a host's part before `:` says nothing about an image.
fn port_range(text: &str) -> Option<Vec<String>> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = if protocol.is_empty() {
        "tcp".to_owned()
    } else {
        protocol.to_lowercase()
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return None;
    }
    let ports = ports.rsplit(':').next()?;
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let number = |text: &str| -> Option<u16> {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse().ok())?
    };
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return None;
    }
    Some((first..=last).map(|p| format!("{p}/{protocol}")).collect())
}

fn healthcheck(instruction: &Instruction, command: Option<&Command>) -> Result<Healthcheck, Fault> {
    let mut test = match command {
        None => vec!["NONE".to_owned()],
        Some(Command::Shell(text)) => vec!["CMD-SHELL".into(), text.text.clone()],
        Some(Command::Exec(words)) => {
            let mut test = vec!["CMD".to_owned()];
            test.extend(texts(words));
            test
        }
    };
    if test == ["CMD"] {
        test = vec!["NONE".into()];
    }
    let time = |name: &str| -> Result<Option<i64>, Fault> {
        // Nothing behind the `=` is no value, and NONE takes none.
        let given = instruction.flag(name).filter(|text| !text.is_empty());
        let Some(text) = given.filter(|_| command.is_some()) else {
            return Ok(None);
        };
        let found = duration::parse(text).and_then(|d| i64::try_from(d.as_nanos()).ok());
        let found = found.ok_or_else(|| {
            Fault::input(format!("HEALTHCHECK --{name}: `{text}` is no duration"))
        })?;
        Ok(Some(found).filter(|nanos| *nanos != 0))
    };
    let retries = instruction.flag("retries").filter(|text| !text.is_empty());
    let retries = match retries.filter(|_| command.is_some()) {
        None => None,
        Some(text) => {
            let number = text.parse::<i32>().ok().filter(|n| *n >= 0);
            let number = number.ok_or_else(|| {
                Fault::input(format!("HEALTHCHECK --retries: `{text}` is no number"))
            })?;
            Some(i64::from(number)).filter(|n| *n != 0)
        }
    };
    Ok(Healthcheck {
        test,
        interval: time("interval")?,
        timeout: time("timeout")?,
        start_period: time("start-period")?,
        start_interval: time("start-interval")?,
        retries,
        ..Healthcheck::default()
    })
}

fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 33] = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT",
        "KILL", "PIPE", "POLL", "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM",
        "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "VTALRM", "WINCH", "XCPU",
    ];
    // Any number but 0: Docker leaves it to the kernel which there are.
    if let Ok(number) = text.parse::<i64>() {
        return number != 0;
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let realtime = |base: &str| {
        let rest = name.strip_prefix(base);
        let offset = |r: &str| {
            r.strip_prefix(['+', '-'])
                .and_then(|n| n.parse::<u8>().ok())
        };
        rest.is_some_and(|r| r.is_empty() || offset(r).is_some_and(|n| n <= 30))
    };
    NAMES.contains(&name) || name == "XFSZ" || realtime("RTMIN") || realtime("RTMAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_numbers_and_ranges() {
        for (text, ports) in [
            ("80", Some(vec!["80/tcp"])),
            ("53/UDP", Some(vec!["53/udp"])),
            ("8000-8002", Some(vec!["8000/tcp", "8001/tcp", "8002/tcp"])),
            ("8080:80", Some(vec!["80/tcp"])),
            ("x", None),
            ("", None),
            ("65536", None),
            ("9-1", None),
            ("80/", Some(vec!["80/tcp"])),
            ("80/icmp", None),
            ("+80", None),
        ] {
            let found = port_range(text);
            let expected = ports.map(|p| p.into_iter().map(str::to_owned).collect());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn paths_are_joined_to_the_working_directory() {
        for (dir, path, joined) in [
            ("/", "app", "/app"),
            ("/a", "b/../c", "/a/c"),
            ("/a", "/b//", "/b"),
            ("/a", "../../..", "/"),
            ("/a", ".", "/a"),
        ] {
            assert_eq!(absolute(dir, path), joined, "{dir} {path}");
        }
    }

    #[test]
    fn signals_have_names_or_numbers() {
        for good in ["9", "65", "SIGTERM", "term", "SIGRTMIN+3", "RTMAX"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "0", "SIGNOPE", "SIGRTMIN+x"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
