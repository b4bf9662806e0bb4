//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: the inside of a sandbox is this program, started again.
    if let Some(code) = flareo::cli::inside_of_a_sandbox() {
        return ExitCode::from(u8::try_from(code).unwrap_or(1));
    }
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("FLAREO_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    flareo::cli::run(std::env::args_os())
}
