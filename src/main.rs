//! The `mooring` command: TLS provider, arguments, telemetry, dispatch.

use std::process::ExitCode;

/// An agent that has read thousands of objects keeps what it needs: the C library's arenas would keep twice as much.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Two providers could be linked one day; kube's client must not have to guess.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("mooring: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    mooring::cli::main()
}
