//! `retrograph serve`: the data directory, open to clients until it is interrupted.

use std::path::Path;
use std::sync::Arc;

use retrograph_bolt::limits::{Limits, MessageLimits};
use retrograph_config::{Bytes, Settings};
use retrograph_identity::{Authenticator, Directory, ensure_admin, procedures, read_issuers};
use retrograph_net::{
    Access, AdmissionSettings, Options, Server, TurnOptions, allow_open_files, bolt, grpc, http,
};
use retrograph_server::{Database, DatabaseError};
use tracing::{info, warn};

use crate::args::ServeArguments;
use crate::commands::config::{client_certificates, tls_files};
use crate::failure::{Failure, chain};
use crate::interrupt::interruptible;
use crate::session::{actor, open_or_create, read_csv_from};
use crate::{log, terminal};

/// Serves until interrupted; then everything is made durable, so that the next start is quick.
pub fn run(data: Option<&Path>, arguments: &ServeArguments) -> Result<(), Failure> {
    let settings = arguments.settings.settings(data)?;
    log::start(&settings.log);
    let database = open_or_create(&settings.general.data)?;
    read_csv_from(&database, settings.general.import_dir.as_deref())?;
    if let Some(graph) = &settings.general.default_graph {
        match database.graph(graph) {
            Err(DatabaseError::NoSuchGraph { .. }) => {
                database.create_graph(graph)?;
            }
            found => {
                found?;
            }
        }
    }
    let access = match settings.access.open {
        true => Access::Open {
            actor: actor(settings.access.actor.as_deref()),
        },
        false => users(&database, settings.access.token_issuers.as_deref())?,
    };
    let asks = match access {
        Access::Open { .. } => " without authentication",
        Access::Users(_) => "",
    };
    let options = options(&settings, access);
    let scheme = match options.tls {
        Some(_) => "bolt+s",
        None => "bolt",
    };
    let server =
        Server::listen(database.clone(), options).map_err(|error| Failure::new(chain(&error)))?;
    let stop = server.stop();
    let _interruptible = interruptible(move || stop.stop());
    if let Some(address) = server.bolt_address() {
        terminal::remark(&format!("listening on {scheme}://{address}{asks}"));
    }
    if let Some(address) = server.grpc_address() {
        let scheme = scheme.replace("bolt", "grpc");
        terminal::remark(&format!("listening on {scheme}://{address}{asks}"));
    }
    for address in server.http_addresses() {
        terminal::remark(&format!("listening on http://{address}"));
    }
    info!(version = env!("CARGO_PKG_VERSION"), "serving");
    server.run();
    info!("stopping: making everything durable");
    database.flush()?;
    info!("stopped");
    Ok(())
}

/// What the settings say about serving.
fn options(settings: &Settings, access: Access) -> Options {
    Options {
        bolt: Some(bolt::Options {
            stall: settings.server.stall,
            ..bolt_options(&settings.bolt)
        }),
        grpc: settings.grpc.listen.map(|listen| grpc::Options {
            first_call_time: settings.grpc.first_call_time,
            stall: settings.server.stall,
            ..grpc::Options::new(listen)
        }),
        http: http::Options {
            listen: settings.http.listen,
            metrics: settings.http.metrics,
            client_time: settings.http.client_time,
        },
        default_graph: settings.general.default_graph.clone(),
        tls: tls_files(settings),
        client_certificates: client_certificates(settings),
        is_plaintext_exposed: settings.access.plaintext,
        connections_max: connections_max(settings.server.connections_max),
        workers_max: settings.server.workers_max,
        turns: turns(&settings.admission),
        ..Options::new(access)
    }
}

/// How many connections there may be with as many open files as the system allows.
fn connections_max(wanted: usize) -> usize {
    let allowed = allow_open_files(wanted);
    if let (Some(open_files), true) = (allowed.max, allowed.connections_max < wanted) {
        warn!(
            wanted,
            connections_max = allowed.connections_max,
            open_files,
            "fewer connections than wanted, as the system allows too few open files: raise its limit (ulimit -n, \
             LimitNOFILE) or lower server.connections_max"
        );
    }
    allowed.connections_max
}

fn turns(settings: &retrograph_config::settings::Admission) -> TurnOptions {
    let small = |size: usize| u32::try_from(size).unwrap_or(u32::MAX);
    let unless_set = AdmissionSettings::default();
    TurnOptions {
        admission: AdmissionSettings {
            slots: settings.slots.map_or(unless_set.slots, small),
            queued_max: settings.queued_max,
            tenant_queued_max: small(settings.tenant_queued_max),
            wait_max: settings.wait_max,
            memory_bytes_max: settings
                .memory_bytes_max
                .map_or(unless_set.memory_bytes_max, Bytes::size),
        },
        slow_query: Some(settings.slow_query),
    }
}

fn bolt_options(settings: &retrograph_config::settings::Bolt) -> bolt::Options {
    let mut options = bolt::Options::new(settings.listen);
    if settings.compatible_agent {
        options = options.with_compatible_agent();
    }
    let limits = Limits {
        authenticated: MessageLimits {
            bytes_max: settings.message_bytes_max.size(),
            depth_max: settings.message_depth_max,
            memory_bytes_max: settings.message_memory_max.size(),
        },
        authentication_time: settings.authentication_time,
        queued_messages_max: settings.queued_messages_max,
        queued_bytes_max: settings.queued_bytes_max.size(),
        open_results_max: settings.open_results_max,
        ..options.limits
    };
    bolt::Options {
        advertised: settings.advertise.clone(),
        worker_idle: settings.worker_idle,
        kept_bytes_max: settings.kept_bytes_max.size(),
        limits,
        ..options
    }
}

/// Lets the users of the database in; makes the first one if there is none.
fn users(database: &Arc<Database>, issuers: Option<&Path>) -> Result<Access, Failure> {
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
    let mut authenticator =
        Authenticator::new(directory).map_err(|error| Failure::new(chain(&error)))?;
    if let Some(path) = issuers {
        authenticator = read_issuers(path)
            .and_then(|issuers| authenticator.with_issuers(issuers))
            .map_err(|error| Failure::new(chain(&error)))?;
    }
    let authenticator = Arc::new(authenticator);
    for procedure in procedures(&authenticator) {
        database.engine().register_procedure(procedure);
    }
    Ok(Access::Users(authenticator))
}
