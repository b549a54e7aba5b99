//! Deletion, the dangerous half: what git names no more, and the guards before it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::observed::Observed;
use super::planner::Planner;
use super::stages::{STAGES, is_precious, stage_of};
use super::steps::{Action, PrunePlan, Step};
use crate::manifest::{Digest, ObjectKey};
use crate::render::DesiredSet;

/// Fewer deletions than this are never held back by their share: of three objects, one is a third.
const GUARD_FROM: usize = 5;

/// What the desired set says of a component that has objects in the cluster.
#[derive(Clone, Copy)]
enum Rendered {
    /// It renders to some objects.
    Objects,
    /// It renders to none.
    Nothing,
    /// It cannot be rendered.
    Broken,
}

/// The components of the desired set.
struct Components<'a> {
    known: BTreeMap<&'a str, Rendered>,
    /// Those that cannot be rendered, for messages.
    broken: String,
}

impl<'a> Components<'a> {
    fn of(desired: &'a DesiredSet) -> Self {
        let known: BTreeMap<&str, Rendered> = desired
            .components
            .iter()
            .map(|component| {
                let rendered = match &component.result {
                    Ok(rendered) if rendered.objects.is_empty() => Rendered::Nothing,
                    Ok(_) => Rendered::Objects,
                    Err(_) => Rendered::Broken,
                };
                (&*component.name, rendered)
            })
            .collect();
        let broken = known.iter().filter(|(_, rendered)| matches!(rendered, Rendered::Broken));
        let broken = broken.map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        Self { known, broken }
    }
}

/// An object that is to be deleted.
struct Doomed {
    key: ObjectKey,
    component: Arc<str>,
    reason: String,
    /// Whether git has the word that lets its component's objects go.
    allowed: bool,
}

impl Planner<'_> {
    /// What to delete of what is there and `named` by git no more.
    pub(super) fn prune(&self, desired: &DesiredSet, named: &HashSet<ObjectKey>) -> PrunePlan {
        let components = Components::of(desired);
        let mut plan = PrunePlan::default();
        let mut doomed: Vec<Doomed> = Vec::new();
        for (key, seen) in &self.observed.objects {
            if named.contains(key) || seen.deleting {
                continue;
            }
            let component = self.component_of(key, seen);
            if let Some(why) = self.keeps(key, seen, &component, &components) {
                plan.kept.push((key.clone(), why));
                continue;
            }
            let reason = if components.known.contains_key(&*component) || component.is_empty() {
                "git names it no more".to_owned()
            } else {
                format!("git has component {component} no more")
            };
            let allowed = self.policy.guard_allow.iter().any(|name| **name == *component);
            doomed.push(Doomed { key: key.clone(), component, reason, allowed });
        }
        plan.kept.sort_by(|one, two| one.0.cmp(&two.0));
        doomed.sort_by(|one, two| one.key.cmp(&two.key));
        plan.guard = self.guard(desired, named, &doomed);
        if plan.guard.is_some() {
            doomed.retain(|doomed| doomed.allowed);
        }
        plan.stages = stages(doomed);
        plan
    }

    /// The component that an object belonged to last; empty where nobody knows.
    fn component_of(&self, key: &ObjectKey, seen: &Observed) -> Arc<str> {
        match self.inventory.entries.get(key) {
            Some(entry) => entry.component.clone(),
            None => seen.component.as_deref().unwrap_or_default().into(),
        }
    }

    /// Why an object that git names no more is kept all the same.
    fn keeps(
        &self,
        key: &ObjectKey,
        seen: &Observed,
        component: &str,
        components: &Components<'_>,
    ) -> Option<String> {
        if seen.apply_set.as_deref() != Some(self.apply_set.as_str()) {
            return Some("it carries another environment's label, or none".to_owned());
        }
        if seen.own_fields.is_none() && !self.inventory.entries.contains_key(key) {
            return Some("it carries the environment's label, but was not made by it: a copy?".to_owned());
        }
        if let Some(hold) = &seen.hold {
            return Some(hold.to_string());
        }
        if seen.controlled {
            return Some("another object's controller made it".to_owned());
        }
        if seen.prune == Some(false) {
            return Some("its annotation mooring.dev/prune says false".to_owned());
        }
        if !self.policy.prunes(component) {
            return Some("prune is off".to_owned());
        }
        let allowed = self.policy.guard_allow.iter().any(|name| name == component);
        match components.known.get(component) {
            Some(Rendered::Broken) => return Some(format!("component {component} could not be rendered")),
            Some(Rendered::Nothing) if !allowed => {
                return Some(format!(
                    "component {component} renders to nothing at all; if that is meant, take the component out of the \
                     environment's file, or name it in spec.pruneGuard.allow"
                ));
            }
            None if !components.broken.is_empty() => {
                return Some(format!(
                    "it may have moved to a component that could not be rendered ({})",
                    components.broken
                ));
            }
            _ => {}
        }
        if is_precious(&key.group_kind) && seen.prune != Some(true) {
            return Some(format!(
                "a {} is never deleted by itself; to have it deleted, annotate it with mooring.dev/prune=true",
                key.group_kind.kind
            ));
        }
        None
    }

    /// Why too much would go at once.
    fn guard(&self, desired: &DesiredSet, named: &HashSet<ObjectKey>, doomed: &[Doomed]) -> Option<String> {
        let guarded: Vec<&Doomed> = doomed.iter().filter(|doomed| !doomed.allowed).collect();
        if guarded.is_empty() {
            return None;
        }
        let owners: BTreeSet<&str> = guarded.iter().map(|doomed| &*doomed.component).collect();
        let owners = owners.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(", ");
        let word = format!(
            "if that is meant, add to environments/{}/environment.yaml: pruneGuard: {{allow: [{owners}]}}",
            desired.environment
        );
        // The environment's own namespaces are there whatever its components render to.
        if named.iter().all(|key| key.group_kind.kind == "Namespace") {
            return Some(format!(
                "git renders to nothing, and {} objects would be deleted; {word}",
                guarded.len()
            ));
        }
        let ours = |key: &&ObjectKey| !self.inventory.entries.contains_key(*key);
        let total = self.inventory.entries.len() + self.observed.objects.keys().filter(ours).count();
        #[expect(clippy::cast_precision_loss, reason = "counts of objects are small")]
        let share = guarded.len() as f64 / total.max(1) as f64;
        (guarded.len() >= GUARD_FROM && share > self.policy.guard_share).then(|| {
            format!(
                "{} of {total} objects would be deleted, more than the share of {} that spec.pruneGuard allows; {word}",
                guarded.len(),
                self.policy.guard_share
            )
        })
    }
}

/// Deletions in the reverse order of applying.
fn stages(doomed: Vec<Doomed>) -> Vec<Vec<Step>> {
    let mut stages: Vec<Vec<Step>> = vec![Vec::new(); STAGES];
    for Doomed { key, component, reason, .. } in doomed {
        let stage = STAGES - 1 - stage_of(&key.group_kind);
        stages[stage].push(Step {
            key,
            component,
            action: Action::Delete,
            reason,
            object: None,
            once: Vec::new(),
            digest: Digest::of(b""),
        });
    }
    stages.retain(|stage| !stage.is_empty());
    stages
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::manifest::{Digest, ObjectKey, apply_set_id};
    use crate::plan::scenarios::{World, broken, component, key, map, map_key, maps, object, policy};
    use crate::plan::{Hold, Observed, Plan};

    fn deleted(plan: &Plan) -> Vec<&str> {
        plan.deletions().map(|step| step.key.name.as_str()).collect()
    }

    /// Why the object is kept.
    fn kept(plan: &Plan, key: &ObjectKey) -> String {
        assert!(plan.deletions().all(|step| step.key != *key), "{key} is deleted");
        plan.prune.kept.iter().find(|(kept, _)| kept == key).unwrap().1.clone()
    }

    /// Ten maps and one more object, which git has dropped since.
    fn dropped(value: Value) -> World {
        let mut objects = maps(0..10);
        objects.push(value);
        World::applied(vec![component("a", objects)]).now_wants(vec![component("a", maps(0..10))])
    }

    fn claim() -> ObjectKey {
        key("", "PersistentVolumeClaim", "claim")
    }

    #[test]
    fn what_git_names_no_more_is_deleted() {
        let mut world = dropped(map("x"));
        let plan = world.plan();
        assert_eq!(deleted(&plan), ["x"]);
        let step = plan.deletions().next().unwrap();
        assert_eq!((&*step.component, step.reason.as_str()), ("a", "git names it no more"));
        world.carry_out();
        assert!(world.plan().is_empty());
    }

    #[test]
    fn an_empty_render_prunes_nothing() {
        let world = World::applied(vec![component("a", maps(0..3))]);
        let plan = world.now_wants(vec![]).plan();
        assert_eq!(plan.deletions().count(), 0);
        assert!(
            plan.prune.guard.unwrap().starts_with("git renders to nothing, and 3 objects would be deleted")
        );
        // The environment's own namespace does not make it less empty.
        let namespaces = || component("namespaces", vec![object("v1", "Namespace", "lake")]);
        let world = World::applied(vec![namespaces(), component("a", maps(0..3))]);
        let plan = world.now_wants(vec![namespaces()]).plan();
        assert!(plan.deletions().count() == 0 && plan.prune.guard.is_some());
    }

    #[test]
    fn a_component_that_renders_to_nothing_keeps_what_it_has_unless_git_says_the_word() {
        let world = World::applied(vec![component("a", maps(0..2)), component("b", maps(2..20))]);
        let mut world = world.now_wants(vec![component("a", vec![]), component("b", maps(2..20))]);
        let why = kept(&world.plan(), &map_key("m0"));
        assert!(why.starts_with("component a renders to nothing at all"), "{why}");
        world.policy = policy(json!({"pruneGuard": {"allow": ["a"]}}));
        assert_eq!(deleted(&world.plan()), ["m0", "m1"]);
    }

    #[test]
    fn a_share_over_the_guard_needs_a_word_in_git() {
        let world = World::applied(vec![component("a", maps(0..10)), component("b", maps(10..20))]);
        let mut world = world.now_wants(vec![component("a", maps(0..3)), component("b", maps(10..20))]);
        let plan = world.plan();
        assert_eq!(plan.deletions().count(), 0);
        let guard = plan.prune.guard.unwrap();
        assert!(guard.starts_with("7 of 20 objects would be deleted, more than the share of 0.3"), "{guard}");
        assert!(guard.ends_with("environments/local/environment.yaml: pruneGuard: {allow: [a]}"), "{guard}");
        world.policy = policy(json!({"pruneGuard": {"allow": ["a"]}}));
        assert_eq!(world.plan().deletions().count(), 7);
        world.policy = policy(json!({"pruneGuard": {"share": 0.5}}));
        assert_eq!(world.plan().deletions().count(), 7);
    }

    #[test]
    fn the_word_for_one_component_does_not_let_the_others_go() {
        let world = World::applied(vec![component("a", maps(0..10)), component("b", maps(10..20))]);
        let mut world = world.now_wants(vec![component("a", maps(0..9)), component("b", maps(10..12))]);
        world.policy = policy(json!({"pruneGuard": {"allow": ["a"]}}));
        let plan = world.plan();
        assert_eq!(deleted(&plan), ["m9"]);
        assert!(plan.prune.guard.unwrap().starts_with("8 of 20"));
    }

    #[test]
    fn a_few_objects_of_a_small_environment_may_go() {
        let world = World::applied(vec![component("a", maps(0..3))]);
        let plan = world.now_wants(vec![component("a", maps(0..1))]).plan();
        assert_eq!(deleted(&plan), ["m1", "m2"]);
    }

    #[test]
    fn claims_namespaces_and_definitions_are_never_pruned_unless_the_object_says_so() {
        for (api_version, kind) in [
            ("v1", "PersistentVolumeClaim"),
            ("v1", "Namespace"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ] {
            let mut world = dropped(object(api_version, kind, "x"));
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            let key = key(group, kind, "x");
            assert!(kept(&world.plan(), &key).contains("never deleted by itself"), "{kind}");
            world.seen(&key).prune = Some(true);
            assert_eq!(deleted(&world.plan()), ["x"], "{kind}");
        }
    }

    #[test]
    fn an_object_that_says_no_is_kept() {
        let mut world = dropped(map("x"));
        world.seen(&map_key("x")).prune = Some(false);
        assert!(kept(&world.plan(), &map_key("x")).contains("mooring.dev/prune says false"));
    }

    #[test]
    fn a_held_object_is_not_deleted_either() {
        let mut world = dropped(map("x"));
        let hold = Hold { reason: "debugging".into(), by: Some("kubectl-annotate".into()), since: None };
        world.seen(&map_key("x")).hold = Some(hold);
        assert_eq!(kept(&world.plan(), &map_key("x")), "held by kubectl-annotate (debugging)");
    }

    #[test]
    fn what_another_controller_or_another_environment_owns_is_kept() {
        let mut world = dropped(map("x"));
        world.seen(&map_key("x")).controlled = true;
        assert!(kept(&world.plan(), &map_key("x")).contains("another object's controller"));
        let mut world = dropped(map("x"));
        for owner in [None, Some(apply_set_id("prod"))] {
            world.seen(&map_key("x")).apply_set = owner;
            assert!(kept(&world.plan(), &map_key("x")).contains("another environment's label, or none"));
        }
    }

    #[test]
    fn a_copy_that_carries_our_label_is_kept_and_a_forgotten_object_of_ours_is_deleted() {
        let mut world = World::applied(vec![component("a", maps(0..10))]);
        let copy = Observed { apply_set: Some(apply_set_id("local")), ..Observed::default() };
        let ours =
            Observed { own_fields: Some(Digest::of(b"")), component: Some("a".into()), ..copy.clone() };
        world.observed.objects.insert(map_key("copy"), copy);
        world.observed.objects.insert(map_key("ours"), ours);
        let plan = world.plan();
        assert!(kept(&plan, &map_key("copy")).contains("was not made by it"));
        assert_eq!(deleted(&plan), ["ours"]);
    }

    #[test]
    fn a_component_that_could_not_be_rendered_prunes_nothing_of_its_own() {
        let world = World::applied(vec![component("a", maps(0..10)), component("b", maps(10..20))]);
        let plan = world.now_wants(vec![broken("a"), component("b", maps(10..19))]).plan();
        assert_eq!(kept(&plan, &map_key("m0")), "component a could not be rendered");
        assert_eq!(deleted(&plan), ["m19"], "the others go on");
    }

    #[test]
    fn objects_of_a_vanished_component_wait_until_every_component_renders() {
        let components = || vec![component("old", maps(0..2)), component("other", maps(2..20))];
        let world = World::applied(components());
        // Renamed to `new`, which has a fault: deleting them would delete what is only moving.
        let world = world.now_wants(vec![broken("new"), component("other", maps(2..20))]);
        assert!(kept(&world.plan(), &map_key("m0")).contains("could not be rendered (new)"));
        let world = world.now_wants(vec![component("other", maps(2..20))]);
        let plan = world.plan();
        assert_eq!(deleted(&plan), ["m0", "m1"]);
        assert_eq!(plan.deletions().next().unwrap().reason, "git has component old no more");
    }

    #[test]
    fn pruning_can_be_off_for_the_environment_and_on_for_a_component() {
        let mut world = dropped(map("x"));
        world.policy = policy(json!({"prune": false}));
        assert_eq!(kept(&world.plan(), &map_key("x")), "prune is off");
        let on = json!({"prune": false, "components": [{"name": "a", "chart": "c", "prune": true}]});
        world.policy = policy(on);
        assert_eq!(deleted(&world.plan()), ["x"]);
        let off = json!({"components": [{"name": "a", "chart": "c", "prune": false}]});
        world.policy = policy(off);
        assert_eq!(kept(&world.plan(), &map_key("x")), "prune is off");
    }

    #[test]
    fn deletions_come_in_the_reverse_order_of_applying() {
        let mut objects =
            vec![map("config"), object("apps/v1", "Deployment", "work"), object("v1", "Namespace", "ns")];
        objects.extend(maps(0..10));
        let mut world = World::applied(vec![component("a", objects)]);
        world.seen(&key("", "Namespace", "ns")).prune = Some(true);
        let plan = world.now_wants(vec![component("a", maps(0..10))]).plan();
        let stages: Vec<Vec<&str>> = plan
            .prune
            .stages
            .iter()
            .map(|stage| stage.iter().map(|step| step.key.name.as_str()).collect())
            .collect();
        assert_eq!(stages, [["work"], ["config"], ["ns"]]);
    }

    #[test]
    fn what_is_being_deleted_already_is_not_deleted_again() {
        let mut world = dropped(object("v1", "PersistentVolumeClaim", "claim"));
        world.seen(&claim()).prune = Some(true);
        assert_eq!(deleted(&world.plan()), ["claim"]);
        world.seen(&claim()).deleting = true;
        assert_eq!(world.plan().deletions().count(), 0);
    }
}
