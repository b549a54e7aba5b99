//! What must hold for a producer before Kubernetes is asked to run it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::names::{did_you_mean, excerpt};
use super::problems::Problems;
use crate::helm::yaml::{Content, Mark, Node};
use crate::schedule::{Schedule, zone};

/// A `CronJob`'s name may be this long: its Jobs append eleven characters, and 63 are a label's limit.
pub(super) const CRON_JOB_NAME: usize = 52;

/// The shortest interval: a Job's name counts whole minutes, so of two runs in one minute only the first would come.
const SHORTEST_SECONDS: u64 = 60;

pub(super) fn check(text: &str, producer: &Node, at: &str, problems: &mut Problems) {
    schedule(text, producer, at, problems);
    if let Some((node, topic)) = string(producer, "topic") {
        // Kafka's own rule (org.apache.kafka.common.internals.Topic).
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if !topic.chars().all(allowed) || matches!(topic, "." | "..") {
            let what = format!("{at}.topic is `{}`, which is no name of a Kafka topic", excerpt(topic));
            problems.add(node.mark, what, "use letters, digits, `.`, `_` and `-`".to_owned());
        }
    }
    if let Some((node, servers)) = string(producer, "bootstrapServers") {
        for server in servers.split(',') {
            let port = server
                .rsplit_once(':')
                .filter(|(host, _)| !host.is_empty() && !host.contains(char::is_whitespace));
            if port.and_then(|(_, port)| port.parse::<u16>().ok()).is_none_or(|port| port == 0) {
                let what = format!(
                    "{at}.bootstrapServers holds `{}`, which is no host with a port",
                    excerpt(server)
                );
                problems.add(node.mark, what, "write it as in `kafka:9092`".to_owned());
            }
        }
    }
    if let Some((node, image)) = string(producer, "image")
        && image.contains(|c: char| c.is_whitespace() || c.is_control())
    {
        let what = format!("{at}.image is `{}`, which is no image", excerpt(image));
        problems.add(
            node.mark,
            what,
            "write it as in `ghcr.io/mooring-dev/mooring-producer:0.1.0`".to_owned(),
        );
    }
    for list in ["requests", "limits"] {
        resources(producer.find(&["resources", list]), &format!("{at}.resources.{list}"), problems);
    }
}

fn schedule(text: &str, producer: &Node, at: &str, problems: &mut Problems) {
    if let Some((node, name)) = string(producer, "timeZone")
        && let Err(error) = zone(name)
    {
        let text = error.to_string();
        let (what, remedy) = text.split_once("; ").unwrap_or((&text, "write `Etc/UTC`"));
        problems.add(node.mark, format!("{at}.timeZone: {what}"), remedy.to_owned());
    }
    let Some((node, expression)) = string(producer, "schedule") else { return };
    let shown = excerpt(expression);
    let schedule = match Schedule::parse(expression) {
        Ok(schedule) => schedule,
        Err(error) => {
            let remedy = error.hint.clone().unwrap_or_else(|| match error.problem {
                crate::schedule::CronProblem::ZoneInside => {
                    "write the zone as `timeZone:` beside it".to_owned()
                }
                _ => "write minute, hour, day of month, month and day of week".to_owned(),
            });
            let mark = inside(text, node.mark, expression, error.column);
            problems.add(
                mark,
                format!("{at}.schedule is `{shown}`: {}", excerpt(&error.to_string())),
                remedy,
            );
            return;
        }
    };
    if schedule.interval().is_some_and(|interval| interval.as_secs() < SHORTEST_SECONDS) {
        let what = format!("{at}.schedule is `{shown}`, and Kubernetes names Jobs by the minute");
        problems.add(node.mark, what, "write `@every 1m` or longer".to_owned());
    }
    // Any five years with a leap day in them tell whether there is a run at all.
    if schedule.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC).is_none() {
        let what = format!("{at}.schedule is `{shown}`, a date that never comes");
        problems.add(node.mark, what, "choose a day that the month has".to_owned());
    }
}

/// The place of a column of the expression, where the file has it letter by letter; else where the value begins.
pub(crate) fn inside(text: &str, mark: Mark, expression: &str, column: u32) -> Mark {
    let rest = text.get(mark.offset as usize..).unwrap_or("");
    let quote = u32::from(rest.starts_with(['"', '\'']));
    if rest[quote as usize..].starts_with(expression) {
        Mark { column: mark.column + quote + column - 1, ..mark }
    } else {
        mark
    }
}

fn resources(list: Option<&Node>, at: &str, problems: &mut Problems) {
    const KNOWN: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
    let Some(Content::Map(entries)) = list.map(|list| &list.content) else { return };
    for (key, value) in entries {
        if !KNOWN.contains(&key.text.as_str()) {
            let remedy = did_you_mean(&key.text, KNOWN, || format!("known are {}", KNOWN.join(", ")));
            problems.add(key.mark, format!("unknown resource `{}` in {at}", excerpt(&key.text)), remedy);
        }
        if let Some(quantity) = value.as_str().filter(|quantity| !is_quantity(quantity)) {
            let what =
                format!("{at}.{} is `{}`, which is no quantity", excerpt(&key.text), excerpt(quantity));
            problems.add(value.mark, what, "write it as in `500m` or `64Mi`".to_owned());
        }
    }
}

/// A number with one of Kubernetes' suffixes (apimachinery, resource.Quantity).
fn is_quantity(text: &str) -> bool {
    let digits_end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits_end);
    let known = ["", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    number.parse::<f64>().is_ok() && known.contains(&suffix)
}

fn string<'a>(node: &'a Node, key: &str) -> Option<(&'a Node, &'a str)> {
    let node = node.get(key)?;
    node.as_str().filter(|text| !text.is_empty()).map(|text| (node, text))
}
