//! Charts from elsewhere: who the agent is to their repositories, and when it asks again.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use serde_json::Value;
use tokio::runtime::Handle;

use super::jobs::account_of;
use super::world::Phase;
use super::{Agent, Timer};
use crate::cluster::Cluster;
use crate::environment::EnvironmentSpec;
use crate::helm::limits::Limits;
use crate::manifest::{GroupKind, ObjectKey};
use crate::plan::Resource;
use crate::render::DesiredSet;
use crate::source::{ChartStore, Login, SecretText};

/// When a chart is asked for again that could not be fetched.
const FETCH_AGAIN: Duration = Duration::from_secs(30);
/// How soon again, while a revision is being rendered.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where charts come from, and the cluster that holds the logins and what templates look up.
#[derive(Clone)]
pub struct Charts {
    /// The charts.
    pub store: Arc<ChartStore>,
    /// The cluster.
    pub cluster: Cluster,
    /// The service account of environments that name none.
    pub default_account: Option<String>,
    /// What the rendering of one of them may use.
    pub limits: Limits,
    /// Where the cluster is asked: charts are read on threads of no runtime.
    pub runtime: Handle,
}

impl Charts {
    /// The login in a Secret of the environment's namespace, read by the rights of the environment's own account. Blocks.
    pub fn login(&self, spec: &EnvironmentSpec, secret: &str) -> Result<Login, String> {
        let cluster = self.cluster.acting_as(account_of(spec, self.default_account.as_deref()));
        let resource = Resource {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "Secret".to_owned(),
            plural: "secrets".to_owned(),
            namespaced: true,
        };
        let key = ObjectKey {
            group_kind: GroupKind::new("", "Secret"),
            namespace: Some(spec.namespace.clone()),
            name: secret.to_owned(),
        };
        let live = self.runtime.block_on(cluster.get(&resource, &key)).map_err(|error| error.to_string())?;
        let live = live.ok_or_else(|| format!("there is none in the namespace {}", spec.namespace))?;
        let text = |name: &str| {
            let encoded = live.get("data").and_then(|data| data.get(name)).and_then(Value::as_str);
            encoded
                .and_then(|encoded| base64::engine::general_purpose::STANDARD.decode(encoded).ok())
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .filter(|text| !text.is_empty())
                .ok_or_else(|| format!("it has no text under `{name}`"))
        };
        Ok(Login { username: text("username")?, password: SecretText::new(text("password")?) })
    }
}

impl Agent {
    /// Sets a timer where a chart could not be fetched: its component stays as it is until then.
    pub(super) fn watch_charts(&mut self, desired: &DesiredSet) {
        let passing = |component: &crate::render::Component| {
            component.result.as_ref().is_err_and(|error| error.is_passing())
        };
        if desired.components.iter().any(passing) {
            self.later(FETCH_AGAIN, Timer::Charts);
        }
    }

    /// Renders what git says again: what could not be fetched may be there now.
    pub(super) fn fetch_charts_again(&mut self) {
        if matches!(self.world.phase, Phase::Listing | Phase::Rendering) {
            return self.later(LOOK_AGAIN, Timer::Charts);
        }
        let waits = self.world.goal.as_ref().is_some_and(|goal| {
            let mut results = goal.desired.components.iter().map(|component| &component.result);
            results.any(|result| result.as_ref().is_err_and(|error| error.is_passing()))
        });
        if waits {
            self.render_again();
        }
    }

    /// Where this agent's charts come from.
    pub(super) fn charts(&self) -> Charts {
        Charts {
            store: self.options.charts.clone(),
            cluster: self.tools.cluster.clone(),
            default_account: self.options.default_service_account.clone(),
            limits: self.options.limits,
            runtime: Handle::current(),
        }
    }
}
