//! Results as JSON: values as [`retrograph_ingest::json`] writes them, and elements as
//!
//! ```text
//! {"$node": "n:7", "labels": ["Person"], "properties": {…}}
//! {"$relationship": "r:9", "type": "KNOWS", "start": "n:7", "end": "n:8", "properties": {…}}
//! {"$path": [node, relationship, node, …]}
//! ```

use std::sync::Arc;

use retrograph_engine::output::{NodeOutput, Output, RelationshipOutput, element_id};
use retrograph_graph::value::Value;
use retrograph_ingest::json::{self as values, object};
use serde_json::{Value as Json, json};

/// A result as JSON.
pub fn write(output: &Output) -> Json {
    match output {
        Output::Value(value) => values::write(value),
        Output::List(items) => Json::Array(items.iter().map(write).collect()),
        Output::Map(map) => object(map.iter().map(|(key, value)| (key, write(value)))),
        Output::Node(node) => write_node(node),
        Output::Relationship(relationship) => write_relationship(relationship),
        Output::Path(path) => {
            let mut steps = Vec::with_capacity(path.nodes.len() * 2);
            for (place, node) in path.nodes.iter().enumerate() {
                steps.push(write_node(node));
                let relationship = path.relationships.get(place);
                steps
                    .extend(relationship.map(|(relationship, _)| write_relationship(relationship)));
            }
            json!({ "$path": steps })
        }
    }
}

fn write_node(node: &NodeOutput) -> Json {
    let labels: Vec<&str> = node.labels.iter().map(|label| &**label).collect();
    json!({
        "$node": node.element_id(),
        "labels": labels,
        "properties": properties(node.properties.iter()),
    })
}

fn write_relationship(relationship: &RelationshipOutput) -> Json {
    json!({
        "$relationship": relationship.element_id(),
        "type": &*relationship.type_name,
        "start": element_id(relationship.start.into()),
        "end": element_id(relationship.end.into()),
        "properties": properties(relationship.properties.iter()),
    })
}

fn properties<'p>(properties: impl Iterator<Item = (&'p Arc<str>, &'p Value)>) -> Json {
    Json::Object(
        properties
            .map(|(key, value)| (key.to_string(), values::write(value)))
            .collect(),
    )
}
