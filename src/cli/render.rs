//! `mooring render`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::annotated::Annotated;
use super::charts::{CacheArgs, LoginArgs};
use super::offline::{CACHE_BYTES, KUBE_VERSION, MASK, load};
use super::paint;
use super::sops::SopsArgs;
use super::source::SourceArgs;
use super::status::Output;
use crate::helm::yaml::json_to_yaml;
use crate::helm::{DEFAULT_API_VERSIONS, Hook};
use crate::manifest::{FieldPath, FieldSet, Manifest};
use crate::render::{
    Component, DesiredObject, RenderCache, RenderContext, RenderedComponent, helm_text, origins,
    render_environment,
};

const AFTER: &str = "\
No cluster is needed. The manifests are those that the agent would send, its
labels included; the values of Secrets are masked, and those that were decrypted
(SOPS) wherever they turn up: --show-secrets prints both.

Examples:
  # All of it, from the working folder.
  mooring render local
  # One component, and where each field was written.
  mooring render local trino --origins
  # What a branch of a remote renders to.
  mooring render prod --repo https://git.example.org/lakehouse.git --branch main
  # The bytes that `helm template` prints of it with these values.
  mooring render local trino --helm --show-secrets
  # As if the cluster served this API.
  mooring render local -a monitoring.coreos.com/v1

Exit codes: 0 all of it rendered, 1 something did not.";

/// Arguments of `mooring render`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct RenderArgs {
    /// The environment: a folder of that name under environments/.
    environment: String,
    /// One component of it; all of them unless named.
    component: Option<String>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    sops: SopsArgs,
    #[command(flatten)]
    charts: CacheArgs,
    #[command(flatten)]
    logins: LoginArgs,
    /// The version of Kubernetes that charts see.
    #[arg(long, value_name = "VERSION", default_value = KUBE_VERSION)]
    kube_version: String,
    /// An API that charts see as served, besides Kubernetes' own: `group/version` or `group/version/Kind`. May be
    /// repeated.
    #[arg(short, long, value_name = "API")]
    api_versions: Vec<String>,
    /// Say on each line where it was written: template line, and the lines of the values that it read.
    #[arg(long)]
    origins: bool,
    /// Print the values of Secrets too, and those that were decrypted.
    #[arg(long)]
    show_secrets: bool,
    /// Print what `helm template` prints of each chart with these values, to the byte: as it was before the agent's labels.
    /// It hides nothing, so it wants --show-secrets.
    #[arg(long, requires = "show_secrets", conflicts_with_all = ["origins", "output"])]
    helm: bool,
    /// How the result is printed; text is YAML.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// Prints the manifests.
pub fn run(args: &RenderArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let snapshot = super::runtime()?.block_on(source.latest())?;
    let loaded = load(&*snapshot, &args.environment)?;
    let cache = RenderCache::new(CACHE_BYTES);
    // What Helm assumes without a cluster, and what the user adds.
    let mut api_versions: Vec<String> = DEFAULT_API_VERSIONS.map(ToOwned::to_owned).into();
    api_versions.extend(args.api_versions.iter().cloned());
    let charts = args.charts.store(&args.source.state());
    let logins = |secret: &str| args.logins.login(secret);
    let context = RenderContext {
        files: &charts.over(&*snapshot, &loaded, &logins),
        environment: &loaded,
        keys: &args.sops.of_person().read(),
        kube_version: &args.kube_version,
        api_versions: &api_versions,
        cache: &cache,
        now: jiff::Timestamp::now(),
        seed: super::template::seed().map_err(anyhow::Error::msg)?,
        lookup: None,
        limits: args.charts.limits.limits(),
    };
    let desired = render_environment(&context);
    let chosen = choose(&desired.components, args.component.as_deref())?;
    let printer = Printer { context: &context, origins: args.origins, show_secrets: args.show_secrets };
    match args.output {
        Output::Text if args.helm => {
            for component in &chosen {
                match helm_text(&context, &component.name) {
                    Some(Ok(text)) => super::write(std::io::stdout(), &text)?,
                    // Said below, as of any component.
                    Some(Err(_)) => {}
                    None if args.component.is_none() => {}
                    None => anyhow::bail!(
                        "component {} is no chart: --helm has nothing to print of it",
                        component.name
                    ),
                }
            }
        }
        Output::Text => {
            for component in &chosen {
                super::write(anstream::stdout(), &printer.yaml(component))?;
            }
        }
        Output::Json => {
            let components: Vec<Value> = chosen.iter().map(|component| printer.json(component)).collect();
            let whole = json!({"environment": args.environment, "revision": snapshot.revision(),
                "components": components});
            super::write(std::io::stdout(), &format!("{}\n", serde_json::to_string_pretty(&whole)?))?;
        }
    }
    let mut code = ExitCode::SUCCESS;
    for component in chosen {
        match &component.result {
            Ok(rendered) => rendered.left_out.iter().for_each(|what| {
                anstream::eprintln!("{}: {}: {what}", paint::change("left out"), component.name);
            }),
            Err(error) => {
                anstream::eprintln!("{}: component {}: {error}", paint::wrong("error"), component.name);
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

/// All components, or the one of that name.
fn choose<'c>(components: &'c [Component], name: Option<&str>) -> anyhow::Result<Vec<&'c Component>> {
    let Some(name) = name else { return Ok(components.iter().collect()) };
    let chosen: Vec<&Component> = components.iter().filter(|component| *component.name == *name).collect();
    if chosen.is_empty() {
        let known: Vec<&str> = components.iter().map(|component| &*component.name).collect();
        anyhow::bail!("there is no component {name} in this environment; there is {}", known.join(", "));
    }
    Ok(chosen)
}

struct Printer<'a> {
    context: &'a RenderContext<'a>,
    origins: bool,
    show_secrets: bool,
}

impl Printer<'_> {
    /// YAML documents, each under a line that says where it was written.
    fn yaml(&self, component: &Component) -> String {
        let mut text = String::new();
        for (object, hook) in objects(component) {
            let source = object.manifest.source();
            let _ = writeln!(text, "---\n# Source: {} ({})", source.file, component.name);
            if let Some(hook) = hook {
                let _ = writeln!(text, "# Hook: {} (weight {})", events(hook).join(", "), hook.weight);
            }
            if !object.once.is_empty() {
                let paths: Vec<String> = object.once.iter().map(ToString::to_string).collect();
                let _ = writeln!(text, "# Set once, since each rendering makes it up: {}", paths.join(", "));
            }
            let shown = self.shown(&object.manifest);
            if self.origins {
                text += &self.annotated(&object.manifest, &shown);
            } else {
                text.push_str(json_to_yaml(&shown).trim_end());
                text.push('\n');
            }
        }
        text
    }

    fn json(&self, component: &Component) -> Value {
        let objects: Vec<Value> = objects(component)
            .map(|(object, hook)| {
                let mut json =
                    json!({"source": object.manifest.source(), "manifest": self.shown(&object.manifest)});
                if let Some(hook) = hook {
                    json["hook"] = json!({"events": events(hook), "weight": hook.weight});
                }
                if self.origins {
                    let origins = self.origins_of(&object.manifest);
                    json["origins"] =
                        origins.into_iter().map(|(path, origin)| (path.to_string(), json!(origin))).collect();
                }
                json
            })
            .collect();
        match &component.result {
            Ok(_) => json!({"name": component.name, "namespace": component.namespace, "objects": objects}),
            Err(error) => json!({"name": component.name, "namespace": component.namespace,
                "objects": objects, "error": error.to_string()}),
        }
    }

    fn shown(&self, manifest: &Manifest) -> Value {
        let value = manifest.reveal();
        if self.show_secrets {
            return value;
        }
        let mut value = if manifest.is_secret() { masked(value) } else { value };
        if let Some(confidential) = manifest.confidential() {
            confidential.mask(&mut value, MASK);
        }
        value
    }

    /// YAML whose comments are the origins.
    fn annotated(&self, manifest: &Manifest, shown: &Value) -> String {
        let place = |path: &FieldPath| path.get(shown).map(std::ptr::from_ref);
        let origins = self.origins_of(manifest);
        let comments: HashMap<*const Value, String> =
            origins.iter().filter_map(|(path, origin)| Some((place(path)?, origin.to_string()))).collect();
        Annotated::of(shown, &comments).text()
    }

    /// Each field whose origin is known, in the order of the manifest.
    fn origins_of(&self, manifest: &Manifest) -> Vec<(FieldPath, crate::manifest::Origin)> {
        if !self.origins {
            return Vec::new();
        }
        let paths = FieldSet::from_manifest(&manifest.reveal()).leaves();
        let found = origins(self.context, manifest.source(), &paths);
        paths.into_iter().zip(found).filter_map(|(path, written)| Some((path, written?.origin))).collect()
    }
}

/// The objects, then the hooks.
fn objects(component: &Component) -> impl Iterator<Item = (&DesiredObject, Option<&Hook>)> {
    let rendered: Option<&RenderedComponent> = component.result.as_deref().ok();
    rendered.into_iter().flat_map(|rendered| {
        let objects = rendered.objects.iter().map(|object| (object, None));
        objects.chain(rendered.hooks.iter().map(|hook| (&hook.object, Some(&hook.hook))))
    })
}

fn events(hook: &Hook) -> Vec<&'static str> {
    hook.events.iter().map(|event| event.name()).collect()
}

/// A Secret whose values cannot be seen, not even in kubectl's copy of the whole object.
fn masked(mut secret: Value) -> Value {
    let copy = "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration";
    if let Some(copy) = secret.pointer_mut(copy) {
        *copy = json!(MASK);
    }
    match secret.get_mut("data") {
        Some(Value::Object(data)) => data.values_mut().for_each(|value| *value = json!(MASK)),
        Some(other) => *other = json!(MASK),
        None => {}
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_secret_is_printed() {
        let secret = json!({"kind": "Secret", "data": {"password": "aHVudGVyMg=="}, "metadata": {"name": "s",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{\"data\":\"hunter2\"}"}}});
        let text = masked(secret).to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg=="), "{text}");
        assert!(text.contains("password") && text.contains(MASK), "{text}");
        assert!(!masked(json!({"data": "aHVudGVyMg=="})).to_string().contains("aHVudGVyMg=="));
    }
}
