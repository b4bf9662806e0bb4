//! Steps as they should be.

use flareo::sandbox::spec::Ending;

use super::ground::{Ground, Who, run_as};

/// The same test as root, as a user with a range of ids, and as a user without.
macro_rules! for_everybody {
    ($($name:ident: $test:expr;)*) => { $(
        mod $name {
            use super::*;
            const TEST: fn(&Ground) = $test;
            #[test]
            fn as_root() { run_as(Who::Root, concat!(module_path!(), "::as_root"), TEST) }
            #[test]
            fn with_a_range_of_ids() { run_as(Who::Ranges, concat!(module_path!(), "::with_a_range_of_ids"), TEST) }
            #[test]
            fn with_one_id() { run_as(Who::Plain, concat!(module_path!(), "::with_one_id"), TEST) }
        }
    )* };
}

for_everybody! {
    a_program_ends_with_its_own_code: |ground| {
        assert_eq!(ground.run(&ground.argv(&["true"])).outcome.ending, Ending::Exited(0));
        assert_eq!(ground.run(&ground.script("exit 7")).outcome.ending, Ending::Exited(7));
        assert_eq!(ground.run(&ground.script("kill -USR1 $$")).outcome.ending, Ending::Signalled(10));
    };
}
