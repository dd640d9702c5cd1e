//! `retrograph export`: a graph, now or as it was, in a form that `import` reads.

use std::fs::File;
use std::io::{BufWriter, Write};

use retrograph_engine::Output;
use retrograph_graph::Graph;
use retrograph_ingest::export::{
    ExportError, ExportReport, export_csv, export_jsonl, node_line, relationship_line,
};

use crate::args::{ExportArguments, ExportFormat};
use crate::failure::{Failure, chain};
use crate::moment::Moment;
use crate::remote::{self, Connection, Place, Server};
use crate::session::open;
use crate::terminal;

/// Runs the command.
pub fn run(place: &Place, arguments: &ExportArguments) -> Result<(), Failure> {
    let data = match place {
        Place::Here(data) => data,
        Place::There(server) => return from_server(server, arguments),
    };
    let database = open(data)?;
    let graph = database.graph(&arguments.graph)?;
    let read = match arguments.moment.moment() {
        Moment::Now => graph.read_latest(),
        Moment::Version(version) => Graph::read_at(&graph, version)?,
        Moment::Instant(instant) => Graph::read_at(&graph, graph.resolve(instant)?)?,
    };
    if let (ExportFormat::Csv, Some(directory)) = (arguments.format, &arguments.to) {
        return say(export_csv(&read, directory));
    }
    say(export_jsonl(&read, &mut *out(arguments)?))
}

/// A graph of a server, read by queries of one version.
fn from_server(server: &Server, arguments: &ExportArguments) -> Result<(), Failure> {
    if arguments.format == ExportFormat::Csv {
        return Err(Failure::new(
            "CSV needs the graph twice, so a server is exported to JSON Lines only (--format jsonl)",
        ));
    }
    let connection = Connection::open(server)?;
    let graph = connection.client().graph(&arguments.graph);
    let moment = match arguments.moment.moment() {
        Moment::Now => connection.wait(graph.latest_version())?.version.into(),
        moment => remote::instant(moment),
    };
    let mut out = out(arguments)?;
    let mut report = ExportReport::default();
    let mut error = None;
    for text in ["MATCH (n) RETURN n", "MATCH ()-[r]->() RETURN r"] {
        let query = graph.query(text).read_only().at(moment);
        let work = async {
            let mut rows = query.stream().await?;
            while let Some(row) = rows.next().await? {
                for value in row.into_values() {
                    let line = match remote::shown(value)? {
                        Output::Node(node) => {
                            report.nodes += 1;
                            let id = node.id.0.to_string();
                            node_line(&id, &node.labels, node.properties.iter())
                        }
                        Output::Relationship(of) => {
                            report.relationships += 1;
                            let ends = [of.start.0.to_string(), of.end.0.to_string()];
                            let ends = [&*ends[0], &*ends[1]];
                            relationship_line(&of.type_name, ends, of.properties.iter())
                        }
                        // The queries return nothing else.
                        _ => continue,
                    };
                    if let Err(failed) = writeln!(out, "{line}") {
                        error = Some(failed);
                        return Ok(());
                    }
                }
            }
            Ok(())
        };
        connection.wait(work)?;
        if let Some(error) = error.take() {
            return say(Err(error.into()));
        }
    }
    let flushed = out.flush();
    say(flushed.map(|()| report).map_err(ExportError::from))
}

fn out(arguments: &ExportArguments) -> Result<Box<dyn Write>, Failure> {
    Ok(match &arguments.to {
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(|error| {
            Failure::new(format!("cannot write {}: {error}", path.display()))
        })?)),
        None => Box::new(BufWriter::new(std::io::stdout().lock())),
    })
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
