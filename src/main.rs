//! Arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = flareo::cli::inside_of_a_sandbox() {
        std::process::exit(code);
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
