//! `mooring plan`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::charts::CacheArgs;
use super::cluster::{AccountArgs, ClusterArgs};
use super::paint;
use super::sops::SopsArgs;
use super::source::SourceArgs;
use super::status::Output;
use crate::agent::{self, Preview, PreviewOptions, Progress, StepPreview, Verdict};
use crate::manifest::Shown;
use crate::plan::Change;

/// Work that is done sooner needs no word of how far it is.
const PATIENCE: Duration = Duration::from_secs(2);
/// Fields of one object that are listed unless all are asked for.
const FIELDS: usize = 20;
/// Exit code where something would change.
const CHANGES: u8 = 2;

const AFTER: &str = "\
Nothing is written to the cluster: it is planned as the agent plans, and the
server is asked by dry-runs what that would change.

  + created   ~ changed   - deleted   ! cannot be done   = left alone

Examples:
  # What would my working folder change?
  mooring plan local --context minikube
  # What would this branch change?
  mooring plan local --repo ssh://git@example.org/lakehouse --branch feature \\
    --context minikube
  # For scripts.
  mooring plan local --context minikube -o json | jq .counts

Exit codes: 0 nothing to do, 2 something would change, 1 something failed or
cannot be done.";

/// Arguments of `mooring plan`.
#[derive(Debug, Args)]
#[command(after_help = AFTER)]
pub struct PlanArgs {
    /// The environment: a folder of that name under environments/.
    environment: String,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    sops: SopsArgs,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    charts: CacheArgs,
    /// List every field of every object, and the objects that stay as they are.
    #[arg(short, long)]
    all: bool,
    /// How the result is printed.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

/// Prints what the agent would do.
pub fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let source = args.source.open()?;
    let options = PreviewOptions {
        cluster: args.cluster.options(),
        environment: args.environment.clone(),
        namespace: args.cluster.agent_namespace.clone(),
        default_service_account: args.account.default_service_account.clone(),
        keys: args.sops.of_person(),
        charts: args.charts.store(&args.source.state()),
        limits: args.charts.limits.limits(),
    };
    let preview = super::runtime()?.block_on(async {
        let progress = Progress::default();
        tokio::select! {
            preview = agent::preview(&options, &source, &progress) => preview,
            never = say_progress(&progress) => match never {},
        }
    })?;
    let text = match args.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&in_json(&preview)?)?),
        Output::Text => in_text(&preview, args.all),
    };
    super::write(anstream::stdout(), &text)?;
    Ok(exit_code(&preview))
}

fn exit_code(preview: &Preview) -> ExitCode {
    if preview.is_faulty() {
        ExitCode::FAILURE
    } else if preview.changes_anything() {
        ExitCode::from(CHANGES)
    } else {
        ExitCode::SUCCESS
    }
}

async fn say_progress(progress: &Progress) -> std::convert::Infallible {
    tokio::time::sleep(PATIENCE).await;
    let mut before = None;
    loop {
        let (done, total) = progress.get();
        if before != Some(done) && total > 0 && std::io::stderr().is_terminal() {
            anstream::eprintln!("{}", paint::aside(format!("{done} of {total} objects compared")));
            before = Some(done);
        }
        tokio::time::sleep(PATIENCE).await;
    }
}

fn in_json(preview: &Preview) -> serde_json::Result<serde_json::Value> {
    let mut json = serde_json::to_value(preview)?;
    let counts = preview.counts();
    json["counts"] = json!(
        EVERY
            .iter()
            .map(|(verdict, _)| Ok((
                serde_json::to_value(verdict)?.as_str().unwrap_or_default().to_owned(),
                counts.get(verdict).copied().unwrap_or_default()
            )))
            .collect::<serde_json::Result<std::collections::BTreeMap<_, _>>>()?
    );
    Ok(json)
}

/// All verdicts, in the order of the last line, with its words.
const EVERY: [(Verdict, &str); 10] = [
    (Verdict::Create, "to create"),
    (Verdict::Update, "to update"),
    (Verdict::Delete, "to delete"),
    (Verdict::Correct, "to put back"),
    (Verdict::Adopt, "to adopt"),
    (Verdict::Replace, "to replace"),
    (Verdict::Park, "waiting for their kind"),
    (Verdict::Hold, "held"),
    (Verdict::Refuse, "refused"),
    (Verdict::Unchanged, "unchanged"),
];

/// `3 to create, 1 to update, 0 to delete; 41 unchanged`
fn last_line(preview: &Preview) -> String {
    let counts = preview.counts();
    let mut parts = Vec::new();
    for (index, (verdict, words)) in EVERY.iter().enumerate() {
        let count = counts.get(verdict).copied().unwrap_or_default();
        if *verdict != Verdict::Unchanged && (index < 3 || count > 0) {
            parts.push(format!("{count} {words}"));
        }
    }
    let unchanged = counts.get(&Verdict::Unchanged).copied().unwrap_or_default();
    format!("{}; {unchanged} unchanged", parts.join(", "))
}

fn in_text(preview: &Preview, all: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}  {}", paint::heading(&preview.environment), paint::aside(&preview.revision));
    for component in &preview.components {
        let steps: Vec<&StepPreview> =
            component.steps.iter().filter(|step| all || step.action != Verdict::Unchanged).collect();
        if steps.is_empty() && component.hooks.is_empty() && component.error.is_none() {
            continue;
        }
        let _ = writeln!(text, "\n{}", paint::heading(&component.name));
        if let Some(error) = &component.error {
            let error = error.replace('\n', "\n    ");
            let _ =
                writeln!(text, "  {} it does not render, and what it has stays: {error}", paint::wrong("!"));
        }
        for hook in &component.hooks {
            let _ = writeln!(text, "  {} {} {}", paint::change("hook"), hook.event, hook.object);
        }
        steps.iter().for_each(|step| write_step(&mut text, step, all));
    }
    let prune = &preview.prune;
    if !prune.steps.is_empty() || !prune.kept.is_empty() || prune.guard.is_some() {
        let _ = writeln!(text, "\n{}", paint::heading("no longer in git"));
        if let Some(guard) = &prune.guard {
            let _ = writeln!(text, "  {} {guard}", paint::change("="));
        }
        for step in &prune.steps {
            let _ = writeln!(text, "  {} {}", paint::wrong("-"), step.object);
        }
        for kept in &prune.kept {
            let _ =
                writeln!(text, "  = {}   {}", kept.object, paint::aside(format!("kept: {}", kept.reason)));
        }
    }
    let _ = writeln!(text, "\n{}", last_line(preview));
    text
}

fn write_step(text: &mut String, step: &StepPreview, all: bool) {
    let sign = match step.action {
        Verdict::Create | Verdict::Park => paint::good("+"),
        Verdict::Update | Verdict::Correct | Verdict::Adopt => paint::change("~"),
        Verdict::Replace => paint::wrong("-/+"),
        Verdict::Refuse => paint::wrong("!"),
        Verdict::Delete => paint::wrong("-"),
        Verdict::Hold | Verdict::Unchanged => "=".to_owned(),
    };
    let words = match step.action {
        Verdict::Adopt => "adopted: ",
        Verdict::Replace => "deleted and made anew: ",
        Verdict::Correct => "put back: ",
        Verdict::Park => "waits: ",
        _ => "",
    };
    let _ = write!(text, "  {sign} {}", paint::name(&step.object));
    match step.action {
        // The sign and the fields say it.
        Verdict::Unchanged => {}
        Verdict::Create if step.reason == "it is not there" => {}
        Verdict::Refuse => {
            let _ = write!(text, "\n      {}", step.reason.replace('\n', "\n      "));
        }
        _ => {
            let _ = write!(text, "   {}", paint::aside(format!("{words}{}", step.reason)));
        }
    }
    text.push('\n');
    let shown = if all { step.changes.len() } else { FIELDS.min(step.changes.len()) };
    step.changes[..shown].iter().for_each(|change| write_change(text, change));
    if step.changes.len() > shown {
        let more = format!("and {} fields more; --all lists them", step.changes.len() - shown);
        let _ = writeln!(text, "      {}", paint::aside(more));
    }
}

/// `path: from → to   origin`
pub(super) fn write_change(text: &mut String, change: &Change) {
    let (from, to) = match (&change.from, &change.to) {
        (Shown::Absent, to) => (String::new(), paint::good(short(to))),
        (from, Shown::Absent) => (paint::wrong(short(from)), paint::aside("nothing")),
        (from, to) => (paint::wrong(short(from)), paint::good(short(to))),
    };
    let arrow = if from.is_empty() { "" } else { " → " };
    let _ = write!(text, "      {}: {from}{arrow}{to}", change.path);
    let mut asides = Vec::new();
    asides.extend(change.actor.as_ref().map(|actor| match actor.time {
        Some(time) => format!("set by {}, {}", actor.manager, time.strftime("%F %TZ")),
        None => format!("set by {}", actor.manager),
    }));
    asides.extend(change.origin.as_ref().map(ToString::to_string));
    if !asides.is_empty() {
        let _ = write!(text, "   {}", paint::aside(asides.join("; ")));
    }
    text.push('\n');
}

/// A value on one line, and not a long one: JSON has the whole of it.
fn short(shown: &Shown) -> String {
    const WIDTH: usize = 100;
    let text = shown.to_string();
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::{ComponentPreview, Kept, PrunePreview};
    use crate::manifest::{FieldPath, GroupKind, ObjectKey, Origin, SourceLine};
    use crate::source::Revision;

    fn step(name: &str, action: Verdict, reason: &str, changes: Vec<Change>) -> StepPreview {
        StepPreview { object: key(name), action, reason: reason.into(), changes }
    }

    fn key(name: &str) -> ObjectKey {
        let group_kind = GroupKind::new("apps", "Deployment");
        ObjectKey { group_kind, namespace: Some("lakehouse".into()), name: name.into() }
    }

    fn change(from: Shown, to: Shown) -> Change {
        let origin = Origin {
            template: SourceLine { file: "components/t/templates/d.yaml".into(), line: 41 },
            values: Vec::new(),
        };
        let path = FieldPath::of_fields(["spec", "replicas"]);
        let origin = (to != Shown::Absent).then_some(origin);
        Change { path, from, to, origin, actor: None }
    }

    fn preview(steps: Vec<StepPreview>, error: Option<&str>) -> Preview {
        let revision = Revision {
            id: "3f2c1a9d".into(),
            branch: "main".into(),
            committed: "2026-11-23T10:31:07Z".parse().unwrap(),
            author: String::new(),
            subject: String::new(),
        };
        Preview {
            environment: "local".into(),
            revision,
            components: vec![ComponentPreview {
                name: "trino".into(),
                error: error.map(Into::into),
                hooks: Vec::new(),
                steps,
            }],
            prune: PrunePreview { steps: Vec::new(), kept: Vec::new(), guard: None },
        }
    }

    fn plain(preview: &Preview, all: bool) -> String {
        anstream::adapter::strip_str(&in_text(preview, all)).to_string()
    }

    #[test]
    fn a_plan_reads_object_by_object_with_fields_and_origins() {
        let value = |number: u32| Shown::Value(json!(number));
        let mut preview = preview(
            vec![
                step("new", Verdict::Create, "it is not there", Vec::new()),
                step("old", Verdict::Unchanged, "as git wants it", Vec::new()),
                step(
                    "web",
                    Verdict::Update,
                    "git says something new",
                    vec![change(value(1), value(2)), change(value(3), Shown::Absent)],
                ),
            ],
            None,
        );
        let gone = step("gone", Verdict::Delete, "git names it no more", Vec::new());
        preview.prune.steps.push(gone);
        preview.prune.kept.push(Kept { object: key("data"), reason: "prune is off".into() });
        assert_eq!(
            plain(&preview, false),
            "\
local  main at 3f2c1a9

trino
  + Deployment lakehouse/new
  ~ Deployment lakehouse/web   git says something new
      spec.replicas: 1 → 2   components/t/templates/d.yaml:41
      spec.replicas: 3 → nothing

no longer in git
  - Deployment lakehouse/gone
  = Deployment lakehouse/data   kept: prune is off

1 to create, 1 to update, 1 to delete; 1 unchanged
"
        );
        assert!(plain(&preview, true).contains("= Deployment lakehouse/old\n"));
    }

    #[test]
    fn many_fields_are_cut_and_counted_unless_all_are_asked_for() {
        let changes = vec![change(Shown::Absent, Shown::Value(json!(1))); FIELDS + 3];
        let preview = preview(vec![step("web", Verdict::Update, "new", changes)], None);
        assert!(plain(&preview, false).contains("and 3 fields more"));
        assert!(!plain(&preview, true).contains("more"));
    }

    #[test]
    fn the_exit_code_tells_nothing_to_do_from_changes_and_from_failures() {
        let code = |steps, error| format!("{:?}", exit_code(&preview(steps, error)));
        let expected = |code: u8| format!("{:?}", ExitCode::from(code));
        let one = |action| vec![step("a", action, "why", Vec::new())];
        assert_eq!(code(one(Verdict::Unchanged), None), expected(0));
        assert_eq!(code(one(Verdict::Hold), None), expected(0));
        assert_eq!(code(one(Verdict::Adopt), None), expected(2));
        assert_eq!(code(one(Verdict::Refuse), None), expected(1));
        assert_eq!(code(Vec::new(), Some("no such chart")), expected(1));
    }

    #[test]
    fn json_counts_every_verdict() {
        let preview = preview(vec![step("a", Verdict::Create, "it is not there", Vec::new())], None);
        let json = in_json(&preview).unwrap();
        assert_eq!((&json["counts"]["create"], &json["counts"]["delete"]), (&json!(1), &json!(0)));
        assert_eq!(json["components"][0]["steps"][0]["action"], "create");
        assert_eq!(json["components"][0]["steps"][0]["object"]["kind"], "Deployment");
    }
}
