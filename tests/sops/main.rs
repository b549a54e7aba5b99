//! Encrypted files against what the real sops made of them: `tests/golden/sops`, recorded by `tests/golden/sops-oracle`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod opening;
mod rendering;

use std::fs;
use std::path::{Path, PathBuf};

use mooring::sops::Keyring;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sops")
}

fn keys(names: &[&str]) -> Keyring {
    let mut keys = Keyring::default();
    for name in names {
        let file = root().join("keys").join(format!("{name}.agekey"));
        keys.add(name, &fs::read_to_string(file).unwrap()).unwrap();
    }
    keys
}

/// A case's folder, its encrypted file and what sops decrypts that to.
struct Case {
    name: String,
    encrypted: String,
    decrypted: String,
}

fn cases() -> Vec<Case> {
    let read = |folder: &Path, name: &str| {
        ["yaml", "json"]
            .iter()
            .find_map(|ending| fs::read_to_string(folder.join(format!("{name}.{ending}"))).ok())
    };
    let mut found: Vec<Case> = fs::read_dir(root().join("cases"))
        .unwrap()
        .filter_map(|entry| {
            let folder = entry.unwrap().path();
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            Some(Case {
                encrypted: read(&folder, "encrypted")?,
                decrypted: read(&folder, "decrypted")?,
                name,
            })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(found.len() > 10, "{} cases", found.len());
    found
}

fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap()
}
