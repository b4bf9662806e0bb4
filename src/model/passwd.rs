//! `/etc/passwd` as text: who is who, on the host or in an image.

/// A user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User<'a> {
    /// The name.
    pub name: &'a str,
    /// The number.
    pub uid: u32,
    /// The number of the first group.
    pub gid: u32,
    /// The home folder.
    pub home: &'a str,
}

/// The users in a passwd file; lines that are none are passed over.
pub fn users(text: &str) -> impl Iterator<Item = User<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        let home = fields.nth(1).unwrap_or_default();
        Some(User {
            name,
            uid,
            gid,
            home,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_and_broken_lines_passed_over() {
        let text = "# who\nroot:x:0:0:root:/root:/bin/sh\nbroken\n+::::::\nnode:x:1000:1001::/home/node:\n";
        let read: Vec<_> = users(text)
            .map(|u| (u.name, u.uid, u.gid, u.home))
            .collect();
        assert_eq!(
            read,
            [("root", 0, 0, "/root"), ("node", 1000, 1001, "/home/node")]
        );
    }
}
