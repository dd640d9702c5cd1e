//! What is said about a result when its last row has gone.

use retrograph_bolt::message::request::NotificationFilter;
use retrograph_bolt::value::{Map, map};
use retrograph_bolt::{Value, Version};
use retrograph_engine::Summary;
use retrograph_engine::plan::Access;

use crate::bookmark;
use crate::target::Target;

/// What notifications say of themselves. The engine's are remarks on names that do not exist and the
/// like, told as text.
const CODE: &str = "Neo.ClientNotification.Statement.UnrecognizedNameWarning";
const TITLE: &str = "The query names something that may not be what was meant.";
const CLASSIFICATION: &str = "UNRECOGNIZED";
const SEVERITY: &str = "WARNING";

/// The metadata of a result's end.
pub fn of(
    summary: &Summary,
    target: &Target,
    version: Version,
    filter: &NotificationFilter,
    is_autocommit: bool,
) -> Map {
    let milliseconds = i64::try_from(summary.run_time.as_millis()).unwrap_or(i64::MAX);
    let mut metadata = map([
        ("db", Value::from(&*target.name)),
        ("type", kind(summary).into()),
        ("t_last", milliseconds.into()),
    ]);
    if is_autocommit
        && let Some(bookmark) = summary
            .version
            .and_then(|version| bookmark::of(&target.graph, version))
    {
        metadata.insert("bookmark".to_owned(), bookmark.into());
    }
    if let Some(version) = summary.version {
        // What the answer is about, whoever asks for it again.
        metadata.insert("version".to_owned(), Value::Int(version.0.cast_signed()));
    }
    if summary.counters.contains_updates() {
        metadata.insert("stats".to_owned(), stats(summary).into());
    }
    if let Some(plan) = &summary.plan {
        let key = if summary.profile.is_some() {
            "profile"
        } else {
            "plan"
        };
        metadata.insert(key.to_owned(), plan_of(summary, plan).into());
    }
    notify(summary, version, filter, &mut metadata);
    metadata
}

fn kind(summary: &Summary) -> &'static str {
    match summary.access {
        Access::Read => "r",
        Access::Write if summary.columns.is_empty() => "w",
        Access::Write => "rw",
        Access::Schema => "s",
    }
}

fn stats(summary: &Summary) -> Map {
    let counts = summary.counters.named().into_iter();
    let mut stats: Map = counts
        .map(|(name, count)| (name.to_owned(), Value::Int(count.cast_signed())))
        .collect();
    stats.insert("contains-updates".to_owned(), Value::Bool(true));
    stats
}

/// A plan as clients know it: a tree of operators. The engine shows its pipelines as a table, which is
/// the text of the one operator that clients see.
fn plan_of(summary: &Summary, text: &str) -> Map {
    let identifiers: Vec<Value> = summary
        .columns
        .iter()
        .map(|name| (&**name).into())
        .collect();
    let mut plan = map([
        ("operatorType", Value::from("Plan")),
        ("identifiers", identifiers.into()),
        ("children", Value::List(Vec::new())),
        ("args", map([("string-representation", text)]).into()),
    ]);
    if summary.profile.is_some() {
        let rows = summary.rows.cast_signed();
        plan.insert("rows".to_owned(), Value::Int(rows));
        // Reads are not counted one by one.
        plan.insert("dbHits".to_owned(), Value::Int(0));
    }
    plan
}

fn notify(summary: &Summary, version: Version, filter: &NotificationFilter, metadata: &mut Map) {
    let is_wanted = !matches!(filter.severity_min.as_deref(), Some("OFF"))
        && !filter
            .disabled
            .as_ref()
            .is_some_and(|classes| classes.iter().any(|class| class == CLASSIFICATION));
    let notifications = summary
        .notifications
        .iter()
        .map(|text| text.trim_end())
        .filter(|_| is_wanted);
    if !version.has_statuses() {
        let notifications: Vec<Value> = notifications
            .map(|text| {
                let notification = map([
                    ("code", CODE),
                    ("title", TITLE),
                    ("description", text),
                    ("severity", SEVERITY),
                    ("category", CLASSIFICATION),
                ]);
                notification.into()
            })
            .collect();
        if !notifications.is_empty() {
            metadata.insert("notifications".to_owned(), notifications.into());
        }
        return;
    }
    let outcome = if summary.columns.is_empty() {
        ("00001", "note: successful completion - omitted result")
    } else if summary.rows == 0 {
        ("02000", "note: no data")
    } else {
        ("00000", "note: successful completion")
    };
    let record = || {
        map([
            ("OPERATION", ""),
            ("OPERATION_CODE", "0"),
            ("CURRENT_SCHEMA", "/"),
        ])
    };
    let mut statuses = vec![Value::from(map([
        ("gql_status", Value::from(outcome.0)),
        ("status_description", outcome.1.into()),
        ("diagnostic_record", record().into()),
    ]))];
    statuses.extend(notifications.map(|text| {
        let mut record = record();
        record.insert("_severity".to_owned(), SEVERITY.into());
        record.insert("_classification".to_owned(), CLASSIFICATION.into());
        let status = map([
            ("gql_status", Value::from("01N50")),
            (
                "status_description",
                format!("warn: unrecognized name. {text}").into(),
            ),
            ("diagnostic_record", record.into()),
            ("neo4j_code", CODE.into()),
            ("title", TITLE.into()),
            ("description", text.into()),
        ]);
        status.into()
    }));
    metadata.insert("statuses".to_owned(), statuses.into());
}
