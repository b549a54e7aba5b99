//! What a schema cannot say: names, paths that exist, components that know each other.
//!
//! The rules read the document itself, not the types, so that a mistake in one place hides none in another.

use std::collections::HashMap;

use super::load::dataset_path;
use super::names::{did_you_mean, excerpt, not_a_label};
use super::order;
use super::problems::Problems;
use super::spec::{DATASETS, NAMESPACES, PRODUCERS};
use super::{charts, paths, producer_rules};
use crate::helm::yaml::{Content, Mark, Node};
use crate::manifest::{EntryKind, Files, PathPattern};

/// What the rules look at besides the document.
pub(super) struct Input<'a> {
    pub files: &'a dyn Files,
    pub name: &'a str,
    pub folder: &'a str,
    pub text: &'a str,
}

/// A Helm release's name may be this long (helm.sh/helm/v4/pkg/chart/common/util).
const RELEASE_NAME: usize = 53;

/// A DNS label's length (RFC 1123).
const LABEL: usize = 63;

pub(super) fn check(input: &Input<'_>, document: &Node, problems: &mut Problems) {
    if let Some(node) = document.find(&["metadata", "name"]) {
        label(Some(node), "metadata.name", LABEL, problems);
        if let Some(name) = node.as_str().filter(|name| *name != input.name) {
            let what = format!("metadata.name is `{}` in the folder of `{}`", excerpt(name), input.name);
            problems.add(node.mark, what, format!("write `{}`, or rename the folder", input.name));
        }
    }
    let Some(spec) = document.get("spec") else { return };
    label(spec.get("namespace"), "spec.namespace", LABEL, problems);
    label(spec.get("serviceAccount"), "spec.serviceAccount", LABEL, problems);
    for (index, word) in items(spec.find(&["pruneGuard", "allow"])).enumerate() {
        label(Some(word), &format!("spec.pruneGuard.allow[{index}]"), RELEASE_NAME, problems);
    }
    components(input, spec, problems);
    unique(spec.get("producers"), "producer", problems);
    for (index, producer) in items(spec.get("producers")).enumerate() {
        let at = format!("spec.producers[{index}]");
        label(producer.get("name"), &format!("{at}.name"), producer_rules::CRON_JOB_NAME, problems);
        label(producer.get("namespace"), &format!("{at}.namespace"), LABEL, problems);
        dataset(input, producer, &at, problems);
        producer_rules::check(input.text, producer, &at, problems);
    }
    for (index, rule) in items(spec.get("ignore")).enumerate() {
        ignore_rule(rule, &format!("spec.ignore[{index}]"), problems);
    }
}

/// A dataset is one that `mooring-producer` has, or one that a file describes.
fn dataset(input: &Input<'_>, producer: &Node, at: &str, problems: &mut Problems) {
    let Some(node) = producer.get("dataset") else { return };
    let Some(name) = node.as_str().filter(|name| !name.is_empty() && !name.contains('/')) else { return };
    let path = dataset_path(input.folder, name);
    if DATASETS.contains(&name) || input.files.entry(&path).is_ok_and(|entry| entry.is_some()) {
        return;
    }
    let listed = input.files.list(&format!("{}/datasets", input.folder)).unwrap_or_default();
    let described = listed.iter().filter_map(|entry| entry.path.rsplit('/').next()?.strip_suffix(".yaml"));
    let remedy =
        did_you_mean(name, DATASETS.into_iter().chain(described), || format!("describe it in {path}"));
    problems.add(node.mark, format!("{at}.dataset is `{}`", excerpt(name)), remedy);
}

fn components(input: &Input<'_>, spec: &Node, problems: &mut Problems) {
    unique(spec.get("components"), "component", problems);
    let components: Vec<&Node> = items(spec.get("components")).collect();
    let names: Vec<&str> = components.iter().map(|component| text(component.get("name"))).collect();
    let mut dependencies = Vec::with_capacity(components.len());
    for (index, component) in components.iter().enumerate() {
        let at = format!("spec.components[{index}]");
        label(component.get("name"), &format!("{at}.name"), RELEASE_NAME, problems);
        if let Some(node) = component.get("name")
            && let Some(own) = [PRODUCERS, NAMESPACES].into_iter().find(|own| node.as_str() == Some(own))
        {
            let what = format!("{at}.name is `{own}`, the name of a component that Mooring makes itself");
            problems.add(node.mark, what, "choose another name".to_owned());
        }
        label(component.get("namespace"), &format!("{at}.namespace"), LABEL, problems);
        origin(input, component, &at, problems);
        dependencies.push(depends_on(component, &at, &names, problems));
    }
    if let Err(ring) = order::sort(&names, &dependencies) {
        let shown: Vec<&str> = ring.iter().map(|index| names[*index]).collect();
        // The component waits for itself alone: that was said where it stands.
        if ring.len() > 2 {
            let mark = components[ring[0]].locate(&["dependsOn"]).unwrap_or(components[ring[0]].mark);
            let what = format!("components wait for each other: {}", shown.join(" -> "));
            problems.add(mark, what, "take one of them out of a dependsOn".to_owned());
        }
    }
}

/// What a component is made from: a chart with values, or manifests without.
fn origin(input: &Input<'_>, component: &Node, at: &str, problems: &mut Problems) {
    if !matches!(component.content, Content::Map(_)) {
        return;
    }
    match (component.entry("chart"), component.entry("manifests")) {
        (None, None) => problems.add(
            component.mark,
            format!("{at} has neither `chart` nor `manifests`"),
            "say which folder it is made from: `chart: components/NAME`".to_owned(),
        ),
        (Some(_), Some((key, _))) => problems.add(
            key.mark,
            format!("{at} has both `chart` and `manifests`"),
            "keep one; two folders are two components".to_owned(),
        ),
        _ => {}
    }
    if component.get("chart").is_none() && component.get("manifests").is_some() {
        for (name, why) in
            [("values", "take no values"), ("set", "take no values"), ("helm", "are not rendered")]
        {
            if let Some((key, _)) = component.entry(name) {
                let what = format!("{at} has `{name}`, but plain manifests {why}");
                problems.add(key.mark, what, "leave it out, or make the folder a chart".to_owned());
            }
        }
    }
    if let Some(node) = component.get("chart") {
        charts::check(node, &format!("{at}.chart"), problems);
    }
    if let Some(node) = component.get("chart")
        && let Some(path) =
            paths::check(input.files, node, "", EntryKind::Folder, &format!("{at}.chart"), problems)
        && matches!(input.files.entry(&format!("{path}/Chart.yaml")), Ok(None))
    {
        let what = format!("{path} has no Chart.yaml");
        problems.add(
            node.mark,
            what,
            "add it, or write `manifests:` if the folder holds plain YAML".to_owned(),
        );
    }
    if let Some(node) = component.get("manifests")
        && let Some(path) =
            paths::check(input.files, node, "", EntryKind::Folder, &format!("{at}.manifests"), problems)
        && matches!(input.files.entry(&format!("{path}/Chart.yaml")), Ok(Some(_)))
    {
        let what = format!("{path} has a Chart.yaml: it is a Helm chart");
        problems.add(node.mark, what, "write `chart:` instead of `manifests:`".to_owned());
    }
    for (index, node) in items(component.get("values")).enumerate() {
        let at = format!("{at}.values[{index}]");
        paths::check(input.files, node, input.folder, EntryKind::File, &at, problems);
    }
}

fn depends_on<'a>(component: &'a Node, at: &str, names: &[&str], problems: &mut Problems) -> Vec<&'a str> {
    let own = text(component.get("name"));
    let mut seen: HashMap<&str, Mark> = HashMap::new();
    for (index, node) in items(component.get("dependsOn")).enumerate() {
        let Some(name) = node.as_str() else { continue };
        let at = format!("{at}.dependsOn[{index}]");
        if name == own {
            problems.add(node.mark, format!("{at} is `{}` itself", excerpt(name)), "leave it out".to_owned());
        } else if !names.contains(&name) {
            let others = names.iter().copied().filter(|other| !other.is_empty() && *other != own);
            let remedy = did_you_mean(name, others.clone(), || match others.clone().count() {
                0 => "there are no other components: leave it out".to_owned(),
                1..=20 => format!("the components are {}", others.clone().collect::<Vec<_>>().join(", ")),
                _ => "name one of spec.components".to_owned(),
            });
            problems.add(
                node.mark,
                format!("{at} is `{}`, and there is no such component", excerpt(name)),
                remedy,
            );
        } else if let Some(first) = seen.insert(name, node.mark) {
            let what = format!("{at} is `{name}` again, first on line {}", first.line);
            problems.add(node.mark, what, "leave it out".to_owned());
        }
    }
    seen.into_keys().collect()
}

fn ignore_rule(rule: &Node, at: &str, problems: &mut Problems) {
    if let Some((node, kind)) = rule.get("kind").and_then(|node| Some((node, node.as_str()?))) {
        let mut rest = kind.chars();
        let fits =
            rest.next().is_some_and(|c| c.is_ascii_uppercase()) && rest.all(|c| c.is_ascii_alphanumeric());
        if !fits && !kind.is_empty() {
            let word: String = kind.chars().filter(char::is_ascii_alphanumeric).collect();
            let (first, rest) = word.split_at(word.len().min(1));
            let what = format!("{at}.kind is `{}`, which is no kind", excerpt(kind));
            let remedy = format!("write it as manifests do: `{}{}`", first.to_uppercase(), excerpt(rest));
            problems.add(node.mark, what, remedy);
        }
    }
    if let Some((node, group)) = rule.get("group").and_then(|node| Some((node, node.as_str()?))) {
        let label = |part: &str| not_a_label(part, LABEL).is_none();
        if !group.is_empty() && !group.split('.').all(label) {
            let what = format!("{at}.group is `{}`, which is no API group", excerpt(group));
            let bare = group.split('/').next().filter(|bare| bare.split('.').all(label));
            let remedy = bare.map_or_else(
                || "write it as in `apps` or `batch`, without a version".to_owned(),
                |bare| format!("write `{bare}`, without a version"),
            );
            problems.add(node.mark, what, remedy);
        }
    }
    label(rule.get("namespace"), &format!("{at}.namespace"), LABEL, problems);
    for (index, node) in items(rule.get("paths")).enumerate() {
        let Some(path) = node.as_str().filter(|path| !path.is_empty()) else { continue };
        if let Err(error) = PathPattern::parse(path) {
            let text = error.to_string();
            let (what, remedy) =
                text.split_once(": ").unwrap_or((&text, "write a JSON Pointer such as /spec/replicas"));
            problems.add(node.mark, format!("{at}.paths[{index}]: {}", excerpt(what)), remedy.to_owned());
        }
    }
}

/// Names that stand twice.
pub(crate) fn unique(list: Option<&Node>, what: &str, problems: &mut Problems) {
    let mut seen: HashMap<&str, Mark> = HashMap::new();
    for node in items(list).filter_map(|item| item.get("name")) {
        let Some(name) = node.as_str() else { continue };
        match seen.get(name) {
            Some(first) => {
                let what = format!(
                    "the {what} `{}` stands here a second time, first on line {}",
                    excerpt(name),
                    first.line
                );
                problems.add(node.mark, what, "rename one of them".to_owned());
            }
            None => _ = seen.insert(name, node.mark),
        }
    }
}

/// Whether the text is a DNS label. What is no text was found by its shape.
fn label(node: Option<&Node>, at: &str, limit: usize, problems: &mut Problems) {
    let Some((node, name)) = node.and_then(|node| Some((node, node.as_str()?))) else { return };
    // The schema found those that are empty or too long.
    if !name.is_empty()
        && name.chars().count() <= limit
        && let Some((what, remedy)) = not_a_label(name, limit)
    {
        problems.add(node.mark, format!("{at} {what}"), remedy);
    }
}

fn items(list: Option<&Node>) -> impl Iterator<Item = &Node> {
    let items = match list.map(|list| &list.content) {
        Some(Content::Seq(items)) => &items[..],
        _ => &[],
    };
    items.iter()
}

fn text(node: Option<&Node>) -> &str {
    node.and_then(Node::as_str).unwrap_or("")
}
