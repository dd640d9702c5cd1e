//! `retrograph export`: a graph, now or as it was, in a form that `import` reads.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use retrograph_graph::Graph;
use retrograph_ingest::export::{ExportError, ExportReport, export_csv, export_jsonl};

use crate::args::{ExportArguments, ExportFormat};
use crate::failure::{Failure, chain};
use crate::moment::Moment;
use crate::session::open;
use crate::terminal;

/// Runs the command.
pub fn run(data: &Path, arguments: &ExportArguments) -> Result<(), Failure> {
    let database = open(data)?;
    let graph = database.graph(&arguments.graph)?;
    let read = match arguments.moment.moment() {
        Moment::Now => graph.read_latest(),
        Moment::Version(version) => Graph::read_at(&graph, version)?,
        Moment::Instant(instant) => Graph::read_at(&graph, graph.resolve(instant)?)?,
    };
    let report = match (arguments.format, &arguments.to) {
        (ExportFormat::Csv, Some(directory)) => export_csv(&read, directory),
        (_, Some(path)) => {
            let mut out = BufWriter::new(File::create(path).map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", path.display()))
            })?);
            export_jsonl(&read, &mut out)
        }
        (_, None) => export_jsonl(&read, &mut BufWriter::new(std::io::stdout().lock())),
    };
    say(report)
}

fn say(report: Result<ExportReport, ExportError>) -> Result<(), Failure> {
    let report = report.map_err(|error| Failure::new(chain(&error)))?;
    if terminal::is_watched() {
        terminal::remark(&format!(
            "{}, {}",
            terminal::count(report.nodes, "node"),
            terminal::count(report.relationships, "relationship")
        ));
    }
    Ok(())
}
