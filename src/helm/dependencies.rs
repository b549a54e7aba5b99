//! Which charts take part in a release, under which names, with which values (Helm's pkg/chart/v2/util/dependencies.go).

use std::collections::BTreeSet;

use super::chart::{Chart, Dependency, ImportValue, Metadata};
use super::functions::semver::{Constraint, Version};
use super::go::quote::quote;
use super::template::HelmVersion;
use super::value::{Map, Str, Value};
use super::values::coalesce::{Nulls, coalesce, merge_tables, nested, path_value, table};
use super::values::{Origins, deep_copy};
use super::warnings::{Level, Warnings};

/// A chart as it takes part in one release: aliases given, switched-off charts gone, imported values taken over.
#[derive(Clone, Debug)]
pub(super) struct Release<'c> {
    pub(super) chart: &'c Chart,
    /// The name or the alias.
    pub(super) name: Str,
    pub(super) metadata: Metadata,
    pub(super) values: Map,
    pub(super) dependencies: Vec<Release<'c>>,
    /// Whether the parent's `Chart.yaml` names it.
    declared: bool,
}

impl<'c> Release<'c> {
    /// All charts that are there, as they are.
    pub(super) fn new(chart: &'c Chart, origins: &mut Origins) -> Self {
        Self {
            chart,
            name: chart.metadata.name.as_str().into(),
            metadata: chart.metadata.clone(),
            values: origins.values(&chart.values_path, &chart.values),
            dependencies: chart.dependencies.iter().map(|chart| Release::new(chart, origins)).collect(),
            declared: false,
        }
    }

    /// Switches charts on and off by the user's values, and takes imported values over. The error is Helm's text.
    pub(super) fn process(&mut self, values: &Map, warnings: &mut Warnings) -> Result<(), String> {
        self.process_enabled(values, "", warnings)?;
        self.process_imports(warnings)
    }

    /// The declared dependencies that are missing under `charts/`.
    pub(super) fn missing(&self) -> Vec<&str> {
        self.metadata
            .dependencies()
            .map(|dependency| dependency.name.as_str())
            .filter(|name| !self.dependencies.iter().any(|chart| &*chart.name == *name))
            .collect()
    }

    fn process_enabled(&mut self, values: &Map, path: &str, warnings: &mut Warnings) -> Result<(), String> {
        let Some(declared) = self.metadata.dependencies.take() else {
            return Ok(());
        };
        let mut declared: Vec<Dependency> = declared.into_iter().flatten().collect();

        // Charts that nothing is said about take part as they are; the others by what is said, once for each time.
        let mut charts: Vec<Release<'c>> = Vec::new();
        for chart in &self.dependencies {
            let named = declared.iter().any(|dependency| {
                *chart.name == dependency.name && is_compatible(&dependency.version, &chart.metadata.version)
            });
            if !named {
                charts.push(chart.clone());
            }
        }
        for dependency in &mut declared {
            charts.extend(self.aliased(dependency));
            if !dependency.alias.is_empty() {
                dependency.name.clone_from(&dependency.alias);
            }
            dependency.enabled = true;
        }
        self.dependencies = charts;

        // Not the values of this chart alone: the parents' values are in here too, and their tags and paths count.
        let values = coalesce(self, values, Nulls::Delete, warnings)?;
        switch_by_tags(&mut declared, &values, warnings);
        switch_by_conditions(&mut declared, &values, path, warnings);

        let off: BTreeSet<&str> = declared
            .iter()
            .filter(|dependency| !dependency.enabled)
            .map(|dependency| dependency.name.as_str())
            .collect();
        self.dependencies.retain(|chart| !off.contains(&*chart.name));
        for index in 0..self.dependencies.len() {
            let (before, from_here) = self.dependencies.split_at_mut(index);
            let Some(chart) = from_here.first_mut() else { break };
            if warnings.helm() == HelmVersion::Helm3 {
                chart.share_aliases(before);
            }
            let path = format!("{path}{}.", chart.name);
            chart.process_enabled(&values, &path, warnings)?;
        }
        let kept: Vec<_> = declared
            .iter()
            .filter(|dependency| !off.contains(dependency.name.as_str()))
            .cloned()
            .map(Some)
            .collect();
        self.metadata.dependencies = (!kept.is_empty()).then_some(kept);
        Ok(())
    }

    /// In Helm 3 the aliases of one chart share its list of dependencies: what the first one called by an alias, the
    /// others know under that name only, and its imports are done with.
    fn share_aliases(&mut self, before: &[Release<'c>]) {
        if !before.iter().any(|other| std::ptr::eq(other.chart, self.chart)) {
            return;
        }
        for dependency in self.metadata.dependencies.iter_mut().flatten().flatten() {
            if !dependency.alias.is_empty() {
                dependency.name.clone_from(&dependency.alias);
            }
            dependency.import_values.clear();
        }
    }

    /// The chart under whose name the charts below lie that `Chart.yaml` does not name. In Helm 3 the aliases of a chart
    /// share them, and they belong to the last alias, or, where `Chart.yaml` names no charts at all, to the chart itself.
    fn owner_of_undeclared<'r>(&'r self, siblings: &'r [Release<'c>], helm: HelmVersion) -> &'r str {
        if helm == HelmVersion::Helm4 {
            return &self.name;
        }
        if self.metadata.dependencies.is_none() {
            return &self.chart.metadata.name;
        }
        let last = siblings.iter().rfind(|sibling| std::ptr::eq(sibling.chart, self.chart));
        last.map_or(&*self.name, |last| &*last.name)
    }

    /// The paths of the charts below as Helm shows them, given this chart's own path and the one of its undeclared charts.
    pub(super) fn paths<'r>(
        &'r self,
        path: &ChartPath,
        helm: HelmVersion,
    ) -> impl Iterator<Item = (&'r Release<'c>, ChartPath)> {
        self.dependencies.iter().map(move |chart| {
            let above = if chart.declared { &path.own } else { &path.undeclared };
            let at = |name: &str| format!("{above}/charts/{name}");
            let undeclared = at(chart.owner_of_undeclared(&self.dependencies, helm));
            (chart, ChartPath { own: at(&chart.name), undeclared })
        })
    }

    /// The chart that a dependency means, under its alias.
    fn aliased(&self, dependency: &Dependency) -> Option<Release<'c>> {
        let chart = self.dependencies.iter().find(|chart| {
            *chart.name == dependency.name && is_compatible(&dependency.version, &chart.metadata.version)
        })?;
        let mut chart = chart.clone();
        chart.declared = true;
        if !dependency.alias.is_empty() {
            chart.name = dependency.alias.as_str().into();
            chart.metadata.name.clone_from(&dependency.alias);
        }
        Some(chart)
    }

    fn process_imports(&mut self, warnings: &mut Warnings) -> Result<(), String> {
        for chart in &mut self.dependencies {
            chart.process_imports(warnings)?;
        }
        if self.metadata.dependencies.is_none() {
            return Ok(());
        }
        let values = coalesce(self, &Map::new(), Nulls::Keep, warnings)?;
        let imported = Map::new();
        for dependency in self.metadata.dependencies.iter_mut().flatten().flatten() {
            let mut done = Vec::new();
            for import in std::mem::take(&mut dependency.import_values) {
                let is_export = matches!(import, ImportValue::Export(_));
                let (child, parent) = match import {
                    ImportValue::Export(name) => (format!("exports.{name}"), ".".to_owned()),
                    ImportValue::Pair { child, parent } => (child, parent),
                    ImportValue::Other => continue,
                };
                match table(&values, &format!("{}.{child}", dependency.name)) {
                    Ok(found) => merge_tables(&imported, &nested(&parent, found), warnings),
                    Err(key) => missing_import(&dependency.name, &key, is_export, warnings),
                }
                done.push(ImportValue::Pair { child, parent });
            }
            dependency.import_values = done;
        }
        // What the parent says itself wins over what it imports.
        let values = deep_copy(&values);
        merge_tables(&values, &imported, warnings);
        self.values = values;
        Ok(())
    }

    /// Visits this chart and all below, parents first, with their full paths (`umbrella/charts/database`).
    pub(super) fn visit(&self, helm: HelmVersion, visit: &mut dyn FnMut(&Release<'c>, &str)) {
        self.visit_at(&ChartPath::root(&self.name), helm, visit);
    }

    fn visit_at(&self, path: &ChartPath, helm: HelmVersion, visit: &mut dyn FnMut(&Release<'c>, &str)) {
        visit(self, &path.own);
        for (chart, path) in self.paths(path, helm) {
            chart.visit_at(&path, helm, visit);
        }
    }
}

/// A chart's path as Helm shows it (`umbrella/charts/database`), and the one below which its undeclared charts lie.
#[derive(Clone, Debug)]
pub(super) struct ChartPath {
    pub(super) own: String,
    undeclared: String,
}

impl ChartPath {
    /// The path of the release's own chart.
    pub(super) fn root(name: &str) -> Self {
        Self { own: name.to_owned(), undeclared: name.to_owned() }
    }
}

/// Says that a table is not there which is to be imported.
fn missing_import(chart: &str, key: &str, is_export: bool, warnings: &mut Warnings) {
    let error = format!("{} is not a table", quote(key));
    if is_export {
        let text = "ImportValues missing table";
        let text3 = format!("Warning: {text}: {error}");
        warnings.log(Level::Warn, text, &[("error", &error)], "dependencies.go:287", &text3);
    } else {
        let text = "ImportValues missing table from chart";
        let text3 = format!("Warning: {text} {chart}: {error}");
        let fields = [("chart", chart), ("error", error.as_str())];
        warnings.log(Level::Warn, text, &fields, "dependencies.go:270", &text3);
    }
}

/// Says that what switches a chart is no boolean.
fn not_a_boolean(kind: &str, name: &str, chart: &str, line: u32, text3: &str, warnings: &mut Warnings) {
    let fields = [(kind, name), ("chart", chart)];
    let place = format!("dependencies.go:{line}");
    warnings.log(Level::Warn, "returned non-bool value", &fields, &place, text3);
}

fn switch_by_tags(dependencies: &mut [Dependency], values: &Map, warnings: &mut Warnings) {
    let Some(Value::Map(tags)) = values.get("tags") else {
        return;
    };
    for dependency in dependencies {
        let (mut on, mut off) = (false, false);
        for tag in &dependency.tags {
            match tags.get(tag) {
                Some(Value::Bool(true)) => on = true,
                Some(Value::Bool(false)) => off = true,
                Some(_) => {
                    let chart = &dependency.name;
                    let text3 = format!("Warning: Tag '{tag}' for chart {chart} returned non-bool value");
                    not_a_boolean("tag", tag, chart, 95, &text3, warnings);
                }
                None => {}
            }
        }
        dependency.enabled = on || !off;
    }
}

fn switch_by_conditions(dependencies: &mut [Dependency], values: &Map, path: &str, warnings: &mut Warnings) {
    for dependency in dependencies {
        for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            match path_value(values, &format!("{path}{condition}")) {
                Some(Value::Bool(enabled)) => {
                    dependency.enabled = enabled;
                    break;
                }
                Some(_) => {
                    let chart = &dependency.name;
                    let text3 = format!(
                        "Warning: Condition path '{condition}' for chart {chart} returned non-bool value"
                    );
                    not_a_boolean("path", condition, chart, 64, &text3, warnings);
                }
                None => {}
            }
        }
    }
}

/// Whether a version is in a range; what cannot be read is not.
pub(super) fn is_compatible(range: &str, version: &str) -> bool {
    match (Constraint::parse(range), Version::parse(version)) {
        (Ok(range), Ok(version)) => range.allows(&version),
        _ => false,
    }
}
