//! The `mooring-producer` command: arguments, dispatch.

use std::process::ExitCode;

fn main() -> ExitCode {
    mooring::producer_cli::main()
}
