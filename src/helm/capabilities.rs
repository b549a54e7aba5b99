//! `.Capabilities`: what templates may know of the cluster (Helm's pkg/chart/common/capabilities.go).

use std::any::Any;
use std::rc::Rc;
use std::sync::Arc;

use super::go::quote::quote;
use super::signature::{Param, Signature};
use super::template::HelmVersion;
use super::value::{List, Object, Str, Value};

/// The Kubernetes version that Helm 4.3.1 assumes without a cluster.
pub const DEFAULT_KUBE_VERSION: &str = "v1.37.0";

/// The API versions that Helm 4.3.1 assumes without a cluster, in its order.
pub const DEFAULT_API_VERSIONS: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// A Kubernetes version as templates see it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KubeVersion {
    version: Str,
    normalized: Str,
    major: Str,
    minor: Str,
}

/// A text that is no version of Kubernetes; the text is Helm's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct KubeVersionError {
    reason: String,
}

impl KubeVersion {
    /// Reads `v1.36.3`, `1.36`, `v1.33.4-gke.1245000`...: numbers behind an optional `v`, then anything.
    pub fn parse(text: &str) -> Result<Self, KubeVersionError> {
        let fail = |reason: String| Err(KubeVersionError { reason });
        let trimmed = text.trim_start();
        let trimmed = trimmed.strip_prefix('v').unwrap_or(trimmed);
        let end = trimmed.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(trimmed.len());
        let mut numbers = &trimmed[..end];
        // A dot belongs to the version only between numbers.
        while let Some(shorter) = numbers.strip_suffix('.') {
            numbers = shorter;
        }
        let numbers = numbers.split("..").next().unwrap_or_default();
        if numbers.is_empty() || numbers.starts_with('.') {
            return fail(format!("could not parse {} as version", quote(text)));
        }
        let components: Vec<&str> = numbers.split('.').collect();
        if components.len() < 2 {
            return fail(format!("illegal version string {}", quote(text)));
        }
        let major = components[0];
        if major.len() > 1 && major.starts_with('0') {
            return fail(format!(
                "illegal zero-prefixed version component {} in {}",
                quote(major),
                quote(text)
            ));
        }
        let version = if text.starts_with('v') { text.to_owned() } else { format!("v{text}") };
        Ok(Self {
            version: version.into(),
            normalized: format!("v{numbers}").into(),
            major: components[0].into(),
            minor: components[1].into(),
        })
    }

    /// The whole version, with its `v`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The version without what stands behind its numbers: what a chart's `kubeVersion` is checked against.
    pub fn normalized(&self) -> &str {
        &self.normalized
    }
}

/// What the cluster offers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Capabilities {
    /// The cluster's version.
    pub kube_version: KubeVersion,
    /// What it serves: `apps/v1`, and `apps/v1/Deployment` where kinds are known.
    pub api_versions: Arc<[Arc<str>]>,
}

impl Default for Capabilities {
    /// What Helm 4.3.1 assumes without a cluster.
    fn default() -> Self {
        Self {
            kube_version: KubeVersion {
                version: DEFAULT_KUBE_VERSION.into(),
                normalized: DEFAULT_KUBE_VERSION.into(),
                major: "1".into(),
                minor: "37".into(),
            },
            api_versions: DEFAULT_API_VERSIONS.into_iter().map(Arc::from).collect(),
        }
    }
}

impl Capabilities {
    /// What a cluster of this version offers, and nothing else.
    pub fn of_cluster<S: AsRef<str>>(
        kube_version: KubeVersion,
        api_versions: impl IntoIterator<Item = S>,
    ) -> Self {
        let api_versions = api_versions.into_iter().map(|version| Arc::from(version.as_ref())).collect();
        Self { kube_version, api_versions }
    }

    /// The same with more API versions.
    pub fn with_api_versions<S: AsRef<str>>(mut self, more: impl IntoIterator<Item = S>) -> Self {
        let more = more.into_iter().map(|version| Arc::from(version.as_ref()));
        self.api_versions = self.api_versions.iter().cloned().chain(more).collect();
        self
    }

    /// The value of `.Capabilities`.
    pub(super) fn value(&self, helm: HelmVersion) -> Value {
        let kube_version = SeenVersion { version: self.kube_version.clone(), helm };
        let api_versions = VersionSet { versions: Arc::clone(&self.api_versions), helm };
        Value::Object(Rc::new(SeenCapabilities { kube_version, api_versions, helm: BuildInfo(helm) }))
    }
}

/// What a template sees of them: the types' names and some fields are not the same in Helm 3.
#[derive(Clone, Debug)]
struct SeenCapabilities {
    kube_version: SeenVersion,
    api_versions: VersionSet,
    helm: BuildInfo,
}

impl Object for SeenCapabilities {
    fn type_name(&self) -> &'static str {
        match self.helm.0 {
            HelmVersion::Helm4 => "*common.Capabilities",
            HelmVersion::Helm3 => "*chartutil.Capabilities",
        }
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "KubeVersion" => Value::Object(Rc::new(self.kube_version.clone())),
            "APIVersions" => Value::Object(Rc::new(self.api_versions.clone())),
            "HelmVersion" => Value::Object(Rc::new(self.helm)),
            _ => return None,
        })
    }

    fn members(&self) -> Option<Vec<(&'static str, Value)>> {
        let fields = ["KubeVersion", "APIVersions", "HelmVersion"];
        Some(fields.map(|name| (name, self.field(name).unwrap_or_default())).into())
    }

    fn json_members(&self) -> Option<Vec<(&'static str, Value)>> {
        self.members()
    }

    fn print(&self) -> String {
        let KubeVersion { version, normalized, major, minor } = &self.kube_version.version;
        let version = match self.helm.0 {
            HelmVersion::Helm4 => format!("{version} {normalized}"),
            HelmVersion::Helm3 => normalized.to_string(),
        };
        let (versions, helm) = (self.api_versions.print(), self.helm.print());
        format!("&{{{{{version} {major} {minor}}} {versions} {helm}}}")
    }

    fn json(&self) -> Value {
        Value::map(["KubeVersion", "APIVersions", "HelmVersion"].map(|name| {
            let field = match self.field(name) {
                Some(Value::Object(object)) => object.json(),
                _ => Value::Nil,
            };
            (name, field)
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.KubeVersion`.
#[derive(Clone, Debug)]
struct SeenVersion {
    version: KubeVersion,
    helm: HelmVersion,
}

impl SeenVersion {
    /// The version with all that stands behind its numbers, which Helm 3 does not keep.
    fn whole(&self) -> &Str {
        match self.helm {
            HelmVersion::Helm4 => &self.version.version,
            HelmVersion::Helm3 => &self.version.normalized,
        }
    }
}

impl Object for SeenVersion {
    fn type_name(&self) -> &'static str {
        match self.helm {
            HelmVersion::Helm4 => "common.KubeVersion",
            HelmVersion::Helm3 => "chartutil.KubeVersion",
        }
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::Str(Str::clone(self.whole()))),
            "Major" => Some(Value::Str(Str::clone(&self.version.major))),
            "Minor" => Some(Value::Str(Str::clone(&self.version.minor))),
            _ => None,
        }
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "String" | "GitVersion").then(|| Signature::fixed(&[]))
    }

    fn call(&self, name: &str, _arguments: &[Value]) -> Result<Value, String> {
        Ok(Value::Str(Str::clone(if name == "GitVersion" { self.whole() } else { &self.version.normalized })))
    }

    fn members(&self) -> Option<Vec<(&'static str, Value)>> {
        let mut members = self.json_members()?;
        if self.helm == HelmVersion::Helm4 {
            members.insert(1, ("normalizedVersion", Value::Str(Str::clone(&self.version.normalized))));
        }
        Some(members)
    }

    fn json_members(&self) -> Option<Vec<(&'static str, Value)>> {
        Some(["Version", "Major", "Minor"].map(|name| (name, self.field(name).unwrap_or_default())).into())
    }

    fn print(&self) -> String {
        self.version.normalized.to_string()
    }

    fn json(&self) -> Value {
        Value::map(self.json_members().into_iter().flatten())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.APIVersions`.
#[derive(Clone, Debug)]
struct VersionSet {
    versions: Arc<[Arc<str>]>,
    helm: HelmVersion,
}

impl Object for VersionSet {
    fn type_name(&self) -> &'static str {
        match self.helm {
            HelmVersion::Helm4 => "common.VersionSet",
            HelmVersion::Helm3 => "chartutil.VersionSet",
        }
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        None
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Has").then(|| Signature::fixed(&[Param::Str]))
    }

    fn call(&self, _name: &str, arguments: &[Value]) -> Result<Value, String> {
        let wanted = arguments.first().and_then(Value::as_str).unwrap_or_default();
        Ok(Value::Bool(self.versions.iter().any(|version| &**version == wanted)))
    }

    fn print(&self) -> String {
        format!("[{}]", self.versions.join(" "))
    }

    fn content(&self) -> Option<Value> {
        Some(Value::List(List::strings(self.versions.iter().cloned())))
    }

    fn truth(&self) -> bool {
        !self.versions.is_empty()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.HelmVersion`: of its fields only the version is told.
#[derive(Clone, Copy, Debug)]
struct BuildInfo(HelmVersion);

impl BuildInfo {
    fn version(self) -> &'static str {
        match self.0 {
            HelmVersion::Helm4 => "v4.3.1",
            HelmVersion::Helm3 => "v3.22.0",
        }
    }
}

impl Object for BuildInfo {
    fn type_name(&self) -> &'static str {
        "version.BuildInfo"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Version" => Some(Value::from(self.version())),
            "KubeClientVersion" if self.0 == HelmVersion::Helm3 => None,
            "GitCommit" | "GitTreeState" | "GoVersion" | "KubeClientVersion" => Some(Value::from("")),
            _ => None,
        }
    }

    fn members(&self) -> Option<Vec<(&'static str, Value)>> {
        let fields = ["Version", "GitCommit", "GitTreeState", "GoVersion", "KubeClientVersion"];
        Some(fields.into_iter().filter_map(|name| Some((name, self.field(name)?))).collect())
    }

    fn print(&self) -> String {
        let others = if self.0 == HelmVersion::Helm4 { "    " } else { "   " };
        format!("{{{}{others}}}", self.version())
    }

    fn json(&self) -> Value {
        Value::map([("version", Value::from(self.version()))])
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_keeps_its_text_and_gives_its_numbers() {
        for (text, version, normalized, minor) in [
            ("1.36", "v1.36", "v1.36", "36"),
            ("v1.36.3", "v1.36.3", "v1.36.3", "36"),
            ("v1.33.4-gke.1245000", "v1.33.4-gke.1245000", "v1.33.4", "33"),
            ("1.20+", "v1.20+", "v1.20", "20"),
        ] {
            let parsed = KubeVersion::parse(text).unwrap();
            assert_eq!((parsed.version(), parsed.normalized(), &*parsed.minor), (version, normalized, minor));
        }
    }

    #[test]
    fn what_is_no_version_is_refused() {
        assert_eq!(KubeVersion::parse("abc").unwrap_err().to_string(), "could not parse \"abc\" as version");
        assert_eq!(KubeVersion::parse("1").unwrap_err().to_string(), "illegal version string \"1\"");
    }

    #[test]
    fn the_api_versions_can_be_asked_for() {
        let capabilities = Capabilities::default().with_api_versions(["cert-manager.io/v1"]);
        let Value::Object(seen) = capabilities.value(HelmVersion::Helm4) else { panic!("an object") };
        let Some(Value::Object(versions)) = seen.field("APIVersions") else { panic!("there are versions") };
        let has = |name: &str| versions.call("Has", &[Value::from(name)]).unwrap().truth();
        assert!(has("apps/v1") && has("cert-manager.io/v1"));
        assert!(!has("apps/v9"));
    }
}
