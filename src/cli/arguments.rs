//! The command line, declared once: help, completions and the man page all come from here.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "the comments are the help, where brackets mean that a part may be left out"
)]

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::late::Late;
use crate::model::{Reference, Slug, State, SubmissionId};

/// Takes Dockerfiles from strangers: reviewed, built in a sandbox without network, scanned, signed, served by digest.
///
/// Without a command it opens the console.
#[derive(Debug, Parser)]
#[command(
    name = "flareo",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct Arguments {
    /// Where the queue, the images and the logs are kept
    #[arg(long, global = true, env = "FLAREO_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// The policy file [default: policy.toml in the configuration folder, then in the state folder]
    #[arg(long, global = true, env = "FLAREO_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// How to answer
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// Whether to colour [NO_COLOR is respected]
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// One pass over what is approved, then end; for cron
    #[arg(long)]
    pub batch: bool,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Human,
    /// JSON, or JSON Lines where it streams
    Json,
    /// SARIF 2.1.0: `lint` only
    Sarif,
}

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Submit a build context: a folder, a tar archive, or - for an archive on standard input
    Publish(Late<Publish>),
    /// Read Dockerfiles and say what would be refused
    Lint(Late<Lint>),
    /// Build here, by the very engine and limits of the worker
    Build(Late<Build>),
    /// List submissions
    Queue(Late<Queue>),
    /// Show one submission: Dockerfile, findings, pins, decisions
    Show(Late<Show>),
    /// Decide about a submission
    Review {
        /// Its number
        id: SubmissionId,
        /// What to do with it
        #[command(subcommand)]
        verdict: Late<Review>,
    },
    /// End the build of a submission
    Cancel {
        /// Its number
        id: SubmissionId,
        /// Why, for its submitter
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Submit once more what has failed, as it is
    Retry {
        /// Its number
        id: SubmissionId,
    },
    /// Base images: the cache and the approved list
    #[command(subcommand)]
    Base(Late<Base>),
    /// The catalog of published modules
    #[command(subcommand)]
    Module(Late<Module>),
    /// The policy: its own tests, and what another one would have decided
    #[command(subcommand)]
    Policy(Late<Policy>),
    /// Vulnerabilities that may pass, for a while, with somebody's name under it
    #[command(subcommand)]
    Exception(Late<Exception>),
    /// Check signature, bill of materials and provenance of a published image
    Verify {
        /// A module, a manifest digest, oci:DIR, or self-test:FILE
        target: String,
        /// The public key [default: the one of this state folder]
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// Make the state folder and the signing key
    Init,
    /// Build, scan and sign what is approved, and stay for more
    Worker,
    /// The record of everything that was decided
    #[command(subcommand)]
    Audit(Late<Audit>),
    /// Mail that was written, and how it went on its way
    #[command(subcommand)]
    Outbox(Late<Outbox>),
    /// Say what this host can do, and how to get what it lacks
    Doctor(Late<Doctor>),
    /// A tour with sample submissions in a throw-away state
    Demo {
        /// Play the scripted run to its end and print what became of each submission
        #[arg(long)]
        headless: bool,
        /// The same, recorded as an asciicast into this file
        #[arg(long, value_name = "FILE")]
        cast: Option<PathBuf>,
    },
    /// Explain a topic or a command; alone, list the topics
    Help {
        /// A topic, as in `submitting`, or a command
        topic: Option<String>,
    },
    /// Print a completion script
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the man page
    Man,
}

/// `flareo publish`
#[derive(Debug, Args)]
pub struct Publish {
    /// A folder, a tar archive (also gzip or zstd), or - for standard input
    #[arg(default_value = ".")]
    pub source: PathBuf,
    /// The module's name
    #[arg(long)]
    pub slug: Slug,
    /// Words for the reviewer
    #[arg(long, default_value = "")]
    pub notes: String,
    /// Where to send mail
    #[arg(long)]
    pub email: Option<String>,
    /// Ask for HTTPS to the allow-list during the build
    #[arg(long)]
    pub requires_network: bool,
    /// Ask for a longer time limit, as in 20m
    #[arg(long, value_parser = minutes, value_name = "MINUTES")]
    pub time_limit: Option<u64>,
    /// Ask for a base outside the approved list
    #[arg(long, value_name = "REFERENCE")]
    pub base: Option<Reference>,
    /// Build it first, in the worker's sandbox and within its limits: it is sent only if that works
    #[arg(long)]
    pub check: bool,
    /// Ask nothing: send it as it stands, also if it can't be approved
    #[arg(long, short)]
    pub yes: bool,
}

/// `flareo doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// How things went lately instead: queue, waits, builds, disk
    #[arg(long, conflicts_with_all = ["self_test", "without_seccomp", "output"])]
    pub figures: bool,
    /// Try the sandbox by what hostile steps try, and sign what was found
    #[arg(long)]
    pub self_test: bool,
    /// Once without system-call filters, to see that some of it then gets through
    #[arg(long, requires = "self_test", conflicts_with = "output")]
    pub without_seccomp: bool,
    /// Write the signed report to this file
    #[arg(long, value_name = "FILE", requires = "self_test")]
    pub output: Option<PathBuf>,
}

/// `flareo show`
#[derive(Debug, Args)]
pub struct Show {
    /// Its number
    pub id: SubmissionId,
    /// How its files differ from the slug's submission before it (previous), the last published one (published), or another
    #[arg(long, value_name = "previous|published|NUMBER", num_args = 0..=1, default_missing_value = "previous", group = "view")]
    pub diff: Option<String>,
    /// List the files of its context, all or those whose path holds a text, with what is remarkable about each
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "", group = "view")]
    pub files: Option<String>,
    /// Show a text file of its context; with --diff, how it differs
    #[arg(long, value_name = "PATH")]
    pub file: Option<String>,
    /// Show the build that it comes to: variables and the bases' triggers put in, stages, everything from outside
    #[arg(long, group = "view")]
    pub effective: bool,
    /// Say what the scan will find, before anything is built: in the base, and in what the context brings along
    #[arg(long, group = "view")]
    pub forecast: bool,
}

/// `flareo lint`
#[derive(Debug, Args)]
pub struct Lint {
    /// Dockerfiles or folders that hold one
    #[arg(default_value = ".")]
    pub paths: Vec<PathBuf>,
    /// Print the patches of what is found as one diff, for `git apply`
    #[arg(long, conflicts_with = "fix")]
    pub diff: bool,
    /// Write the patches of what is found
    #[arg(long)]
    pub fix: bool,
}

/// `flareo build`
#[derive(Debug, Args)]
pub struct Build {
    /// The context
    #[arg(default_value = ".")]
    pub context: PathBuf,
    /// The Dockerfile; FILE.dockerignore beside it goes before the context's own [default: Dockerfile in the context]
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Set a build argument
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    pub build_arg: Vec<(String, Option<String>)>,
    /// Stop at this stage
    #[arg(long, value_name = "STAGE")]
    pub target: Option<String>,
    /// The platform: only this host's can be built
    #[arg(long)]
    pub platform: Option<String>,
    /// Run every step anew
    #[arg(long)]
    pub no_cache: bool,
    /// Build again, from nothing and in other surroundings, and fail with the first difference if there is one
    #[arg(long)]
    pub twice: bool,
    /// Where the image goes: oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE
    #[arg(long, value_name = "DESTINATION")]
    pub output: Option<String>,
    /// Let steps reach the hosts of these groups of the policy, as a grant would
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    pub network: Vec<String>,
    /// Build even what lint would block and bases that are not on the approved list
    #[arg(long)]
    pub no_policy: bool,
}

/// `flareo queue`
#[derive(Debug, Args)]
pub struct Queue {
    /// Only this state
    #[arg(long)]
    pub state: Option<State>,
    /// Only this slug
    #[arg(long)]
    pub slug: Option<Slug>,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    pub limit: u32,
    /// Stay, and say a line for whatever happens
    #[arg(long)]
    pub watch: bool,
}

/// `flareo outbox`
#[derive(Debug, Subcommand)]
pub enum Outbox {
    /// What was written, the latest last
    List {
        /// Only what holds this text: an address, a subject, #NUMBER
        #[arg(long, value_name = "TEXT", default_value = "")]
        holding: String,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// One mail
    Show {
        /// Its number
        id: i64,
    },
}

/// `flareo review`
#[derive(Debug, Subcommand)]
pub enum Review {
    /// May be built
    Approve {
        /// Why; needed with a grant
        #[arg(long, default_value = "")]
        reason: String,
        /// Allow a base outside the approved list, for this submission only
        #[arg(long, value_name = "REFERENCE")]
        grant_base: Vec<Reference>,
        /// Allow a longer build, for this submission only, as in 20m
        #[arg(long, value_name = "MINUTES", value_parser = minutes)]
        grant_time: Option<u64>,
        /// Allow HTTPS to the hosts of these groups of the policy, for this submission only
        #[arg(long, value_name = "GROUP", value_delimiter = ',')]
        grant_network: Vec<String>,
    },
    /// Goes back to its submitter
    Reject {
        /// Why: the submitter reads it
        #[arg(long)]
        reason: String,
    },
    /// Say something about a line; the submitter reads it with the rejection
    Comment {
        /// The line, from 1
        #[arg(long)]
        line: u32,
        /// The file, relative to the context [default: the Dockerfile]
        #[arg(long)]
        file: Option<String>,
        /// The words
        text: String,
    },
    /// Say that you are reading it
    Claim {
        /// Take it over from whoever reads it now; they are told
        #[arg(long)]
        steal: bool,
    },
    /// Say that you no longer are
    Release,
    /// Take back your own submission
    Withdraw,
}

/// `flareo policy`
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Read a policy strictly, and run its examples through lint
    Check {
        /// The file [default: the policy in force]
        file: Option<PathBuf>,
    },
    /// Say which past decisions would come out otherwise under another policy; nothing is changed
    Replay {
        /// The other policy
        #[arg(long, value_name = "FILE")]
        against: PathBuf,
        /// Only decisions from this day on, as in 2026-01-31
        #[arg(long, value_name = "DATE")]
        since: Option<jiff::civil::Date>,
    },
}

/// `flareo base`
#[derive(Debug, Subcommand)]
pub enum Base {
    /// What is in the cache, and what is approved
    List,
    /// One base: its pins, who uses it, what the scanner finds in it
    Show {
        /// Which
        reference: Reference,
    },
    /// Put a base into the cache
    Import {
        /// The name that Dockerfiles use
        reference: Reference,
        /// docker://…, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, rootfs:DIR|TAR
        source: String,
    },
    /// Put a reference on the approved list
    Add {
        /// Which
        reference: Reference,
        /// What it is for
        #[arg(long, default_value = "")]
        purpose: String,
    },
    /// Take a reference off the approved list
    Remove {
        /// Which
        reference: Reference,
    },
}

/// `flareo module`
#[derive(Debug, Subcommand)]
pub enum Module {
    /// All published modules
    List,
    /// One module: digest, signature, packages, history
    Show {
        /// Its name
        slug: Slug,
        /// Its bill of materials instead, once the signature was verified
        #[arg(long, group = "what")]
        packages: bool,
        /// How it was made instead, once the signature was verified
        #[arg(long, group = "what")]
        provenance: bool,
        /// Its layers instead, and which instruction made each
        #[arg(long, group = "what")]
        layers: bool,
        /// What the scanner says of it today instead
        #[arg(long, group = "what")]
        findings: bool,
    },
    /// Write the image with its signature and attestations
    Export {
        /// Its name
        slug: Slug,
        /// oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, docker://HOST/REPOSITORY[:TAG]
        #[arg(long, short)]
        output: String,
    },
    /// Take a module out of the catalog
    Yank {
        /// Its name
        slug: Slug,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// `flareo exception`
#[derive(Debug, Subcommand)]
pub enum Exception {
    /// All of them
    List,
    /// Let a vulnerability of a package pass
    Add {
        /// As in CVE-2023-45853
        vulnerability: String,
        /// The package's name
        #[arg(long)]
        package: String,
        /// Only for this module
        #[arg(long)]
        module: Option<Slug>,
        /// Who answers for it [default: you]
        #[arg(long)]
        owner: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
        /// When it ends, as in 2026-12-31
        #[arg(long, value_name = "DATE")]
        expires: jiff::civil::Date,
    },
    /// End one
    Remove {
        /// Its number
        number: i64,
    },
}

/// `flareo audit`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// The entries, newest last
    Log {
        /// Only about this submission
        #[arg(long)]
        submission: Option<SubmissionId>,
        /// At most so many: the newest
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Recompute the hash chain
    Verify,
}

/// `20m`, `1h`, `20`: minutes, from 1 to a day.
fn minutes(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.trim().strip_suffix(['m', 'h']) {
        Some(number) if text.ends_with('h') => (number, 60),
        Some(number) => (number, 1),
        None => (text.trim(), 1),
    };
    let minutes = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    minutes.filter(|m| (1..=1440).contains(m)).ok_or_else(|| {
        format!("`{text}` is not a time: write minutes as in 20m, or hours as in 1h, a day at most")
    })
}

/// `KEY=VALUE`, or `KEY` for the environment's value.
fn key_value(text: &str) -> Result<(String, Option<String>), String> {
    let (key, value) = match text.split_once('=') {
        Some((key, value)) => (key, Some(value.to_owned())),
        None => (text, std::env::var(text).ok()),
    };
    if key.is_empty() {
        return Err("write KEY=VALUE".into());
    }
    Ok((key.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_declaration_holds_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_are_minutes() {
        assert_eq!(minutes("20m"), Ok(20));
        assert_eq!(minutes("2h"), Ok(120));
        assert_eq!(minutes("15"), Ok(15));
        for bad in ["", "0", "m", "25h", "-1m", "1d", "99999999999999999999h"] {
            assert!(minutes(bad).is_err(), "{bad}");
        }
    }
}
