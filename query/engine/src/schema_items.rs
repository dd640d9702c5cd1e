//! The indexes and constraints of a view as users see them: names instead of numbers, and the
//! statement that makes each anew.

use std::sync::Arc;

use retrograph_cypher::ast::{ConstraintSort, IndexKind};
use retrograph_graph::ids::{KeyId, Version};
use retrograph_graph::value::text::to_text;
use retrograph_graph::value::{Map, Value};
use retrograph_graph::{
    Build, Fulltext, GraphRead, IndexBuild, IndexSort, ReadCatalog, RuleKind, Target,
    VectorSettings,
};

use crate::exec::vector_index::config_of;

/// An index.
#[derive(Clone, Debug)]
pub(crate) struct IndexItem {
    pub(crate) id: i64,
    pub(crate) name: Arc<str>,
    pub(crate) kind: IndexKind,
    pub(crate) is_relationship: bool,
    /// The labels or types.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) properties: Vec<Arc<str>>,
    /// What the constraint of its name demands, if it stands behind one.
    pub(crate) constraint: Option<ConstraintSort>,
    /// How a full-text index analyses texts.
    pub(crate) fulltext: Option<Fulltext>,
    /// How a vector index compares vectors.
    pub(crate) vectors: Option<VectorSettings>,
    /// The first version it answers for; none while it is being built.
    pub(crate) covers_from: Option<i64>,
    pub(crate) progress: Progress,
}

/// How far an index has been built.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// `ONLINE`, `POPULATING` or `FAILED`.
    pub(crate) state: &'static str,
    pub(crate) percent: f64,
    /// Why it failed; empty if it did not.
    pub(crate) failure: String,
}

impl Progress {
    fn of(build: Option<IndexBuild>) -> Self {
        let (state, percent, failure) = match build {
            None => ("ONLINE", 100.0, None),
            Some(index) => match index.build {
                Build::Complete => ("ONLINE", 100.0, None),
                Build::Populating { .. } => ("POPULATING", index.done * 100.0, None),
                Build::Failed { .. } => ("FAILED", 0.0, index.failure),
            },
        };
        Self {
            state,
            percent,
            failure: failure.unwrap_or_default(),
        }
    }
}

/// The first version that an index covers, unless it covers none yet.
fn covered(from: Version) -> Option<i64> {
    (from != Version::MAX).then_some(from.0.cast_signed())
}

/// A constraint.
#[derive(Clone, Debug)]
pub(crate) struct ConstraintItem {
    pub(crate) id: i64,
    pub(crate) name: Arc<str>,
    pub(crate) sort: ConstraintSort,
    pub(crate) is_relationship: bool,
    /// The label or type.
    pub(crate) target: Arc<str>,
    pub(crate) properties: Vec<Arc<str>>,
    /// The types demanded, if it is about types.
    pub(crate) types: Option<String>,
}

/// The indexes of a view, those behind constraints included, by name.
pub(crate) fn index_items(read: &GraphRead) -> Vec<IndexItem> {
    let catalog = read.catalog();
    let mut items: Vec<IndexItem> = catalog
        .indexes()
        .into_iter()
        .map(|index| IndexItem {
            id: i64::from(index.id.0) + 1,
            name: index.name.clone(),
            kind: IndexKind::Range,
            is_relationship: false,
            names: vec![catalog.label_name(index.label).unwrap_or_default()],
            properties: vec![catalog.key_name(index.key).unwrap_or_default()],
            constraint: index.unique.then_some(ConstraintSort::Unique),
            fulltext: None,
            vectors: None,
            covers_from: covered(index.covers_from),
            progress: Progress::of(read.graph().index_build(&index)),
        })
        .collect();
    let rules = catalog.rules().into_iter();
    items.extend(
        rules
            .filter(|rule| rule.kind.has_rows())
            .map(|rule| IndexItem {
                id: i64::from(rule.id.0) + 1,
                name: rule.name.clone(),
                kind: match rule.kind {
                    RuleKind::Index(IndexSort::Text) => IndexKind::Text,
                    RuleKind::Index(IndexSort::Point) => IndexKind::Point,
                    RuleKind::Index(IndexSort::Vector(_)) => IndexKind::Vector,
                    RuleKind::Index(IndexSort::Fulltext(_)) => IndexKind::Fulltext,
                    _ => IndexKind::Range,
                },
                is_relationship: rule.is_about_relationships(),
                names: target_names(&catalog, &rule.targets),
                properties: key_names(&catalog, &rule.keys),
                constraint: match rule.kind {
                    RuleKind::Unique => Some(ConstraintSort::Unique),
                    RuleKind::Key => Some(ConstraintSort::Key),
                    _ => None,
                },
                vectors: rule.vector_settings(),
                fulltext: match rule.kind {
                    RuleKind::Index(IndexSort::Fulltext(settings)) => Some(settings),
                    _ => None,
                },
                covers_from: covered(rule.covers_from),
                progress: Progress::of(read.graph().rule_build(&rule)),
            }),
    );
    items.sort_by(|left, right| left.name.cmp(&right.name));
    items
}

/// The names of [`lookup_items`]: of labels, of types.
pub(crate) const LOOKUPS: [&str; 2] = ["label_lookup", "type_lookup"];

/// The two lookup indexes that every graph has: the rows of labels, and the blocks of ids by type.
/// They are part of the store, so they are neither made nor dropped.
pub(crate) fn lookup_items() -> [IndexItem; 2] {
    let item = |id, name: &str, is_relationship| IndexItem {
        id,
        name: name.into(),
        kind: IndexKind::Lookup,
        is_relationship,
        names: Vec::new(),
        properties: Vec::new(),
        constraint: None,
        fulltext: None,
        vectors: None,
        covers_from: Some(0),
        progress: Progress::of(None),
    };
    let [labels, types] = LOOKUPS;
    [item(-1, labels, false), item(-2, types, true)]
}

/// The constraints of a view, by name.
pub(crate) fn constraint_items(read: &GraphRead) -> Vec<ConstraintItem> {
    let catalog = read.catalog();
    let mut items: Vec<ConstraintItem> = catalog
        .indexes()
        .into_iter()
        .filter(|index| index.unique)
        .map(|index| ConstraintItem {
            id: i64::from(index.id.0) + 1,
            name: index.name.clone(),
            sort: ConstraintSort::Unique,
            is_relationship: false,
            target: catalog.label_name(index.label).unwrap_or_default(),
            properties: vec![catalog.key_name(index.key).unwrap_or_default()],
            types: None,
        })
        .collect();
    items.extend(catalog.rules().into_iter().filter_map(|rule| {
        Some(ConstraintItem {
            id: i64::from(rule.id.0) + 1,
            name: rule.name.clone(),
            sort: match rule.kind {
                RuleKind::Unique => ConstraintSort::Unique,
                RuleKind::Key => ConstraintSort::Key,
                RuleKind::Exists => ConstraintSort::Exists,
                RuleKind::Typed(_) => ConstraintSort::Typed,
                RuleKind::Index(_) => return None,
            },
            is_relationship: rule.is_about_relationships(),
            target: target_names(&catalog, &rule.targets).pop()?,
            properties: key_names(&catalog, &rule.keys),
            types: match rule.kind {
                RuleKind::Typed(types) => Some(types.to_string()),
                _ => None,
            },
        })
    }));
    items.sort_by(|left, right| left.name.cmp(&right.name));
    items
}

fn target_names(catalog: &ReadCatalog, targets: &[Target]) -> Vec<Arc<str>> {
    let name = |target: &Target| {
        match *target {
            Target::Label(label) => catalog.label_name(label),
            Target::Type(type_id) => catalog.type_name(type_id),
        }
        .unwrap_or_default()
    };
    targets.iter().map(name).collect()
}

fn key_names(catalog: &ReadCatalog, keys: &[KeyId]) -> Vec<Arc<str>> {
    keys.iter()
        .map(|key| catalog.key_name(*key).unwrap_or_default())
        .collect()
}

const fn entity(is_relationship: bool) -> &'static str {
    match is_relationship {
        true => "RELATIONSHIP",
        false => "NODE",
    }
}

/// A name between backticks.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// `(e:A|B)` or `()-[e:A|B]-()`.
fn target(is_relationship: bool, names: &[Arc<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
    let names = match names.is_empty() {
        true => String::new(),
        false => format!(":{}", names.join("|")),
    };
    match is_relationship {
        true => format!("()-[e{names}]-()"),
        false => format!("(e{names})"),
    }
}

fn properties(keys: &[Arc<str>]) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|key| format!("e.{}", quoted(key)))
        .collect();
    keys.join(", ")
}

impl IndexItem {
    /// `NODE` or `RELATIONSHIP`.
    pub(crate) const fn entity(&self) -> &'static str {
        entity(self.is_relationship)
    }

    /// What keeps it, as clients know such things.
    pub(crate) const fn provider(&self) -> &'static str {
        match self.kind {
            IndexKind::Range => "range-1.0",
            IndexKind::Text => "text-2.0",
            IndexKind::Point => "point-1.0",
            IndexKind::Fulltext => "fulltext-1.0",
            IndexKind::Vector => "vector-2.0",
            IndexKind::Lookup => "token-lookup-1.0",
        }
    }

    /// The options it was made with.
    pub(crate) fn options(&self) -> Value {
        let vectors = self.vectors.map(|settings| config_of(&settings));
        let config = self.fulltext.map(|settings| {
            Map::from_iter([
                (
                    "fulltext.analyzer".into(),
                    Value::string(settings.analyzer().name()),
                ),
                (
                    "fulltext.eventually_consistent".into(),
                    Value::Bool(settings.eventually_consistent),
                ),
            ])
        });
        let map = Map::from_iter([
            (
                "indexConfig".into(),
                Value::Map(Arc::new(config.or(vectors).unwrap_or_default())),
            ),
            ("indexProvider".into(), Value::string(self.provider())),
        ]);
        Value::Map(Arc::new(map))
    }

    /// The statement that makes it.
    pub(crate) fn statement(&self) -> String {
        let kind = self.kind.word();
        let (name, keys) = (quoted(&self.name), properties(&self.properties));
        let target = target(self.is_relationship, &self.names);
        if let Some(sort) = self.constraint {
            let demand = match sort {
                ConstraintSort::Key => format!("{} KEY", self.entity()),
                _ => "UNIQUE".to_owned(),
            };
            return format!("CREATE CONSTRAINT {name} FOR {target} REQUIRE ({keys}) IS {demand}");
        }
        match self.kind {
            IndexKind::Lookup => {
                let function = match self.is_relationship {
                    true => "type",
                    false => "labels",
                };
                format!("CREATE {kind} INDEX {name} FOR {target} ON EACH {function}(e)")
            }
            IndexKind::Fulltext => {
                let options = self.fulltext.map_or_else(String::new, |settings| {
                    format!(
                        " OPTIONS {{indexConfig: {{`fulltext.analyzer`: '{}', \
                         `fulltext.eventually_consistent`: {}}}, indexProvider: '{}'}}",
                        settings.analyzer().name(),
                        settings.eventually_consistent,
                        self.provider()
                    )
                });
                format!("CREATE {kind} INDEX {name} FOR {target} ON EACH [{keys}]{options}")
            }
            IndexKind::Vector => {
                let config = self.vectors.map(|settings| config_of(&settings));
                let settings = config.unwrap_or_default().into_iter().map(|(key, value)| {
                    let value = match value {
                        Value::String(text) => format!("'{text}'"),
                        other => to_text(&other),
                    };
                    format!("{}: {value}", quoted(&key))
                });
                let settings: Vec<String> = settings.collect();
                format!(
                    "CREATE {kind} INDEX {name} FOR {target} ON ({keys}) OPTIONS {{indexConfig: {{{}}}, \
                     indexProvider: '{}'}}",
                    settings.join(", "),
                    self.provider()
                )
            }
            _ => format!("CREATE {kind} INDEX {name} FOR {target} ON ({keys})"),
        }
    }
}

impl ConstraintItem {
    /// `NODE` or `RELATIONSHIP`.
    pub(crate) const fn entity(&self) -> &'static str {
        entity(self.is_relationship)
    }

    /// The type as clients know it.
    pub(crate) const fn kind(&self) -> &'static str {
        match (self.sort, self.is_relationship) {
            (ConstraintSort::Unique, false) => "UNIQUENESS",
            (ConstraintSort::Unique, true) => "RELATIONSHIP_UNIQUENESS",
            (ConstraintSort::Key, false) => "NODE_KEY",
            (ConstraintSort::Key, true) => "RELATIONSHIP_KEY",
            (ConstraintSort::Exists, false) => "NODE_PROPERTY_EXISTENCE",
            (ConstraintSort::Exists, true) => "RELATIONSHIP_PROPERTY_EXISTENCE",
            (ConstraintSort::Typed, false) => "NODE_PROPERTY_TYPE",
            (ConstraintSort::Typed, true) => "RELATIONSHIP_PROPERTY_TYPE",
        }
    }

    /// The options it was made with.
    pub(crate) fn options(&self) -> Value {
        match self.sort {
            ConstraintSort::Unique | ConstraintSort::Key => {
                let map = Map::from_iter([
                    ("indexConfig".into(), Value::Map(Arc::default())),
                    ("indexProvider".into(), Value::string("range-1.0")),
                ]);
                Value::Map(Arc::new(map))
            }
            ConstraintSort::Exists | ConstraintSort::Typed => Value::Null,
        }
    }

    /// The statement that makes it.
    pub(crate) fn statement(&self) -> String {
        let (name, keys) = (quoted(&self.name), properties(&self.properties));
        let target = target(self.is_relationship, std::slice::from_ref(&self.target));
        let rule = match self.sort {
            ConstraintSort::Unique => "UNIQUE".to_owned(),
            ConstraintSort::Key => format!("{} KEY", self.entity()),
            ConstraintSort::Exists => "NOT NULL".to_owned(),
            ConstraintSort::Typed => format!(":: {}", self.types.as_deref().unwrap_or_default()),
        };
        format!("CREATE CONSTRAINT {name} FOR {target} REQUIRE ({keys}) IS {rule}")
    }
}
