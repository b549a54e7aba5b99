use super::*;

#[test]
fn a_file_that_nobody_encrypted_is_no_affair_of_ours() {
    let keys = Keyring::default();
    for text in [
        "",
        "a: 1\n",
        "sops:\n  enabled: true # lastmodified\n",
        "sops: [lastmodified]\n",
        "lastmodified: sops: [",
    ] {
        assert!(open("f.yaml", text, &keys).unwrap().is_none(), "{text}");
    }
}

#[test]
fn other_formats_are_named() {
    let keys = Keyring::default();
    for (text, format) in [("a=ENC[...]\nsops_mac=x\n", "dotenv"), ("[a]\nb=c\n[sops]\nmac = x\n", "ini")] {
        let Err(error) = open("f", text, &keys) else { panic!("{text}") };
        assert!(error.to_string().contains(format), "{error}");
    }
}
