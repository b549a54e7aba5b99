//! Which charts take part in a release, under which names, with which values (Helm's pkg/chart/v2/util/dependencies.go).

use std::collections::BTreeSet;

use super::chart::{Chart, Dependency, ImportValue, Metadata};
use super::functions::semver::{Constraint, Version};
use super::value::{Map, Str, Value};
use super::values::coalesce::{Nulls, coalesce, merge_tables, nested, path_value, table};
use super::values::{Origins, deep_copy};

/// A chart as it takes part in one release: aliases given, switched-off charts gone, imported values taken over.
#[derive(Clone, Debug)]
pub(super) struct Release<'c> {
    pub(super) chart: &'c Chart,
    /// The name or the alias.
    pub(super) name: Str,
    pub(super) metadata: Metadata,
    pub(super) values: Map,
    pub(super) dependencies: Vec<Release<'c>>,
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
        }
    }

    /// Switches charts on and off by the user's values, and takes imported values over. The error is Helm's text.
    pub(super) fn process(&mut self, values: &Map, warnings: &mut Vec<String>) -> Result<(), String> {
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

    fn process_enabled(
        &mut self,
        values: &Map,
        path: &str,
        warnings: &mut Vec<String>,
    ) -> Result<(), String> {
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
        for chart in &mut self.dependencies {
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

    /// The chart that a dependency means, under its alias.
    fn aliased(&self, dependency: &Dependency) -> Option<Release<'c>> {
        let chart = self.dependencies.iter().find(|chart| {
            *chart.name == dependency.name && is_compatible(&dependency.version, &chart.metadata.version)
        })?;
        let mut chart = chart.clone();
        if !dependency.alias.is_empty() {
            chart.name = dependency.alias.as_str().into();
            chart.metadata.name.clone_from(&dependency.alias);
        }
        Some(chart)
    }

    fn process_imports(&mut self, warnings: &mut Vec<String>) -> Result<(), String> {
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
                let (child, parent) = match import {
                    ImportValue::Export(name) => (format!("exports.{name}"), ".".to_owned()),
                    ImportValue::Pair { child, parent } => (child, parent),
                    ImportValue::Other => continue,
                };
                match table(&values, &format!("{}.{child}", dependency.name)) {
                    Some(found) => merge_tables(&imported, &nested(&parent, found), warnings),
                    None => warnings
                        .push(format!("ImportValues missing table from chart {}: {child}", dependency.name)),
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
    pub(super) fn visit(&self, visit: &mut dyn FnMut(&Release<'c>, &str)) {
        self.visit_at(&self.name, visit);
    }

    fn visit_at(&self, path: &str, visit: &mut dyn FnMut(&Release<'c>, &str)) {
        visit(self, path);
        for chart in &self.dependencies {
            chart.visit_at(&format!("{path}/charts/{}", chart.name), visit);
        }
    }
}

fn switch_by_tags(dependencies: &mut [Dependency], values: &Map, warnings: &mut Vec<String>) {
    let Some(Value::Map(tags)) = values.get("tags") else {
        return;
    };
    for dependency in dependencies {
        let (mut on, mut off) = (false, false);
        for tag in &dependency.tags {
            match tags.get(tag) {
                Some(Value::Bool(true)) => on = true,
                Some(Value::Bool(false)) => off = true,
                Some(_) => warnings.push(format!("tag {tag} of chart {} is not a boolean", dependency.name)),
                None => {}
            }
        }
        dependency.enabled = on || !off;
    }
}

fn switch_by_conditions(
    dependencies: &mut [Dependency],
    values: &Map,
    path: &str,
    warnings: &mut Vec<String>,
) {
    for dependency in dependencies {
        for condition in dependency.condition.trim().split(',').filter(|condition| !condition.is_empty()) {
            match path_value(values, &format!("{path}{condition}")) {
                Some(Value::Bool(enabled)) => {
                    dependency.enabled = enabled;
                    break;
                }
                Some(_) => {
                    warnings
                        .push(format!("condition {condition} of chart {} is not a boolean", dependency.name));
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
