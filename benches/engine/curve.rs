//! What grows with the context: 1,000, 10,000 and 100,000 files of a kilobyte.

use std::path::Path;

use super::cases;
use super::options::Options;
use super::ours::Ours;
use super::peer::Peer;
use super::settle;
use super::table::{median, shown};

/// For each size: cold, nothing changed, one file changed, one added.
const PHASES: [&str; 4] = ["cold", "nothing", "changed", "added"];
/// A context of 100,000 files takes a while to write; more rounds would not tell more.
const ROUNDS: usize = 3;

pub fn run(options: &Options, work: &Path, ours: &Ours, peer: Option<&Peer>) {
    println!(
        "\n{:<10} {:<8} {:>9} {:>9} {:>9} {:>12}",
        "files", "phase", "ours", "build", "/build", "system calls"
    );
    for &files in &options.curve {
        let case = cases::grown(files);
        let mut times = [const { (Vec::new(), Vec::new()) }; PHASES.len()];
        let mut calls = [None; PHASES.len()];
        for round in 0..=ROUNDS.min(options.rounds) {
            // The last round counts calls, which costs time: it is not timed.
            let counts = round == ROUNDS.min(options.rounds);
            let context = work.join(format!("curve-{files}-{round}"));
            case.write(&context);
            ours.fresh();
            for (number, phase) in PHASES.into_iter().enumerate() {
                match phase {
                    "changed" => case.change_last(&context, round as u64 + 1),
                    "added" => case.add_one(&context, round as u64 + 1),
                    _ => {}
                }
                settle();
                if counts {
                    calls[number] = ours.calls(&context);
                    continue;
                }
                times[number].0.push(ours.build(&context));
                times[number]
                    .1
                    .extend(peer.map(|peer| peer.build(&context, number == 0)));
            }
            let _ = std::fs::remove_dir_all(&context);
        }
        for (number, phase) in PHASES.into_iter().enumerate() {
            let (ours, build) = (median(&times[number].0), median(&times[number].1));
            let ratio = ours.zip(build).map(|(ours, build)| ours / build);
            println!(
                "{files:<10} {phase:<8} {:>9} {:>9} {:>9} {:>12}",
                shown(ours),
                shown(build),
                ratio.map_or_else(|| "-".into(), |r| format!("{r:.2}")),
                calls[number].map_or_else(|| "-".into(), |c| c.to_string()),
            );
        }
    }
}
