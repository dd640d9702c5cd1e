//! What the server holds in memory, by what the system and the server itself say.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::violation::hold;

/// How long to wait for metrics.
const PATIENCE: Duration = Duration::from_secs(10);

/// Memory counts as flat if its mean in the last third of the undisturbed time is at most so much of that in
/// the middle third, and this many bytes more: what is known of the log and of the rows grows with them.
const GROWTH_MAX: f64 = 1.1;
const GROWTH_BYTES: f64 = (32 << 20) as f64;

const MIB: f64 = (1 << 20) as f64;

/// The metrics that say which memory is for what, and what to call it.
const PARTS: [(&str, &str); 5] = [
    ("retrograph_graph_image_bytes", "images"),
    ("retrograph_block_cache_bytes", "blocks"),
    ("retrograph_write_buffer_bytes", "write buffers"),
    ("retrograph_plan_cache_bytes", "plans"),
    ("retrograph_query_memory_bytes", "queries"),
];

/// Memory at one moment, or its mean over several, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Memory {
    pub(super) resident: f64,
    parts: [f64; PARTS.len()],
}

impl Memory {
    /// What a server that listens for scrapers at an address has now.
    pub(super) fn of(resident: u64, metrics: SocketAddr) -> Result<Self> {
        let text = scrape(metrics).context("the server does not tell its metrics")?;
        let mut parts = [0.0; PARTS.len()];
        for (part, (name, _)) in parts.iter_mut().zip(PARTS) {
            let values = text.lines().filter_map(|line| {
                let rest = line.strip_prefix(name)?;
                let is_whole = rest.starts_with(['{', ' ']);
                is_whole.then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
            });
            let values: Vec<f64> = values.collect();
            ensure!(!values.is_empty(), "the server does not tell `{name}`");
            *part = values.iter().sum();
        }
        #[allow(clippy::cast_precision_loss)]
        Ok(Self {
            resident: resident as f64,
            parts,
        })
    }

    fn mean(samples: &[Self]) -> Self {
        #[allow(clippy::cast_precision_loss)]
        let share = 1.0 / samples.len().max(1) as f64;
        samples.iter().fold(Self::default(), |mut mean, sample| {
            mean.resident += sample.resident * share;
            for (part, bytes) in mean.parts.iter_mut().zip(sample.parts) {
                *part += bytes * share;
            }
            mean
        })
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} MiB (", self.resident / MIB)?;
        for ((_, name), bytes) in PARTS.iter().zip(self.parts) {
            write!(f, "{name} {:.0}, ", bytes / MIB)?;
        }
        let rest = self.resident - self.parts.iter().sum::<f64>();
        write!(f, "other {:.0})", rest / MIB)
    }
}

/// The answer to a request for metrics.
fn scrape(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Whether memory stays what it is.
///
/// # Errors
/// A [`Violation`](crate::violation::Violation) if it grows.
pub(super) fn growth(samples: &[Memory]) -> Result<String> {
    let third = samples.len() / 3;
    let (rest, last) = samples.split_at(2 * third);
    let (middle, last) = (Memory::mean(&rest[third..]), Memory::mean(last));
    let is_flat = last.resident <= middle.resident * GROWTH_MAX + GROWTH_BYTES;
    hold!(
        is_flat,
        "memory grew from {middle} to {last} while the server was left alone"
    );
    Ok(format!(
        "{middle} in the middle third and {last} in the last third of {} samples",
        samples.len()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(mib: f64) -> Memory {
        Memory {
            resident: mib * MIB,
            ..Memory::default()
        }
    }

    #[test]
    fn memory_that_doubles_is_not_flat() {
        let flat: Vec<_> = (0..30).map(|at| of(1_000.0 + f64::from(at % 3))).collect();
        assert!(growth(&flat).is_ok());
        let growing: Vec<_> = (0..30)
            .map(|at| of(1_000.0 + f64::from(at) * 100.0))
            .collect();
        let error = growth(&growing).unwrap_err().to_string();
        assert!(
            error.contains("2450 MiB (") && error.contains("other 3"),
            "{error}"
        );
        assert!(growth(&[]).is_ok(), "too short to say");
    }
}
