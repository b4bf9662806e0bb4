//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the inside of a sandbox is this program, started again.
    if let Some(code) = flareo::sandbox::child(flareo::engine::JOBS) {
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    ExitCode::SUCCESS
}
