//! `retrograph serve`: the data directory, open to Bolt drivers until it is interrupted.

use std::path::Path;

use retrograph_net::bolt::{Options, Server};
use retrograph_server::DatabaseError;

use crate::args::ServeArguments;
use crate::failure::{Failure, chain};
use crate::interrupt::interruptible;
use crate::session::{actor, open_or_create, read_csv_from};
use crate::terminal;

/// Serves until interrupted; then everything is made durable, so that the next start is quick.
pub fn run(data: &Path, arguments: ServeArguments) -> Result<(), Failure> {
    let database = open_or_create(data)?;
    read_csv_from(&database, arguments.import_dir.as_deref())?;
    if let Some(graph) = &arguments.graph {
        match database.graph(graph) {
            Err(DatabaseError::NoSuchGraph { .. }) => {
                database.create_graph(graph)?;
            }
            found => {
                found?;
            }
        }
    }
    let mut options = Options::new(arguments.listen, actor(arguments.actor.as_deref()));
    options.default_graph = arguments.graph;
    options.advertised = arguments.advertise;
    if arguments.compatible_agent {
        options = options.with_compatible_agent();
    }
    let server =
        Server::listen(database.clone(), options).map_err(|error| Failure::new(chain(&error)))?;
    let stop = server.stop();
    let _interruptible = interruptible(move || stop.stop());
    terminal::remark(&format!(
        "listening on bolt://{} without authentication",
        server.address()
    ));
    server.run();
    database.flush()?;
    Ok(())
}
