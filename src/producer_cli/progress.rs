//! How far the run is: a bar on a terminal, a line every ten seconds elsewhere.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::words::number;
use crate::producer::sink::Counters;

/// What shows the progress until it is ended.
pub(super) struct Progress {
    end: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

const LINE_EVERY: Duration = Duration::from_secs(10);
const BAR_EVERY: Duration = Duration::from_millis(100);

/// Begins to show it on standard error.
pub(super) fn start(counters: Arc<Counters>, title: &str) -> Progress {
    let (end, ended) = channel::<()>();
    let title = title.to_owned();
    let bar = std::io::stderr().is_terminal().then(|| bar(&title, counters.expected()));
    let every = if bar.is_some() { BAR_EVERY } else { LINE_EVERY };
    let began = Instant::now();
    let show = move || {
        while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            if let Some(bar) = &bar {
                // Until then it is the waiting for a broker that is spoken of.
                if counters.delivered() > 0 {
                    bar.set_length(counters.expected().max(counters.delivered()));
                    bar.set_position(counters.delivered());
                    bar.set_message(line(&counters, began.elapsed()));
                }
            } else {
                tracing::info!(topic = "sent", "{}", line(&counters, began.elapsed()));
            }
        }
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    };
    // Without it the run goes on all the same.
    let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(show).ok();
    Progress { end, thread }
}

fn bar(title: &str, events: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(events), ProgressDrawTarget::stderr());
    // The title stands above: beside it, a terminal of eighty columns would have no room for the bar.
    if let Ok(style) = ProgressStyle::with_template("{prefix}\n{wide_bar} {msg}, {eta} left") {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.with_prefix(title.to_owned())
}

/// `12,000 of 60,000 records, 1,200 a second`. Duplicates come on top of the events that were expected.
fn line(counters: &Counters, time: Duration) -> String {
    let delivered = counters.delivered();
    let per_second = u128::from(delivered) * 1000 / time.as_millis().max(1);
    let per_second = number(u64::try_from(per_second).unwrap_or(u64::MAX));
    format!(
        "{} of {} events, {per_second} a second",
        number(delivered),
        number(counters.expected().max(delivered))
    )
}

impl Progress {
    /// Ends it, and leaves no bar behind.
    pub fn end(mut self) {
        drop(std::mem::replace(&mut self.end, channel().0));
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
