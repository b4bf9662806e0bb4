//! `RUN --mount=…`: what it says, read in one place for lint, plan and engine, so that no spelling of a `from` means an
//! image to one of them and nothing to another.

use std::fmt::Display;

/// What a mount is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file or folder of the context, a stage or an image.
    Bind,
    /// A folder that a build may find again.
    Cache(Sharing),
    /// An empty folder in memory.
    Tmpfs,
    /// A secret of the builder's.
    Secret,
    /// The builder's SSH agent.
    Ssh,
}

impl Kind {
    /// As Dockerfiles write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Cache(_) => "cache",
            Self::Tmpfs => "tmpfs",
            Self::Secret => "secret",
            Self::Ssh => "ssh",
        }
    }
}

/// What happens when two steps want one cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sharing {
    /// Both use it.
    #[default]
    Shared,
    /// The second gets another one.
    Private,
    /// The second waits.
    Locked,
}

/// A mount, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// What it is.
    pub kind: Kind,
    /// A stage or an image; the context if there is none.
    pub from: Option<String>,
    /// The path in `from`; empty for all of it.
    pub source: String,
    /// Where it is seen; from the working directory on if it is relative, which nothing is too.
    pub target: String,
    /// Whether writing is refused.
    pub read_only: bool,
    /// A cache's or a secret's name.
    pub id: Option<String>,
    /// The most that a tmpfs holds, in bytes.
    pub size: Option<u64>,
    /// Permissions of a cache that is made.
    pub mode: Option<u32>,
    /// Its owner.
    pub uid: Option<u32>,
    /// Its group.
    pub gid: Option<u32>,
}

/// Why a mount can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidMount(String);

fn invalid(text: impl Display) -> InvalidMount {
    InvalidMount(text.to_string())
}

/// Every `from` in the text of a mount, as written; the last one counts.
pub fn sources(text: &str) -> Vec<String> {
    let fields = fields(text).unwrap_or_default();
    let from = |field: &String| {
        let (key, value) = field.split_once('=')?;
        key.eq_ignore_ascii_case("from").then(|| value.to_owned())
    };
    fields.iter().filter_map(from).collect()
}

/// Reads the text of a mount; `expand` puts in the variables of each value.
///
/// # Errors
/// If it says what no mount can say; what `expand` answers.
pub fn parse<E: Display>(
    text: &str,
    expand: impl Fn(&str) -> Result<String, E>,
) -> Result<Mount, InvalidMount> {
    let mut mount = Mount {
        kind: Kind::Bind,
        from: None,
        source: String::new(),
        target: String::new(),
        read_only: false,
        id: None,
        size: None,
        mode: None,
        uid: None,
        gid: None,
    };
    let mut read_only = None;
    let mut sharing = None;
    for field in fields(text)? {
        let Some((key, value)) = field.split_once('=') else {
            match field.to_lowercase().as_str() {
                "readonly" | "ro" => read_only = Some(true),
                "readwrite" | "rw" => read_only = Some(false),
                "required" if matches!(mount.kind, Kind::Secret | Kind::Ssh) => {}
                "required" => return Err(unexpected(&field, mount.kind)),
                _ => {
                    return Err(invalid(format!(
                        "invalid field '{field}' must be a key=value pair"
                    )));
                }
            }
            continue;
        };
        let key = key.to_lowercase();
        let value = expand(value).map_err(invalid)?;
        let no_value = || invalid(format!("invalid value for {key}: {value}"));
        match key.as_str() {
            "type" => mount.kind = kind(&value)?,
            "from" => mount.from = Some(value).filter(|v| !v.is_empty()),
            "source" | "src" => mount.source = value,
            "target" | "dst" | "destination" => mount.target = value,
            "readonly" | "ro" => read_only = Some(boolean(&value).ok_or_else(no_value)?),
            "readwrite" | "rw" => read_only = Some(!boolean(&value).ok_or_else(no_value)?),
            "required" if matches!(mount.kind, Kind::Secret | Kind::Ssh) => {
                boolean(&value).ok_or_else(no_value)?;
            }
            "size" if mount.kind == Kind::Tmpfs => {
                mount.size = Some(size(&value).ok_or_else(no_value)?);
            }
            "required" | "size" => return Err(unexpected(&key, mount.kind)),
            "id" => mount.id = Some(value).filter(|v| !v.is_empty()),
            "sharing" => sharing = Some(shared(&value)?),
            "mode" => mount.mode = Some(u32::from_str_radix(&value, 8).map_err(|_| no_value())?),
            "uid" => mount.uid = Some(value.parse().map_err(|_| no_value())?),
            "gid" => mount.gid = Some(value.parse().map_err(|_| no_value())?),
            _ => return Err(invalid(format!("unexpected key '{key}' in '{field}'"))),
        }
    }
    let owned = [("mode", mount.mode), ("uid", mount.uid), ("gid", mount.gid)];
    if let Some((key, _)) = owned.iter().find(|(_, value)| value.is_some())
        && matches!(mount.kind, Kind::Bind | Kind::Tmpfs)
    {
        let kind = mount.kind.name();
        return Err(invalid(format!(
            "{key} not allowed for \"{kind}\" type mounts"
        )));
    }
    match (&mut mount.kind, sharing) {
        (_, None) => {}
        (Kind::Cache(own), Some(wanted)) => *own = wanted,
        (other, Some(_)) => {
            let kind = other.name();
            return Err(invalid(format!(
                "invalid cache sharing set for {kind} mount"
            )));
        }
    }
    mount.read_only = read_only.unwrap_or(!matches!(mount.kind, Kind::Cache(_) | Kind::Tmpfs));
    Ok(mount)
}

fn unexpected(key: &str, kind: Kind) -> InvalidMount {
    let kind = kind.name();
    invalid(format!("unexpected key '{key}' for mount type '{kind}'"))
}

fn kind(value: &str) -> Result<Kind, InvalidMount> {
    Ok(match value.to_lowercase().as_str() {
        "bind" => Kind::Bind,
        "cache" => Kind::Cache(Sharing::default()),
        "tmpfs" => Kind::Tmpfs,
        "secret" => Kind::Secret,
        "ssh" => Kind::Ssh,
        _ => return Err(invalid(format!("unsupported mount type \"{value}\""))),
    })
}

fn shared(value: &str) -> Result<Sharing, InvalidMount> {
    Ok(match value.to_lowercase().as_str() {
        "shared" => Sharing::Shared,
        "private" => Sharing::Private,
        "locked" => Sharing::Locked,
        _ => return Err(invalid(format!("unsupported sharing value \"{value}\""))),
    })
}

/// As Go reads one.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// One record of comma-separated values; what holds a comma or a quote stands in quotes.
fn fields(text: &str) -> Result<Vec<String>, InvalidMount> {
    let bad = |what: &str| invalid(format!("failed to parse csv mounts: {what}"));
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, more) = match rest.split_once(',') {
                Some((field, more)) => (field, Some(more)),
                None => (rest, None),
            };
            if field.contains('"') {
                return Err(bad("a quote inside of a field without quotes"));
            }
            all.push(field.to_owned());
            match more {
                Some(more) => rest = more,
                None => return Ok(all),
            }
            continue;
        };
        let mut field = String::new();
        let mut inside = quoted;
        loop {
            let Some((before, after)) = inside.split_once('"') else {
                return Err(bad("a quote that does not end"));
            };
            field.push_str(before);
            inside = after;
            match inside.strip_prefix('"') {
                Some(more) => {
                    field.push('"');
                    inside = more;
                }
                None => break,
            }
        }
        all.push(field);
        match inside.strip_prefix(',') {
            Some(more) => rest = more,
            None if inside.is_empty() => return Ok(all),
            None => return Err(bad("text behind a quote")),
        }
    }
}

/// A size as Docker writes it: `64m`, `1.5gb`, `1024`.
fn size(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_lowercase();
    let shift = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        "p" | "pb" | "pib" => 50,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || fraction.len() > 15 {
        return None;
    }
    let unit = 1_u128 << shift;
    let part = |digits: &str| {
        if digits.is_empty() {
            return Some(0);
        }
        digits.parse::<u128>().ok()
    };
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let bytes = part(whole)?
        .checked_mul(unit)?
        .checked_add(part(fraction)?.checked_mul(unit)? / scale)?;
    u64::try_from(bytes).ok().filter(|b| *b < 1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Mount, String> {
        let expand = |value: &str| Ok::<_, InvalidMount>(value.replace("$V", "v"));
        parse(text, expand).map_err(|e| e.to_string())
    }

    #[test]
    fn every_key_has_its_spellings() {
        let bind = read("source=a,dst=/t").unwrap();
        assert!(bind.read_only);
        assert_eq!((bind.source.as_str(), bind.target.as_str()), ("a", "/t"));
        assert!(!read("target=/t,rw").unwrap().read_only);
        assert!(!read("target=/t,ReadOnly=false").unwrap().read_only);
        let cache = read("TYPE=Cache,target=/c,sharing=LOCKED,mode=0700,uid=5,id=$V").unwrap();
        assert_eq!(cache.kind, Kind::Cache(Sharing::Locked));
        assert_eq!((cache.mode, cache.uid), (Some(0o700), Some(5)));
        assert_eq!(cache.id.as_deref(), Some("v"));
        assert!(!cache.read_only);
        let quoted = read("\"source=a,b\",target=/t").unwrap();
        assert_eq!(quoted.source, "a,b");
    }

    #[test]
    fn what_no_mount_says_is_refused() {
        for (text, reason) in [
            ("", "must be a key=value pair"),
            ("type=what", "unsupported mount type"),
            ("a.txt", "must be a key=value pair"),
            ("target=/t,colour=red", "unexpected key 'colour'"),
            ("target=/t,size=1m", "unexpected key 'size'"),
            ("target=/t,mode=700", "mode not allowed"),
            ("target=/t,sharing=shared", "invalid cache sharing"),
            ("type=cache,target=/t,sharing=some", "unsupported sharing"),
            ("type=tmpfs,target=/t,size=x", "invalid value for size"),
            ("target=/t,ro=maybe", "invalid value for ro"),
            ("target=/t,required", "unexpected key 'required'"),
            ("\"target=/t", "does not end"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn no_spelling_of_a_source_is_overlooked() {
        for text in [
            "from=x,target=/t",
            "target=/t,FROM=x",
            "\"from=x\",target=/t",
        ] {
            assert_eq!(sources(text), ["x"], "{text}");
            assert_eq!(read(text).unwrap().from.as_deref(), Some("x"), "{text}");
        }
        assert_eq!(sources("from=a,from=b"), ["a", "b"]);
        assert!(sources("target=/from=x").is_empty());
    }

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        for (text, bytes) in [
            ("64m", Some(64 << 20)),
            ("1GiB", Some(1 << 30)),
            ("1.5k", Some(1536)),
            ("10b", Some(10)),
            ("7", Some(7)),
            ("x", None),
            ("1q", None),
            ("99999999999t", None),
        ] {
            assert_eq!(size(text), bytes, "{text}");
        }
    }
}
