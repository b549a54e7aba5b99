//! `Chart.yaml`: what a chart says of itself, and Helm's checks of it (pkg/chart/v2).

use std::collections::{BTreeMap, BTreeSet};

use crate::helm::decode::{Decoder, Place};
use crate::helm::functions::semver::Version;
use crate::helm::go::quote::{is_print, quote};
use crate::helm::yaml::{Content, Node};

/// A chart's own description, from `Chart.yaml` and, for `apiVersion: v1`, `requirements.yaml`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The chart's name; an alias, where a parent gave one.
    pub name: String,
    /// The project's page.
    pub home: String,
    /// Addresses of the sources.
    pub sources: Vec<String>,
    /// The chart's version, a semantic version.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// Words to find it by.
    pub keywords: Vec<String>,
    /// Who keeps it; a null node is an error.
    pub maintainers: Vec<Option<Maintainer>>,
    /// The address of an icon.
    pub icon: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// Old Helm's condition for the whole chart; has no effect.
    pub condition: String,
    /// Old Helm's tags for the whole chart; has no effect.
    pub tags: String,
    /// The version of what the chart installs.
    pub app_version: String,
    /// Whether it should no longer be used.
    pub deprecated: bool,
    /// Free annotations; `None` where there are none.
    pub annotations: Option<BTreeMap<String, String>>,
    /// The Kubernetes versions it is for.
    pub kube_version: String,
    /// The charts it is made of; `None` is not the same as an empty list: nothing below is then processed.
    pub dependencies: Option<Vec<Option<Dependency>>>,
    /// `application`, `library` or nothing.
    pub chart_type: String,
}

/// Who keeps a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maintainer {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
    /// A page.
    pub url: String,
}

/// One chart that a chart depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The chart's name; the alias, once dependencies are processed.
    pub name: String,
    /// The range of versions.
    pub version: String,
    /// Where it comes from.
    pub repository: String,
    /// Paths of values that switch it, separated by commas.
    pub condition: String,
    /// Tags that switch it.
    pub tags: Vec<String>,
    /// Whether it is in.
    pub enabled: bool,
    /// Which of its values the parent takes over.
    pub import_values: Vec<ImportValue>,
    /// The name it goes by in the parent.
    pub alias: String,
}

/// A value that a parent takes over from a dependency.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportValue {
    /// A key under the child's `exports`, into the root of the parent's values.
    Export(String),
    /// A path of the child's values into a path of the parent's.
    Pair {
        /// The path in the child's values.
        child: String,
        /// The path in the parent's values; `.` is the root.
        parent: String,
    },
    /// Anything else: has no effect.
    Other,
}

impl Metadata {
    /// Whether it only offers definitions to others.
    pub fn is_library(&self) -> bool {
        self.chart_type.eq_ignore_ascii_case("library")
    }

    /// The dependencies; an empty slice where the list is missing.
    pub fn dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().flatten().flatten()
    }

    /// Reads a document over what is there, as Helm does with `requirements.yaml`.
    pub(super) fn read(&mut self, decoder: &mut Decoder, node: &Node) {
        const HOLDER: &str = "Metadata";
        let root = Place::root();
        decoder.object(node, &root, "v2.Metadata", |decoder, name, value| {
            let at = |field: &str| root.field(HOLDER, field);
            match name {
                "name" => decoder.text(value, &at("name"), &mut self.name),
                "home" => decoder.text(value, &at("home"), &mut self.home),
                "sources" => self.sources = decoder.texts(value, &at("sources")),
                "version" => decoder.text(value, &at("version"), &mut self.version),
                "description" => decoder.text(value, &at("description"), &mut self.description),
                "keywords" => self.keywords = decoder.texts(value, &at("keywords")),
                "maintainers" => {
                    let place = at("maintainers");
                    self.maintainers = decoder
                        .list(value, &place, "[]*v2.Maintainer", |decoder, item| {
                            maintainer(decoder, item, &place)
                        })
                        .unwrap_or_default();
                }
                "icon" => decoder.text(value, &at("icon"), &mut self.icon),
                "apiversion" => decoder.text(value, &at("apiVersion"), &mut self.api_version),
                "condition" => decoder.text(value, &at("condition"), &mut self.condition),
                "tags" => decoder.text(value, &at("tags"), &mut self.tags),
                "appversion" => decoder.text(value, &at("appVersion"), &mut self.app_version),
                "deprecated" => decoder.flag(value, &at("deprecated"), &mut self.deprecated),
                "annotations" => self.annotations = decoder.text_map(value, &at("annotations")),
                "kubeversion" => decoder.text(value, &at("kubeVersion"), &mut self.kube_version),
                "dependencies" => {
                    let place = at("dependencies");
                    self.dependencies = decoder.list(value, &place, "[]*v2.Dependency", |decoder, item| {
                        dependency(decoder, item, &place)
                    });
                }
                "type" => decoder.text(value, &at("type"), &mut self.chart_type),
                _ => {}
            }
        });
    }

    /// Cleans the texts and checks them. The error's text is Helm's.
    pub(super) fn validate(&mut self) -> Result<(), String> {
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ] {
            clean(text);
        }
        self.sources.iter_mut().chain(&mut self.keywords).for_each(clean);

        let invalid = |what: String| Err(format!("validation: {what}"));
        let name = &self.name;
        if self.api_version.is_empty() {
            return invalid("chart.metadata.apiVersion is required".into());
        }
        if name.is_empty() {
            return invalid("chart.metadata.name is required".into());
        }
        if name == "." || name == ".." {
            return invalid(format!("chart.metadata.name {} is not allowed", quote(name)));
        }
        if name.contains('/') {
            return invalid(format!("chart.metadata.name {} is invalid", quote(name)));
        }
        if self.version.is_empty() {
            return invalid("chart.metadata.version is required".into());
        }
        if Version::parse(&self.version).is_err() {
            return invalid(format!("chart.metadata.version {} is invalid", quote(&self.version)));
        }
        if !matches!(self.chart_type.as_str(), "" | "application" | "library") {
            return invalid("chart.metadata.type must be application or library".into());
        }
        for maintainer in &mut self.maintainers {
            let Some(maintainer) = maintainer else {
                return invalid("maintainers must not contain empty or null nodes".into());
            };
            [&mut maintainer.name, &mut maintainer.email, &mut maintainer.url].into_iter().for_each(clean);
        }
        let mut names = BTreeSet::new();
        for dependency in self.dependencies.iter_mut().flatten() {
            let Some(dependency) = dependency else {
                return invalid("dependencies must not contain empty or null nodes".into());
            };
            dependency.validate()?;
            let key = if dependency.alias.is_empty() { &dependency.name } else { &dependency.alias };
            if !names.insert(key.clone()) {
                return invalid(format!("more than one dependency with name or alias {}", quote(key)));
            }
        }
        Ok(())
    }
}

impl Dependency {
    fn validate(&mut self) -> Result<(), String> {
        for text in [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition] {
            clean(text);
        }
        self.tags.iter_mut().for_each(clean);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if self.alias.bytes().all(fits) {
            Ok(())
        } else {
            Err(format!(
                "validation: dependency {} has disallowed characters in the alias",
                quote(&self.name)
            ))
        }
    }
}

fn maintainer(decoder: &mut Decoder, node: &Node, place: &Place) -> Option<Maintainer> {
    if matches!(node.content, Content::Null) {
        return None;
    }
    let mut maintainer = Maintainer::default();
    decoder.object(node, place, "v2.Maintainer", |decoder, name, value| {
        let at = |field: &str| place.field("Maintainer", field);
        match name {
            "name" => decoder.text(value, &at("name"), &mut maintainer.name),
            "email" => decoder.text(value, &at("email"), &mut maintainer.email),
            "url" => decoder.text(value, &at("url"), &mut maintainer.url),
            _ => {}
        }
    });
    Some(maintainer)
}

fn dependency(decoder: &mut Decoder, node: &Node, place: &Place) -> Option<Dependency> {
    if matches!(node.content, Content::Null) {
        return None;
    }
    let mut dependency = Dependency::default();
    decoder.object(node, place, "v2.Dependency", |decoder, name, value| {
        let at = |field: &str| place.field("Dependency", field);
        match name {
            "name" => decoder.text(value, &at("name"), &mut dependency.name),
            "version" => decoder.text(value, &at("version"), &mut dependency.version),
            "repository" => decoder.text(value, &at("repository"), &mut dependency.repository),
            "condition" => decoder.text(value, &at("condition"), &mut dependency.condition),
            "tags" => dependency.tags = decoder.texts(value, &at("tags")),
            "enabled" => decoder.flag(value, &at("enabled"), &mut dependency.enabled),
            "import-values" => {
                dependency.import_values = decoder
                    .list(value, &at("import-values"), "[]interface {}", |_, item| import_value(item))
                    .unwrap_or_default();
            }
            "alias" => decoder.text(value, &at("alias"), &mut dependency.alias),
            _ => {}
        }
    });
    Some(dependency)
}

fn import_value(node: &Node) -> ImportValue {
    /// Go's `%v` of a value in `import-values`.
    fn shown(node: Option<&Node>) -> String {
        match node.map(|node| &node.content) {
            Some(Content::Str(text)) => text.clone(),
            Some(Content::Bool(value)) => value.to_string(),
            Some(Content::Int(value)) => value.to_string(),
            _ => "<nil>".to_owned(),
        }
    }
    match &node.content {
        Content::Str(text) => ImportValue::Export(text.clone()),
        Content::Map(_) => {
            ImportValue::Pair { child: shown(node.get("child")), parent: shown(node.get("parent")) }
        }
        _ => ImportValue::Other,
    }
}

/// Blanks of all kinds become spaces, what cannot be printed goes.
fn clean(text: &mut String) {
    let unclean = |c: char| c != ' ' && (c.is_whitespace() || !is_print(c));
    if text.contains(unclean) {
        *text = text
            .chars()
            .filter_map(|c| if c.is_whitespace() { Some(' ') } else { is_print(c).then_some(c) })
            .collect();
    }
}
