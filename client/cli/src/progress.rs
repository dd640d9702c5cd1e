//! Progress on standard error, shown only for work that takes longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const QUIET: Duration = Duration::from_secs(1);

/// The progress of one piece of work.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    is_visible: bool,
}

impl Progress {
    /// Progress that is not visible yet. On what is no terminal it never becomes so.
    pub fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3} % {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(what.to_owned());
        Self {
            bar,
            started: Instant::now(),
            is_visible: false,
        }
    }

    /// Says how far the work has come.
    pub fn set(&mut self, done: u64, total: u64, message: impl FnOnce() -> String) {
        if !self.is_visible {
            if self.started.elapsed() < QUIET {
                return;
            }
            self.is_visible = true;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        self.bar.set_length(total.max(done));
        self.bar.set_position(done);
        self.bar.set_message(message());
    }

    /// Takes the bar away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}
