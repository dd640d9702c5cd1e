//! What a server is doing, by procedure: slow queries, load, memory.

use std::sync::Arc;

use retrograph_admission::SlowQuery;
use retrograph_engine::Caller;
use retrograph_engine::functions::Procedure;
use retrograph_engine::types::Type;
use retrograph_graph::value::Value;

use crate::turns::Turnstile;

/// The procedures of a server.
pub(crate) fn procedures(turns: &Arc<Turnstile>) -> Vec<Procedure> {
    let columns = |columns: &[(&str, Type)]| {
        let owned = columns.iter().cloned();
        owned.map(|(name, ty)| (name.to_owned(), ty)).collect()
    };
    let slow = Arc::clone(turns);
    let slow_queries = Procedure {
        name: "server.slowQueries".to_owned(),
        description: "The latest queries that took long, without their literals: one's own; for administrators, \
                      all."
            .to_owned(),
        parameters: Vec::new(),
        required: 0,
        results: columns(&[
            ("ended", Type::Integer),
            ("query", Type::String),
            ("plan", Type::String),
            ("timeMs", Type::Integer),
            ("waitedMs", Type::Integer),
            ("rows", Type::Integer),
            ("scanned", Type::Integer),
            ("memoryBytes", Type::Integer),
            ("units", Type::Float),
            ("userId", Type::String),
            ("user", Type::String),
            ("tenant", Type::String),
            ("database", Type::String),
            ("failure", Type::String),
        ]),
        body: Arc::new(move |context, _, sink| {
            let caller = context.caller;
            let records = slow.slow.latest(|query| may_see(caller, query));
            records.into_iter().map(row).try_for_each(sink)
        }),
    };
    let load = Arc::clone(turns);
    let load = Procedure {
        name: "server.load".to_owned(),
        description:
            "How many queries run and wait, and how much memory they hold of what they may."
                .to_owned(),
        parameters: Vec::new(),
        required: 0,
        results: columns(&[
            ("running", Type::Integer),
            ("waiting", Type::Integer),
            ("memoryBytes", Type::Integer),
            ("memoryBytesMax", Type::Integer),
        ]),
        body: Arc::new(move |_, _, sink| {
            let (running, waiting) = load.admission.load();
            let memory = load.admission.memory();
            sink(vec![
                Value::Int(i64::from(running)),
                count(waiting as u64),
                count(memory.bytes() as u64),
                count(memory.bytes_max() as u64),
            ])
        }),
    };
    vec![slow_queries, load]
}

fn may_see(caller: &Caller, query: &SlowQuery) -> bool {
    !caller.is_confined || caller.user == query.user_name
}

fn row(query: SlowQuery) -> Vec<Value> {
    let ms = |time: std::time::Duration| count(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    vec![
        Value::Int(query.ended_us),
        Value::String(query.text),
        format!("{:016x}", query.plan).as_str().into(),
        ms(query.time),
        ms(query.waited),
        count(query.rows),
        count(query.scanned),
        count(query.memory_bytes as u64),
        Value::Float(query.units.as_f64()),
        Value::String(query.user),
        Value::String(query.user_name),
        Value::String(query.tenant),
        Value::String(query.database),
        query.failure.map_or(Value::Null, Value::from),
    ]
}

fn count(count: u64) -> Value {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}
