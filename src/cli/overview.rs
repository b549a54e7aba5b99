//! The parts of an environment as `mooring status` prints them, a line each.

use jiff::Timestamp;

use super::paint;
use crate::plan::overview::{ComponentOverview, Figure, Overview, ProducerOverview};

/// Prints components and producers. `now` is what times are told against.
pub fn print(overview: &Overview, now: Timestamp) {
    let rows: Vec<[String; 4]> = overview.components.iter().map(columns).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2), width(3)];
    if !rows.is_empty() {
        anstream::println!();
    }
    for (row, component) in rows.iter().zip(&overview.components) {
        let [name, version, pods, restarts] = row;
        let pods = format!("{pods:<0$}", widths[2]);
        let well = component.trouble.is_none() && component.ready_pods == component.wanted_pods;
        let figures: Vec<String> = component.figures.iter().map(|figure| told(figure, now)).collect();
        let line = format!(
            "  {}  {version:<3$}  {}  {restarts:<4$}  {}",
            paint::name(format!("{name:<0$}", widths[0])),
            if well { paint::good(pods) } else { paint::wrong(pods) },
            figures.join(" · "),
            widths[1],
            widths[3],
        );
        anstream::println!("{}", line.trim_end());
        if let Some(trouble) = &component.trouble {
            anstream::println!("  {:1$}  {2}", "", widths[0], paint::change(trouble));
        }
    }
    let width = overview.producers.iter().map(|producer| producer.name.len()).max().unwrap_or(0);
    for (at, producer) in overview.producers.iter().enumerate() {
        if at == 0 {
            anstream::println!();
        }
        let name = paint::name(format!("{:<width$}", producer.name));
        anstream::println!("  {name}  {}", runs(producer, now));
    }
}

fn columns(component: &ComponentOverview) -> [String; 4] {
    let pods = match (component.wanted_pods, &component.trouble) {
        (0, None) => "no pods".to_owned(),
        (0, Some(_)) => "not ready".to_owned(),
        (wanted, _) => format!("{} of {wanted} ready", component.ready_pods),
    };
    let restarts = match component.restarts {
        0 => String::new(),
        1 => "1 restart".to_owned(),
        many => format!("{many} restarts"),
    };
    [component.name.clone(), component.version.clone().unwrap_or_else(|| "-".to_owned()), pods, restarts]
}

fn told(figure: &Figure, now: Timestamp) -> String {
    let Some(value) = figure.value else { return format!("{} unknown", figure.label) };
    let value = match figure.unit.as_str() {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        "ago" => format!("{} ago", span(now.as_second() as f64 - value)),
        "bytes" => indicatif::HumanBytes(whole(value)).to_string(),
        unit => format!("{} {unit}", indicatif::HumanFloatCount((value * 10.0).round() / 10.0))
            .trim_end()
            .to_owned(),
    };
    format!("{} {value}", figure.label)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between, and saturates")]
fn whole(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

/// A time in its two largest units at most: `3 h 20 min`.
fn span(seconds: f64) -> String {
    let seconds = whole(seconds);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

fn runs(producer: &ProducerOverview, now: Timestamp) -> String {
    let mut words = Vec::new();
    if let (Some(window), Some(done)) = (producer.last_window, producer.last_done) {
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
        let ago = span((now.as_second() - done.as_second()) as f64);
        words.push(format!("last window to {} in, {ago} ago", window.strftime("%H:%M")));
    } else {
        words.push("no window yet".to_owned());
    }
    if producer.running > 0 {
        words.push(format!("{} running", producer.running));
    }
    if producer.failed > 0 {
        words.push(paint::wrong(format!("{} failed", producer.failed)));
    }
    if producer.suspended {
        words.push(paint::change("suspended"));
    }
    words.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_in_their_units() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let figure = |value: Option<f64>, unit: &str| Figure { label: "it".into(), value, unit: unit.into() };
        for (value, unit, words) in [
            (Some(1_234.56), "records", "it 1,234.6 records"),
            (Some(7.0), "", "it 7"),
            (Some(1_699_999_997.0), "ago", "it 3 s ago"),
            (Some(1_699_990_000.0), "ago", "it 2 h 46 min ago"),
            (Some(1_700_000_009.0), "ago", "it 0 s ago"),
            (Some(1_572_864.0), "bytes", "it 1.50 MiB"),
            (None, "records", "it unknown"),
        ] {
            assert_eq!(told(&figure(value, unit), now), words);
        }
    }

    #[test]
    fn a_producer_says_what_is_in_and_what_failed() {
        let at = |text: &str| Some(text.parse().unwrap());
        let mut orders = ProducerOverview {
            name: "orders".into(),
            last_window: at("2026-03-01T10:05:00Z"),
            last_done: at("2026-03-01T10:05:09Z"),
            running: 1,
            failed: 0,
            suspended: false,
        };
        let now = "2026-03-01T10:06:19Z".parse().unwrap();
        assert_eq!(runs(&orders, now), "last window to 10:05 in, 1 min ago · 1 running");
        orders.last_window = None;
        assert_eq!(runs(&orders, now), "no window yet · 1 running");
    }
}
