//! The golden cases: each is rendered here and compared with what the real Helm said. README.md describes the files.
//!
//! `GOLDEN=strings cargo test --test golden` runs only the files whose path contains the word.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod runs;
mod tables;

use std::fmt::Write as _;

/// Runs all cases of a kind and tells all failures at once. A case that is known to differ must go on to differ: so
/// the list of those never says more than is true.
fn run_all<O: IntoIterator<Item = cases::Outcome>>(extension: &str, run: impl Fn(&str) -> O) {
    let known = cases::known_to_differ();
    let mut report = String::new();
    let (mut total, mut failed) = (0, 0);
    for file in cases::files(extension) {
        for outcome in run(&file.text) {
            total += 1;
            let name = format!("{}: {}", file.name, outcome.name);
            match (outcome.result, known.contains(&name)) {
                (Ok(()), false) | (Err(_), true) => {}
                (Ok(()), true) => {
                    failed += 1;
                    let _ = writeln!(report, "{name}\nis like Helm's now: take it out of known.txt\n");
                }
                (Err(difference), false) => {
                    failed += 1;
                    let _ = writeln!(report, "{name}\n{difference}");
                }
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
    run_all("txtar", runs::run);
}
