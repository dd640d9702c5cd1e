//! `retrograph info`: what a data directory, or a server, holds.

mod at_server;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrograph_engine::Output;
use retrograph_graph::Graph;
use retrograph_graph::ids::Version;
use retrograph_graph::value::Value;
use retrograph_server::{Database, GraphInfo};

use crate::args::InfoArguments;
use crate::failure::Failure;
use crate::moment::format_instant;
use crate::output::Printer;
use crate::remote::{Connection, Place};
use crate::session::open;
use crate::terminal;

/// Prints one row for each graph, or everything about one of them.
pub fn run(place: &Place, arguments: &InfoArguments) -> Result<(), Failure> {
    let mut out = terminal::results();
    let mut printer = Printer::new(arguments.output, &mut out, terminal::width());
    match (place, &arguments.graph) {
        (Place::Here(data), None) => {
            let database = open(data)?;
            let mut rows = Vec::new();
            for info in database.graphs()? {
                let facts = Facts::of(&database, &info.name, Some(&info))?;
                rows.push(facts.summary(&info.name));
            }
            print_summaries(&mut printer, rows);
        }
        (Place::Here(data), Some(name)) => {
            let database = open(data)?;
            let graphs = database.graphs()?;
            let info = graphs.iter().find(|info| *info.name == **name);
            print_all(&mut printer, Facts::of(&database, name, info)?.all()?);
        }
        (Place::There(server), None) => {
            let connection = Connection::open(server)?;
            print_summaries(&mut printer, at_server::summaries(&connection)?);
        }
        (Place::There(server), Some(name)) => {
            let connection = Connection::open(server)?;
            print_all(&mut printer, at_server::all(&connection, name)?);
        }
    }
    Ok(printer.finish()?)
}

/// Name, version, times of the first and the last commit, nodes, relationships, bytes on disk.
type GraphSummary = [Value; 7];

fn print_summaries(printer: &mut Printer<'_>, rows: Vec<GraphSummary>) {
    printer.head(&[
        "graph",
        "version",
        "first commit",
        "last commit",
        "nodes",
        "relationships",
        "disk bytes",
    ]);
    for row in rows {
        printer.print(&row.map(Output::Value));
    }
}

fn print_all(printer: &mut Printer<'_>, facts: Vec<(String, Value)>) {
    printer.head(&["about", "value"]);
    for (about, value) in facts {
        printer.print(&[Value::from(about), value].map(Output::Value));
    }
}

/// What an index or a constraint on a property says.
fn rule(kind: &str, property: &str) -> String {
    match kind {
        "constraint" => format!("{property} is unique"),
        _ => format!("on {property}"),
    }
}

/// What is known about a graph.
struct Facts {
    graph: Arc<Graph>,
    version: Version,
    first: Value,
    last: Value,
    nodes: u64,
    relationships: u64,
    disk_bytes: Value,
}

impl Facts {
    fn of(database: &Database, name: &str, info: Option<&GraphInfo>) -> Result<Self, Failure> {
        let graph = database.graph(name)?;
        let read = graph.read_latest();
        let version = read.version();
        let time_of = |version: Version| -> Result<Value, Failure> {
            if version == Version(0) {
                return Ok(Value::Null);
            }
            Ok(Value::from(format_instant(graph.version_time(version)?)))
        };
        Ok(Self {
            first: time_of(Version(version.0.min(1)))?,
            last: time_of(version)?,
            nodes: read.count_nodes(None)?,
            relationships: read.count_relationships(None)?,
            disk_bytes: info.map_or(Value::Null, |info| {
                let store = database.path().join("groups").join(info.group.to_string());
                int(bytes_under(&store))
            }),
            version,
            graph,
        })
    }

    fn summary(self, name: &Arc<str>) -> GraphSummary {
        [
            Value::String(name.clone()),
            int(self.version.0),
            self.first,
            self.last,
            int(self.nodes),
            int(self.relationships),
            self.disk_bytes,
        ]
    }

    fn all(&self) -> Result<Vec<(String, Value)>, Failure> {
        let read = self.graph.read_latest();
        let catalog = read.catalog();
        let oldest = match self.version {
            Version(0) => Value::Null,
            _ => Value::from(format_instant(self.graph.oldest_time()?)),
        };
        let mut facts = vec![
            ("version".to_owned(), int(self.version.0)),
            ("first commit".to_owned(), self.first.clone()),
            ("last commit".to_owned(), self.last.clone()),
            ("oldest readable moment".to_owned(), oldest),
            ("disk bytes".to_owned(), self.disk_bytes.clone()),
            ("nodes".to_owned(), int(self.nodes)),
        ];
        for (label, name) in catalog.labels() {
            facts.push((
                format!("nodes :{name}"),
                int(read.count_nodes(Some(label))?),
            ));
        }
        facts.push(("relationships".to_owned(), int(self.relationships)));
        for (type_id, name) in catalog.relationship_types() {
            let count = read.count_relationships(Some(type_id))?;
            facts.push((format!("relationships :{name}"), int(count)));
        }
        for index in catalog.indexes() {
            let kind = if index.unique { "constraint" } else { "index" };
            let label = catalog.label_name(index.label).unwrap_or_default();
            let key = catalog.key_name(index.key).unwrap_or_default();
            let what = rule(kind, &format!("{label}.{key}"));
            let what = match self.graph.index_build(&index) {
                Some(index) if index.failure.is_some() => format!("{what}, cannot be built"),
                Some(index) if index.done < 1.0 => {
                    format!("{what}, built to {:.0} %", index.done * 100.0)
                }
                _ => what,
            };
            facts.push((format!("{kind} {}", index.name), Value::from(what)));
        }
        Ok(facts)
    }
}

fn int(number: u64) -> Value {
    i64::try_from(number).map_or(Value::Null, Value::Int)
}

/// The sizes of all files under a directory. Files may come and go meanwhile.
fn bytes_under(directory: &Path) -> u64 {
    let mut bytes = 0;
    let mut directories: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => directories.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
