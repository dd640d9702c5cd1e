//! What a transaction is about: which graph, at which moment, under which conditions.
//!
//! The database that a client names is a graph, or a graph at an instant: `harbor`,
//! `harbor@2026-01-10T12:00:00Z`. The metadata of a transaction say the rest:
//!
//! | key | value |
//! | --- | --- |
//! | `as_of` | an instant as text or datetime, or a version as integer |
//! | `isolation` | `serializable` (as ever) or `snapshot` |
//! | `source`, `activity`, `purpose` | text that is recorded with the commit |
//!
//! `valid_at` and `receipt` are refused, as nothing answers to them yet. Other keys are the client's own.

use std::sync::Arc;

use retrograph_bolt::Failure;
use retrograph_bolt::failure::code;
use retrograph_bolt::message::request::{Extra, Mode};
use retrograph_bolt::value::Map;
use retrograph_engine::{AsOf, Origin, RunOptions};
use retrograph_graph::ids::{SystemTime, Version};
use retrograph_graph::value::Value;
use retrograph_graph::value::temporal::DateTime;
use retrograph_graph::{CommitInfo, Graph, Isolation};
use retrograph_server::Database;

use super::identity::Identity;
use super::worker::Client;
use super::{failures, parameters};

/// The graph that describes the others. Its nodes are the server's own.
const SYSTEM: &str = "system";

/// A graph at a moment.
#[derive(Clone)]
pub struct Target {
    /// The database as the client named it, or as it was chosen for the client.
    pub name: Arc<str>,
    /// The graph.
    pub graph: Arc<Graph>,
    /// The name of the graph, without a moment.
    graph_name: Arc<str>,
    as_of: Option<AsOf>,
    is_system: bool,
}

impl Target {
    /// Whether somebody may do anything with it.
    pub fn check_access(&self, identity: &Identity) -> Result<(), Failure> {
        identity.may_use(&self.graph_name)
    }
}

/// Finds targets; remembers the last one, for most clients stay with one.
pub struct Targets {
    database: Arc<Database>,
    default: Option<String>,
    last: Option<(Option<String>, Target)>,
}

impl Targets {
    /// Finds targets in a database; `default` is the graph of clients that name none.
    pub const fn new(database: Arc<Database>, default: Option<String>) -> Self {
        Self {
            database,
            default,
            last: None,
        }
    }

    /// The target that a client names, or that of clients that name none.
    pub fn find(&mut self, named: Option<&str>) -> Result<Target, Failure> {
        if let Some((name, target)) = &self.last
            && name.as_deref() == named
        {
            return Ok(target.clone());
        }
        let name = match named {
            Some(name) => name.to_owned(),
            None => self.home()?,
        };
        let (graph_name, as_of) = match name.split_once('@') {
            None => (name.as_str(), None),
            Some((graph, instant)) => {
                let instant = read_instant(instant).map_err(|problem| {
                    Failure::new(
                        code::DATABASE_NOT_FOUND,
                        format!("database `{name}`: {problem}"),
                    )
                })?;
                (graph, Some(AsOf::Time(instant)))
            }
        };
        let graph = self
            .database
            .graph(graph_name)
            .map_err(|error| failures::of_database(&error))?;
        let target = Target {
            is_system: graph_name == SYSTEM,
            graph_name: graph_name.into(),
            name: name.into(),
            graph,
            as_of,
        };
        self.last = Some((named.map(str::to_owned), target.clone()));
        Ok(target)
    }

    fn home(&self) -> Result<String, Failure> {
        if let Some(name) = &self.default {
            return Ok(name.clone());
        }
        let graphs = self
            .database
            .graphs()
            .map_err(|error| failures::of_database(&error))?;
        match graphs.as_slice() {
            [only] => Ok(only.name.to_string()),
            [] => Err(Failure::new(
                code::DATABASE_NOT_FOUND,
                "there is no graph yet; `retrograph graph create` makes one",
            )),
            several => {
                let names: Vec<&str> = several.iter().map(|graph| &*graph.name).collect();
                Err(Failure::new(
                    code::DATABASE_NOT_FOUND,
                    format!(
                        "name a database: there are several and no default: {}",
                        names.join(", ")
                    ),
                ))
            }
        }
    }
}

/// What a transaction is allowed and recorded with. Data comes from the client's program unless it says.
pub fn options(target: &Target, extra: &Extra, client: &Client) -> Result<RunOptions, Failure> {
    let impersonated = extra.impersonated.as_deref();
    let impersonated = impersonated
        .map(|name| client.identity.impersonate(name))
        .transpose()?;
    let identity = impersonated.as_ref().unwrap_or(&client.identity);
    target.check_access(identity)?;
    let metadata = &extra.metadata;
    for refused in ["valid_at", "receipt"] {
        if metadata.contains_key(refused) {
            return Err(bad(refused, "is not supported yet"));
        }
    }
    let as_of = match metadata.get("as_of") {
        None => target.as_of,
        Some(_) if target.as_of.is_some() => {
            return Err(bad("as_of", "the name of the database names a moment too"));
        }
        Some(moment) => Some(read_moment(moment.clone())?),
    };
    let isolation = match text(metadata, "isolation")?.as_deref() {
        None => Isolation::default(),
        Some("serializable") => Isolation::Serializable,
        Some("snapshot") => Isolation::Snapshot,
        Some(other) => {
            let problem = format!("`{other}` is neither `serializable` nor `snapshot`");
            return Err(bad("isolation", &problem));
        }
    };
    Ok(RunOptions {
        as_of,
        is_read_only: extra.mode == Mode::Read || target.is_system,
        timeout: extra.timeout,
        isolation,
        commit: CommitInfo {
            actor: client.identity.actor(),
            on_behalf_of: impersonated.as_ref().map(Identity::actor),
            source: Some(
                text(metadata, "source")?.unwrap_or_else(|| client.user_agent.as_str().into()),
            ),
            activity: text(metadata, "activity")?,
            purpose: text(metadata, "purpose")?,
            ..CommitInfo::default()
        },
        origin: origin(target, metadata, client, identity)?,
        admission: identity.admission(&target.graph_name),
        ..RunOptions::default()
    })
}

/// What those are told who ask what is running.
fn origin(
    target: &Target,
    metadata: &Map,
    client: &Client,
    identity: &Identity,
) -> Result<Origin, Failure> {
    let metadata = if metadata.is_empty() {
        None
    } else {
        let attached = metadata.iter().map(|(key, value)| {
            let value = parameters::read(value.clone()).map_err(|problem| bad(key, &problem))?;
            Ok((key.as_str().into(), value))
        });
        Some(Arc::new(attached.collect::<Result<_, Failure>>()?))
    };
    Ok(Origin {
        user: Some(identity.name()),
        database: Some(Arc::clone(&target.name)),
        connection: Some(Arc::clone(&client.connection)),
        client_address: Some(Arc::clone(&client.peer)),
        protocol: Some("bolt".into()),
        metadata,
    })
}

fn bad(key: &str, problem: &str) -> Failure {
    Failure::new(
        code::ARGUMENT_ERROR,
        format!("transaction metadata `{key}`: {problem}"),
    )
}

fn text(metadata: &Map, key: &str) -> Result<Option<Arc<str>>, Failure> {
    match metadata.get(key) {
        None | Some(retrograph_bolt::Value::Null) => Ok(None),
        Some(retrograph_bolt::Value::String(text)) => Ok(Some(text.as_str().into())),
        Some(_) => Err(bad(key, "expected text")),
    }
}

fn read_moment(sent: retrograph_bolt::Value) -> Result<AsOf, Failure> {
    let wrong = |problem: String| bad("as_of", &problem);
    match parameters::read(sent).map_err(wrong)? {
        Value::Int(version) => match u64::try_from(version) {
            Ok(version) => Ok(AsOf::Version(Version(version))),
            Err(_) => Err(bad("as_of", "a version is not negative")),
        },
        Value::String(text) => read_instant(&text).map(AsOf::Time).map_err(wrong),
        Value::DateTime(time) => instant_of(&time).map(AsOf::Time).map_err(wrong),
        _ => Err(bad(
            "as_of",
            "expected an instant as text or datetime, or a version as integer",
        )),
    }
}

/// Reads an instant; without an offset in UTC.
fn read_instant(text: &str) -> Result<SystemTime, String> {
    let time = DateTime::parse(text)
        .map_err(|error| format!("{error}; write an instant like 2026-01-10T12:00:00Z"))?;
    instant_of(&time)
}

fn instant_of(time: &DateTime) -> Result<SystemTime, String> {
    time.epoch_second
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(i64::from(time.nanosecond / 1_000)))
        .map(SystemTime)
        .ok_or_else(|| format!("{time} is out of range"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use retrograph_bolt::Value as Sent;
    use retrograph_bolt::message::request::NotificationFilter;
    use retrograph_bolt::value::{Structure, map};

    fn target(as_of: Option<AsOf>) -> Target {
        Target {
            name: "g".into(),
            graph: Graph::in_memory().expect("in memory"),
            graph_name: "g".into(),
            as_of,
            is_system: false,
        }
    }

    fn of(as_of: Option<AsOf>, metadata: Map) -> Result<RunOptions, Failure> {
        let extra = Extra {
            metadata,
            ..Extra::default()
        };
        let version = retrograph_bolt::Version::new(5, 8);
        let client = Client {
            connection: "bolt-1".into(),
            peer: "127.0.0.1:1".into(),
            identity: Identity::Owner("me".into()),
            version,
            dialect: version.dialect(),
            user_agent: "test/1".to_owned(),
            notifications: NotificationFilter::default(),
            advertised: None,
            found: String::new(),
            kept_bytes_max: 0,
        };
        options(&target(as_of), &extra, &client)
    }

    #[test]
    fn moments_are_instants_or_versions() {
        let noon = AsOf::Time(SystemTime(1_768_046_400_000_000));
        for (sent, moment) in [
            (Sent::from("2026-01-10T12:00:00Z"), noon),
            (Sent::from("2026-01-10T13:00:00+01:00"), noon),
            (
                Sent::structure(Structure::DateTime {
                    seconds: 1_768_046_400,
                    nanoseconds: 0,
                    offset_seconds: 3_600,
                }),
                noon,
            ),
            (Sent::Int(7), AsOf::Version(Version(7))),
        ] {
            let options = of(None, map([("as_of", sent)])).expect("a moment");
            assert_eq!(options.as_of, Some(moment));
        }
        for bad in [Sent::from("then"), Sent::Int(-1), Sent::Bool(true)] {
            let failure = of(None, map([("as_of", bad)])).expect_err("no moment");
            assert_eq!(failure.code, code::ARGUMENT_ERROR);
        }
        assert!(of(Some(noon), map([("as_of", Sent::Int(1))])).is_err());
    }

    #[test]
    fn metadata_that_ask_for_what_is_not_there_are_refused_and_others_recorded() {
        for key in ["valid_at", "receipt"] {
            assert!(of(None, map([(key, Sent::Bool(true))])).is_err());
        }
        assert!(of(None, map([("isolation", "none")])).is_err());
        let options = of(
            None,
            map([
                ("isolation", "snapshot"),
                ("purpose", "audit"),
                ("app", "x"),
            ]),
        )
        .expect("good");
        assert_eq!(options.isolation, Isolation::Snapshot);
        assert_eq!(options.commit.purpose.as_deref(), Some("audit"));
        assert_eq!(options.commit.source.as_deref(), Some("test/1"));
    }
}
