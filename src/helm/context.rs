//! What each template sees as its root: `.Values`, `.Chart`, `.Release`... (Helm's pkg/engine and pkg/chart).

use std::any::Any;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use super::chart::{Dependency, ImportValue, Maintainer, Metadata, TemplateFile};
use super::dependencies::{ChartPath, Release};
use super::files::ChartFiles;
use super::structs;
use super::template::HelmVersion;
use super::value::{Entry, List, ListType, Map, MapType, Object, Str, Value};

/// One template file of a release.
pub(super) struct Renderable<'c> {
    pub(super) file: &'c TemplateFile,
    /// The root that all templates of its chart share.
    pub(super) root: Map,
    /// The folder of the chart's templates: `.Template.BasePath`.
    pub(super) base_path: Str,
}

/// The template files of a chart and all below, by their names, in the order in which Helm parses and executes them: the
/// deepest first, and the last by name first.
pub(super) fn templates<'c>(
    chart: &Release<'c>,
    release: &Value,
    capabilities: &Value,
    values: &Map,
) -> Vec<(Str, Renderable<'c>)> {
    let mut found = BTreeMap::new();
    let helm = chart.chart.helm();
    let scope = Scope { release, capabilities, helm, values: MapType::values(helm) };
    scope.collect(chart, &ChartPath::root(&chart.name), values, true, &mut found);
    let mut found: Vec<_> = found.into_iter().collect();
    let depth = |name: &str| name.matches('/').count();
    found.sort_by(|(left, _), (right, _)| depth(right).cmp(&depth(left)).then_with(|| right.cmp(left)));
    found
}

struct Scope<'v> {
    release: &'v Value,
    capabilities: &'v Value,
    helm: HelmVersion,
    /// The type of `.Values`.
    values: MapType,
}

impl Scope<'_> {
    fn collect<'c>(
        &self,
        chart: &Release<'c>,
        path: &ChartPath,
        values: &Map,
        is_root: bool,
        found: &mut BTreeMap<Str, Renderable<'c>>,
    ) -> Map {
        let subcharts = Map::new();
        let root = Map::of(self.values);
        let about = match self.helm {
            HelmVersion::Helm4 => metadata(&chart.metadata, is_root),
            HelmVersion::Helm3 => structs::metadata(&chart.metadata, is_root),
        };
        root.insert("Chart", about);
        root.insert("Files", Value::Object(Rc::new(ChartFiles::of(chart.chart))));
        root.insert("Release", self.release.clone());
        root.insert("Capabilities", self.capabilities.clone());
        root.insert("Values", values.as_type(self.values));
        root.insert("Subcharts", subcharts.clone());
        for (subchart, path) in chart.paths(path, self.helm) {
            let values = match values.get(&subchart.name) {
                Some(Value::Map(values)) => values,
                _ => Map::new(),
            };
            let inner = self.collect(subchart, &path, &values, false, found);
            subcharts.insert(Str::clone(&subchart.name), inner.as_type(MapType::Any));
        }
        let path = &path.own;
        let base_path: Str = format!("{path}/templates").into();
        for file in &chart.chart.templates {
            // A library only lends its definitions.
            if chart.metadata.is_library() && !is_partial(&file.name) {
                continue;
            }
            let name: Str = format!("{path}/{}", file.name).into();
            found.insert(name, Renderable { file, root: root.clone(), base_path: Str::clone(&base_path) });
        }
        root
    }
}

/// Whether a file only holds definitions for others.
pub(super) fn is_partial(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|base| base.starts_with('_'))
}

/// `.Chart`.
fn metadata(metadata: &Metadata, is_root: bool) -> Value {
    let texts =
        |texts: &[String]| Value::List(List::any(texts.iter().map(|text| Value::from(text.as_str()))));
    let annotations = match &metadata.annotations {
        None => Value::Object(Rc::new(NoAnnotations)),
        Some(annotations) => {
            let map = Map::of(MapType::String);
            for (key, value) in annotations {
                map.insert(key.as_str(), value.as_str());
            }
            Value::Map(map)
        }
    };
    Value::map([
        ("Name", Value::from(metadata.name.as_str())),
        ("Home", Value::from(metadata.home.as_str())),
        ("Sources", texts(&metadata.sources)),
        ("Version", Value::from(metadata.version.as_str())),
        ("Description", Value::from(metadata.description.as_str())),
        ("Keywords", texts(&metadata.keywords)),
        ("Maintainers", Value::List(List::any(metadata.maintainers.iter().flatten().map(maintainer)))),
        ("Icon", Value::from(metadata.icon.as_str())),
        ("APIVersion", Value::from(metadata.api_version.as_str())),
        ("Condition", Value::from(metadata.condition.as_str())),
        ("Tags", Value::from(metadata.tags.as_str())),
        ("AppVersion", Value::from(metadata.app_version.as_str())),
        ("Deprecated", Value::from(metadata.deprecated)),
        ("Annotations", annotations),
        ("KubeVersion", Value::from(metadata.kube_version.as_str())),
        ("Dependencies", Value::List(List::any(metadata.dependencies().map(dependency)))),
        ("Type", Value::from(metadata.chart_type.as_str())),
        ("IsRoot", Value::from(is_root)),
    ])
}

/// A nil `map[string]string`: empty to templates, null in JSON.
#[derive(Debug)]
pub(super) struct NoAnnotations;

impl Object for NoAnnotations {
    fn type_name(&self) -> &'static str {
        MapType::String.name()
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn field(&self, _name: &str) -> Option<Value> {
        Some(Value::from(""))
    }

    fn print(&self) -> String {
        "map[]".to_owned()
    }

    fn content(&self) -> Option<Value> {
        Some(Value::Map(Map::of(MapType::String)))
    }

    fn json(&self) -> Value {
        Value::Nil
    }

    fn truth(&self) -> bool {
        false
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn maintainer(maintainer: &Maintainer) -> Value {
    Value::map([
        ("Name", Value::from(maintainer.name.as_str())),
        ("Email", Value::from(maintainer.email.as_str())),
        ("URL", Value::from(maintainer.url.as_str())),
    ])
}

fn dependency(dependency: &Dependency) -> Value {
    let tags = dependency.tags.iter().map(|tag| Value::from(tag.as_str()));
    let imports = dependency.import_values.iter().map(|import| match import {
        ImportValue::Pair { child, parent } => {
            let map = Map::of(MapType::String);
            map.insert("child", child.as_str());
            map.insert("parent", parent.as_str());
            Value::Map(map)
        }
        ImportValue::Export(name) => Value::from(name.as_str()),
        ImportValue::Other => Value::Nil,
    });
    Value::map([
        ("Name", Value::from(dependency.name.as_str())),
        ("Version", Value::from(dependency.version.as_str())),
        ("Repository", Value::from(dependency.repository.as_str())),
        ("Condition", Value::from(dependency.condition.as_str())),
        ("Tags", Value::List(List::any(tags))),
        ("Enabled", Value::from(dependency.enabled)),
        ("ImportValues", Value::List(List::of(ListType::Any, imports.map(Entry::from).collect()))),
        ("Alias", Value::from(dependency.alias.as_str())),
    ])
}

/// The templates' names with the files that they come from, for origins.
pub(super) fn sources(templates: &[(Str, Renderable<'_>)]) -> BTreeMap<Str, Arc<str>> {
    templates.iter().map(|(name, template)| (Str::clone(name), Arc::clone(&template.file.path))).collect()
}
