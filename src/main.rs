//! The `mooring` command: TLS provider, arguments, telemetry, dispatch.

use std::process::ExitCode;

/// An agent that has read thousands of objects keeps what it needs: the C library's arenas would keep twice as much.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_none_or(|word| word != "template") {
        give_memory_back();
    }
    // Two providers could be linked one day; kube's client must not have to guess.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("mooring: another TLS provider was installed first");
        return ExitCode::FAILURE;
    }
    mooring::cli::main()
}

/// Starts the allocator's thread that gives memory back, also at rest. `mooring template` ends before that, and would wait for
/// it to start.
fn give_memory_back() {
    let mut on = true;
    // SAFETY: the name ends with a zero, and the setting takes one `bool`, which outlives the call.
    #[allow(unsafe_code)]
    let refused = unsafe {
        tikv_jemalloc_sys::mallctl(
            c"background_thread".as_ptr(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::from_mut(&mut on).cast(),
            size_of::<bool>(),
        )
    };
    // Then memory is given back where some is taken.
    debug_assert_eq!(refused, 0, "the allocator's thread");
}
