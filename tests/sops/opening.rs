//! One file.

use std::fs;

use mooring::helm::yaml::{Content, Node, YamlLimits, parse_documents};
use mooring::sops::{Keyring, Opened, SopsError, open};

use crate::{case, cases, keys, root};

fn opened(name: &str, text: &str, keys: &Keyring) -> Result<Opened, SopsError> {
    open(name, text, keys).map(|opened| opened.unwrap_or_else(|| panic!("{name} is not taken for encrypted")))
}

fn documents(text: &str) -> Vec<Node> {
    parse_documents(text, &YamlLimits::default()).unwrap()
}

/// The places of all keys of a document but `sops`.
fn places(node: &Node, found: &mut Vec<(String, u32)>) {
    match &node.content {
        Content::Map(entries) => {
            for (key, value) in entries.iter().filter(|(key, _)| key.text != "sops") {
                found.push((key.text.clone(), key.mark.line));
                places(value, found);
            }
        }
        Content::Seq(items) => items.iter().for_each(|item| places(item, found)),
        _ => {}
    }
}

#[test]
fn a_file_opens_to_what_sops_opens_it_to() {
    for case in cases() {
        let ours =
            opened(&case.name, &case.encrypted, &keys(&["alice"])).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            !ours.text.contains("ENC[AES256_GCM,data:") || ours.text.contains("type:comment"),
            "{}",
            case.name
        );
        let json = |text: &str| documents(text).iter().map(Node::to_json).collect::<Vec<_>>();
        // JSON may hold what YAML may not.
        let theirs = serde_json::from_str(&case.decrypted).map(|one| vec![one]);
        assert_eq!(
            json(&ours.text),
            theirs.unwrap_or_else(|_| json(&case.decrypted)),
            "{}:\n{}",
            case.name,
            ours.text
        );
    }
}

#[test]
fn each_line_stays_where_it_is() {
    for case in cases() {
        let ours = opened(&case.name, &case.encrypted, &keys(&["alice"])).unwrap();
        let of = |text: &str| {
            let mut found = Vec::new();
            documents(text).iter().for_each(|document| places(document, &mut found));
            found
        };
        assert_eq!(of(&ours.text), of(&case.encrypted), "{}", case.name);
        assert_eq!(ours.text.lines().count(), case.encrypted.lines().count(), "{}", case.name);
    }
}

#[test]
fn what_was_encrypted_is_told_with_its_lines() {
    let case = case("secret");
    let ours = opened("secret", &case.encrypted, &keys(&["alice"])).unwrap();
    let texts: Vec<&str> = ours.values.iter().map(|value| value.text.as_str()).collect();
    assert_eq!(texts, ["lake", "correct-horse-battery", "bGljZW5zZS1vZi10aGUtbGFrZQ=="]);
    for value in &ours.values {
        let line = case.encrypted.lines().nth(value.line as usize - 1).unwrap();
        assert!(line.contains("ENC[AES256_GCM"), "{line}");
    }
}

#[test]
fn any_key_of_several_opens_a_file_for_several() {
    let both = case("recipients");
    for names in [&["bob"][..], &["alice"], &["mallory", "bob"], &["bob", "alice"]] {
        assert!(opened("recipients", &both.encrypted, &keys(names)).is_ok(), "{names:?}");
    }
}

#[test]
fn without_a_fitting_key_the_error_names_whose_is_wanted_and_whose_there_is() {
    let case = case("plain");
    let (alice, mallory) = (keys(&["alice"]).public_keys(), keys(&["mallory"]).public_keys());
    let error = open("values/minio.yaml", &case.encrypted, &keys(&["mallory"])).err().unwrap();
    assert!(matches!(error, SopsError::NoneFits { .. }), "{error:?}");
    let text = error.to_string();
    for part in ["values/minio.yaml", &alice[0], &mallory[0], "sops updatekeys", "--sops-age-keys"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let mut none = Keyring::default();
    none.note("/run/keys has no file that ends in .agekey".to_owned());
    let error = open("values/minio.yaml", &case.encrypted, &none).err().unwrap();
    assert!(matches!(error, SopsError::NoKeys { .. }), "{error:?}");
    assert!(error.to_string().contains(&alice[0]) && error.to_string().contains("/run/keys"), "{error}");
}

/// What sops refuses, we refuse: each with the file, and the line where there is one.
#[test]
fn what_sops_refuses_is_refused_and_named() {
    const MAC: &str = "its MAC does not match";
    const PLAIN: &str = "is not encrypted, though";
    const MOVED: &str = "does not decrypt";
    let expected = [
        ("added-value", MAC),
        ("changed-date", MAC),
        ("changed-mac", MAC),
        ("changed-tag", "hostile/changed-tag.yaml:2: password does not decrypt"),
        ("changed-type", "hostile/changed-type.yaml:2: password is not of the type that it says"),
        ("changed-value", "hostile/changed-value.yaml:2: password does not decrypt"),
        ("damaged-data-key", "data key for age1"),
        ("emptied-value", MAC),
        ("foreign-value", MOVED),
        ("mac-only-encrypted", MAC),
        ("no-mac", MAC),
        ("plain-number", PLAIN),
        ("plain-value", PLAIN),
        ("removed-value", MAC),
        ("renamed-key", MOVED),
        ("swapped-items", MAC),
        ("swapped-lines", MAC),
        ("swapped-values", MOVED),
    ];
    let files = fs::read_dir(root().join("hostile")).unwrap().count();
    assert_eq!(files, expected.len(), "a hostile file that nobody expects, or one that is not there");
    for (name, words) in expected {
        let file = format!("hostile/{name}.yaml");
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let error = open(&file, &text, &keys(&["alice"])).err().unwrap_or_else(|| panic!("{name} is opened"));
        assert!(error.to_string().contains(words), "{name}: {error}");
        assert!(error.to_string().starts_with(&file), "{name}: {error}");
        assert!(!error.to_string().contains("hunter2"), "{name}: {error}");
    }
}

#[test]
fn formats_and_keys_that_are_not_read_are_named() {
    for (file, words) in [
        ("refused-dotenv/encrypted.env", "as dotenv"),
        ("refused-ini/encrypted.ini", "as ini"),
        ("refused-key-groups/encrypted.yaml", "2 key groups"),
    ] {
        let text = fs::read_to_string(root().join("cases").join(file)).unwrap();
        let error = open(file, &text, &keys(&["alice", "bob"])).err().unwrap();
        assert!(error.to_string().contains(words), "{file}: {error}");
    }
}

#[test]
fn nothing_that_a_file_says_makes_opening_it_panic() {
    let keys = keys(&["alice"]);
    for case in cases() {
        // Each character left out, and the text cut there, as far as a test can afford it.
        let step = 1 + case.encrypted.len() / 150;
        for (at, c) in case.encrypted.char_indices().step_by(step) {
            let without = format!("{}{}", &case.encrypted[..at], &case.encrypted[at + c.len_utf8()..]);
            let _ = open("f", &without, &keys);
            let _ = open("f", &case.encrypted[..at], &keys);
        }
    }
}
