//! The golden cases: each is rendered here and compared with what the real Helm said. README.md describes the files.
//!
//! `GOLDEN=strings cargo test --test golden` runs only the files whose path contains the word.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod runs;
mod tables;

use std::fmt::Write as _;

/// Runs all cases of a kind and tells all failures at once.
fn run_all(extension: &str, run: impl Fn(&str) -> Vec<cases::Outcome>) {
    let mut report = String::new();
    let (mut total, mut failed) = (0, 0);
    for file in cases::files(extension) {
        for outcome in run(&file.text) {
            total += 1;
            if let Err(difference) = outcome.result {
                failed += 1;
                let _ = writeln!(report, "{}: {}\n{difference}", file.name, outcome.name);
            }
        }
    }
    assert!(total > 0 || std::env::var_os("GOLDEN").is_some(), "no case was found");
    assert!(failed == 0, "{failed} of {total} cases differ from Helm\n\n{report}");
}

#[test]
fn templates_give_what_helm_gives() {
    run_all("cases", tables::run);
}

#[test]
fn runs_print_what_helm_prints() {
    run_all("txtar", |text| vec![runs::run(text)]);
}
