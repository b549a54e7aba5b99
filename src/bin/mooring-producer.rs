//! The `mooring-producer` command: arguments, dispatch.

use std::process::ExitCode;

/// For librdkafka as well: of six pieces of memory that it takes for each record and gives back in thousands at a time, the
/// C library's makes a fifth of a run's work.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    mooring::producer_cli::main()
}
