//! Names and schema: labels, types, property keys, indexes and constraints, each with the versions
//! in which it exists.

use std::sync::Arc;

use crate::ids::{IndexId, KeyId, LabelId, TypeId, Version};

/// An index on one property of the nodes of a label; if `unique`, the one behind a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Never reused.
    pub id: IndexId,
    /// The name of the index or of the constraint.
    pub name: Arc<str>,
    /// The label whose nodes it holds.
    pub label: LabelId,
    /// The property by which they are found.
    pub key: KeyId,
    /// Whether a constraint makes values unique.
    pub unique: bool,
    /// The first version it covers; reads of older versions cannot use it.
    pub covers_from: Version,
}

/// The names and the schema as seen by one view.
#[derive(Clone)]
pub struct ReadCatalog {
    _todo: (),
}

impl ReadCatalog {
    /// The label of this name, if there is one in the view.
    #[must_use]
    pub fn label(&self, _name: &str) -> Option<LabelId> {
        unimplemented!()
    }
    /// The type of this name.
    #[must_use]
    pub fn relationship_type(&self, _name: &str) -> Option<TypeId> {
        unimplemented!()
    }
    /// The property key of this name.
    #[must_use]
    pub fn key(&self, _name: &str) -> Option<KeyId> {
        unimplemented!()
    }
    /// The name of a label.
    #[must_use]
    pub fn label_name(&self, _id: LabelId) -> Option<Arc<str>> {
        unimplemented!()
    }
    /// The name of a type.
    #[must_use]
    pub fn type_name(&self, _id: TypeId) -> Option<Arc<str>> {
        unimplemented!()
    }
    /// The name of a property key.
    #[must_use]
    pub fn key_name(&self, _id: KeyId) -> Option<Arc<str>> {
        unimplemented!()
    }
    /// All labels of the view, by id.
    #[must_use]
    pub fn labels(&self) -> Vec<(LabelId, Arc<str>)> {
        unimplemented!()
    }
    /// All types of the view, by id.
    #[must_use]
    pub fn relationship_types(&self) -> Vec<(TypeId, Arc<str>)> {
        unimplemented!()
    }
    /// All property keys of the view, by id.
    #[must_use]
    pub fn keys(&self) -> Vec<(KeyId, Arc<str>)> {
        unimplemented!()
    }
    /// The indexes and unique constraints of the logical schema at the view's version.
    #[must_use]
    pub fn indexes(&self) -> Vec<Arc<IndexDefinition>> {
        unimplemented!()
    }
    /// The index on a label and property that can be *used* at the view's version, if any.
    #[must_use]
    pub fn index_on(&self, _label: LabelId, _key: KeyId) -> Option<Arc<IndexDefinition>> {
        unimplemented!()
    }
}
