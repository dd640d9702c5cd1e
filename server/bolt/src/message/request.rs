//! What clients ask for.

use std::fmt;
use std::time::Duration;

use super::signature;
use crate::limits::MessageLimits;
use crate::pack::{DecodeError, Decoder, Encoder, Fault};
use crate::structure::Dialect;
use crate::value::{Map, Value};
use crate::version::Version;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Introduces the client; before 5.1 also authenticates it.
    Hello(Hello),
    /// Authenticates the client. From 5.1 on.
    Logon(AuthToken),
    /// Ends what LOGON began. From 5.1 on.
    Logoff,
    /// Says which interface of the driver is used. From 5.4 on.
    Telemetry {
        /// The number of the interface.
        api: i64,
    },
    /// Ends the connection.
    Goodbye,
    /// Interrupts what runs, gives up what is open, and makes the connection ready again.
    Reset,
    /// Runs a query.
    Run(Run),
    /// Asks for rows of a result.
    Pull(Portion),
    /// Passes over rows of a result.
    Discard(Portion),
    /// Opens a transaction.
    Begin(Extra),
    /// Commits it.
    Commit,
    /// Gives it up.
    Rollback,
    /// Asks who serves a database.
    Route(Route),
}

/// HELLO.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hello {
    /// The application.
    pub user_agent: String,
    /// The driver, from 5.3 on.
    pub bolt_agent: Map,
    /// The routing context, if the client wants to be routed.
    pub routing: Option<Map>,
    /// The patches that the client proposes; before 5.0.
    pub patches: Vec<String>,
    /// Which notifications the client wants.
    pub notifications: NotificationFilter,
    /// Who the client is; before 5.1.
    pub auth: Option<AuthToken>,
}

/// Who a client claims to be, and with what proof.
#[derive(Clone, Default, PartialEq)]
pub struct AuthToken {
    /// `none`, `basic`, `bearer`, `kerberos` or another.
    pub scheme: String,
    /// The name.
    pub principal: Option<String>,
    /// The proof.
    pub credentials: Option<String>,
    /// Where the name belongs.
    pub realm: Option<String>,
}

/// Credentials are not for logs.
impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthToken")
            .field("scheme", &self.scheme)
            .field("principal", &self.principal)
            .field("realm", &self.realm)
            .finish_non_exhaustive()
    }
}

/// RUN.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// The text.
    pub query: String,
    /// Its parameters.
    pub parameters: Map,
    /// Without a transaction, what BEGIN would say.
    pub extra: Extra,
}

/// How a transaction reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It may write.
    #[default]
    Write,
    /// It only reads.
    Read,
}

/// What a client says about a transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// What the transaction has to see.
    pub bookmarks: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// What the client attaches to it.
    pub metadata: Map,
    /// Whether it writes.
    pub mode: Mode,
    /// The database, if the client names one.
    pub database: Option<String>,
    /// For whom, if not for the client itself.
    pub impersonated: Option<String>,
    /// Which notifications the client wants.
    pub notifications: NotificationFilter,
}

/// Which notifications a client wants. From 5.2 on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotificationFilter {
    /// The least severity, or `OFF`.
    pub severity_min: Option<String>,
    /// The classes that are not wanted.
    pub disabled: Option<Vec<String>>,
}

/// PULL and DISCARD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// How many rows; all if absent.
    pub rows: Option<u64>,
    /// Of which result of the transaction; the last one if absent.
    pub result: Option<i64>,
}

/// ROUTE.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Route {
    /// The routing context.
    pub context: Map,
    /// What the answer has to have seen.
    pub bookmarks: Vec<String>,
    /// The database, if the client names one.
    pub database: Option<String>,
    /// For whom, if not for the client itself.
    pub impersonated: Option<String>,
}

/// Why a message is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Its bytes do not hold together.
    #[error("malformed message: {0}")]
    Malformed(DecodeError),
    /// One of its values is not acceptable.
    #[error("{0}")]
    BadValue(DecodeError),
    /// There is no such message in this version.
    #[error("Bolt {version} has no message with the signature {signature:#04x}")]
    UnknownMessage {
        /// The signature.
        signature: u8,
        /// The version.
        version: Version,
    },
    /// It has a field of a wrong type or value.
    #[error("{field} of {message}: {problem}")]
    BadField {
        /// The message.
        message: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl RequestError {
    /// Whether the connection can go on with the next message.
    #[must_use]
    pub const fn is_recoverable(&self) -> bool {
        matches!(self, Self::BadValue(_) | Self::BadField { .. })
    }
}

impl From<DecodeError> for RequestError {
    fn from(error: DecodeError) -> Self {
        if error.fault.is_semantic() && error.offset > 1 {
            Self::BadValue(error)
        } else {
            Self::Malformed(error)
        }
    }
}

type Result<T> = std::result::Result<T, RequestError>;

/// Whether a message interrupts those before it. It is known before the message is decoded.
#[must_use]
pub fn is_interrupt(message: &[u8]) -> bool {
    matches!(message, [0xB0, signature::RESET | signature::GOODBYE])
}

/// Whether a message is about rows: PULL or DISCARD. It is known before the message is decoded.
#[must_use]
pub fn is_portion(message: &[u8]) -> bool {
    matches!(message, [_, signature::PULL | signature::DISCARD, ..])
}

impl Request {
    /// The name of the message.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "HELLO",
            Self::Logon(_) => "LOGON",
            Self::Logoff => "LOGOFF",
            Self::Telemetry { .. } => "TELEMETRY",
            Self::Goodbye => "GOODBYE",
            Self::Reset => "RESET",
            Self::Run(_) => "RUN",
            Self::Pull(_) => "PULL",
            Self::Discard(_) => "DISCARD",
            Self::Begin(_) => "BEGIN",
            Self::Commit => "COMMIT",
            Self::Rollback => "ROLLBACK",
            Self::Route(_) => "ROUTE",
        }
    }

    /// Reads a message.
    ///
    /// # Errors
    /// If it is no request of this version.
    pub fn decode(
        message: &[u8],
        version: Version,
        dialect: Dialect,
        limits: MessageLimits,
    ) -> Result<Self> {
        let mut decoder = Decoder::new(message, dialect, limits);
        let (signature, fields) = decoder.structure()?;
        let expected = match signature {
            signature::GOODBYE | signature::RESET | signature::COMMIT | signature::ROLLBACK => 0,
            signature::LOGOFF if version.has_logon() => 0,
            signature::LOGON if version.has_logon() => 1,
            signature::TELEMETRY if version.has_telemetry() => 1,
            signature::HELLO | signature::PULL | signature::DISCARD | signature::BEGIN => 1,
            signature::RUN | signature::ROUTE => 3,
            _ => return Err(RequestError::UnknownMessage { signature, version }),
        };
        if fields != expected {
            return Err(RequestError::Malformed(DecodeError {
                offset: 0,
                fault: Fault::FieldCount {
                    signature,
                    found: fields,
                    expected,
                },
            }));
        }
        let request = match signature {
            signature::HELLO => Self::Hello(hello(decoder.map()?, version)?),
            signature::LOGON => Self::Logon(auth_token(&mut Fields::new("LOGON", decoder.map()?))?),
            signature::LOGOFF => Self::Logoff,
            signature::TELEMETRY => Self::Telemetry {
                api: decoder.int()?,
            },
            signature::GOODBYE => Self::Goodbye,
            signature::RESET => Self::Reset,
            signature::RUN => Self::Run(Run {
                query: decoder.string()?.to_owned(),
                parameters: decoder.map()?,
                extra: extra(Fields::new("RUN", decoder.map()?), version)?,
            }),
            signature::PULL => Self::Pull(portion(Fields::new("PULL", decoder.map()?))?),
            signature::DISCARD => Self::Discard(portion(Fields::new("DISCARD", decoder.map()?))?),
            signature::BEGIN => Self::Begin(extra(Fields::new("BEGIN", decoder.map()?), version)?),
            signature::COMMIT => Self::Commit,
            signature::ROLLBACK => Self::Rollback,
            _ => Self::Route(route(&mut decoder)?),
        };
        decoder.end()?;
        Ok(request)
    }

    /// Appends the message, without chunks, as a client would send it: for tests and tools.
    pub fn encode(&self, out: &mut Vec<u8>, version: Version, dialect: Dialect) {
        let mut encoder = Encoder::new(out);
        match self {
            Self::Hello(hello) => {
                encoder.structure(signature::HELLO, 1);
                encoder.entries(&hello.to_map(version), dialect);
            }
            Self::Logon(token) => {
                encoder.structure(signature::LOGON, 1);
                let mut map = Map::new();
                token.put(&mut map);
                encoder.entries(&map, dialect);
            }
            Self::Logoff => encoder.structure(signature::LOGOFF, 0),
            Self::Telemetry { api } => {
                encoder.structure(signature::TELEMETRY, 1);
                encoder.int(*api);
            }
            Self::Goodbye => encoder.structure(signature::GOODBYE, 0),
            Self::Reset => encoder.structure(signature::RESET, 0),
            Self::Run(run) => {
                encoder.structure(signature::RUN, 3);
                encoder.string(&run.query);
                encoder.entries(&run.parameters, dialect);
                encoder.entries(&run.extra.to_map(version), dialect);
            }
            Self::Pull(portion) => {
                encoder.structure(signature::PULL, 1);
                encoder.entries(&portion.to_map(), dialect);
            }
            Self::Discard(portion) => {
                encoder.structure(signature::DISCARD, 1);
                encoder.entries(&portion.to_map(), dialect);
            }
            Self::Begin(extra) => {
                encoder.structure(signature::BEGIN, 1);
                encoder.entries(&extra.to_map(version), dialect);
            }
            Self::Commit => encoder.structure(signature::COMMIT, 0),
            Self::Rollback => encoder.structure(signature::ROLLBACK, 0),
            Self::Route(route) => {
                encoder.structure(signature::ROUTE, 3);
                encoder.entries(&route.context, dialect);
                encoder.list(route.bookmarks.len());
                for bookmark in &route.bookmarks {
                    encoder.string(bookmark);
                }
                let mut map = Map::new();
                put_text(&mut map, "db", route.database.as_deref());
                put_text(&mut map, "imp_user", route.impersonated.as_deref());
                encoder.entries(&map, dialect);
            }
        }
    }
}

/// The entries of a message's map, taken out by name. Null counts as absent; unknown ones are ignored,
/// as later drivers may send more.
struct Fields {
    message: &'static str,
    map: Map,
}

impl Fields {
    const fn new(message: &'static str, map: Map) -> Self {
        Self { message, map }
    }

    fn bad(&self, field: &'static str, problem: impl Into<String>) -> RequestError {
        RequestError::BadField {
            message: self.message,
            field,
            problem: problem.into(),
        }
    }

    fn take(&mut self, field: &'static str) -> Option<Value> {
        self.map.remove(field).filter(|value| *value != Value::Null)
    }

    fn wrong<T>(&self, field: &'static str, expected: &str, found: &Value) -> Result<T> {
        let problem = format!("expected {expected}, found {}", found.type_name());
        Err(self.bad(field, problem))
    }

    fn text(&mut self, field: &'static str) -> Result<Option<String>> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => self.wrong(field, "a string", &other),
        }
    }

    fn int(&mut self, field: &'static str) -> Result<Option<i64>> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Int(int)) => Ok(Some(int)),
            Some(other) => self.wrong(field, "an integer", &other),
        }
    }

    fn map(&mut self, field: &'static str) -> Result<Option<Map>> {
        match self.take(field) {
            None => Ok(None),
            Some(Value::Map(map)) => Ok(Some(map)),
            Some(other) => self.wrong(field, "a map", &other),
        }
    }

    fn texts(&mut self, field: &'static str) -> Result<Option<Vec<String>>> {
        let items = match self.take(field) {
            None => return Ok(None),
            Some(Value::List(items)) => items,
            Some(other) => return self.wrong(field, "a list of strings", &other),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => texts.push(text),
                other => return self.wrong(field, "strings in the list", &other),
            }
        }
        Ok(Some(texts))
    }
}

const DISABLED_CLASSIFICATIONS: &str = "notifications_disabled_classifications";
const DISABLED_CATEGORIES: &str = "notifications_disabled_categories";

fn disabled_field(version: Version) -> &'static str {
    if version.has_statuses() {
        DISABLED_CLASSIFICATIONS
    } else {
        DISABLED_CATEGORIES
    }
}

fn notifications(fields: &mut Fields, version: Version) -> Result<NotificationFilter> {
    if !version.has_notification_filter() {
        return Ok(NotificationFilter::default());
    }
    Ok(NotificationFilter {
        severity_min: fields.text("notifications_minimum_severity")?,
        disabled: fields.texts(disabled_field(version))?,
    })
}

fn auth_token(fields: &mut Fields) -> Result<AuthToken> {
    Ok(AuthToken {
        scheme: fields.text("scheme")?.unwrap_or_else(|| "none".to_owned()),
        principal: fields.text("principal")?,
        credentials: fields.text("credentials")?,
        realm: fields.text("realm")?,
    })
}

fn hello(map: Map, version: Version) -> Result<Hello> {
    let mut fields = Fields::new("HELLO", map);
    let auth = if version.has_logon() {
        None
    } else {
        Some(auth_token(&mut fields)?)
    };
    let Some(user_agent) = fields.text("user_agent")? else {
        return Err(fields.bad("user_agent", "missing"));
    };
    Ok(Hello {
        user_agent,
        bolt_agent: fields.map("bolt_agent")?.unwrap_or_default(),
        routing: fields.map("routing")?,
        patches: if version.has_patches() {
            fields.texts("patch_bolt")?.unwrap_or_default()
        } else {
            Vec::new()
        },
        notifications: notifications(&mut fields, version)?,
        auth,
    })
}

fn extra(mut fields: Fields, version: Version) -> Result<Extra> {
    let timeout = match fields.int("tx_timeout")? {
        // Zero says that there is no limit but the server's.
        None | Some(0) => None,
        Some(milliseconds) => match u64::try_from(milliseconds) {
            Ok(milliseconds) => Some(Duration::from_millis(milliseconds)),
            Err(_) => return Err(fields.bad("tx_timeout", "must not be negative")),
        },
    };
    let mode = match fields.text("mode")?.as_deref() {
        None | Some("w") => Mode::Write,
        Some("r") => Mode::Read,
        Some(_) => return Err(fields.bad("mode", "expected \"r\" or \"w\"")),
    };
    Ok(Extra {
        bookmarks: fields.texts("bookmarks")?.unwrap_or_default(),
        timeout,
        metadata: fields.map("tx_metadata")?.unwrap_or_default(),
        mode,
        database: fields.text("db")?,
        impersonated: fields.text("imp_user")?,
        notifications: notifications(&mut fields, version)?,
    })
}

fn portion(mut fields: Fields) -> Result<Portion> {
    let rows = match fields.int("n")? {
        Some(-1) => None,
        Some(n) if n > 0 => Some(n.unsigned_abs()),
        Some(_) => return Err(fields.bad("n", "expected -1 or a positive number")),
        None => return Err(fields.bad("n", "missing")),
    };
    let result = match fields.int("qid")? {
        None | Some(-1) => None,
        Some(qid) => Some(qid),
    };
    Ok(Portion { rows, result })
}

fn route(decoder: &mut Decoder<'_>) -> Result<Route> {
    let context = decoder.map()?;
    let bookmarks = decoder.list(|decoder| Ok(decoder.string()?.to_owned()))?;
    let mut fields = Fields::new("ROUTE", decoder.map()?);
    Ok(Route {
        context,
        bookmarks,
        database: fields.text("db")?,
        impersonated: fields.text("imp_user")?,
    })
}

fn put_text(map: &mut Map, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        map.insert(key.to_owned(), text.into());
    }
}

fn put_texts(map: &mut Map, key: &str, texts: &[String]) {
    let items = texts.iter().map(|text| text.as_str().into()).collect();
    map.insert(key.to_owned(), Value::List(items));
}

impl NotificationFilter {
    /// The filter of a transaction, where `connection` stands for what it leaves open.
    #[must_use]
    pub fn or(&self, connection: &Self) -> Self {
        Self {
            severity_min: self
                .severity_min
                .clone()
                .or_else(|| connection.severity_min.clone()),
            disabled: self
                .disabled
                .clone()
                .or_else(|| connection.disabled.clone()),
        }
    }

    fn put(&self, map: &mut Map, version: Version) {
        if !version.has_notification_filter() {
            return;
        }
        put_text(
            map,
            "notifications_minimum_severity",
            self.severity_min.as_deref(),
        );
        if let Some(disabled) = &self.disabled {
            put_texts(map, disabled_field(version), disabled);
        }
    }
}

impl AuthToken {
    fn put(&self, map: &mut Map) {
        put_text(map, "scheme", Some(&self.scheme));
        put_text(map, "principal", self.principal.as_deref());
        put_text(map, "credentials", self.credentials.as_deref());
        put_text(map, "realm", self.realm.as_deref());
    }
}

impl Hello {
    fn to_map(&self, version: Version) -> Map {
        let mut map = Map::new();
        put_text(&mut map, "user_agent", Some(&self.user_agent));
        if !self.bolt_agent.is_empty() {
            map.insert("bolt_agent".to_owned(), self.bolt_agent.clone().into());
        }
        if let Some(routing) = &self.routing {
            map.insert("routing".to_owned(), routing.clone().into());
        }
        if version.has_patches() {
            put_texts(&mut map, "patch_bolt", &self.patches);
        }
        self.notifications.put(&mut map, version);
        if let Some(auth) = &self.auth {
            auth.put(&mut map);
        }
        map
    }
}

impl Extra {
    fn to_map(&self, version: Version) -> Map {
        let mut map = Map::new();
        if !self.bookmarks.is_empty() {
            put_texts(&mut map, "bookmarks", &self.bookmarks);
        }
        if let Some(timeout) = self.timeout {
            let milliseconds = i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX);
            map.insert("tx_timeout".to_owned(), milliseconds.into());
        }
        if !self.metadata.is_empty() {
            map.insert("tx_metadata".to_owned(), self.metadata.clone().into());
        }
        if self.mode == Mode::Read {
            put_text(&mut map, "mode", Some("r"));
        }
        put_text(&mut map, "db", self.database.as_deref());
        put_text(&mut map, "imp_user", self.impersonated.as_deref());
        self.notifications.put(&mut map, version);
        map
    }
}

impl Portion {
    /// All rows of the last result.
    pub const ALL: Self = Self {
        rows: None,
        result: None,
    };

    fn to_map(self) -> Map {
        let rows = match self.rows {
            Some(rows) => i64::try_from(rows).unwrap_or(i64::MAX),
            None => -1,
        };
        let mut map = Map::new();
        map.insert("n".to_owned(), rows.into());
        if let Some(result) = self.result {
            map.insert("qid".to_owned(), result.into());
        }
        map
    }
}
