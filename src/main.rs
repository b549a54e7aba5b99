//! The `mooring` command: TLS provider, arguments, telemetry, dispatch.

use std::process::ExitCode;

/// An agent that has read thousands of objects keeps what it needs: the C library's arenas would keep twice as much.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_none_or(|word| word != "template") {
        give_memory_back();
    }
    #[cfg(static_libc)]
    look_names_up_in_files_and_dns();
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

/// Names of hosts and users come from files and DNS, as in programs written in Go. Whatever else `nsswitch.conf` names are
/// libraries of one version of the C library, and the one within this program may be another.
#[cfg(static_libc)]
fn look_names_up_in_files_and_dns() {
    use std::ffi::{CStr, c_char, c_int};

    #[allow(unsafe_code)]
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, sources: *const c_char) -> c_int;
    }
    let look_up = |database: &CStr, sources: &CStr| {
        // SAFETY: both end with a zero and are copied, and no other thread looks anything up yet.
        #[allow(unsafe_code)]
        let refused = unsafe { __nss_configure_lookup(database.as_ptr(), sources.as_ptr()) };
        debug_assert_eq!(refused, 0, "sources of {database:?}");
    };
    look_up(c"hosts", c"files dns");
    look_up(c"passwd", c"files");
}
