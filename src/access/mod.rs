//! Who is at the keyboard.
//!
//! Until identities over SSH exist, a person is the operating system's user: nothing that a caller can say about
//! itself (an option, an environment variable) counts, because the audit log and the four-eyes rule (R29) rest on it.
//! The one exception is `sudo`, which root's own environment vouches for: only root may pass `SUDO_USER` on.

use crate::model::Actor;
use crate::model::passwd::users;

/// The person who runs this process.
pub fn current() -> Actor {
    let uid = rustix::process::getuid().as_raw();
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let sudo = std::env::var("SUDO_USER").ok();
    Actor::new(name(uid, &passwd, sudo.as_deref()))
}

fn name(uid: u32, passwd: &str, sudo_user: Option<&str>) -> String {
    if uid == 0
        && let Some(behind) = sudo_user
        && users(passwd).any(|user| user.name == behind)
    {
        return behind.to_owned();
    }
    users(passwd)
        .find(|user| user.uid == uid)
        .map_or_else(|| format!("uid-{uid}"), |user| user.name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::name;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbroken\n";

    #[test]
    fn a_person_is_the_systems_user() {
        assert_eq!(name(1000, PASSWD, None), "ann");
        assert_eq!(name(1001, PASSWD, None), "uid-1001");
    }

    #[test]
    fn only_root_can_stand_for_somebody_and_only_for_a_real_user() {
        assert_eq!(name(0, PASSWD, Some("ann")), "ann");
        assert_eq!(name(0, PASSWD, Some("nobody-here")), "root");
        assert_eq!(name(1000, PASSWD, Some("root")), "ann");
    }
}
