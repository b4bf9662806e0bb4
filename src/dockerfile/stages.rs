//! Which stage a name or a number means.

use std::collections::HashMap;

use super::ast::Dockerfile;

/// The names of a file's stages. Built once, so that a file with thousands of stages stays cheap.
#[derive(Debug, Clone, Default)]
pub struct StageNames {
    by_name: HashMap<String, Vec<usize>>,
}

impl StageNames {
    /// Reads the names.
    pub fn of(file: &Dockerfile) -> Self {
        let mut names = Self::default();
        for stage in &file.stages {
            if let Some(name) = &stage.name {
                let stages = names.by_name.entry(name.clone()).or_default();
                stages.push(stage.index);
            }
        }
        names
    }

    /// The stage before stage `at` that a `FROM` means by `name`: the nearest one, as names may be given again.
    pub fn base(&self, name: &str, at: usize) -> Option<usize> {
        let stages = self.by_name.get(&name.to_lowercase())?;
        let earlier = stages.partition_point(|stage| *stage < at);
        earlier.checked_sub(1).and_then(|i| stages.get(i)).copied()
    }

    /// The stage before stage `at` that `--from=` means: by name or by number. Later stages can't be meant, so that
    /// stages never wait for each other in a circle.
    pub fn source(&self, name: &str, at: usize) -> Option<usize> {
        let by_number = || name.parse().ok().filter(|number| *number < at);
        self.base(name, at).or_else(by_number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::parse;

    #[test]
    fn names_mean_the_nearest_earlier_stage() {
        let text = b"FROM a AS One\nFROM b AS two\nFROM c AS one\nFROM d\n";
        let file = parse(text).expect("parses");
        let names = StageNames::of(&file);
        assert_eq!(names.base("one", 0), None);
        assert_eq!(names.base("ONE", 1), Some(0));
        assert_eq!(names.base("one", 3), Some(2));
        assert_eq!(names.base("0", 3), None);
        assert_eq!(names.source("0", 3), Some(0));
        assert_eq!(names.source("3", 3), None);
        assert_eq!(names.source("-1", 3), None);
        assert_eq!(names.source("nothing", 3), None);
    }
}
