//! `Schema`: what there is in a graph, as statements tell it.

use std::collections::BTreeMap;
use std::sync::Arc;

use retrograph_engine::{Output, Parameters};
use retrograph_graph::value::Value;
use retrograph_proto::v1;
use retrograph_proto::v1::schema_server::Schema;
use tonic::{Request, Response, Status};

use super::api::Api;
use super::caller::Call;
use super::{page, terms, values};
use crate::target::Terms;

/// What is asked of a graph.
struct Asked {
    call: Call,
    graph: String,
    as_of: Option<v1::AsOf>,
    page_size: u32,
    page_token: String,
}

impl Api {
    /// A page of what a statement lists.
    async fn list<T: Send + 'static>(
        self: Arc<Self>,
        asked: Asked,
        text: &'static str,
        read: impl Fn(&[Output]) -> T + Send + 'static,
        key: impl Fn(&T) -> &str + Send + 'static,
    ) -> Result<(Vec<T>, String), Status> {
        self.work(move |api| {
            let terms = Terms {
                as_of: terms::as_of("as_of", asked.as_of)?,
                is_read_only: true,
                ..Terms::default()
            };
            let (target, options) = api.target(&asked.call, &asked.graph, terms)?;
            let rows = api.rows(&target, &options, text, &Parameters::new())?;
            let items = rows.iter().map(|row| read(row)).collect();
            let size = page::long(asked.page_size);
            page::of(items, &asked.page_token, size, key)
        })
        .await
    }
}

/// A field that is text; nothing for a null.
pub fn text(row: &[Output], at: usize) -> String {
    match row.get(at) {
        Some(Output::Value(Value::String(text))) => text.to_string(),
        _ => String::new(),
    }
}

/// A field that is a list of texts; none for a null.
pub fn texts(row: &[Output], at: usize) -> Vec<String> {
    match row.get(at) {
        Some(Output::List(items)) => (0..items.len()).map(|item| text(items, item)).collect(),
        _ => Vec::new(),
    }
}

/// A field that says whether.
pub fn flag(row: &[Output], at: usize) -> bool {
    matches!(row.get(at), Some(Output::Value(Value::Bool(true))))
}

fn entity(row: &[Output], at: usize) -> i32 {
    let entity = match &*text(row, at) {
        "NODE" => v1::EntityType::Node,
        "RELATIONSHIP" => v1::EntityType::Relationship,
        _ => v1::EntityType::Unspecified,
    };
    entity.into()
}

/// The entries of a map that holds no elements.
fn entries(output: Option<&Output>) -> BTreeMap<String, v1::Value> {
    match output {
        Some(Output::Map(map)) => map
            .iter()
            .map(|(key, value)| (key.to_string(), plain(value)))
            .collect(),
        _ => BTreeMap::new(),
    }
}

fn plain(output: &Output) -> v1::Value {
    use v1::value::Kind;
    match output {
        Output::Value(value) => values::property(value),
        Output::List(items) => v1::Value {
            kind: Some(Kind::List(v1::List {
                items: items.iter().map(plain).collect(),
            })),
        },
        map => v1::Value {
            kind: Some(Kind::Map(v1::Map {
                entries: entries(Some(map)),
            })),
        },
    }
}

fn index(row: &[Output]) -> v1::Index {
    v1::Index {
        name: text(row, 0),
        kind: text(row, 1),
        entity_type: entity(row, 2),
        labels_or_types: texts(row, 3),
        properties: texts(row, 4),
        state: text(row, 5),
        population_percent: match row.get(6) {
            Some(Output::Value(Value::Float(percent))) => *percent,
            _ => 0.0,
        },
        owning_constraint: text(row, 7),
        options: entries(row.get(8)),
    }
}

fn constraint(row: &[Output]) -> v1::Constraint {
    v1::Constraint {
        name: text(row, 0),
        kind: text(row, 1),
        entity_type: entity(row, 2),
        labels_or_types: texts(row, 3),
        properties: texts(row, 4),
        property_type: text(row, 5),
        owned_index: text(row, 6),
    }
}

macro_rules! asked {
    ($request:ident) => {{
        let call = Call::of(&$request)?;
        let request = $request.into_inner();
        Asked {
            call,
            graph: request.graph,
            as_of: request.as_of,
            page_size: request.page_size,
            page_token: request.page_token,
        }
    }};
}

#[tonic::async_trait]
impl Schema for Api {
    async fn list_labels(
        self: Arc<Self>,
        request: Request<v1::ListLabelsRequest>,
    ) -> Result<Response<v1::ListLabelsResponse>, Status> {
        let statement = "CALL db.labels() YIELD label";
        let listed = self.list(asked!(request), statement, |row| text(row, 0), |name| name);
        let (labels, next_page_token) = listed.await?;
        Ok(Response::new(v1::ListLabelsResponse {
            labels,
            next_page_token,
        }))
    }

    async fn list_relationship_types(
        self: Arc<Self>,
        request: Request<v1::ListRelationshipTypesRequest>,
    ) -> Result<Response<v1::ListRelationshipTypesResponse>, Status> {
        let statement = "CALL db.relationshipTypes() YIELD relationshipType";
        let listed = self.list(asked!(request), statement, |row| text(row, 0), |name| name);
        let (relationship_types, next_page_token) = listed.await?;
        Ok(Response::new(v1::ListRelationshipTypesResponse {
            relationship_types,
            next_page_token,
        }))
    }

    async fn list_property_keys(
        self: Arc<Self>,
        request: Request<v1::ListPropertyKeysRequest>,
    ) -> Result<Response<v1::ListPropertyKeysResponse>, Status> {
        let statement = "CALL db.propertyKeys() YIELD propertyKey";
        let listed = self.list(asked!(request), statement, |row| text(row, 0), |name| name);
        let (property_keys, next_page_token) = listed.await?;
        Ok(Response::new(v1::ListPropertyKeysResponse {
            property_keys,
            next_page_token,
        }))
    }

    async fn list_indexes(
        self: Arc<Self>,
        request: Request<v1::ListIndexesRequest>,
    ) -> Result<Response<v1::ListIndexesResponse>, Status> {
        let statement = "SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties, state, \
                         populationPercent, owningConstraint, options";
        let listed = self.list(asked!(request), statement, index, |index| &index.name);
        let (indexes, next_page_token) = listed.await?;
        Ok(Response::new(v1::ListIndexesResponse {
            indexes,
            next_page_token,
        }))
    }

    async fn list_constraints(
        self: Arc<Self>,
        request: Request<v1::ListConstraintsRequest>,
    ) -> Result<Response<v1::ListConstraintsResponse>, Status> {
        let statement = "SHOW CONSTRAINTS YIELD name, type, entityType, labelsOrTypes, properties, \
                         propertyType, ownedIndex";
        let listed = self.list(asked!(request), statement, constraint, |it| &it.name);
        let (constraints, next_page_token) = listed.await?;
        Ok(Response::new(v1::ListConstraintsResponse {
            constraints,
            next_page_token,
        }))
    }
}
