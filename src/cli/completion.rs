//! `mooring completion`.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Arguments of `mooring completion`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(mooring completion bash)\n  mooring completion fish > ~/.config/fish/completions/mooring.fish"
)]
pub struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionArgs) -> ExitCode {
    clap_complete::generate(args.shell, &mut super::Cli::command(), "mooring", &mut std::io::stdout());
    ExitCode::SUCCESS
}
