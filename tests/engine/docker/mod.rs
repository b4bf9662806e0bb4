//! Beside a real Docker Engine with BuildKit: the same Dockerfiles, and the same configuration and files come of them,
//! or both refuse. The Dockerfiles stand in `cases`, one theme a file; what is compared stands in [`image`].

mod bases;
mod case;
mod generated;
mod image;
mod intended;
mod peer;

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flareo::engine::BuildRequest;
use flareo::intake::{BuildView, DirContext};
use flareo::model::limits::ContextLimits;

use super::ground::Ground;
use case::Case;
use image::{Image, Layers, differences};
use peer::Docker;

/// Cases that are built at the same time: Docker waits for its disk and for processes much of a build's time.
const AT_ONCE: usize = 3;

/// Both engines, with the same base image.
pub struct Beside {
    ground: Ground,
    docker: Docker,
}

impl Beside {
    /// None, aloud, where there is no Docker Engine.
    pub fn new() -> Option<Self> {
        let mut docker = Docker::find()?;
        let ground = Ground::new();
        let base = ground.pins.values().next().copied().unwrap();
        docker.knows("base", &ground.store, base, ground.path());
        Some(Self { ground, docker })
    }

    /// What both make of a case that is laid out in `folder`.
    fn both(&self, case: &Case, folder: &Path) -> (Result<Image, String>, Result<Image, String>) {
        let dockerfile = case.lay_out(folder);
        let theirs = self.docker.build(case, &dockerfile, folder);
        (self.ours(case, &dockerfile, folder), theirs)
    }

    fn ours(&self, case: &Case, dockerfile: &Path, folder: &Path) -> Result<Image, String> {
        let limits = ContextLimits::default();
        let context = DirContext::open_for(dockerfile, &folder.join("context"), &limits)
            .and_then(BuildView::of_folder)
            .map_err(|e| e.to_string())?;
        let request = BuildRequest {
            context: Arc::new(context),
            build_args: case.args.iter().cloned().collect(),
            target: case.target.clone(),
            ..self.ground.request(&case.text, Default::default())
        };
        let built = self.ground.build_request(&request);
        let built = built.map_err(|e| format!("{e:?}"))?;
        let manifest = self.ground.store.manifest(built.image.digest).unwrap();
        let mut layers = Layers::new();
        for layer in &manifest.layers {
            layers.add(self.ground.store.open_layer(layer, 1 << 32).unwrap());
        }
        Ok(Image {
            config: serde_json::to_value(&built.config).unwrap(),
            files: layers.finish(),
        })
    }

    /// Where the engines differ about a case; empty if they agree.
    pub fn differ(&self, case: &Case) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        match self.both(case, folder.path()) {
            (Err(_), Err(_)) => Vec::new(),
            (Ok(_), Err(error)) => vec![format!("Docker refuses: {error}")],
            (Err(error), Ok(_)) => vec![format!("we refuse: {error}")],
            (Ok(ours), Ok(theirs)) => differences(&ours, &theirs),
        }
    }

    /// The cases about which the engines differ, by their place, and how.
    pub fn all_that_differ(&self, cases: &[Case]) -> Vec<(usize, Vec<String>)> {
        let next = AtomicUsize::new(0);
        let all = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(case) = cases.get(at) else { break };
                        let found = self.differ(case);
                        if !found.is_empty() {
                            all.lock().unwrap().push((at, found));
                        }
                    }
                });
            }
        });
        let mut all = all.into_inner().unwrap();
        all.sort();
        all
    }

    /// Builds all cases with both, and wants them to agree.
    pub fn agree(&self, cases: &[Case]) {
        let all = self.all_that_differ(cases);
        println!(
            "{} Dockerfiles beside Docker, {} differ",
            cases.len(),
            all.len()
        );
        let told =
            |(at, found): &(usize, Vec<String>)| format!("{}  {}", cases[*at], found.join("\n  "));
        let told: Vec<String> = all.iter().map(told).collect();
        assert!(told.is_empty(), "{}", told.join("\n\n"));
    }
}

/// Builds the cases of a file with both engines.
fn theme(file: &Path) {
    let Some(beside) = Beside::new() else { return };
    let text = std::fs::read_to_string(file).unwrap();
    beside.agree(&Case::all(&text));
}

macro_rules! themes {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let file = concat!("tests/engine/docker/cases/", stringify!($name), ".txt");
                theme(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
            }
        )*

        #[test]
        fn every_file_of_cases_is_a_test() {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/engine/docker/cases");
            let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name());
            let mut files: Vec<_> = files.map(|f| f.into_string().unwrap()).collect();
            let mut tests = vec!["bases.txt", $(concat!(stringify!($name), ".txt")),*];
            files.sort();
            tests.sort();
            assert_eq!(files, tests);
        }
    };
}

themes! { archives configuration copying flags ignore mounts people running stages words }

/// For somebody at work: `FLAREO_TEST_CASES=FILE cargo nextest run cases_of_my_own`.
#[test]
fn cases_of_my_own() {
    if let Some(file) = std::env::var_os("FLAREO_TEST_CASES") {
        theme(Path::new(&file));
    }
}
