//! Which ids this user may map, and the writing of the maps.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::model::passwd::users;
use crate::sandbox::error::SandboxError;
use crate::sandbox::ids::{Ids, SHIFTED_BASE, SHIFTED_COUNT};

/// The kinds of mapping to try on this host, best first.
pub fn candidates() -> Vec<Ids> {
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    if uid == 0 {
        return vec![Ids::Shifted {
            base: SHIFTED_BASE,
            count: SHIFTED_COUNT,
        }];
    }
    let single = Ids::Single { uid, gid };
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = name_of(uid, &passwd);
    let read = |path: &str| {
        fs::read_to_string(path)
            .ok()
            .and_then(|text| range(&text, uid, name))
    };
    match (read("/etc/subuid"), read("/etc/subgid")) {
        (Some((first_uid, users)), Some((first_gid, groups))) => {
            vec![
                Ids::Ranges {
                    uid,
                    gid,
                    first_uid,
                    first_gid,
                    count: users.min(groups),
                },
                single,
            ]
        }
        _ => vec![single],
    }
}

/// A user's name, of the machine's own users. (Those of a directory are in subuid by number or not at all.)
fn name_of(uid: u32, passwd: &str) -> Option<&str> {
    users(passwd)
        .find(|user| user.uid == uid)
        .map(|user| user.name)
}

/// The largest range that a user has in a file like /etc/subuid.
fn range(text: &str, uid: u32, name: Option<&str>) -> Option<(u32, u32)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let who = fields.next()?;
            let (first, count): (u32, u32) =
                (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let ours = Some(who) == name || who.parse() == Ok(uid);
            (ours && count > 0 && first.checked_add(count).is_some()).then_some((first, count))
        })
        .max_by_key(|(_, count)| *count)
}

/// Whether the ids that we would hand out exist here: not in a container that has only some itself.
pub fn all_exist(base: u32, count: u32) -> bool {
    let covered = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| covers(line, base, count))
    };
    covered("/proc/self/uid_map") && covered("/proc/self/gid_map")
}

fn covers(line: &str, base: u32, count: u32) -> bool {
    let mut fields = line.split_whitespace().map(str::parse::<u64>);
    let (Some(Ok(first)), Some(Ok(_)), Some(Ok(length))) =
        (fields.next(), fields.next(), fields.next())
    else {
        return false;
    };
    first <= base.into() && u64::from(base) + u64::from(count) <= first + length
}

/// Writes the maps of a process that waits in its new user namespace.
pub fn write(ids: Ids, pid: u32) -> Result<(), SandboxError> {
    match ids {
        Ids::Shifted { base, count } => {
            let folder = Path::new("/proc").join(pid.to_string());
            let map = format!("0 {base} {count}");
            fs::write(folder.join("uid_map"), &map).map_err(SandboxError::host("write uid_map"))?;
            fs::write(folder.join("gid_map"), &map).map_err(SandboxError::host("write gid_map"))
        }
        Ids::Ranges {
            uid,
            gid,
            first_uid,
            first_gid,
            count,
        } => {
            // Side by side: each is a process that does little but start.
            let users = Helper::start("newuidmap", pid, uid, first_uid, count)?;
            let groups = Helper::start("newgidmap", pid, gid, first_gid, count);
            let users = users.end();
            users.and(groups.and_then(Helper::end))
        }
        // A process may do that itself.
        Ids::Single { .. } => Ok(()),
    }
}

/// A process that writes a map with rights that we do not have.
struct Helper {
    program: &'static str,
    child: Child,
}

impl Helper {
    fn start(
        program: &'static str,
        pid: u32,
        own: u32,
        first: u32,
        count: u32,
    ) -> Result<Self, SandboxError> {
        let numbers = [pid, 0, own, 1, 1, first, count];
        let child = Command::new(program)
            .args(numbers.map(|number| number.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(SandboxError::host(format!("start {program}")))?;
        Ok(Self { program, child })
    }

    fn end(self) -> Result<(), SandboxError> {
        let Self { program, child } = self;
        let output = child
            .wait_with_output()
            .map_err(SandboxError::host(format!("wait for {program}")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(SandboxError::Host {
            doing: program.into(),
            source: io::Error::other(said),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_or_number_and_the_largest_wins() {
        let text = "other:1:9\nme:100000:10\n1000:200000:65536\nme:4294967295:2\nme:x:1\n";
        assert_eq!(range(text, 1000, Some("me")), Some((200_000, 65_536)));
        assert_eq!(range(text, 7, Some("me")), Some((100_000, 10)));
        assert_eq!(range(text, 7, None), None);
        assert_eq!(name_of(7, "root:x:0:0::\nme:x:7:8::\n"), Some("me"));
    }

    #[test]
    fn a_container_with_few_ids_does_not_have_ours() {
        assert!(covers(
            "         0          0 4294967295",
            SHIFTED_BASE,
            SHIFTED_COUNT
        ));
        assert!(!covers("0 100000 65536", SHIFTED_BASE, SHIFTED_COUNT));
    }
}
