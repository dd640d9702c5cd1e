//! Applying a step of building an index (see [`crate::build`]).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Machine, Stop};
use crate::blocks::{BLOCK_IDS, Blocks};
use crate::build::{Build, BuildStep, Position};
use crate::catalog::{Catalog, IndexDefinition};
use crate::encoding::record::RecordRef;
use crate::error::GraphError;
use crate::graph::Graph;
use crate::ids::{ElementId, LabelId, NodeId, RelationshipId, TypeId, Version};
use crate::kv::{Family, OrderedStore, WriteBatch};
use crate::rows::closed::SetRange;
use crate::rows::meta::{Statistic, index_key, integer_value, rule_row_key};
use crate::rows::{
    Key, VALUE_KEY_BYTES_MAX, element_key, from_value, label_key, label_prefix, prefix_end,
    property_key, property_prefix, read_element_key, read_trailing_node,
};
use crate::rule::rows::Rows;
use crate::rule::{RuleDefinition, Target};

/// What is being built.
enum Built {
    Index(Arc<IndexDefinition>),
    Rule(Arc<RuleDefinition>),
}

impl Built {
    /// What a step goes on with, if it is still to be built from there.
    fn find(catalog: &Catalog, step: &BuildStep) -> Option<Self> {
        let built = match catalog.index(step.index) {
            Some(index) => Self::Index(Arc::clone(index)),
            None => Self::Rule(Arc::clone(catalog.rule(step.index)?)),
        };
        let (build, dropped) = match &built {
            Self::Index(index) => (index.build, index.dropped),
            Self::Rule(rule) => (rule.build, rule.dropped),
        };
        let is_next = matches!(build, Some(Build::Populating { next, .. }) if next == step.from);
        (is_next && dropped.is_none()).then_some(built)
    }

    fn created(&self) -> Version {
        match self {
            Self::Index(index) => index.created,
            Self::Rule(rule) => rule.created,
        }
    }

    fn visited(&self) -> u64 {
        let build = match self {
            Self::Index(index) => index.build,
            Self::Rule(rule) => rule.build,
        };
        match build {
            Some(Build::Populating { visited, .. }) => visited,
            _ => 0,
        }
    }

    /// The label or types whose elements a part of the build looks at. The types are one part.
    fn part(&self, part: u32) -> Option<Part> {
        let targets = match self {
            Self::Index(index) => &[Target::Label(index.label)][..],
            Self::Rule(rule) => &rule.targets,
        };
        match targets.get(part as usize)? {
            Target::Label(label) => Some(Part::Label(*label)),
            Target::Type(_) if part > 0 => None,
            Target::Type(_) => {
                let types = targets.iter().filter_map(|target| match target {
                    Target::Type(type_id) => Some(*type_id),
                    Target::Label(_) => None,
                });
                Some(Part::Types(types.collect()))
            }
        }
    }

    /// Whether no element comes by twice.
    fn has_one_part(&self) -> bool {
        self.part(1).is_none()
    }

    fn set(&self) -> SetRange {
        match self {
            Self::Index(index) => {
                SetRange::new(Family::Index, property_prefix(index.label, index.key))
            }
            Self::Rule(rule) => rule.set(),
        }
    }

    fn rows(&self, element: ElementId, record: &RecordRef<'_>) -> Result<Rows, Stop> {
        match (self, element) {
            (Self::Index(index), ElementId::Node(node)) => {
                let value = record.property(index.key)?;
                let row = value.map(|value| property_key(index.label, index.key, &value, node));
                Ok(row.into_iter().collect())
            }
            (Self::Index(_), ElementId::Relationship(_)) => Ok(Rows::new()),
            (Self::Rule(rule), element) => Ok(rule.rows_of_record(element, record)?),
        }
    }

    fn count(&self, row: &[u8], counts: &mut HashMap<Statistic, i64>) {
        match self {
            Self::Index(index) => *counts.entry(Statistic::Index(index.id)).or_default() += 1,
            Self::Rule(rule) => {
                for (statistic, by) in rule.counts_of_row(row) {
                    *counts.entry(statistic).or_default() += by;
                }
            }
        }
    }

    fn statistics(&self) -> Vec<Statistic> {
        match self {
            Self::Index(index) => vec![Statistic::Index(index.id)],
            Self::Rule(rule) => rule.statistics(),
        }
    }
}

enum Part {
    Label(LabelId),
    Types(Vec<TypeId>),
}

/// What a step finds.
struct Finding<'s> {
    store: &'s dyn OrderedStore,
    built: &'s Built,
    step: &'s BuildStep,
    /// Rows that are missing.
    rows: Vec<Key>,
    /// The same, if an element may come by twice.
    came_by: HashSet<Key>,
    bytes: usize,
    elements: u32,
    visited: u64,
}

/// Why a walk over elements ends before its end.
enum Pause {
    /// The bounds of the step are reached; the id to go on with.
    Full(u64),
    /// A value does not fit.
    TooLong { element: u64, bytes: u64 },
}

impl Graph {
    pub(super) fn apply_build(
        &self,
        machine: &mut Machine,
        mut batch: WriteBatch,
        (kind, payload): (u8, &[u8]),
        step: &BuildStep,
    ) -> Result<(), Stop> {
        let catalog = self.catalog.load_full();
        let mut changed = None;
        if let Some(built) = Built::find(&catalog, step) {
            let mut finding = Finding {
                store: self.store.as_ref(),
                built: &built,
                step,
                rows: Vec::new(),
                came_by: HashSet::new(),
                bytes: 0,
                elements: 0,
                visited: built.visited(),
            };
            let build = finding.walk(&self.blocks.read())?;
            let version = machine.applied.version;
            self.put_rows(&built, &finding.rows, build, version, &mut batch);
            changed = Some(put_build(&catalog, &built, build, version, &mut batch));
        }
        machine.append_leaf(payload, &mut batch);
        machine.put_position(kind, &mut batch);
        self.store.write(batch)?;
        // Only now: whoever finds the index complete finds all its rows.
        if let Some(catalog) = changed {
            self.catalog.store(Arc::new(catalog));
        }
        Ok(())
    }

    /// Puts the rows that a step has found, and counts them.
    fn put_rows(
        &self,
        built: &Built,
        rows: &[Key],
        build: Build,
        version: Version,
        batch: &mut WriteBatch,
    ) {
        let has_failed = matches!(build, Build::Failed { .. });
        let mut changes = HashMap::new();
        if has_failed {
            let prefix = built.set().prefix;
            batch.delete_range(Family::Index, &prefix, &prefix_end(&prefix));
            changes.extend(built.statistics().into_iter().map(|of| (of, 0)));
        } else {
            let from = from_value(built.created());
            for row in rows {
                batch.put(Family::Index, row, &from);
                built.count(row, &mut changes);
            }
        }
        let mut counts = self.counts.write();
        for (statistic, change) in changes {
            let before = counts.get(&statistic).copied().unwrap_or(0);
            let count = if has_failed {
                0
            } else {
                before.saturating_add_signed(change)
            };
            batch.put(Family::Meta, &statistic.key(version), &integer_value(count));
            counts.insert(statistic, count);
        }
    }
}

/// Puts how far a build has come. Returns the catalog that says so.
fn put_build(
    catalog: &Catalog,
    built: &Built,
    build: Build,
    version: Version,
    batch: &mut WriteBatch,
) -> Catalog {
    let covers_from = match build {
        Build::Complete => version,
        Build::Populating { .. } | Build::Failed { .. } => Version::MAX,
    };
    let mut catalog = Catalog::clone(catalog);
    match built {
        Built::Index(index) => {
            let index = IndexDefinition {
                build: Some(build),
                covers_from,
                ..IndexDefinition::clone(index)
            };
            batch.put(Family::Meta, &index_key(index.id), &index.row().encode());
            catalog.put_index_progress(index);
        }
        Built::Rule(rule) => {
            let rule = RuleDefinition {
                build: Some(build),
                covers_from,
                ..RuleDefinition::clone(rule)
            };
            batch.put(Family::Meta, &rule_row_key(rule.id), &rule.encode_row());
            catalog.put_rule_progress(rule);
        }
    }
    if !matches!(build, Build::Populating { .. }) {
        // Plans may use it, or no longer wait for it.
        catalog.epoch += 1;
    }
    catalog
}

impl Finding<'_> {
    /// Looks at elements from where the step begins to where its bounds end it.
    fn walk(&mut self, blocks: &Blocks) -> Result<Build, Stop> {
        let mut at = self.step.from;
        loop {
            let pause = match self.built.part(at.part) {
                None => return Ok(Build::Complete),
                Some(Part::Label(label)) => self.walk_label(label, at.id)?,
                Some(Part::Types(types)) => self.walk_types(&types, at.id, blocks)?,
            };
            match pause {
                None => {
                    at = Position {
                        part: at.part + 1,
                        id: 0,
                    };
                }
                Some(Pause::Full(id)) => {
                    let next = Position { part: at.part, id };
                    let visited = self.visited;
                    return Ok(Build::Populating { next, visited });
                }
                Some(Pause::TooLong { element, bytes }) => {
                    return Ok(Build::Failed { element, bytes });
                }
            }
        }
    }

    fn is_full(&self) -> bool {
        let bounds = self.step.bounds;
        // Each step gets on by one element at least.
        self.elements > 0
            && (self.elements >= bounds.elements || self.bytes >= bounds.bytes as usize)
    }

    fn walk_label(&mut self, label: LabelId, from: u64) -> Result<Option<Pause>, Stop> {
        let first = label_key(label, NodeId(from));
        let end = prefix_end(&label_prefix(label));
        let mut cursor = self.store.scan(Family::Index, &first, &end, false)?;
        let mut bytes = Vec::new();
        while cursor.valid() {
            let node = read_trailing_node(cursor.key())?;
            if self.is_full() {
                return Ok(Some(Pause::Full(node.0)));
            }
            bytes.clear();
            let key = element_key(node.into());
            self.store.get_with(Family::Element, &key, &mut |record| {
                bytes.extend_from_slice(record);
            })?;
            self.bytes += bytes.len();
            if let Some(pause) = self.look_at(node.into(), node.0, &RecordRef::parse(&bytes)?)? {
                return Ok(Some(pause));
            }
            cursor.next();
        }
        cursor.status()?;
        Ok(None)
    }

    /// Goes from block to block of those that hold one of the types.
    fn walk_types(
        &mut self,
        types: &[TypeId],
        from: u64,
        blocks: &Blocks,
    ) -> Result<Option<Pause>, Stop> {
        let mut from = from;
        while let Some(block) = blocks.relationships_from(from / BLOCK_IDS, types) {
            let first = from.max(block * BLOCK_IDS);
            if self.is_full() {
                return Ok(Some(Pause::Full(first)));
            }
            from = (block + 1) * BLOCK_IDS;
            let lower = element_key(RelationshipId(first).into());
            let upper = element_key(RelationshipId(from).into());
            let mut cursor = self.store.scan(Family::Element, &lower, &upper, false)?;
            while cursor.valid() {
                let element = read_element_key(cursor.key())?;
                let ElementId::Relationship(RelationshipId(id)) = element else {
                    break;
                };
                if self.is_full() {
                    return Ok(Some(Pause::Full(id)));
                }
                self.bytes += cursor.value().len();
                let record = RecordRef::parse(cursor.value())?;
                if record
                    .ends()
                    .is_some_and(|(found, ..)| types.contains(&found))
                    && let Some(pause) = self.look_at(element, id, &record)?
                {
                    return Ok(Some(pause));
                }
                cursor.next();
            }
            cursor.status()?;
            // A block without any costs something too.
            self.elements += 1;
        }
        Ok(None)
    }

    /// Notes the rows of an element that are missing.
    fn look_at(
        &mut self,
        element: ElementId,
        id: u64,
        record: &RecordRef<'_>,
    ) -> Result<Option<Pause>, Stop> {
        let prefix_bytes = self.built.set().prefix.len();
        // What was not written since the index was created has no row yet, unless it came by.
        let is_untouched = record.from() <= self.built.created() && self.built.has_one_part();
        for row in self.built.rows(element, record)? {
            let length = row.len() - prefix_bytes - 8;
            if length > VALUE_KEY_BYTES_MAX {
                let bytes = length as u64;
                return Ok(Some(Pause::TooLong { element: id, bytes }));
            }
            let is_there = || -> Result<bool, GraphError> {
                Ok(self.store.get_with(Family::Index, &row, &mut |_| ())?)
            };
            if is_untouched || !(self.came_by.contains(&row) || is_there()?) {
                self.bytes += row.len();
                if !self.built.has_one_part() {
                    self.came_by.insert(row.clone());
                }
                self.rows.push(row);
            }
        }
        self.elements += 1;
        self.visited += 1;
        Ok(None)
    }
}
