//! The sandbox, on this machine's real kernel: as root, as an ordinary user with a range of ids, and as one without.

/// The same test as root, as a user with a range of ids, and as a user without.
macro_rules! for_everybody {
    ($($name:ident: $test:expr;)*) => { $(
        mod $name {
            #[allow(unused_imports)]
            use super::*;
            use crate::sandbox::ground::{Test, Who, run_as};
            const TEST: Test = $test;
            #[test]
            fn as_root() { run_as(Who::Root, concat!(module_path!(), "::as_root"), TEST) }
            #[test]
            fn with_a_range_of_ids() { run_as(Who::Ranges, concat!(module_path!(), "::with_a_range_of_ids"), TEST) }
            #[test]
            fn with_one_id() { run_as(Who::Plain, concat!(module_path!(), "::with_one_id"), TEST) }
        }
    )* };
}

mod escapes;
mod ground;
mod jobs;
mod limits;
mod network;
mod orphans;
mod steps;
