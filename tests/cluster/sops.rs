//! Files that SOPS encrypted: applied decrypted, watched, and never seen in plain text anywhere.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::agent::Agent;
use crate::scene::{Scene, config_map};

const CHART: &str = "apiVersion: v2\nname: app\nversion: 0.1.0\n";
/// What charts make of values: as they are inside of others, and in forms that nobody would look for.
const TEMPLATES: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: app}\ndata:\n  \
     url: postgres://{{ .Values.user }}:{{ .Values.password }}@{{ index .Values.hosts 0 }}:{{ .Values.port }}/lake\n  \
     loud: {{ .Values.password | upper }}\n  open: seen\n";
/// What `password` and `rootPassword` of the encrypted files are, in each form of the templates and of Secrets.
const PLAIN: [&str; 6] = [
    "hunter2-hunter2",
    "HUNTER2-HUNTER2",
    "admin-of-the-lake",
    "correct-horse-battery",
    "Y29ycmVjdC1ob3JzZS1iYXR0ZXJ5",
    "AGE-SECRET-KEY-",
];

fn golden(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/sops").join(path)
}

fn fixture(path: &str) -> String {
    std::fs::read_to_string(golden(path)).unwrap()
}

/// A scene with an encrypted Secret, an encrypted values file, and a component that has nothing to hide.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.push(&[
        (
            "environment",
            "components:\n- {name: minio, manifests: minio}\n- {name: app, chart: app, values: [values/app.sops.yaml]}\n\
             - {name: good, manifests: good}",
        ),
        ("minio/secret.yaml", &fixture("cases/secret/encrypted.yaml")),
        ("minio/.sops.yaml", "creation_rules: [{age: age1}]\n"),
        (&format!("environments/{}/values/app.sops.yaml", scene.name), &fixture("cases/plain/encrypted.yaml")),
        ("app/Chart.yaml", CHART),
        ("app/templates/all.yaml", TEMPLATES),
        ("good/all.yaml", &config_map("good", &[("a", "1")])),
    ]);
    scene
}

fn password(scene: &Scene) -> Option<String> {
    let secret = scene.get("secrets", "minio")?;
    let data = BASE64.decode(secret["data"]["rootPassword"].as_str()?).unwrap();
    Some(String::from_utf8(data).unwrap())
}

/// Nothing that anybody can read tells a value.
fn nothing_tells(scene: &Scene, said: &[&Agent]) {
    let environment = format!("/apis/mooring.dev/v1alpha1/environments/{}", scene.name);
    let mut told: Vec<String> = said.iter().map(|agent| agent.text()).collect();
    told.push(Value::from(scene.events()).to_string());
    told.push(scene.plane.get(&environment).unwrap().to_string());
    let inventory = format!("/api/v1/namespaces/{}/configmaps", scene.agent_namespace());
    told.push(scene.plane.get(&inventory).unwrap().to_string());
    for plain in PLAIN {
        assert!(!told.iter().any(|text| text.contains(plain)), "{plain} is told");
    }
}

fn shown(record: &Value, path: &str) -> (String, String) {
    let fields = record["fields"].as_array().unwrap();
    let field =
        fields.iter().find(|field| field["path"] == path).unwrap_or_else(|| panic!("{path}: {record}"));
    (field["wanted"].as_str().unwrap().to_owned(), field["found"].as_str().unwrap().to_owned())
}

#[test]
fn what_sops_encrypted_is_applied_kept_and_never_told() {
    let mut scene = scene();
    let keys = golden("keys/alice.agekey").display().to_string();
    let agent = scene.start_with("state", &["--no-listen", "--sops-age-keys", &keys]);
    scene.settles();
    assert_eq!(password(&scene).as_deref(), Some("correct-horse-battery"));
    let url = "postgres://admin-of-the-lake:hunter2-hunter2@one.example.org:5432/lake";
    assert_eq!(scene.datum("app", "url").as_deref(), Some(url));
    assert_eq!(scene.datum("app", "loud").as_deref(), Some("HUNTER2-HUNTER2"));

    // What somebody changes is put back; what stood there, and what is put there, may both be secrets.
    scene.kubectl(&[
        "patch",
        "secret",
        "minio",
        "--patch",
        r#"{"stringData": {"rootPassword": "by-hand-by-hand"}}"#,
    ]);
    scene.wait_until("it is put back", || password(&scene).as_deref() == Some("correct-horse-battery"));
    let (wanted, found) = shown(&scene.drift_of("minio"), "data.rootPassword");
    assert!(
        wanted.starts_with("secret (") && found.starts_with("secret (") && wanted != found,
        "{wanted} {found}"
    );
    scene.kubectl(&[
        "patch",
        "configmap",
        "app",
        "--patch",
        r#"{"data": {"url": "by-hand-by-hand", "loud": "BY-HAND-BY-HAND", "open": "closed"}}"#,
    ]);
    scene.wait_until("it is put back", || scene.datum("app", "loud").as_deref() == Some("HUNTER2-HUNTER2"));
    let record = scene.drift_of("app");
    for path in ["data.url", "data.loud"] {
        let (wanted, found) = shown(&record, path);
        assert!(wanted.starts_with("secret (") && found.starts_with("secret ("), "{path}: {wanted} {found}");
    }
    assert_eq!(shown(&record, "data.open"), ("seen".to_owned(), "closed".to_owned()));

    // A plan says as little.
    let template = TEMPLATES.replace("| upper", "| upper | replace \"H\" \"J\"").replace("/lake", "/pond");
    scene.push(&[("app/templates/all.yaml", &template)]);
    agent.kill();
    let mut plan = vec!["plan".to_owned(), scene.name.clone(), "--output".to_owned(), "json".to_owned()];
    plan.extend(scene.arguments("plan"));
    plan.extend(["--sops-age-keys".to_owned(), keys]);
    let plan = scene.run(&plan);
    scene.wait_until("the plan is made", || plan.ended().is_some());
    assert_eq!(plan.ended().and_then(|status| status.code()), Some(2), "{}", plan.text());
    assert!(plan.text().contains("data.loud") && plan.text().contains("secret ("), "{}", plan.text());
    assert!(!plan.text().contains("JUNTER2"), "{}", plan.text());
    nothing_tells(&scene, &[&agent, &plan]);
    assert!(
        !agent.text().contains("by-hand-by-hand") && !agent.text().contains("BY-HAND"),
        "what was put there"
    );
}

#[test]
fn without_the_key_only_what_is_encrypted_fails_until_the_key_comes() {
    let mut scene = scene();
    let keys = scene.folder().join("keys");
    std::fs::create_dir(&keys).unwrap();
    let agent = scene.start_with("state", &["--no-listen", "--sops-age-keys", &keys.display().to_string()]);
    scene.settles();
    assert_eq!(scene.datum("good", "a").as_deref(), Some("1"));
    assert!(scene.get("secrets", "minio").is_none() && scene.get("configmaps", "app").is_none());
    let wanted =
        "for age1mwkz3p62yjtjm64wcqw20xahx328uz33sphspxqvfd4nn8hqj94sg77844, and no age key is given";
    assert!(agent.said_of("\"minio\"", &format!("minio/secret.yaml: SOPS encrypted it {wanted}")));
    assert!(agent.said_of("\"app\"", wanted) && agent.said_of("\"app\"", "no file that ends in .agekey"));
    scene.wait_until("the status tells", || scene.condition("Stalled").1.contains("cannot be rendered"));

    // Another's key is not ours; the right one is taken as soon as it is there.
    std::fs::copy(golden("keys/mallory.agekey"), keys.join("other.agekey")).unwrap();
    scene.wait_until("whose keys there are is said", || {
        agent.said_of("\"app\"", "the keys given are those of age1")
    });
    std::fs::copy(golden("keys/alice.agekey"), keys.join("right.agekey")).unwrap();
    scene.wait_until("it is applied", || password(&scene).as_deref() == Some("correct-horse-battery"));
    scene.wait_until("so is the chart", || scene.datum("app", "open").as_deref() == Some("seen"));
    scene.wait_until("the status tells", || scene.condition("Stalled").0 != "True");
    assert!(agent.is_running());
    nothing_tells(&scene, &[&agent]);
}
