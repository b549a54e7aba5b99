//! What a test has of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::agent::Agent;
use crate::control_plane::{Audited, ControlPlane};
use crate::proxy::Proxy;

/// Far more than anything takes; a test that waits so long has failed.
const LIMIT: Duration = Duration::from_mins(5);

pub struct Scene {
    /// The environment's name, and its namespace's.
    pub name: String,
    pub plane: Arc<ControlPlane>,
    folder: TempDir,
    repository: git2::Repository,
    agents: Vec<Agent>,
    /// What this agent is called in the audit log.
    user: String,
    proxy: Option<Proxy>,
}

impl Scene {
    pub fn new() -> Self {
        Self::on(ControlPlane::shared())
    }

    pub fn on(plane: Arc<ControlPlane>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let random: String = folder.path().to_string_lossy().to_lowercase();
        let suffix: String = random.chars().rev().filter(char::is_ascii_alphanumeric).take(6).collect();
        let name = format!("t-{suffix}");
        let repository = git2::Repository::init_bare(folder.path().join("remote.git")).unwrap();
        repository.set_head("refs/heads/main").unwrap();
        let user = format!("agent-of-{name}");
        plane.kubeconfig_of(&user, &folder.path().join("kubeconfig"));
        Self { name, plane, folder, repository, agents: Vec::new(), user, proxy: None }
    }

    /// The shortest way to a scene: one component `app` of plain manifests, applied by an agent.
    pub fn with(manifests: &str) -> Self {
        let mut scene = Self::new();
        scene.push(&[
            ("environment", "components: [{name: app, manifests: app}]"),
            ("app/all.yaml", manifests),
        ]);
        scene.start();
        scene.settles();
        scene
    }

    /// Commits files to the branch; `environment` stands for the environment's file, of which only the spec is given,
    /// without its namespace. Empty text deletes a file. Returns the commit's short name.
    pub fn push(&self, files: &[(&str, &str)]) -> String {
        let files: Vec<(String, Vec<u8>)> = files
            .iter()
            .map(|(path, text)| match *path {
                "environment" => (
                    format!("environments/{}/environment.yaml", self.name),
                    self.environment_file(text).into_bytes(),
                ),
                path => (path.to_owned(), text.as_bytes().to_vec()),
            })
            .collect();
        self.commit(&files, git2::FileMode::Blob)
    }

    /// The environment's file with this spec.
    pub fn environment_file(&self, spec: &str) -> String {
        let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        let name = &self.name;
        format!(
            "apiVersion: mooring.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\nspec:\n  namespace: {name}\n{spec}"
        )
    }

    /// Commits files of one mode.
    pub fn commit(&self, files: &[(String, Vec<u8>)], mode: git2::FileMode) -> String {
        let repository = &self.repository;
        let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let mut update = git2::build::TreeUpdateBuilder::new();
        for (path, bytes) in files {
            if bytes.is_empty() {
                update.remove(path.as_str());
            } else {
                update.upsert(path.as_str(), repository.blob(bytes).unwrap(), mode);
            }
        }
        let empty = repository.treebuilder(None).unwrap().write().unwrap();
        let base = match &parent {
            Some(parent) => parent.tree().unwrap(),
            None => repository.find_tree(empty).unwrap(),
        };
        self.commit_tree(update.create_updated(repository, &base).unwrap())
    }

    fn commit_tree(&self, tree: git2::Oid) -> String {
        let repository = &self.repository;
        let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let tree = repository.find_tree(tree).unwrap();
        let author = git2::Signature::now("A test", "test@example.org").unwrap();
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let commit =
            repository.commit(Some("refs/heads/main"), &author, &author, "change", &tree, &parents).unwrap();
        commit.to_string()[..7].to_owned()
    }

    /// Commits a folder with a million files: all of them one blob, in a thousand folders that are one tree.
    pub fn commit_a_million_files(&self, folder: &str) {
        let repository = &self.repository;
        let blob = repository.blob(config_map("one-of-many", &[]).as_bytes()).unwrap();
        let tree_of = |id, mode, suffix: &str| {
            let mut tree = repository.treebuilder(None).unwrap();
            (0..1000).for_each(|n| drop(tree.insert(format!("{n:04}{suffix}"), id, mode).unwrap()));
            tree.write().unwrap()
        };
        let inner = tree_of(blob, git2::FileMode::Blob.into(), ".yaml");
        let outer = tree_of(inner, git2::FileMode::Tree.into(), "");
        let base = repository.head().unwrap().peel_to_tree().unwrap();
        let mut update = git2::build::TreeUpdateBuilder::new();
        update.upsert(folder, outer, git2::FileMode::Tree);
        self.commit_tree(update.create_updated(repository, &base).unwrap());
    }

    /// The short name of the branch's newest commit.
    pub fn head(&self) -> String {
        self.repository.refname_to_id("refs/heads/main").unwrap().to_string()[..7].to_owned()
    }

    pub fn remote(&self) -> PathBuf {
        self.folder.path().join("remote.git")
    }

    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// From now on agents talk to the API server through this proxy.
    pub fn through(&mut self, proxy: Proxy) {
        std::fs::write(self.folder.path().join("kubeconfig"), proxy.kubeconfig()).unwrap();
        self.proxy = Some(proxy);
    }

    pub fn proxy(&self) -> &Proxy {
        self.proxy.as_ref().unwrap()
    }

    /// The arguments that tell `mooring` where to read and where to apply.
    pub fn arguments(&self, state: &str) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            "--repo".to_owned(),
            format!("file://{}", self.remote().display()),
            "--kubeconfig".to_owned(),
            path("kubeconfig"),
            "--agent-namespace".to_owned(),
            self.agent_namespace(),
            "--state-dir".to_owned(),
            path(state),
            "--interval".to_owned(),
            "300ms".to_owned(),
        ]
    }

    pub fn agent_namespace(&self) -> String {
        format!("mooring-{}", self.name)
    }

    /// Starts an agent. It keeps the state folder of the one before, as after a restart.
    pub fn start(&mut self) -> Agent {
        self.start_with("state", &["--no-listen"])
    }

    /// Starts an agent with a state folder and further arguments.
    pub fn start_with(&mut self, state: &str, more: &[&str]) -> Agent {
        let mut arguments = vec!["agent".to_owned(), "--environment".to_owned(), self.name.clone()];
        arguments.extend(self.arguments(state));
        arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
        self.run(&arguments)
    }

    /// Starts any command.
    pub fn run(&mut self, arguments: &[String]) -> Agent {
        self.run_with(arguments, &[])
    }

    /// Starts any command with variables of its environment.
    pub fn run_with(&mut self, arguments: &[String], variables: &[(&str, &str)]) -> Agent {
        let log = self.folder.path().join(format!("agent-{}.log", self.agents.len()));
        let agent = Agent::start("debug", arguments, variables, &log);
        if let Some(proxy) = &self.proxy {
            proxy.victim(agent.clone());
        }
        self.agents.push(agent.clone());
        agent
    }

    /// The agent that was started last.
    pub fn agent(&self) -> &Agent {
        self.agents.last().expect("an agent was started")
    }

    /// Waits until the newest commit is applied.
    pub fn settles(&self) {
        self.settles_at(&self.head());
    }

    pub fn settles_at(&self, commit: &str) {
        let words = format!(" is at {commit}");
        self.wait_until(&format!("{commit} is applied"), || self.agent().said(&words));
    }

    /// Waits for a condition. It fails only after a time that no slow machine needs.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < LIMIT, "it did not come about: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The path of an object in the scene's namespace, by a plural such as `configmaps` or `apps/v1/deployments`.
    pub fn path(&self, plural: &str, name: &str) -> String {
        let (api, plural) = match plural.rsplit_once('/') {
            Some((group, plural)) => (format!("/apis/{group}"), plural),
            None => ("/api/v1".to_owned(), plural),
        };
        format!("{api}/namespaces/{}/{plural}/{name}", self.name)
    }

    /// An object in the scene's namespace.
    pub fn get(&self, plural: &str, name: &str) -> Option<Value> {
        self.plane.get(&self.path(plural, name))
    }

    /// A ConfigMap's entry.
    pub fn datum(&self, name: &str, key: &str) -> Option<String> {
        self.get("configmaps", name)?["data"][key].as_str().map(ToOwned::to_owned)
    }

    /// kubectl, in the scene's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--namespace", &self.name];
        all.extend(arguments);
        self.plane.kubectl(&all)
    }

    /// The Environment's status.
    pub fn status(&self) -> Value {
        let path = format!("/apis/mooring.dev/v1alpha1/environments/{}", self.name);
        self.plane.get(&path).map(|mut environment| environment["status"].take()).unwrap_or_default()
    }

    /// A condition of the Environment: its status and message.
    pub fn condition(&self, kind: &str) -> (String, String) {
        let status = self.status();
        let conditions = status["conditions"].as_array();
        let found = conditions.into_iter().flatten().find(|condition| condition["type"] == kind);
        let text = |key: &str| found.and_then(|found| found[key].as_str()).unwrap_or_default().to_owned();
        (text("status"), text("message"))
    }

    /// Waits for the first drift record of an object.
    pub fn drift_of(&self, name: &str) -> Value {
        self.wait_until(&format!("a drift of {name} is reported"), || {
            !self.agent().drifts_of(name).is_empty()
        });
        self.agent().drifts_of(name).swap_remove(0)
    }

    /// A change that the agent is sure to put back: when it has, it has also seen what happened before.
    pub fn disturb(&self, name: &str, key: &str) {
        let before = self.agent().drifts_of(name).len();
        let wanted = self.datum(name, key);
        self.kubectl(&[
            "patch",
            "configmap",
            name,
            "--patch",
            &json!({"data": {key: "disturbed"}}).to_string(),
        ]);
        self.wait_until("a value is put back", || {
            self.agent().drifts_of(name).len() > before && self.datum(name, key) == wanted
        });
    }

    /// Makes the namespace before the agent does.
    pub fn make_namespace(&self) {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.name}});
        self.plane.post("/api/v1/namespaces", &body);
    }

    /// All Events in the scene's namespace.
    pub fn events(&self) -> Vec<Value> {
        let path = format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.name);
        self.plane.get(&path).unwrap()["items"].as_array().unwrap().clone()
    }

    /// What this scene's agents asked the API server for, in order.
    pub fn requests(&self) -> Vec<Audited> {
        self.plane.requests_of(&self.user)
    }

    /// Waits until the agents ask nothing any more but to watch and for the lease. Returns how much they asked so far.
    pub fn quiet(&self) -> usize {
        let busy = || {
            let requests = self.requests();
            let count =
                requests.iter().filter(|request| request.verb != "watch" && !request.is_of_the_lease());
            count.count()
        };
        let mut seen = (busy(), Instant::now());
        self.wait_until("the agent has come to rest", || {
            let now = busy();
            if now != seen.0 {
                seen = (now, Instant::now());
            }
            seen.1.elapsed() > Duration::from_secs(4)
        });
        self.requests().len()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (index, agent) in self.agents.iter().enumerate() {
                eprintln!("--- agent {index} of {} said:\n{}", self.name, agent.text());
            }
            let arguments = ["get", "configmaps,secrets,services,deployments,events", "--output", "yaml"];
            let look = std::panic::AssertUnwindSafe(|| self.kubectl(&arguments));
            eprintln!(
                "--- objects in {}:\n{}",
                self.name,
                std::panic::catch_unwind(look).unwrap_or_default()
            );
        }
        self.agents.iter().for_each(Agent::kill);
    }
}

/// A ConfigMap as YAML, a document of its own.
pub fn config_map(name: &str, data: &[(&str, &str)]) -> String {
    let data: String = data.iter().map(|(key, value)| format!("  {key}: {}\n", json!(value))).collect();
    format!("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{data}")
}

/// A Deployment as YAML; the simulated node makes its pods ready.
pub fn deployment(name: &str, replicas: u32) -> String {
    format!(
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
         containers:\n        - name: main\n          image: example.org/pause:1\n          resources: {{limits: {{memory: 64Mi}}}}\n"
    )
}

/// The managers of an object's managedFields.
pub fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    entries.iter().map(|entry| entry["manager"].as_str().unwrap().to_owned()).collect()
}

/// A CustomResourceDefinition of a namespaced kind, as YAML.
pub fn crd(group: &str, kind: &str) -> String {
    let singular = kind.to_lowercase();
    format!(
        "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {singular}s.{group}}}\nspec:\n  \
         group: {group}\n  scope: Namespaced\n  names: {{kind: {kind}, plural: {singular}s, singular: {singular}}}\n  versions:\n    \
         - name: v1\n      served: true\n      storage: true\n      schema:\n        openAPIV3Schema: {{type: object, \
         x-kubernetes-preserve-unknown-fields: true}}\n"
    )
}
