//! `retrograph serve`: the data directory, open to clients until it is interrupted.

use std::path::Path;
use std::sync::Arc;

use retrograph_bolt::limits::{Limits, MessageLimits};
use retrograph_config::{Bytes, Settings};
use retrograph_identity::{Authenticator, Directory, ensure_admin, procedures, read_issuers};
use retrograph_net::{
    Access, AdmissionSettings, Options, Server, TurnOptions, allow_open_files, bolt, grpc, http,
    machine_bytes, traces,
};
use retrograph_server::{Caches, Database, DatabaseError};
use tracing::{info, warn};

use crate::args::ServeArguments;
use crate::commands::config::{client_certificates, tls_files};
use crate::failure::{Failure, chain};
use crate::interrupt::interruptible;
use crate::session::{actor, open_or_create_with, read_csv_from};
use crate::{log, terminal};

/// Serves until interrupted; then everything is made durable, so that the next start is quick.
pub fn run(data: Option<&Path>, arguments: &ServeArguments) -> Result<(), Failure> {
    let settings = arguments.settings.settings(data)?;
    log::start(&settings.log);
    let database = open_or_create_with(&settings.general.data, caches(&settings.caches))?;
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

fn caches(settings: &retrograph_config::settings::Caches) -> Caches {
    let unless_set = machine_bytes().map_or_else(Caches::default, Caches::for_memory);
    let or = |set: Option<Bytes>, unless_set| set.map_or(unless_set, Bytes::size);
    Caches {
        image_bytes_max: or(settings.image_bytes_max, unless_set.image_bytes_max),
        block_bytes_max: or(settings.block_bytes_max, unless_set.block_bytes_max),
        write_buffer_bytes_max: or(
            settings.write_buffer_bytes_max,
            unless_set.write_buffer_bytes_max,
        ),
        plan_bytes_max: or(settings.plan_bytes_max, unless_set.plan_bytes_max),
    }
}

/// What the settings say about serving.
fn options(settings: &Settings, access: Access) -> Options {
    Options {
        bolt: Some(bolt_options(settings)),
        grpc: grpc_options(settings),
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
        traces: trace_options(&settings.traces),
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

fn trace_options(settings: &retrograph_config::settings::Traces) -> Option<traces::Options> {
    let endpoint = settings.endpoint.as_ref()?;
    Some(traces::Options {
        endpoint: endpoint.as_str().to_owned(),
        sample_ratio: settings.sample_ratio.0,
        tells_text: settings.query_text,
    })
}

fn grpc_options(settings: &Settings) -> Option<grpc::Options> {
    let of = &settings.grpc;
    let listen = of.listen?;
    Some(grpc::Options {
        listen,
        first_call_time: of.first_call_time,
        message_bytes_max: of.message_bytes_max.size(),
        stall: settings.server.stall,
        transaction_idle: of.transaction_idle,
        transactions_max: of.transactions_max,
    })
}

fn bolt_options(settings: &Settings) -> bolt::Options {
    let stall = settings.server.stall;
    let settings = &settings.bolt;
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
        stall,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use retrograph_config::{Sources, load};

    use super::*;

    fn settings(flags: &[(&str, &str)]) -> Settings {
        let sources = Sources {
            flags: flags.iter().map(|(k, v)| ((*k).into(), v.into())).collect(),
            ..Sources::default()
        };
        let loaded = load(&sources);
        loaded.settings.expect("nothing is wrong with them")
    }

    fn open() -> Access {
        Access::Open {
            actor: "test".into(),
        }
    }

    #[test]
    fn limits_reach_the_protocols_they_are_about() {
        let set = settings(&[
            ("server.stall", "3s"),
            ("grpc.listen", "127.0.0.1:0"),
            ("grpc.message_bytes_max", "1MiB"),
            ("grpc.transaction_idle", "5s"),
            ("grpc.transactions_max", "7"),
            ("traces.endpoint", "http://collector:4317"),
            ("traces.sample_ratio", "0.25"),
            ("traces.query_text", "true"),
        ]);
        let options = options(&set, open());
        let bolt = options.bolt.expect("it is always spoken");
        assert_eq!(bolt.stall, Duration::from_secs(3));
        let grpc = options.grpc.expect("it has an address");
        assert_eq!(grpc.stall, Duration::from_secs(3));
        assert_eq!(grpc.message_bytes_max, 1 << 20);
        assert_eq!(grpc.transaction_idle, Duration::from_secs(5));
        assert_eq!(grpc.transactions_max, 7);
        let traces = traces::Options {
            endpoint: "http://collector:4317".to_owned(),
            sample_ratio: 0.25,
            tells_text: true,
        };
        assert_eq!(options.traces, Some(traces));
    }

    /// What a server does whose owner sets nothing is what one does that is started by a program.
    #[test]
    fn defaults_are_declared_as_they_are() {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let options = options(&settings(&[("grpc.listen", "127.0.0.1:0")]), open());
        assert_eq!(options.traces, None);
        let grpc = options.grpc.expect("it has an address");
        let usual = grpc::Options::new(listen);
        assert_eq!(
            (
                grpc.message_bytes_max,
                grpc.stall,
                grpc.transaction_idle,
                grpc.transactions_max
            ),
            (
                usual.message_bytes_max,
                usual.stall,
                usual.transaction_idle,
                usual.transactions_max
            )
        );
        let bolt = options.bolt.expect("it is always spoken");
        let usual = bolt::Options::new(listen);
        assert_eq!(
            (bolt.stall, bolt.worker_idle, bolt.kept_bytes_max),
            (usual.stall, usual.worker_idle, usual.kept_bytes_max)
        );
    }
}
