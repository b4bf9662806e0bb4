//! Who is who: ids inside the sandbox, and the ids that own its files on the host's disk.

use serde::{Deserialize, Serialize};

/// The first host id that the sandbox uses when root runs it. Far above what any distribution hands out, so that no
/// id of the sandbox is ever somebody on the host.
pub const SHIFTED_BASE: u32 = 0x7000_0000;
/// How many ids the sandbox has when root runs it.
pub const SHIFTED_COUNT: u32 = 1 << 20;

/// How ids are mapped. Inside, they always begin at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ids {
    /// Root runs the sandbox: id `n` inside is `base + n` on the host's disk.
    Shifted {
        /// Host id of 0.
        base: u32,
        /// How many.
        count: u32,
    },
    /// An ordinary user with ranges in /etc/subuid and /etc/subgid: 0 is the user, 1 and up are the range.
    Ranges {
        /// The user.
        uid: u32,
        /// The user's group.
        gid: u32,
        /// Host user id of 1.
        first_uid: u32,
        /// Host group id of 1.
        first_gid: u32,
        /// How many ids the ranges hold.
        count: u32,
    },
    /// An ordinary user without ranges: there is 0 and nobody else. Changing an owner succeeds without effect.
    Single {
        /// The user.
        uid: u32,
        /// The user's group.
        gid: u32,
    },
}

impl Ids {
    /// Whether there is only one id.
    pub const fn is_single(&self) -> bool {
        matches!(self, Self::Single { .. })
    }

    /// Who owns a file of the sandbox's `uid` on the host's disk, if that id exists.
    pub fn host_uid(&self, uid: u32) -> Option<u32> {
        match *self {
            Self::Shifted { base, count } => (uid < count).then(|| base + uid),
            Self::Ranges {
                uid: own,
                first_uid,
                count,
                ..
            } => ranged(uid, own, first_uid, count),
            Self::Single { uid: own, .. } => (uid == 0).then_some(own),
        }
    }

    /// The group of a file of the sandbox's `gid` on the host's disk, if that id exists.
    pub fn host_gid(&self, gid: u32) -> Option<u32> {
        match *self {
            Self::Shifted { base, count } => (gid < count).then(|| base + gid),
            Self::Ranges {
                gid: own,
                first_gid,
                count,
                ..
            } => ranged(gid, own, first_gid, count),
            Self::Single { gid: own, .. } => (gid == 0).then_some(own),
        }
    }
}

fn ranged(id: u32, own: u32, first: u32, count: u32) -> Option<u32> {
    match id {
        0 => Some(own),
        id if id <= count => Some(first + (id - 1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_s_ids_are_shifted_and_end() {
        let ids = Ids::Shifted {
            base: 1000,
            count: 10,
        };
        assert_eq!(ids.host_uid(0), Some(1000));
        assert_eq!(ids.host_gid(9), Some(1009));
        assert_eq!(ids.host_uid(10), None);
    }

    #[test]
    fn a_range_begins_after_the_user() {
        let ids = Ids::Ranges {
            uid: 7,
            gid: 8,
            first_uid: 100,
            first_gid: 200,
            count: 3,
        };
        assert_eq!((ids.host_uid(0), ids.host_gid(0)), (Some(7), Some(8)));
        assert_eq!((ids.host_uid(1), ids.host_gid(3)), (Some(100), Some(202)));
        assert_eq!(ids.host_uid(4), None);
    }

    #[test]
    fn alone_there_is_only_root() {
        let ids = Ids::Single { uid: 7, gid: 8 };
        assert_eq!((ids.host_uid(0), ids.host_uid(1)), (Some(7), None));
        assert!(ids.is_single());
    }
}
