//! Where only one id exists, what a step gives to others can't be kept: who builds there hears of it.

/// What changes owners, or becomes somebody else and makes files as such. Words, not calls: the sandbox lets such calls
/// succeed without effect, and does not count them.
const WORDS: [&str; 18] = [
    "chown", "chgrp", "useradd", "adduser", "usermod", "groupadd", "addgroup", "install", "su",
    "sudo", "gosu", "runuser", "setpriv", "dpkg", "apt", "apt-get", "apk", "dnf",
];

/// What is said of such a step.
pub const NOT_KEPT: &str = "owners can't be kept: this user has only one id, so whatever this step gives to others \
     belongs to the step's user in the image, whose digest differs from that of a host which keeps owners; get a range \
     in /etc/subuid and /etc/subgid, and install uidmap";

/// Whether a step's words ask for owners.
pub fn are_asked_for<'a>(texts: impl IntoIterator<Item = &'a str>) -> bool {
    let word = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
    texts
        .into_iter()
        .any(|text| text.split(word).any(|found| WORDS.contains(&found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_owners_is_known_by_its_words() {
        for text in [
            "mkdir /x && chown 1000 /x",
            "/bin/chown app /x",
            "apt-get install -y x",
            "su app -c 'touch /x'",
        ] {
            assert!(are_asked_for([text]), "{text}");
        }
        for text in ["echo 1 > /x", "make suite", "cat chowned"] {
            assert!(!are_asked_for([text]), "{text}");
        }
    }
}
