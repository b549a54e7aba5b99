//! A real Kafka with TLS and a login: what a person writes into a file for `--settings`.

use std::process::Output;

use tempfile::NamedTempFile;

use super::broker::{PASSWORD, USER, secure_broker};
use super::command::{WINDOW, err, manifest, out, run};
use super::reader::Reader;

/// Runs it with such a file. That no password is ever printed, not even among all that librdkafka says, is seen here.
fn with_login(password: &str, ca: &str, more: &[&str]) -> Output {
    let broker = secure_broker();
    let settings = NamedTempFile::new().unwrap();
    let ca = broker.certificates.path().join(ca);
    let text = format!(
        "# Kafka's login\nsecurity.protocol = SASL_SSL\nsasl.mechanisms = PLAIN\nsasl.username = {USER}\n\
         sasl.password = {password}\nssl.ca.location = {}\nbroker.address.family = v4\n",
        ca.display()
    );
    std::fs::write(settings.path(), text).unwrap();
    let path = settings.path().to_str().unwrap();
    let arguments =
        ["--dataset", "orders", "--window", WINDOW, "--fast", "--wait", "60", "--log-level", "trace"];
    let to = ["--bootstrap-servers", &broker.secure, "--settings", path];
    let output = run(&[&arguments[..], &to, more].concat());
    for words in [out(&output), err(&output)] {
        assert!(!words.contains(password), "the password is printed: {words}");
    }
    output
}

#[test]
fn a_window_goes_through_tls_and_a_login() {
    let broker = secure_broker();
    let plain = with_login(PASSWORD, "ca.crt", &["-o", "json", "--topic", "secured"]);
    assert_eq!(plain.status.code(), Some(0), "{}", err(&plain));
    assert!(Reader::whole(&broker.servers, "secured")[WINDOW].is(&manifest(&plain)));
    // With transactions a consumer looks at the manifests first: it needs the login, too.
    let once = ["-o", "json", "--topic", "secured-once", "--exactly-once"];
    let first = with_login(PASSWORD, "ca.crt", &once);
    assert_eq!(first.status.code(), Some(0), "{}", err(&first));
    let again = with_login(PASSWORD, "ca.crt", &once);
    assert!(again.status.success() && err(&again).contains("in already"), "{}", err(&again));
    assert!(Reader::whole(&broker.servers, "secured-once")[WINDOW].is(&manifest(&first)));
}

#[test]
fn a_wrong_password_is_said_at_once() {
    let output = with_login("wrong-battery", "ca.crt", &[]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("refused the login: "), "{}", err(&output));
    assert!(!err(&output).contains("did not answer"), "{}", err(&output));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_said_at_once() {
    let output = with_login(PASSWORD, "stranger.crt", &[]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("the broker's certificate is not trusted"), "{}", err(&output));
    assert!(err(&output).contains("ssl.ca.location"), "{}", err(&output));
    assert!(!err(&output).contains("did not answer"), "{}", err(&output));
}
