//! Helm's hooks: objects that are made before a component is applied, or after it is healthy, and waited for.
//!
//! A component's hooks run when what git says of it changes, as with `helm upgrade`, and not when drift is put back or the
//! agent starts again. `pre-install` and `pre-upgrade` come before its first stage, `post-install` and `post-upgrade` once
//! all of it is healthy (docs/hooks.md). How far that came is remembered in the cluster.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::apply::{TAKE, Tools};
use super::jobs::Finished;
use super::world::{ComponentState, Phase};
use super::{Agent, STATUS_AFTER, Timer};
use crate::cluster::ApiError;
use crate::helm::HookEvent;
use crate::manifest::{COMPONENT, Digest, GroupKind, Manifest, ObjectKey, SecretKey};
use crate::plan::health::{Health, assess};
use crate::plan::{HookCycle, HookRecord, Resource, wish_digest};
use crate::render::{DesiredHook, RenderedComponent};

/// How often a hook is looked at: soon at first, then ever more seldom.
const LOOK_FIRST: Duration = Duration::from_millis(250);
const LOOK_LAST: Duration = Duration::from_secs(3);
/// How long the one of before may take to go.
const GONE_WITHIN: Duration = Duration::from_mins(2);
/// How often a request is tried that fails for a moment.
const TRIES: u32 = 6;

/// Before or after a component's objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Before its first stage.
    Before,
    /// When all of it is healthy.
    After,
}

/// Hooks that run, of one component.
pub struct HookRun {
    when: When,
    digest: Digest,
    stop: CancellationToken,
}

/// A hook to be run.
struct HookJob {
    object: Manifest,
    key: ObjectKey,
    resource: Resource,
    delete: Vec<String>,
    event: HookEvent,
}

impl HookJob {
    /// Whether it is deleted at `policy`. Without any it is before it is made again; a definition never is, since all
    /// objects of its kind would go with it.
    fn is_deleted(&self, policy: &str) -> bool {
        let none = self.delete.is_empty() && policy == BEFORE;
        let named = self.delete.iter().any(|one| one == policy);
        (none || named) && self.key.group_kind.kind != "CustomResourceDefinition"
    }
}

impl fmt::Display for HookJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.event.name(), self.key)
    }
}

const BEFORE: &str = "before-hook-creation";
const SUCCEEDED: &str = "hook-succeeded";
const FAILED: &str = "hook-failed";

/// What git says of a component, hooks included: they run when it changes.
fn digest(rendered: &RenderedComponent, key: &SecretKey) -> Digest {
    let hooks = rendered.hooks.iter().map(|hook| &hook.object);
    let digests: Vec<String> = rendered
        .objects
        .iter()
        .chain(hooks)
        .map(|object| wish_digest(&object.manifest, &object.once, key).to_string())
        .collect();
    Digest::of_all(digests.iter().map(String::as_bytes))
}

/// The event that a component's hooks run at.
fn event(cycle: HookCycle, when: When) -> HookEvent {
    match (cycle, when) {
        (HookCycle::Install, When::Before) => HookEvent::PreInstall,
        (HookCycle::Install, When::After) => HookEvent::PostInstall,
        (HookCycle::Upgrade, When::Before) => HookEvent::PreUpgrade,
        (HookCycle::Upgrade, When::After) => HookEvent::PostUpgrade,
    }
}

/// The hooks that run at an event, in their order.
fn of_event(rendered: &RenderedComponent, event: HookEvent) -> impl Iterator<Item = &DesiredHook> {
    rendered.hooks.iter().filter(move |hook| hook.hook.events.contains(&event))
}

/// The hooks that a component's present content makes run, in their order: those before it, then those after it.
pub fn due<'r>(
    rendered: &'r RenderedComponent,
    record: &HookRecord,
    key: &SecretKey,
) -> Vec<(HookEvent, &'r DesiredHook)> {
    let content = digest(rendered, key);
    let mut due = Vec::new();
    let record = if record.is_done(false, content) { record.clone() } else { record.clone().begun() };
    for when in [When::Before, When::After] {
        if !record.is_done(when == When::After, content) {
            let event = event(record.cycle, when);
            due.extend(of_event(rendered, event).map(|hook| (event, hook)));
        }
    }
    due
}

impl Agent {
    /// Starts the hooks of a component that are due, if there are any; those of another content are ended first. Returns
    /// whether the component has to wait for them.
    pub(super) fn run_hooks(&mut self, name: &Arc<str>, when: When) -> bool {
        let Some((rendered, namespace)) = self.rendered_hooks(name) else { return false };
        let digest = digest(&rendered, &self.tools.key);
        let record = self.hook_record(name);
        if record.is_done(when == When::After, digest) {
            return false;
        }
        if let Some(run) = self.world.hook_runs.get(name) {
            // What it does belongs to a content that is no more; it is started anew when it has ended.
            if run.digest != digest || run.when != when {
                run.stop.cancel();
            }
            return true;
        }
        let record = if when == When::Before { record.begun() } else { record };
        let event = event(record.cycle, when);
        self.world.hooks.insert(name.clone(), record);
        let jobs: Result<Vec<HookJob>, String> =
            of_event(&rendered, event).map(|hook| self.hook_job(&namespace, hook, event)).collect();
        if jobs.as_ref().is_ok_and(Vec::is_empty) {
            self.note_hooks(name, when, digest);
            return false;
        }
        let stop = CancellationToken::new();
        let (tools, component, token) = (self.tools.clone(), name.clone(), stop.clone());
        self.world.hook_runs.insert(name.clone(), HookRun { when, digest, stop });
        self.jobs.spawn(async move {
            let work = async {
                match jobs {
                    Ok(jobs) => run(&tools, &component, &jobs).await,
                    Err(why) => Err(why),
                }
            };
            let result = tokio::select! {
                result = work => Some(result),
                () = token.cancelled() => None,
            };
            Finished::Hooked(component, result)
        });
        self.later(STATUS_AFTER, Timer::Status);
        self.later(Duration::from_secs(20), Timer::Nag);
        true
    }

    /// A component's rendering and namespace, where it has hooks.
    fn rendered_hooks(&self, name: &str) -> Option<(Arc<RenderedComponent>, Arc<str>)> {
        let desired = &self.world.goal.as_ref()?.desired;
        let component = desired.components.iter().find(|component| *component.name == *name)?;
        let rendered = component.result.as_ref().ok()?;
        (!rendered.hooks.is_empty()).then(|| (rendered.clone(), component.namespace.clone()))
    }

    /// What is remembered of a component's hooks, by this environment or by one that it was before it was renamed.
    fn hook_record(&self, name: &str) -> HookRecord {
        let former = || self.former.iter().find_map(|one| self.world.others_hooks.get(one)?.get(name));
        let known = self.world.hooks.get(name).or_else(former);
        known.cloned().unwrap_or_else(|| HookRecord::new(self.is_new(name)))
    }

    /// Forgets components that git does not name any more: if they come again, they are installed.
    pub(super) fn forget_hooks(&mut self) {
        let world = &mut self.world;
        let named = |name: &str| world.components.iter().any(|component| *component.name == *name);
        for (_, run) in world.hook_runs.iter().filter(|(name, _)| !named(name)) {
            run.stop.cancel();
        }
        let before = world.hooks.len();
        world.hooks.retain(|name, _| named(name));
        if world.hooks.len() < before {
            self.save_hooks();
        }
    }

    /// The hooks that a component waits for, in words.
    pub(super) fn hooks_in_words(&self, component: &str, when: When) -> String {
        let cycle = self.hook_record(component).cycle;
        format!("runs its {} hooks", event(cycle, when).name())
    }

    /// Whether nothing of the component was applied yet.
    fn is_new(&self, name: &str) -> bool {
        let Some(component) = self.world.component(name) else { return true };
        let applied = |key| self.world.objects.get(key).is_some_and(|tracked| tracked.baseline.is_some());
        !component.objects.iter().any(applied)
    }

    fn hook_job(&self, namespace: &str, hook: &DesiredHook, event: HookEvent) -> Result<HookJob, String> {
        let manifest = &hook.object.manifest;
        let resource = self.offer.catalog.resolve(manifest).cloned();
        let resource = resource.ok_or_else(|| self.offer.catalog.explain(manifest))?;
        Ok(HookJob {
            key: manifest.key(resource.namespaced, namespace),
            object: manifest.clone(),
            resource,
            delete: hook.hook.delete_policies.clone(),
            event,
        })
    }

    /// Writes down that the hooks of a component have run.
    fn note_hooks(&mut self, name: &Arc<str>, when: When, digest: Digest) {
        if let Some(record) = self.world.hooks.get_mut(name) {
            record.note(when == When::After, digest);
        }
        self.save_hooks();
    }

    /// Writes the records, one writing at a time.
    pub(super) fn save_hooks(&mut self) {
        if std::mem::replace(&mut self.saving_hooks, true) {
            return self.later(super::SAVE_AFTER, Timer::Hooks);
        }
        let (store, records) = (self.store.clone(), self.world.hooks.clone());
        self.jobs.spawn(async move { Finished::HooksSaved(store.save_hooks(&records).await) });
    }

    pub(super) fn on_hooks_saved(&mut self, result: Result<(), ApiError>) {
        self.saving_hooks = false;
        if let Err(error) = result {
            tracing::warn!(%error, "which hooks have run could not be saved; trying again");
            self.later(Duration::from_secs(5), Timer::Hooks);
        }
    }

    /// The hooks of a component have ended: well, with a failure, or (`None`) since git says something else by now.
    pub(super) fn on_hooked(&mut self, name: &Arc<str>, result: Option<Result<(), String>>) {
        let Some(run) = self.world.hook_runs.remove(name) else { return };
        if let Some(Ok(())) = &result {
            self.note_hooks(name, run.when, run.digest);
        }
        let current = self.rendered_hooks(name).map(|(rendered, _)| digest(&rendered, &self.tools.key));
        let Some(place) = self.world.place(name) else { return };
        let ComponentState::Hooking(when) = self.world.components[place].state else { return };
        self.later(STATUS_AFTER, Timer::Status);
        if let Some(Err(why)) = result
            && current == Some(run.digest)
        {
            tracing::error!(component = &**name, "{why}");
            self.world.components[place].hook_failed = true;
            self.world.components[place].state = ComponentState::Failed(why);
            return;
        }
        // Where git says something else by now, those of that run before the component goes on.
        if !self.run_hooks(name, when) {
            self.after_hooks(place, when);
        }
    }

    /// What comes after a component's hooks.
    pub(super) fn after_hooks(&mut self, place: usize, when: When) {
        let component = &mut self.world.components[place];
        component.since = Instant::now();
        component.state = match when {
            When::Before => ComponentState::Applying,
            When::After if !component.unwell.is_empty() => ComponentState::Settling,
            When::After => ComponentState::Ready,
        };
        if component.state == ComponentState::Ready {
            tracing::info!(component = &*component.name, "ready");
        }
        let blocked = self.world.components.iter().any(|one| matches!(one.state, ComponentState::Blocked(_)));
        if (blocked || when == When::Before) && self.world.phase == Phase::Settled {
            self.world.phase = Phase::Applying;
        }
        self.later(STATUS_AFTER, Timer::Status);
        self.end_if_once();
    }
}

/// Runs hooks, one after the other.
async fn run(tools: &Tools, component: &str, hooks: &[HookJob]) -> Result<(), String> {
    for (place, hook) in hooks.iter().enumerate() {
        let began = Instant::now();
        tracing::info!(component, object = %hook.key, "the hook {hook} runs");
        match run_one(tools, hook).await {
            Ok(()) => {
                tracing::info!(component, object = %hook.key, "the hook {hook} succeeded after {:.1} s", began.elapsed().as_secs_f64());
            }
            Err(why) => {
                let why = hook.object.scrub(&why);
                delete_at(tools, FAILED, std::slice::from_ref(hook)).await;
                delete_at(tools, SUCCEEDED, &hooks[..place]).await;
                let place = hook.object.source();
                return Err(format!(
                    "the hook {hook} failed, and what comes after it waits for the next commit: {why} ({place})"
                ));
            }
        }
    }
    delete_at(tools, SUCCEEDED, hooks).await;
    Ok(())
}

async fn run_one(tools: &Tools, hook: &HookJob) -> Result<(), String> {
    if hook.is_deleted(BEFORE) {
        remove(tools, hook).await?;
    }
    let mut failures = 0;
    while let Err(error) = tools.acting.apply(&hook.resource, &hook.key, hook.object.wire(), TAKE).await {
        failures += 1;
        again(&error, failures).await?;
    }
    if !runs_to_an_end(&hook.key.group_kind) {
        return Ok(());
    }
    let (mut pause, mut failures) = (LOOK_FIRST, 0);
    loop {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOK_LAST);
        match tools.acting.get(&hook.resource, &hook.key).await {
            Ok(Some(live)) => match end_of(&live) {
                Some(result) => return result,
                None => failures = 0,
            },
            Ok(None) => return Err("somebody deleted it while it ran".to_owned()),
            Err(error) => {
                failures += 1;
                again(&error, failures).await?;
            }
        }
    }
}

/// Whether Helm waits for the kind: those that run to an end.
fn runs_to_an_end(kind: &GroupKind) -> bool {
    matches!((&*kind.group, &*kind.kind), ("batch", "Job") | ("", "Pod"))
}

/// How a Job or a Pod ended; `None` while it runs.
fn end_of(live: &Value) -> Option<Result<(), String>> {
    let phase = live.pointer("/status/phase").and_then(Value::as_str);
    let is_pod = live["kind"] == "Pod";
    match assess(live) {
        // A pod that is ready still runs, and one that crashes may be started again.
        _ if is_pod && !matches!(phase, Some("Succeeded" | "Failed")) => None,
        Health::Current => Some(Ok(())),
        Health::Failed(why) => Some(Err(why)),
        Health::Terminating => Some(Err("somebody deleted it while it ran".to_owned())),
        Health::InProgress(_) => None,
    }
}

/// Deletes what is there under the hook's name and waits until it is gone. What is no hook's is not touched.
async fn remove(tools: &Tools, hook: &HookJob) -> Result<(), String> {
    let until = Instant::now() + GONE_WITHIN;
    let (mut asked, mut failures) = (false, 0);
    loop {
        let live = match tools.acting.get(&hook.resource, &hook.key).await {
            Ok(None) => return Ok(()),
            Ok(Some(live)) => live,
            Err(error) => {
                failures += 1;
                again(&error, failures).await?;
                continue;
            }
        };
        if !is_hook(&live) {
            return Err(format!(
                "there is another {} already that is no hook; rename one of them, or delete it",
                hook.key
            ));
        }
        if !asked {
            let uid = live.pointer("/metadata/uid").and_then(Value::as_str);
            match tools.acting.delete(&hook.resource, &hook.key, uid, false).await {
                Ok(_) => asked = true,
                Err(error) => {
                    failures += 1;
                    again(&error, failures).await?;
                }
            }
            continue;
        }
        if Instant::now() > until {
            return Err(format!("the {} of before is being deleted, and finalizers still hold it", hook.key));
        }
        tokio::time::sleep(LOOK_FIRST).await;
    }
}

/// Whether a chart made the object as a hook: by us, by Helm or by another of its kind.
fn is_hook(live: &Value) -> bool {
    let metadata = &live["metadata"];
    metadata["annotations"].get("helm.sh/hook").is_some() || {
        // Until it became a hook it was an object like any other, and ours.
        metadata["labels"].get(COMPONENT).is_some()
    }
}

/// Deletes the hooks whose policy says so. What cannot be deleted stays, as a hook that has run harms nobody.
async fn delete_at(tools: &Tools, policy: &str, hooks: &[HookJob]) {
    for hook in hooks.iter().rev().filter(|hook| hook.is_deleted(policy)) {
        if let Err(error) = tools.acting.delete(&hook.resource, &hook.key, None, false).await {
            tracing::warn!(object = %hook.key, %error, "the hook could not be deleted after it had run");
        }
    }
}

/// Waits after a request that failed for a moment; fails for good where waiting does not help.
async fn again(error: &ApiError, failures: u32) -> Result<(), String> {
    let conflict = matches!(error, ApiError::Conflict { .. });
    if failures >= TRIES || !(error.is_transient() || error.is_not_found() || conflict) {
        return Err(error.to_string());
    }
    tokio::time::sleep(LOOK_FIRST * 2_u32.pow(failures)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_ends_when_its_containers_have_ended_and_not_when_it_is_ready() {
        let pod = |phase: &str| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "status": {"phase": phase}});
        assert_eq!(end_of(&pod("Running")), None);
        assert_eq!(end_of(&pod("Succeeded")), Some(Ok(())));
        assert!(matches!(end_of(&pod("Failed")), Some(Err(_))));
    }

    #[test]
    fn a_job_ends_with_its_conditions() {
        let job = |conditions: Value| json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "status": {"conditions": conditions}});
        let ended = |kind: &str| json!([{"type": kind, "status": "True", "message": "too often"}]);
        assert_eq!(end_of(&job(json!([]))), None);
        assert_eq!(end_of(&job(ended("Complete"))), Some(Ok(())));
        assert_eq!(end_of(&job(ended("Failed"))), Some(Err("too often".to_owned())));
    }

    #[test]
    fn only_what_a_chart_made_is_deleted_before_a_hook_is_made() {
        assert!(is_hook(&json!({"metadata": {"annotations": {"helm.sh/hook": "pre-install"}}})));
        assert!(is_hook(&json!({"metadata": {"labels": {COMPONENT: "trino"}}})));
        assert!(!is_hook(&json!({"metadata": {"labels": {"app": "mine"}}})));
    }
}
