//! From a recipe to a sink, with what goes wrong on the way.

use std::time::{Duration, Instant};

use super::{Counters, KafkaSink, Pace, Recipe, Record, Sink, SinkError, Slice, Stop, WindowManifest};

/// How a run ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is in.
    Delivered(WindowManifest),
    /// It was in before; nothing was sent.
    WasIn(WindowManifest),
}

/// Sleeps end this often to look whether the run is to stop.
const GLANCE: Duration = Duration::from_millis(100);

/// Sends the recipe's slice and its manifest.
pub fn deliver(
    recipe: &Recipe,
    sink: &mut dyn Sink,
    pace: &mut Pace,
    counters: &Counters,
    stop: &Stop,
) -> Result<WindowManifest, SinkError> {
    let manifest = send_all(recipe, sink, pace, counters, stop)
        .and_then(|manifest| sink.finish(manifest))
        .inspect_err(|_| sink.abandon())?;
    Ok(manifest)
}

fn send_all(
    recipe: &Recipe,
    sink: &mut dyn Sink,
    pace: &mut Pace,
    counters: &Counters,
    stop: &Stop,
) -> Result<WindowManifest, SinkError> {
    sink.begin(recipe)?;
    let mut generator = recipe.generator();
    let mut record = Record::default();
    while generator.next(&mut record) {
        if !pace.is_free() {
            while let Some(time) = pace.wait(Instant::now()) {
                sink.idle(time.min(GLANCE))?;
                if stop.asked() {
                    return Err(SinkError::Stopped);
                }
            }
        }
        if stop.asked() {
            return Err(SinkError::Stopped);
        }
        sink.send(&record)?;
        counters.made_one(record.key.len() + record.value.len());
    }
    Ok(generator.manifest())
}

/// How many transactions a slice of so many events is cut into, so that each one ends well before the broker's limit.
/// A function of its arguments alone: the same run again makes the same cuts.
pub fn parts(events: u64, most_a_second: Option<u32>, limit: Duration) -> u32 {
    let per_second = most_a_second.map_or(SLOWEST, u64::from).max(1);
    // Three fifths of the limit are for sending: the rest is for brokers that are away for a while.
    let most = (limit.as_secs() * 3 / 5).max(1).saturating_mul(per_second);
    u32::try_from(events.div_ceil(most)).unwrap_or(u32::MAX).max(1)
}

/// What any broker takes in a second.
const SLOWEST: u64 = 20_000;

/// Sends what is not in yet of a window, each part with its manifest in one transaction. A window of several parts gets
/// the manifest of the whole with the last one.
pub fn deliver_once(
    recipe: &Recipe,
    sink: &mut KafkaSink,
    pace: &mut Pace,
    counters: &Counters,
    stop: &Stop,
    parts: u32,
) -> Result<Outcome, SinkError> {
    let found = sink.committed(recipe)?;
    for manifest in &found {
        same(recipe, manifest)?;
    }
    // Where the whole window is in, so is each slice of it.
    let is_in = |slice: Slice| slice == recipe.slice || slice == Slice::WHOLE;
    if let Some(manifest) = found.iter().find(|manifest| is_in(manifest.slice)) {
        return Ok(Outcome::WasIn(manifest.clone()));
    }
    let cut = found.iter().map(|manifest| manifest.slice.of()).next();
    if recipe.slice != Slice::WHOLE {
        if let Some(of) = cut.filter(|of| *of != recipe.slice.of()) {
            return Err(in_otherwise(of));
        }
        return deliver(recipe, sink, pace, counters, stop).map(Outcome::Delivered);
    }
    if let Some(manifest) = found.iter().find(|manifest| Some(manifest.slice.of()) != cut) {
        return Err(in_otherwise(manifest.slice.of()));
    }
    let of = cut.unwrap_or(parts);
    if of == 1 {
        return deliver(recipe, sink, pace, counters, stop).map(Outcome::Delivered);
    }
    let mut manifests = found;
    let missing: Vec<Slice> =
        Slice::all(of).filter(|slice| manifests.iter().all(|manifest| manifest.slice != *slice)).collect();
    for slice in &missing {
        tracing::info!(topic = "window", %slice, "sending a part of the window");
        let part = Recipe { slice: *slice, ..recipe.clone() };
        manifests.push(deliver(&part, sink, pace, counters, stop)?);
    }
    // If it was lost between the last part and this, the next run has nothing to do but this.
    let whole = recipe.merge(&manifests)?;
    sink.conclude(&whole)?;
    Ok(if missing.is_empty() { Outcome::WasIn(whole) } else { Outcome::Delivered(whole) })
}

fn in_otherwise(of: u32) -> SinkError {
    SinkError::InOtherwise { what: format!("in slices k/{of}; give the same --slice") }
}

/// Whether the manifest is of the same data.
fn same(recipe: &Recipe, manifest: &WindowManifest) -> Result<(), SinkError> {
    let otherwise = |what: String| Err(SinkError::InOtherwise { what });
    if manifest.format != recipe.format {
        return otherwise(format!(
            "with --format {} and not {}",
            manifest.format.name(),
            recipe.format.name()
        ));
    }
    // What is listed comes once a window, whatever the rate.
    if manifest.rate != recipe.rate && recipe.dataset.population().is_none() {
        return otherwise(format!("with --rate {} and not {}", manifest.rate, recipe.rate));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_cut_where_it_would_outlast_a_transaction() {
        let limit = Duration::from_mins(10);
        assert_eq!(parts(0, None, limit), 1);
        assert_eq!(parts(60_000, Some(400), limit), 1);
        assert_eq!(parts(17_280_000, Some(400), limit), 120);
        assert_eq!(parts(7_200_001, None, limit), 2);
        assert_eq!(parts(10, Some(1), Duration::ZERO), 10);
    }
}
