//! `retrograph graph`: make and list graphs.

use retrograph_engine::Output;
use retrograph_graph::value::Value;

use crate::args::GraphAction;
use crate::conversation::ListedGraph;
use crate::failure::Failure;
use crate::moment::format_instant;
use crate::output::{Format, Printer};
use crate::remote::{Connection, Place};
use crate::session::{list, open, open_or_create};
use crate::terminal;

/// Runs the action.
pub fn run(place: &Place, action: &GraphAction) -> Result<(), Failure> {
    match action {
        GraphAction::Create { name, .. } => {
            match place {
                Place::Here(data) => drop(open_or_create(data)?.create_graph(name)?),
                Place::There(server) => {
                    let connection = Connection::open(server)?;
                    connection.wait(connection.client().create_graph(name))?;
                }
            }
            if terminal::is_watched() {
                terminal::remark(&format!("made graph {name}"));
            }
            Ok(())
        }
        GraphAction::List { output, .. } => {
            let graphs = match place {
                Place::Here(data) => list(&*open(data)?)?,
                Place::There(server) => Connection::open(server)?.graphs()?,
            };
            let mut out = terminal::results();
            print(&graphs, *output, &mut out)
        }
    }
}

/// Prints graphs.
pub fn print(
    graphs: &[ListedGraph],
    format: Format,
    out: &mut dyn std::io::Write,
) -> Result<(), Failure> {
    let mut printer = Printer::new(format, out, terminal::width());
    printer.head(&["graph", "created"]);
    for graph in graphs {
        let created = graph.created.map(format_instant);
        let cells = [
            Value::from(graph.name.as_str()),
            created.map_or(Value::Null, Value::from),
        ];
        printer.print(&cells.map(Output::Value));
    }
    Ok(printer.finish()?)
}
