//! A compiled statement, ready to run many times.

use std::sync::Arc;

use parking_lot::Mutex;
use retrograph_cypher::Concealed;
use retrograph_cypher::ast::StatementMode;
use retrograph_graph::ids::{KeyId, LabelId, SystemTime, TypeId, Version};
use retrograph_graph::value::Value;
use retrograph_graph::{GraphRead, IndexSort, RuleKind, Target};
use smallvec::SmallVec;

use crate::bind::compile_with;
use crate::error::{QueryError, RuntimeError, RuntimeKind};
use crate::exec::context::Subqueries;
use crate::exec::pipeline::{State, states_of};
use crate::functions::Procedures;
use crate::options::Parameters;
use crate::plan::schema::{IndexInfo, NameKind, RowsInfo, Schema};
use crate::plan::{Plan, Rewrites, Slot};

/// How many sets of idle states are kept for one plan.
const IDLE_STATES_MAX: usize = 8;

/// A compiled statement.
pub(crate) struct Prepared {
    /// The text it was made from, without passwords.
    pub(crate) text: Arc<str>,
    /// What to run.
    pub(crate) plan: Plan,
    /// EXPLAIN or PROFILE.
    pub(crate) mode: Option<StatementMode>,
    /// The names of the columns.
    pub(crate) columns: Arc<[Arc<str>]>,
    /// Remarks on the text.
    pub(crate) notifications: Vec<String>,
    /// The schema for which the plan was made.
    pub(crate) epoch: u64,
    /// The slots of the columns.
    pub(crate) slots: Vec<Slot>,
    idle: Mutex<Vec<Working>>,
    /// The version that was read last, with its time.
    moment: Mutex<Option<(Version, SystemTime)>>,
}

/// What an execution works with and leaves to the next.
pub(crate) struct Working {
    /// The states of the steps.
    pub(crate) states: Vec<State>,
    /// The states of the pipelines of subquery expressions.
    pub(crate) subqueries: Subqueries,
}

impl Prepared {
    /// Compiles a text.
    pub(crate) fn new(
        text: &str,
        read: &GraphRead,
        epoch: u64,
        procedures: &Procedures,
        rewrites: Rewrites,
    ) -> Result<Self, QueryError> {
        let statement = retrograph_cypher::parse(text)?;
        let compiled = compile_with(
            &statement,
            text,
            &ViewSchema::new(read),
            procedures,
            rewrites,
        )?;
        let plan = compiled.plan;
        Ok(Self {
            text: Concealed::of(text).text().into(),
            mode: statement.mode,
            columns: plan
                .columns
                .iter()
                .map(|(name, _)| Arc::clone(name))
                .collect(),
            slots: plan.columns.iter().map(|(_, slot)| *slot).collect(),
            notifications: compiled
                .warnings
                .iter()
                .map(|warning| warning.render(text))
                .collect(),
            plan,
            epoch,
            idle: Mutex::default(),
            moment: Mutex::default(),
        })
    }

    /// States for one execution: idle ones or new ones.
    pub(crate) fn working(&self) -> Working {
        let idle = self.idle.lock().pop();
        idle.unwrap_or_else(|| Working {
            states: states_of(&self.plan.pipeline, &self.slots),
            subqueries: Subqueries::default(),
        })
    }

    /// Takes the states of an execution that went well for another.
    pub(crate) fn keep(&self, working: Working) {
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_STATES_MAX {
            idle.push(working);
        }
    }

    /// The version of a view and its time. A version's time never changes, so that reading the same
    /// version again does not ask the store.
    pub(crate) fn moment(&self, read: &GraphRead) -> Result<(Version, SystemTime), QueryError> {
        let version = read.version();
        if let Some(known) = *self.moment.lock()
            && known.0 == version
        {
            return Ok(known);
        }
        let moment = (version, read.time()?);
        *self.moment.lock() = Some(moment);
        Ok(moment)
    }

    /// The values of the plan's parameters.
    pub(crate) fn parameters(
        &self,
        given: &Parameters,
    ) -> Result<SmallVec<[Value; 4]>, QueryError> {
        self.plan
            .parameters
            .iter()
            .map(|name| match given.get(&**name) {
                Some(value) => Ok(value.clone()),
                None => Err(RuntimeError::new(
                    RuntimeKind::ParameterMissing,
                    "MissingParameter",
                    format!("the query uses the parameter ${name}, but it was not given"),
                )
                .into()),
            })
            .collect()
    }

    /// About how many bytes the plan occupies.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.text.len()
            + self.plan.pipeline.steps.len() * 1024
            + self.plan.width * 64
    }
}

/// The schema of a view as the binder and the planner see it.
struct ViewSchema {
    catalog: retrograph_graph::ReadCatalog,
    estimates: retrograph_graph::Estimates,
}

impl ViewSchema {
    fn new(read: &GraphRead) -> Self {
        Self {
            catalog: read.catalog(),
            estimates: read.estimates(),
        }
    }
}

impl Schema for ViewSchema {
    fn label(&self, name: &str) -> Option<LabelId> {
        self.catalog.label(name)
    }

    fn relationship_type(&self, name: &str) -> Option<TypeId> {
        self.catalog.relationship_type(name)
    }

    fn key(&self, name: &str) -> Option<KeyId> {
        self.catalog.key(name)
    }

    fn names(&self, kind: NameKind) -> Vec<Arc<str>> {
        match kind {
            NameKind::Label => self
                .catalog
                .labels()
                .into_iter()
                .map(|(_, name)| name)
                .collect(),
            NameKind::RelationshipType => self
                .catalog
                .relationship_types()
                .into_iter()
                .map(|(_, name)| name)
                .collect(),
            NameKind::Key => self
                .catalog
                .keys()
                .into_iter()
                .map(|(_, name)| name)
                .collect(),
        }
    }

    fn index(&self, label: LabelId, key: KeyId) -> Option<IndexInfo> {
        let index = self.catalog.index_on(label, key)?;
        let estimate = self
            .estimates
            .indexes
            .get(&index.id)
            .copied()
            .unwrap_or_default();
        Some(IndexInfo {
            id: index.id,
            is_unique: index.unique,
            distinct_values: estimate.distinct,
        })
    }

    fn rows(&self, target: Target) -> Vec<RowsInfo> {
        let rules = self.catalog.usable_rules(target).into_iter();
        rules
            // One about several labels finds nodes without the one that is asked for.
            .filter(|rule| rule.targets.len() == 1)
            .map(|rule| {
                let estimate = self.estimates.rules.get(&rule.id).cloned();
                let estimate = estimate.unwrap_or_default();
                RowsInfo {
                    id: rule.id,
                    sort: match rule.kind {
                        RuleKind::Index(sort) => sort,
                        _ => IndexSort::Range,
                    },
                    keys: rule.keys.clone(),
                    is_unique: rule.kind.is_unique(),
                    entries: estimate.entries,
                    distinct: estimate.distinct,
                }
            })
            .collect()
    }

    fn nodes(&self, label: Option<LabelId>) -> u64 {
        match label {
            None => self.estimates.nodes,
            Some(label) => self
                .estimates
                .nodes_by_label
                .get(&label)
                .copied()
                .unwrap_or(0),
        }
    }

    fn relationships(&self, type_id: Option<TypeId>) -> u64 {
        match type_id {
            None => self.estimates.relationships,
            Some(id) => self
                .estimates
                .relationships_by_type
                .get(&id)
                .copied()
                .unwrap_or(0),
        }
    }
}
