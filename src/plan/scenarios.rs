//! What planning promises, sentence by sentence.

use std::sync::Arc;

use serde_json::{Value, json};

use super::catalog::tests::{catalog, manifest};
use super::{
    Action, Catalog, Hold, Inventory, InventoryEntry, Observed, ObservedSet, Plan, Policy, Step, plan,
};
use crate::environment::EnvironmentSpec;
use crate::manifest::{Digest, FieldPath, GroupKind, ObjectKey, SecretKey, apply_set_id};
use crate::render::{Component, DesiredObject, DesiredSet, RenderError, RenderedComponent};

/// An environment, its cluster, and what is remembered of it.
pub struct World {
    pub desired: DesiredSet,
    pub observed: ObservedSet,
    pub inventory: Inventory,
    pub policy: Policy,
    pub catalog: Catalog,
}

pub fn component(name: &str, objects: Vec<Value>) -> Component {
    let objects = objects.into_iter();
    let objects =
        objects.map(|value| DesiredObject { manifest: manifest(value), once: Vec::new() }).collect();
    let rendered = RenderedComponent { objects, ..RenderedComponent::default() };
    Component {
        name: name.into(),
        depends_on: Vec::new(),
        namespace: "lake".into(),
        result: Ok(Arc::new(rendered)),
        looked_up: Arc::default(),
    }
}

pub fn broken(name: &str) -> Component {
    Component { result: Err(Arc::new(RenderError::Crashed)), ..component(name, vec![]) }
}

#[expect(clippy::needless_pass_by_value, reason = "the tests read better with `json!` alone")]
pub fn policy(spec: Value) -> Policy {
    let mut full = json!({"namespace": "lake"});
    full.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    Policy::of(&serde_json::from_value::<EnvironmentSpec>(full).unwrap())
}

pub fn object(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
}

pub fn map(name: &str) -> Value {
    object("v1", "ConfigMap", name)
}

pub fn maps(names: impl IntoIterator<Item = usize>) -> Vec<Value> {
    names.into_iter().map(|number| map(&format!("m{number}"))).collect()
}

fn deployment(name: &str) -> Value {
    let mut value = object("apps/v1", "Deployment", name);
    value["spec"] = json!({"replicas": 2});
    value
}

pub fn key(group: &str, kind: &str, name: &str) -> ObjectKey {
    let namespaced = !matches!(kind, "Namespace" | "CustomResourceDefinition");
    ObjectKey {
        group_kind: GroupKind::new(group, kind),
        namespace: namespaced.then(|| "lake".to_owned()),
        name: name.to_owned(),
    }
}

pub fn map_key(name: &str) -> ObjectKey {
    key("", "ConfigMap", name)
}

impl World {
    /// Nothing in the cluster yet.
    pub fn new(components: Vec<Component>) -> Self {
        Self {
            desired: DesiredSet { environment: "local".into(), components },
            observed: ObservedSet::default(),
            inventory: Inventory::default(),
            policy: policy(json!({})),
            catalog: catalog(),
        }
    }

    /// A cluster in which all of it has been applied.
    pub fn applied(components: Vec<Component>) -> Self {
        let mut world = Self::new(components);
        world.carry_out();
        world
    }

    /// The same cluster, after git has come to say something else.
    pub fn now_wants(mut self, components: Vec<Component>) -> Self {
        self.desired.components = components;
        self
    }

    pub fn plan(&self) -> Plan {
        let key = SecretKey::new([5; 32]);
        plan(&self.desired, &self.observed, &self.inventory, &self.policy, &self.catalog, &key)
    }

    /// Does what the plan says, as a server that refuses nothing.
    pub fn carry_out(&mut self) -> Plan {
        let plan = self.plan();
        for step in plan.steps().filter(|step| step.action.is_due()) {
            let fields = Digest::of(step.digest.to_string().as_bytes());
            let uid = format!("uid of {}", step.key);
            let seen = self.observed.objects.entry(step.key.clone()).or_default();
            seen.uid.clone_from(&uid);
            seen.apply_set = Some(apply_set_id("local"));
            seen.own_fields = Some(fields);
            seen.component = Some(step.component.to_string());
            let component = step.component.clone();
            let projection = fields;
            let entry = InventoryEntry { component, uid, desired: step.digest, fields, projection };
            self.inventory.entries.insert(step.key.clone(), entry);
        }
        for step in plan.deletions() {
            self.observed.objects.remove(&step.key);
            self.inventory.entries.remove(&step.key);
        }
        plan
    }

    pub fn seen(&mut self, key: &ObjectKey) -> &mut Observed {
        self.observed.objects.get_mut(key).unwrap()
    }
}

fn step<'p>(plan: &'p Plan, name: &str) -> &'p Step {
    plan.steps().find(|step| step.key.name == name).unwrap()
}

/// The action on the object of that name, and why.
fn action(world: &World, name: &str) -> (Action, String) {
    let plan = world.plan();
    let step = step(&plan, name);
    (step.action.clone(), step.reason.clone())
}

#[test]
fn what_is_not_there_is_created_and_what_is_as_git_wants_it_is_left() {
    let mut world = World::new(vec![component("a", vec![map("m")])]);
    assert_eq!(action(&world, "m"), (Action::Create, "it is not there".to_owned()));
    world.carry_out();
    assert_eq!(action(&world, "m").0, Action::Nothing);
    assert!(world.plan().is_empty());
}

#[test]
fn a_commit_that_changes_one_object_updates_one_object() {
    let mut changed = map("m1");
    changed["data"] = json!({"a": "b"});
    let world = World::applied(vec![component("a", maps(0..3))]);
    let world = world.now_wants(vec![component("a", vec![map("m0"), changed, map("m2")])]);
    let plan = world.plan();
    let due: Vec<&str> =
        plan.steps().filter(|step| step.action.is_due()).map(|step| step.key.name.as_str()).collect();
    assert_eq!(due, ["m1"]);
    assert_eq!(action(&world, "m1"), (Action::Update, "git says something new".to_owned()));
}

#[test]
fn an_object_that_somebody_deleted_is_made_anew_or_only_reported() {
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    world.observed.objects.clear();
    assert_eq!(action(&world, "m"), (Action::Create, "it was there, and is gone".to_owned()));
    world.policy = policy(json!({"drift": "report"}));
    let (action, reason) = action(&world, "m");
    assert_eq!(action, Action::Report);
    assert!(!action.is_due() && reason.contains("drift: report"), "{reason}");
}

#[test]
fn what_git_says_anew_is_done_even_where_drift_is_only_reported() {
    let mut changed = map("m");
    changed["data"] = json!({"a": "b"});
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    world = world.now_wants(vec![component("a", vec![changed])]);
    world.policy = policy(json!({"drift": "report"}));
    assert_eq!(action(&world, "m").0, Action::Update);
    world.observed.objects.clear();
    assert_eq!(action(&world, "m").0, Action::Create);
}

#[test]
fn what_is_ours_but_forgotten_is_proven_by_a_dry_run() {
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    world.inventory = Inventory::default();
    assert_eq!(action(&world, "m").0, Action::Prove);
}

#[test]
fn what_was_there_before_us_is_adopted() {
    let mut world = World::new(vec![component("a", vec![map("m")])]);
    world.observed.objects.insert(map_key("m"), Observed { uid: "u".into(), ..Observed::default() });
    assert_eq!(action(&world, "m").0, Action::Adopt);
    world.seen(&map_key("m")).apply_set = Some(apply_set_id("former"));
    let (action, reason) = action(&world, "m");
    assert!(action == Action::Adopt && reason.contains(&apply_set_id("former")), "{reason}");
}

#[test]
fn a_lost_label_and_a_changed_uid_are_put_right() {
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    world.seen(&map_key("m")).apply_set = None;
    assert_eq!(action(&world, "m").0, Action::Correct);
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    world.seen(&map_key("m")).uid = "another".into();
    assert_eq!(action(&world, "m"), (Action::Correct, "somebody deleted it and made it anew".to_owned()));
    world.policy = policy(json!({"drift": "report"}));
    assert_eq!(action(&world, "m").0, Action::Report);
}

#[test]
fn a_hold_stops_corrections_and_says_that_git_s_change_waits() {
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    let hold = Hold { reason: "debugging".into(), by: Some("kubectl-annotate".into()), since: None };
    world.seen(&map_key("m")).hold = Some(hold.clone());
    let (left, reason) = action(&world, "m");
    assert_eq!((left, reason.as_str()), (Action::Hold(hold), "held by kubectl-annotate (debugging)"));
    let mut changed = map("m");
    changed["data"] = json!({"a": "b"});
    let world = world.now_wants(vec![component("a", vec![changed])]);
    let (left, reason) = action(&world, "m");
    assert!(!left.is_due() && reason.ends_with("what git says anew waits"), "{reason}");
}

#[test]
fn a_hold_that_git_set_ends_when_git_takes_it_back() {
    let mut held = map("m");
    held["metadata"]["annotations"] = json!({"mooring.dev/hold": "from git"});
    let mut world = World::applied(vec![component("a", vec![held])]);
    world.seen(&map_key("m")).hold =
        Some(Hold { reason: "from git".into(), by: Some("mooring".into()), since: None });
    assert!(matches!(action(&world, "m").0, Action::Hold(_)));
    let world = world.now_wants(vec![component("a", vec![map("m")])]);
    assert_eq!(action(&world, "m").0, Action::Update);
}

#[test]
fn what_is_being_deleted_is_waited_for_and_its_finalizers_are_named() {
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    let seen = world.seen(&map_key("m"));
    seen.deleting = true;
    seen.finalizers = vec!["example.org/lock".into()];
    let (action, reason) = action(&world, "m");
    assert_eq!(action, Action::Wait);
    assert!(!action.is_due() && reason.contains("example.org/lock"), "{reason}");
}

#[test]
fn fields_that_changed_hands_are_left_to_the_search_for_drift() {
    let mut world = World::applied(vec![component("a", vec![map("m")])]);
    world.seen(&map_key("m")).own_fields = None;
    let (action, reason) = action(&world, "m");
    assert!(action == Action::Nothing && reason.contains("drift"), "{reason}");
}

#[test]
fn renaming_a_component_hands_its_objects_over_instead_of_deleting_them() {
    let world = World::applied(vec![component("old", maps(0..20))]);
    let world = world.now_wants(vec![component("new", maps(0..20))]);
    let plan = world.plan();
    assert!(plan.steps().all(|step| step.action == Action::HandOver { from: "old".into() }));
    assert_eq!((plan.deletions().count(), plan.prune.guard), (0, None));
}

#[test]
fn an_object_that_moves_between_components_is_handed_over() {
    let world = World::applied(vec![component("a", maps(0..2)), component("b", maps(2..4))]);
    let mut world = world.now_wants(vec![component("a", maps(0..1)), component("b", maps(1..4))]);
    assert_eq!(
        action(&world, "m1"),
        (Action::HandOver { from: "a".into() }, "it moves here from component a".into())
    );
    assert_eq!(world.carry_out().deletions().count(), 0);
    assert!(world.plan().is_empty());
}

#[test]
fn an_unknown_kind_is_parked_until_its_definition_is_established() {
    let mut definition = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.org");
    definition["spec"] = json!({"group": "example.org", "scope": "Namespaced", "names": {"kind": "Widget"},
        "versions": [{"name": "v1", "served": true}, {"name": "v0", "served": false}]});
    let widget = |version: &str| object(&format!("example.org/{version}"), "Widget", version);
    let users = component("users", vec![widget("v1"), widget("v0")]);
    let world = World::new(vec![users, component("crds", vec![definition])]);
    let (parked, reason) = action(&world, "v1");
    assert_eq!(parked, Action::Park);
    assert_eq!(reason, "its kind comes with the definition widgets.example.org of component crds");
    assert_eq!(parked.obstacle(&reason), Some(reason));
    let (refused, reason) = action(&world, "v0");
    assert!(refused == Action::Refuse && reason.contains("serves v1, not v0"), "{reason}");
}

#[test]
fn an_unknown_kind_that_nothing_brings_is_refused_with_what_was_meant_and_where() {
    let world = World::new(vec![component("a", vec![object("apps/v1", "Deploymnet", "d"), map("m")])]);
    let (refused, reason) = action(&world, "d");
    assert_eq!(refused, Action::Refuse);
    assert!(reason.contains("did you mean apps/v1 Deployment?") && reason.contains("c/x.yaml"), "{reason}");
    assert_eq!(action(&world, "m").0, Action::Create, "the others go on");
}

#[test]
fn the_same_object_twice_is_refused_and_both_places_are_named() {
    let mut elsewhere = map("m");
    elsewhere["metadata"]["namespace"] = json!("lake");
    let world = World::new(vec![component("a", vec![map("m")]), component("b", vec![elsewhere])]);
    let plan = world.plan();
    let actions: Vec<&Action> = plan.steps().map(|step| &step.action).collect();
    assert_eq!(actions, [&Action::Create, &Action::Refuse]);
    let refused = plan.steps().last().unwrap();
    assert!(refused.reason.starts_with("it is defined twice: in c/x.yaml"), "{}", refused.reason);
}

#[test]
fn cluster_scoped_objects_have_no_namespace_and_others_the_component_s() {
    let world = World::new(vec![component("a", vec![object("v1", "Namespace", "n"), map("m")])]);
    let plan = world.plan();
    assert_eq!(step(&plan, "n").key.namespace, None);
    assert_eq!(step(&plan, "m").key.namespace.as_deref(), Some("lake"));
}

#[test]
fn stages_follow_one_another_inside_a_component() {
    let hook = object("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "webhook");
    let objects = vec![hook, deployment("work"), map("config"), object("v1", "Namespace", "ns")];
    let plan = World::new(vec![component("a", objects)]).plan();
    let stages: Vec<Vec<&str>> = plan.components[0]
        .stages
        .iter()
        .map(|stage| stage.steps.iter().map(|step| step.key.name.as_str()).collect())
        .collect();
    assert_eq!(stages, [["ns"], ["config"], ["work"], ["webhook"]]);
}

#[test]
fn a_broken_component_leaves_the_others_alone() {
    let world = World::applied(vec![component("a", maps(0..3)), component("b", maps(3..6))]);
    let mut changed = map("m3");
    changed["data"] = json!({"a": "b"});
    let world = world.now_wants(vec![broken("a"), component("b", vec![changed, map("m4"), map("m5")])]);
    let plan = world.plan();
    assert_eq!(plan.components[0].error, Some(RenderError::Crashed.to_string()));
    assert_eq!(step(&plan, "m3").action, Action::Update);
    assert_eq!(plan.deletions().count(), 0);
    assert_eq!(plan.prune.kept.len(), 3);
}

fn replicas() -> FieldPath {
    FieldPath::of_fields(["spec", "replicas"])
}

#[test]
fn replicas_that_an_autoscaler_of_git_sets_are_set_once() {
    let mut scaler = object("autoscaling/v2", "HorizontalPodAutoscaler", "scaler");
    scaler["spec"] =
        json!({"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}});
    let workloads = component("a", vec![deployment("scaled"), deployment("fixed")]);
    let world = World::new(vec![workloads, component("b", vec![scaler])]);
    let plan = world.plan();
    assert_eq!(step(&plan, "scaled").once, [replicas()]);
    assert!(step(&plan, "fixed").once.is_empty());
}

#[test]
fn replicas_that_an_autoscaler_has_taken_stay_its_own_after_a_restart() {
    let mut world = World::applied(vec![component("a", vec![deployment("d")])]);
    world.seen(&key("apps", "Deployment", "d")).autoscaled = vec![replicas()];
    assert_eq!(step(&world.plan(), "d").once, [replicas()]);
    world.carry_out();
    assert!(world.plan().is_empty());
}

#[test]
fn what_an_ignore_rule_names_is_set_once_and_the_new_rule_is_applied() {
    let mut world = World::applied(vec![component("a", vec![deployment("d"), deployment("e")])]);
    let rule = json!({"kind": "Deployment", "name": "d", "paths": ["/spec/replicas", "/spec/paused"], "reason": "x"});
    world.policy = policy(json!({"ignore": [rule]}));
    let plan = world.plan();
    assert_eq!(step(&plan, "d").once, [replicas()], "only what the manifest has");
    assert_eq!((&step(&plan, "d").action, &step(&plan, "e").action), (&Action::Update, &Action::Nothing));
}

#[test]
fn what_a_template_makes_up_anew_is_no_new_wish() {
    let with = |password: &str| {
        let mut secret = object("v1", "Secret", "s");
        secret["stringData"] = json!({"password": password, "user": "u"});
        let once = vec![FieldPath::of_fields(["data", "password"])];
        let objects = vec![DesiredObject { manifest: manifest(secret), once }];
        let rendered = RenderedComponent { objects, ..RenderedComponent::default() };
        Component { result: Ok(Arc::new(rendered)), ..component("a", vec![]) }
    };
    let world = World::applied(vec![with("one")]).now_wants(vec![with("two")]);
    assert_eq!(action(&world, "s").0, Action::Nothing);
}

#[test]
fn a_plan_prints_no_secret() {
    let mut secret = object("v1", "Secret", "s");
    secret["stringData"] = json!({"password": "hunter2"});
    let plan = World::new(vec![component("a", vec![secret])]).plan();
    let text = format!("{plan:?} {}", serde_json::to_string(&plan).unwrap());
    assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
}

/// A generator of numbers that are the same in each run (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// A few components with a few objects each, one of them broken now and then.
    fn components(&mut self) -> Vec<Component> {
        let mut free: Vec<Value> = Vec::new();
        for number in 0..12 {
            let name = format!("o{number}");
            let mut value = match number % 4 {
                0 => deployment(&name),
                1 => object("v1", "PersistentVolumeClaim", &name),
                _ => map(&name),
            };
            value["metadata"]["labels"] = json!({"version": self.roll(2).to_string()});
            free.push(value);
        }
        ["a", "b", "c"]
            .into_iter()
            .filter_map(|name| match self.roll(8) {
                0 => None,
                1 => Some(broken(name)),
                _ => {
                    let taken: Vec<usize> = (0..free.len()).filter(|_| self.roll(3) == 0).rev().collect();
                    Some(component(name, taken.into_iter().map(|index| free.swap_remove(index)).collect()))
                }
            })
            .collect()
    }
}

#[test]
fn whatever_git_says_next_the_plan_converges_and_breaks_no_rule() {
    let mut dice = Dice(42);
    for round in 0..300 {
        let mut world = World::applied(dice.components());
        world.policy = policy(json!({"pruneGuard": {"share": 1.0}}));
        let before = world.inventory.clone();
        let components = dice.components();
        world = world.now_wants(components);
        let plan = world.carry_out();
        for step in plan.steps().chain(plan.deletions()) {
            assert!(!step.reason.is_empty(), "round {round}: {} without a reason", step.key);
        }
        for step in plan.deletions() {
            assert!(!plan.names(&step.key), "round {round}: {} is applied and deleted", step.key);
            assert_ne!(step.key.group_kind.kind, "PersistentVolumeClaim", "round {round}");
            let owner = &before.entries[&step.key].component;
            let rendered = world.desired.components.iter().find(|component| component.name == *owner);
            let fails = rendered.is_some_and(|component| component.result.is_err());
            assert!(!fails, "round {round}: {} of a broken component is deleted", step.key);
        }
        let again = world.plan();
        assert!(again.is_empty(), "round {round}: {:?}", again.counts());
    }
}

#[test]
fn the_same_arguments_give_the_same_plan() {
    let mut dice = Dice(7);
    let world = World::applied(dice.components());
    let world = world.now_wants(dice.components());
    let text = serde_json::to_string(&world.plan()).unwrap();
    // The same objects in a map of another order.
    let mut entries: Vec<_> = world.observed.objects.clone().into_iter().collect();
    entries.reverse();
    let shuffled = World { observed: ObservedSet { objects: entries.into_iter().collect() }, ..world };
    assert_eq!(serde_json::to_string(&shuffled.plan()).unwrap(), text);
}
