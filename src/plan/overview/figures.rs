//! What a component says of itself: the annotation of a Service that names figures of its metrics.

use serde::Serialize;
use serde_json::Value;

/// The annotation of a Service that names what is shown of its metrics, a line each:
/// `LABEL: sum|max|min METRIC [UNIT]`. The unit `ago` takes the value for a time in seconds since 1970, `bytes` for a size;
/// any other word stands behind the number. The metrics are those of the path `/metrics` on the Service's first port, in the
/// text format of Prometheus.
pub const FIGURES: &str = "mooring.dev/figures";

/// How many figures of a Service are shown.
const MOST: usize = 8;
/// No figure's label or unit is longer, in bytes.
const LONGEST: usize = 40;

/// How the samples of a metric become one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Sum,
    Max,
    Min,
}

/// A figure that a Service promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureRule {
    label: String,
    fold: Fold,
    metric: String,
    unit: String,
}

/// A figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Figure {
    /// What it is: `lag`.
    pub label: String,
    /// Its value; `None` where the component does not say it, or does not answer.
    pub value: Option<f64>,
    /// `ago`, `bytes`, or any word.
    pub unit: String,
}

/// The figures that a Service promises; an error says which line of the annotation is none.
pub fn figures(service: &Value) -> Result<Vec<FigureRule>, String> {
    let text = service["metadata"]["annotations"][FIGURES].as_str().unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).take(MOST);
    lines
        .map(|line| {
            rule(line).ok_or_else(|| {
                let shown = &line[..line.floor_char_boundary(2 * LONGEST)];
                format!("annotation {FIGURES}: `{shown}` is not `LABEL: sum|max|min METRIC [UNIT]`")
            })
        })
        .collect()
}

fn rule(line: &str) -> Option<FigureRule> {
    let (label, rest) = line.split_once(':')?;
    let mut words = rest.split_whitespace();
    let fold = match words.next()? {
        "sum" => Fold::Sum,
        "max" => Fold::Max,
        "min" => Fold::Min,
        _ => return None,
    };
    let (metric, unit) = (words.next()?, words.next().unwrap_or_default());
    (words.next().is_none() && label.len() <= LONGEST && unit.len() <= LONGEST).then(|| FigureRule {
        label: label.trim().to_owned(),
        fold,
        metric: metric.to_owned(),
        unit: unit.to_owned(),
    })
}

impl FigureRule {
    /// The figure by what the Service answered, in the text format of Prometheus.
    pub fn read(&self, metrics: Option<&str>) -> Figure {
        let samples = metrics.into_iter().flat_map(str::lines).filter_map(sample);
        let mine = samples.filter(|(name, _)| *name == self.metric).map(|(_, value)| value);
        let value = mine.reduce(match self.fold {
            Fold::Sum => |a, b| a + b,
            Fold::Max => f64::max,
            Fold::Min => f64::min,
        });
        Figure { label: self.label.clone(), value, unit: self.unit.clone() }
    }
}

/// A sample's metric and value: `name{label="value"} 1.5 [time]`.
fn sample(line: &str) -> Option<(&str, f64)> {
    let line = line.trim_start();
    if line.starts_with('#') {
        return None;
    }
    let name = &line[..line.find(|c: char| c == '{' || c.is_whitespace())?];
    // The value of a label may hold a brace; what follows the last one holds none.
    let rest = line.rfind('}').map_or(&line[name.len()..], |at| &line[at + 1..]);
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some((name, value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const METRICS: &str = "# TYPE behind gauge\nbehind{query=\"orders\"} 120\nbehind{query=\"a}b\"} 3.5\nbehind_total 9\n\
        seen_seconds{query=\"orders\"} 1.7e9 1700000000000\nseen_seconds{query=\"clicks\"} 1.6e9\nnothing NaN\n";

    fn service(text: &str) -> Value {
        json!({"metadata": {"annotations": {FIGURES: text}}})
    }

    #[test]
    fn figures_are_folded_from_all_samples_of_a_metric() {
        let rules = figures(&service(
            "lag: sum behind records\nlast batch: max seen_seconds ago\n\nfirst: min seen_seconds\ngone: sum nothing\n",
        ))
        .unwrap();
        let read: Vec<Figure> = rules.iter().map(|rule| rule.read(Some(METRICS))).collect();
        let figure = |label: &str, value: Option<f64>, unit: &str| Figure {
            label: label.into(),
            value,
            unit: unit.into(),
        };
        assert_eq!(
            read,
            [
                figure("lag", Some(123.5), "records"),
                figure("last batch", Some(1.7e9), "ago"),
                figure("first", Some(1.6e9), ""),
                figure("gone", None, ""),
            ]
        );
        assert_eq!(rules[0].read(None).value, None, "one that does not answer");
    }

    #[test]
    fn a_line_that_is_no_figure_is_named() {
        for wrong in ["lag", "lag: average behind", "lag: sum", "lag: sum behind so many records"] {
            assert!(figures(&service(wrong)).unwrap_err().contains(wrong), "{wrong}");
        }
        assert_eq!(figures(&json!({})), Ok(vec![]));
    }
}
