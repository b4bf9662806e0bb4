//! SIGINT and SIGTERM ask for the end; a second one does not wait for it.

use crate::model::event::Cancel;

/// Asks `cancel` for the end at SIGINT or SIGTERM.
///
/// # Errors
/// If no thread for it can be started.
pub fn on_signal(cancel: &Cancel) -> std::io::Result<()> {
    let cancel = cancel.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async move {
                use tokio::signal::unix::{SignalKind, signal};
                let (Ok(mut interrupt), Ok(mut terminate)) = (
                    signal(SignalKind::interrupt()),
                    signal(SignalKind::terminate()),
                ) else {
                    return;
                };
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                    if cancel.is_cancelled() {
                        // Asked twice. What a build leaves behind, the next worker finds and clears.
                        std::process::exit(130);
                    }
                    cancel.cancel();
                }
            });
        })?;
    Ok(())
}
