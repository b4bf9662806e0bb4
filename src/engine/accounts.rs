//! Who a name is: `/etc/passwd` and `/etc/group` of an image, as text.

use super::fault::Fault;
use crate::model::passwd;

/// Who runs a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// The home folder.
    pub home: String,
}

/// An image's accounts. Either file may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// `/etc/passwd`.
    pub passwd: String,
    /// `/etc/group`.
    pub group: String,
}

impl Accounts {
    fn users(&self) -> impl Iterator<Item = passwd::User<'_>> {
        passwd::users(&self.passwd)
    }

    fn groups(&self) -> impl Iterator<Item = (&str, u32, &str)> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.trim().split(':');
            let name = fields.next()?;
            let gid = fields.nth(1)?.parse().ok()?;
            Some((name, gid, fields.next().unwrap_or_default()))
        })
    }

    /// Who `USER user` runs as: a name or a number, with or without `:group`. Nothing means root.
    ///
    /// # Errors
    /// If a name is not there.
    pub fn run_as(&self, user: &str) -> Result<User, Fault> {
        let (name, group) = split(user);
        let number = name.parse::<u32>().ok();
        let known = if name.is_empty() {
            self.users().find(|u| u.uid == 0)
        } else {
            // A name that looks like a number is a name first.
            self.users()
                .find(|u| u.name == name)
                .or_else(|| number.and_then(|n| self.users().find(|u| u.uid == n)))
        };
        let (uid, gid) = match (&known, number) {
            (Some(found), _) => (found.uid, found.gid),
            (None, Some(number)) => (number, 0),
            (None, None) if name.is_empty() => (0, 0),
            (None, None) => return Err(no_user(name)),
        };
        let mut run_as = User {
            uid,
            gid,
            groups: Vec::new(),
            home: known.as_ref().map_or("/", |u| u.home).to_owned(),
        };
        if run_as.home.is_empty() {
            run_as.home = "/".into();
        }
        if let Some(group) = group {
            run_as.gid = self.group_id(group)?;
        } else if let Some(found) = known {
            let member = |list: &str| list.split(',').any(|name| name == found.name);
            run_as.groups = self
                .groups()
                .filter(|(_, _, list)| member(list))
                .map(|(_, gid, _)| gid)
                .collect();
        }
        // A process without its own group among the others could shake off what is denied to that group.
        run_as.groups.push(run_as.gid);
        run_as.groups.sort_unstable();
        run_as.groups.dedup();
        Ok(run_as)
    }

    /// Who `--chown=owner` means; also who owns what `WORKDIR` makes. A number alone is user and group, nothing behind a
    /// colon is group 0, and root needs no account.
    ///
    /// # Errors
    /// If a name is not there.
    pub fn owner(&self, owner: &str) -> Result<(u32, u32), Fault> {
        let (name, group) = match owner.split_once(':') {
            Some((name, group)) => (name, Some(group)),
            None => (owner, None),
        };
        let root = name.is_empty() || (name == "root" && self.users().all(|u| u.name != "root"));
        let (uid, gid) = if let Ok(number) = name.parse() {
            (number, number)
        } else if root {
            (0, 0)
        } else {
            let found = self.users().find(|u| u.name == name);
            found.map(|u| (u.uid, u.gid)).ok_or_else(|| no_user(name))?
        };
        match group {
            Some("") => Ok((uid, 0)),
            Some(group) => Ok((uid, group.parse().or_else(|_| self.group_id(group))?)),
            None => Ok((uid, gid)),
        }
    }

    fn group_id(&self, group: &str) -> Result<u32, Fault> {
        let by_name = self.groups().find(|(name, ..)| *name == group);
        if let Some((_, gid, _)) = by_name {
            return Ok(gid);
        }
        group.parse().map_err(|_| {
            Fault::input(format!(
                "unable to find group {group}: no matching entries in group file"
            ))
            .help("give its number, or make it with a RUN before")
        })
    }
}

fn split(user: &str) -> (&str, Option<&str>) {
    match user.split_once(':') {
        Some((name, group)) => (name, Some(group).filter(|g| !g.is_empty())),
        None => (user, None),
    }
}

fn no_user(name: &str) -> Fault {
    Fault::input(format!(
        "unable to find user {name}: no matching entries in passwd file"
    ))
    .help("give its number, or make it with a RUN before")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\nbroken\n\
                     77:x:5:6::/odd:/bin/sh\n"
                .into(),
            group: "root:x:0:\nnode:x:1001:\naudio:x:29:root,node\nwheel:x:10:node\n".into(),
        }
    }

    #[test]
    fn names_and_numbers_are_found_as_a_container_would_find_them() {
        for (user, uid, gid, groups, home) in [
            ("", 0, 0, &[0, 29][..], "/root"),
            ("root", 0, 0, &[0, 29], "/root"),
            ("node", 1000, 1001, &[10, 29, 1001], "/home/node"),
            ("1000", 1000, 1001, &[10, 29, 1001], "/home/node"),
            ("node:audio", 1000, 29, &[29], "/home/node"),
            ("1000:5", 1000, 5, &[5], "/home/node"),
            ("4242", 4242, 0, &[0], "/"),
            ("4242:node", 4242, 1001, &[1001], "/"),
            ("77", 5, 6, &[6], "/odd"),
        ] {
            let found = accounts().run_as(user).unwrap();
            let expected = User {
                uid,
                gid,
                groups: groups.to_vec(),
                home: home.into(),
            };
            assert_eq!(found, expected, "{user}");
        }
        let error = accounts().run_as("nobody").unwrap_err().to_string();
        assert!(error.starts_with("unable to find user nobody"), "{error}");
        assert!(accounts().run_as("node:none").is_err());
        assert!(Accounts::default().run_as("").is_ok());
    }

    #[test]
    fn an_owner_that_is_a_number_is_also_the_group() {
        for (owner, ids) in [
            ("1000", (1000, 1000)),
            ("1000:7", (1000, 7)),
            ("node", (1000, 1001)),
            ("node:audio", (1000, 29)),
            (":audio", (0, 29)),
            ("node:", (1000, 0)),
            ("5:", (5, 0)),
            ("root", (0, 0)),
        ] {
            assert_eq!(accounts().owner(owner).unwrap(), ids, "{owner}");
        }
        assert!(Accounts::default().owner("node").is_err());
        assert_eq!(Accounts::default().owner("root").unwrap(), (0, 0));
    }
}
