//! What the rendering of a chart may use, as arguments.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clap::Args;

use crate::helm::limits::{Limits, TimeLimit};

/// What keeps a chart from taking all time and memory. One that goes beyond is an error of its component.
#[derive(Clone, Debug, Args)]
#[expect(clippy::struct_field_names, reason = "they are the names of the arguments")]
#[command(next_help_heading = "Limits of a chart")]
pub struct LimitArgs {
    /// Steps: nodes of templates that are executed, functions that are called, elements that are walked over.
    #[arg(long, value_name = "N", default_value_t = DEFAULT.chart_steps, env = "MOORING_CHART_STEPS")]
    chart_steps: u64,
    /// How deep a template may include itself. Helm's own limit is 1000.
    #[arg(long, value_name = "N", default_value_t = DEFAULT.chart_includes, env = "MOORING_CHART_INCLUDES",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    chart_includes: u32,
    /// How much it may write, in MiB; no text that a function makes may be longer either.
    #[arg(long, value_name = "MIB", default_value_t = DEFAULT.chart_output, env = "MOORING_CHART_OUTPUT",
          value_parser = clap::value_parser!(u32).range(1..=1_024))]
    chart_output: u32,
    /// How long it may take.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = super::source::duration, env = "MOORING_CHART_TIME")]
    chart_time: Duration,
}

const DEFAULT: LimitArgs = LimitArgs {
    chart_steps: 20_000_000,
    chart_includes: 1_000,
    chart_output: 64,
    chart_time: Duration::from_mins(1),
};

impl Default for LimitArgs {
    fn default() -> Self {
        DEFAULT
    }
}

impl LimitArgs {
    /// The limits.
    pub fn limits(&self) -> Limits {
        let bytes = (self.chart_output as usize) << 20;
        Limits {
            steps: self.chart_steps,
            includes: self.chart_includes as usize,
            output_bytes: bytes,
            string_bytes: bytes,
            time: Some(TimeLimit { clock, limit: self.chart_time }),
            ..Limits::default()
        }
    }
}

/// The time since this process first asked.
fn clock() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        limits: LimitArgs,
    }

    #[test]
    fn the_arguments_default_to_the_engine_s_own_limits() {
        let own = Limits::default();
        for limits in [Command::parse_from(["it"]).limits.limits(), LimitArgs::default().limits()] {
            let bytes = (limits.output_bytes, limits.string_bytes);
            assert_eq!(
                (limits.steps, limits.includes, bytes),
                (own.steps, own.includes, (own.output_bytes, own.string_bytes))
            );
            assert_eq!(limits.time.unwrap().limit, Duration::from_mins(1));
        }
        let given = Command::parse_from(["it", "--chart-time", "5s", "--chart-output", "2"]).limits.limits();
        assert_eq!((given.time.unwrap().limit, given.output_bytes), (Duration::from_secs(5), 2 << 20));
    }
}
