//! What there is in a graph: names, indexes, constraints.

use retrograph_proto::v1;
use retrograph_proto::v1::schema_client::SchemaClient;

use crate::client::call;
use crate::error::Error;
use crate::graph::Graph;
use crate::moment::Moment;
use crate::wire;

/// An index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its kind as SHOW INDEXES tells it: `RANGE`, `TEXT`, `POINT`, `FULLTEXT`, `VECTOR`, `LOOKUP`.
    pub kind: String,
    /// The labels, or types, of what it is about.
    pub labels_or_types: Vec<String>,
    /// The properties it holds.
    pub properties: Vec<String>,
    /// `ONLINE`, `POPULATING` or `FAILED`.
    pub state: String,
    /// How far it is built, from 0 to 100.
    pub population_percent: f64,
    /// The constraint it stands for.
    pub owning_constraint: Option<String>,
}

/// A constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Constraint {
    /// Its name.
    pub name: String,
    /// Its kind as SHOW CONSTRAINTS tells it, such as `UNIQUENESS` or `NODE_KEY`.
    pub kind: String,
    /// The labels, or types, of what it is about.
    pub labels_or_types: Vec<String>,
    /// The properties it is about.
    pub properties: Vec<String>,
}

impl From<v1::Index> for Index {
    fn from(index: v1::Index) -> Self {
        let owner = index.owning_constraint;
        Self {
            name: index.name,
            kind: index.kind,
            labels_or_types: index.labels_or_types,
            properties: index.properties,
            state: index.state,
            population_percent: index.population_percent,
            owning_constraint: (!owner.is_empty()).then_some(owner),
        }
    }
}

impl From<v1::Constraint> for Constraint {
    fn from(constraint: v1::Constraint) -> Self {
        Self {
            name: constraint.name,
            kind: constraint.kind,
            labels_or_types: constraint.labels_or_types,
            properties: constraint.properties,
        }
    }
}

/// Makes methods that ask for page after page of a list.
macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident: $method:ident($request:ident) -> $item:ty;)*) => {
        impl Graph {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// If the graph or the moment cannot be read.
            pub async fn $name(&self, moment: impl Into<Moment>) -> Result<Vec<$item>, Error> {
                let mut items = Vec::new();
                let mut message = v1::$request {
                    graph: self.name().to_owned(),
                    as_of: wire::to_as_of(moment.into()),
                    page_size: 0,
                    page_token: String::new(),
                };
                loop {
                    let asked = message.clone();
                    let page = call!(self.client(), true, SchemaClient, $method, asked)?;
                    items.extend(page.$name.into_iter().map(<$item>::from));
                    message.page_token = page.next_page_token;
                    if message.page_token.is_empty() {
                        return Ok(items);
                    }
                }
            }
        )*}
    };
}

lists! {
    /// The labels of nodes at a moment, by name.
    labels: list_labels(ListLabelsRequest) -> String;
    /// The types of relationships at a moment, by name.
    relationship_types: list_relationship_types(ListRelationshipTypesRequest) -> String;
    /// The keys of properties at a moment, by name.
    property_keys: list_property_keys(ListPropertyKeysRequest) -> String;
    /// The indexes at a moment, by name.
    indexes: list_indexes(ListIndexesRequest) -> Index;
    /// The constraints at a moment, by name.
    constraints: list_constraints(ListConstraintsRequest) -> Constraint;
}
