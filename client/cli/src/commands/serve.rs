//! `retrograph serve`: the data directory, open to Bolt drivers until it is interrupted.

use std::path::Path;
use std::sync::Arc;

use retrograph_identity::{Authenticator, Directory, ensure_admin, procedures};
use retrograph_net::tls::TlsFiles;
use retrograph_net::{Access, Options, Server, bolt};
use retrograph_server::{Database, DatabaseError};

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
    let access = match arguments.no_auth {
        true => Access::Open {
            actor: actor(arguments.actor.as_deref()),
        },
        false => users(&database)?,
    };
    let asks = match access {
        Access::Open { .. } => " without authentication",
        Access::Users(_) => "",
    };
    let mut bolt = bolt::Options::new(arguments.listen);
    bolt.advertised = arguments.advertise;
    if arguments.compatible_agent {
        bolt = bolt.with_compatible_agent();
    }
    let mut options = Options::new(access);
    options.bolt = Some(bolt);
    options.is_plaintext_exposed = arguments.allow_plaintext;
    options.tls = arguments
        .tls_certificate
        .zip(arguments.tls_key)
        .map(|(certificate, key)| TlsFiles { certificate, key });
    let scheme = match options.tls {
        Some(_) => "bolt+s",
        None => "bolt",
    };
    options.default_graph = arguments.graph;
    let server =
        Server::listen(database.clone(), options).map_err(|error| Failure::new(chain(&error)))?;
    let stop = server.stop();
    let _interruptible = interruptible(move || stop.stop());
    if let Some(address) = server.bolt_address() {
        terminal::remark(&format!("listening on {scheme}://{address}{asks}"));
    }
    server.run();
    database.flush()?;
    Ok(())
}

/// Lets the users of the database in; makes the first one if there is none.
fn users(database: &Arc<Database>) -> Result<Access, Failure> {
    let directory =
        Directory::open(Arc::clone(database)).map_err(|error| Failure::new(chain(&error)))?;
    let directory = Arc::new(directory);
    let first =
        ensure_admin(&directory, database.path()).map_err(|error| Failure::new(chain(&error)))?;
    if let Some(path) = first {
        terminal::remark(&format!(
            "the password of the user `admin` is in {}; only its owner can read it",
            path.display()
        ));
    }
    let authenticator =
        Authenticator::new(directory).map_err(|error| Failure::new(chain(&error)))?;
    let authenticator = Arc::new(authenticator);
    for procedure in procedures(&authenticator) {
        database.engine().register_procedure(procedure);
    }
    Ok(Access::Users(authenticator))
}
