//! A client of Retrograph servers.
//!
//! ```
//! # retrograph_client_harness::with_server(async |url| {
//! use retrograph_client::Client;
//!
//! let client = Client::connect(url).await?; // such as http://127.0.0.1:7688
//! let harbor = client.graph("harbor");
//!
//! harbor
//!     .query("CREATE (:Person {name: $name, age: $age})")
//!     .param("name", "Ana")
//!     .param("age", 41)
//!     .run()
//!     .await?;
//! let people: Vec<(String, i64)> = harbor
//!     .query("MATCH (p:Person) RETURN p.name, p.age")
//!     .fetch()
//!     .await?;
//! assert_eq!(people, [("Ana".to_owned(), 41)]);
//! # Ok(()) });
//! ```
//!
//! [`Client`] and [`Graph`] are handles to clone and share. A [`Query`] by itself is its own transaction;
//! [`Graph::write`] does several in one, again if they conflict with others. Every read can name the
//! [`Moment`] that it looks at, and [`Graph::diff`], [`Graph::history`] and [`Graph::changes`] look along time:
//!
//! ```
//! # retrograph_client_harness::with_server(async |url| {
//! # let client = retrograph_client::Client::connect(url).await?;
//! # let harbor = client.graph("harbor");
//! let made = harbor.query("CREATE (:Account {id: 'A-1177', status: 'open'})").run().await?;
//! harbor.query("MATCH (a:Account) SET a.status = 'frozen'").run().await?;
//!
//! let status = || harbor.query("MATCH (a:Account) RETURN a.status AS status");
//! let now: (String,) = status().fetch_one().await?;
//! let then: (String,) = status().at_version(made.version.expect("it wrote")).fetch_one().await?;
//! assert_eq!((now.0.as_str(), then.0.as_str()), ("frozen", "open"));
//!
//! let mut feed = harbor.changes().stream().await?;
//! while let Some(changes) = feed.next().await? {
//!     println!("version {}: {:?}", changes.commit.version, changes.changes);
//! }
//! # Ok(()) });
//! ```
//!
//! Rows can be taken one by one while the server finds them ([`Query::stream`]), as tuples, or as types that
//! derive serde's `Deserialize`:
//!
//! ```
//! # retrograph_client_harness::with_server(async |url| {
//! # let client = retrograph_client::Client::connect(url).await?;
//! # let harbor = client.graph("harbor");
//! # harbor.query("CREATE (:Person {name: 'Ana'})").run().await?;
//! #[derive(serde::Deserialize)]
//! struct Person {
//!     name: String,
//!     age: Option<i64>,
//! }
//!
//! let text = "MATCH (p:Person) RETURN p.name AS name, p.age AS age";
//! for person in harbor.query(text).fetch_as::<Person>().await? {
//!     println!("{} {:?}", person.name, person.age);
//! }
//! let mut rows = harbor.query(text).stream().await?;
//! while let Some(row) = rows.next().await? {
//!     println!("{}", row.get::<String>("name")?);
//! }
//! # Ok(()) });
//! ```
//!
//! An [`Error`] of the server has a stable code, a place in the text where there is one, and says whether trying
//! again helps. What surely had no effect is tried again by the client itself, as its [`RetryPolicy`] says.

mod admin;
mod builder;
mod client;
mod convert;
mod error;
mod feed;
mod graph;
mod jobs;
mod moment;
mod options;
mod query;
mod retry;
mod row;
mod rows;
mod schema;
mod shape;
mod summary;
mod temporal;
mod tenants;
mod time;
mod transaction;
mod value;
mod wire;

pub use admin::{Admin, ApiKey, NewApiKey, NewPassword, Role, RoleGrant, User};
pub use builder::ClientBuilder;
pub use client::{Client, GraphInfo};
pub use convert::{ConversionError, FromValue};
pub use error::{Error, Place, Retry, RowError, ServerError, SetupError};
pub use feed::{ChangeFeed, Changes, CommitChanges, FeedStream};
pub use graph::Graph;
pub use jobs::{Job, JobKind, JobState, Jobs};
pub use moment::Moment;
pub use options::Isolation;
pub use query::{Query, Statement};
pub use retry::RetryPolicy;
pub use row::{FromRow, Row};
pub use rows::Rows;
pub use schema::{Constraint, Index};
pub use summary::{Counters, Summary};
pub use temporal::{
    Date, DateTime, Duration, LocalDateTime, LocalTime, Time, Timestamp, TimestampError,
};
pub use tenants::{Limits, SharedGraph, Tenant, Tenants};
pub use time::{
    Commit, Differences, Element, ElementChange, ElementState, ResolvedVersion, Versions,
};
pub use transaction::{Committed, Transaction, TransactionBuilder};
pub use value::{Map, Node, Path, Point, Relationship, Step, Value, Vector};
