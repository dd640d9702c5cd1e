//! The text format of Prometheus, version 0.0.4.
//!
//! Written here and not by a library: the format is a dozen lines, the counters are plain atomics, and
//! everything else is read when it is asked for.

use std::fmt::Write;

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the values of a metric mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A text that metrics are written into, each family at once.
#[derive(Default)]
pub struct Exposition {
    text: String,
}

impl Exposition {
    /// Begins a family: the samples of one name, which follow.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> Family<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing into a String does not fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family { out: self, name }
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: f64) {
        self.family(name, kind, help).sample("", &[], value);
    }

    /// The text.
    pub fn finish(self) -> String {
        self.text
    }
}

/// The samples of one name.
pub struct Family<'t> {
    out: &'t mut Exposition,
    name: &'static str,
}

impl Family<'_> {
    /// Writes a sample; the name may have a suffix, as those of histograms have.
    pub fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: f64) {
        let text = &mut self.out.text;
        text.push_str(self.name);
        text.push_str(suffix);
        for (place, (label, value)) in labels.iter().enumerate() {
            text.push(if place == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            for c in value.chars() {
                match c {
                    '\\' => text.push_str("\\\\"),
                    '"' => text.push_str("\\\""),
                    '\n' => text.push_str("\\n"),
                    c => text.push(c),
                }
            }
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        // Writing into a String does not fail.
        let _ = writeln!(text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_written_as_prometheus_reads_them() {
        let mut out = Exposition::default();
        let mut family = out.family("a_total", Kind::Counter, "What happened.");
        family.sample("", &[("graph", "a\"b\\c\nd"), ("x", "y")], 3.0);
        out.single("b_bytes", Kind::Gauge, "What it takes.", 0.5);
        assert_eq!(
            out.finish(),
            "# HELP a_total What happened.\n# TYPE a_total counter\n\
             a_total{graph=\"a\\\"b\\\\c\\nd\",x=\"y\"} 3\n\
             # HELP b_bytes What it takes.\n# TYPE b_bytes gauge\nb_bytes 0.5\n"
        );
    }
}
