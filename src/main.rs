//! The `mooring` command: TLS provider, arguments, telemetry, dispatch.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Two providers could be linked one day; kube's client must not have to guess.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("mooring: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    mooring::cli::main()
}
