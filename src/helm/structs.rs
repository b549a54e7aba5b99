//! `.Chart` as Helm 3 gives it to templates: Go structs, where Helm 4 makes maps of them.

use std::any::Any;
use std::rc::Rc;

use super::chart::{Dependency, ImportValue, Maintainer, Metadata};
use super::context::NoAnnotations;
use super::go::printf;
use super::limits::Limits;
use super::value::{Entry, List, ListType, Map, MapType, Object, Value};

/// A Go struct, or a pointer to one.
#[derive(Debug)]
struct Struct {
    /// The type's name, with its `*`.
    name: &'static str,
    fields: Vec<Field>,
    /// The struct without a name in front, whose fields are this one's too.
    embedded: Option<Rc<Struct>>,
}

#[derive(Debug)]
struct Field {
    name: &'static str,
    json: &'static str,
    /// Whether JSON leaves it out where it is empty.
    omit_empty: bool,
    value: Value,
}

fn field(name: &'static str, json: &'static str, value: impl Into<Value>) -> Field {
    Field { name, json, omit_empty: true, value: value.into() }
}

/// `.Chart`.
pub(super) fn metadata(metadata: &Metadata, is_root: bool) -> Value {
    let texts = |texts: &[String]| strings(texts.iter().map(String::as_str));
    let annotations = match &metadata.annotations {
        None => Value::Object(Rc::new(NoAnnotations)),
        Some(annotations) => {
            let map = Map::of(MapType::String);
            annotations.iter().for_each(|(key, value)| map.insert(key.as_str(), value.as_str()));
            Value::Map(map)
        }
    };
    let maintainers = typed(ListType::Maintainers, metadata.maintainers.iter().flatten().map(maintainer));
    let dependencies = typed(ListType::Dependencies, metadata.dependencies().map(dependency));
    let inner = Struct {
        name: "chart.Metadata",
        fields: vec![
            field("Name", "name", metadata.name.as_str()),
            field("Home", "home", metadata.home.as_str()),
            field("Sources", "sources", texts(&metadata.sources)),
            field("Version", "version", metadata.version.as_str()),
            field("Description", "description", metadata.description.as_str()),
            field("Keywords", "keywords", texts(&metadata.keywords)),
            field("Maintainers", "maintainers", maintainers),
            field("Icon", "icon", metadata.icon.as_str()),
            field("APIVersion", "apiVersion", metadata.api_version.as_str()),
            field("Condition", "condition", metadata.condition.as_str()),
            field("Tags", "tags", metadata.tags.as_str()),
            field("AppVersion", "appVersion", metadata.app_version.as_str()),
            field("Deprecated", "deprecated", metadata.deprecated),
            field("Annotations", "annotations", annotations),
            field("KubeVersion", "kubeVersion", metadata.kube_version.as_str()),
            field("Dependencies", "dependencies", dependencies),
            field("Type", "type", metadata.chart_type.as_str()),
        ],
        embedded: None,
    };
    Value::Object(Rc::new(Struct {
        name: "struct { chart.Metadata; IsRoot bool }",
        fields: vec![Field { omit_empty: false, ..field("IsRoot", "IsRoot", is_root) }],
        embedded: Some(Rc::new(inner)),
    }))
}

/// A list that is nil where there is nothing in it.
fn typed(list_type: ListType, values: impl Iterator<Item = Value>) -> List {
    let items: Vec<Entry> = values.map(Entry::from).collect();
    if items.is_empty() { List::nil(list_type) } else { List::of(list_type, items) }
}

fn strings<'t>(texts: impl Iterator<Item = &'t str>) -> List {
    let list = List::strings(texts);
    if list.is_empty() { List::nil(ListType::String) } else { list }
}

fn maintainer(maintainer: &Maintainer) -> Value {
    let fields = vec![
        field("Name", "name", maintainer.name.as_str()),
        field("Email", "email", maintainer.email.as_str()),
        field("URL", "url", maintainer.url.as_str()),
    ];
    Value::Object(Rc::new(Struct { name: "*chart.Maintainer", fields, embedded: None }))
}

fn dependency(dependency: &Dependency) -> Value {
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
    let always = |field: Field| Field { omit_empty: false, ..field };
    let fields = vec![
        always(field("Name", "name", dependency.name.as_str())),
        field("Version", "version", dependency.version.as_str()),
        always(field("Repository", "repository", dependency.repository.as_str())),
        field("Condition", "condition", dependency.condition.as_str()),
        field("Tags", "tags", strings(dependency.tags.iter().map(String::as_str))),
        field("Enabled", "enabled", dependency.enabled),
        field("ImportValues", "import-values", List::any(imports)),
        field("Alias", "alias", dependency.alias.as_str()),
    ];
    Value::Object(Rc::new(Struct { name: "*chart.Dependency", fields, embedded: None }))
}

impl Struct {
    fn is_pointer(&self) -> bool {
        self.name.starts_with('*')
    }

    fn all_fields(&self) -> impl Iterator<Item = &Field> {
        self.embedded.iter().flat_map(|inner| &inner.fields).chain(&self.fields)
    }
}

impl Object for Struct {
    fn type_name(&self) -> &'static str {
        self.name
    }

    fn kind(&self) -> &'static str {
        if self.is_pointer() { "ptr" } else { "struct" }
    }

    fn field(&self, name: &str) -> Option<Value> {
        match &self.embedded {
            Some(inner) if name == "Metadata" => Some(Value::Object(Rc::clone(inner) as Rc<dyn Object>)),
            _ => self.all_fields().find(|field| field.name == name).map(|field| field.value.clone()),
        }
    }

    fn members(&self) -> Option<Vec<(&'static str, Value)>> {
        let embedded =
            self.embedded.iter().map(|inner| ("Metadata", Value::Object(Rc::clone(inner) as Rc<dyn Object>)));
        Some(embedded.chain(self.fields.iter().map(|field| (field.name, field.value.clone()))).collect())
    }

    fn json_members(&self) -> Option<Vec<(&'static str, Value)>> {
        let fields = self.all_fields().filter(|field| !field.omit_empty || field.value.truth());
        Some(fields.map(|field| (field.json, field.value.clone())).collect())
    }

    fn print(&self) -> String {
        let shown = self.fields.iter().map(|field| {
            // A nil `interface {}` does not occur in these structs.
            printf::show(&field.value, &Limits::default()).unwrap_or_default()
        });
        let shown: Vec<String> = self.embedded.iter().map(|inner| inner.print()).chain(shown).collect();
        let pointer = if self.is_pointer() { "&" } else { "" };
        format!("{pointer}{{{}}}", shown.join(" "))
    }

    fn json(&self) -> Value {
        Value::map(self.json_members().into_iter().flatten().map(|(name, value)| {
            let value = match value {
                Value::List(list) => {
                    let items = list.values().map(|item| match item {
                        Value::Object(object) => object.json(),
                        item => item.clone(),
                    });
                    Value::List(List::any(items))
                }
                value => value,
            };
            (name, value)
        }))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
