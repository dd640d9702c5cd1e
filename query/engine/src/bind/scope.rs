//! Scopes: which names mean what at one place of a query.

use std::sync::Arc;

use retrograph_cypher::Span;

use crate::plan::Slot;
use crate::types::Type;

/// A variable in scope.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: Arc<str>,
    /// Where its value is.
    pub slot: Slot,
    /// What is known of its type.
    pub ty: Type,
    /// Where it was introduced.
    pub span: Span,
    /// Whether it comes from outside a subquery: it then survives `WITH`, and `*` leaves it out.
    pub is_imported: bool,
    /// Whether it belongs to one expression, such as the item of a list comprehension.
    pub is_local: bool,
}

/// The variables in scope; a later one hides an earlier one of the same name.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    variables: Vec<Variable>,
}

impl Scope {
    /// The variable of this name.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables
            .iter()
            .rev()
            .find(|variable| &*variable.name == name)
    }

    /// Adds a variable.
    pub fn push(&mut self, variable: Variable) {
        self.variables.push(variable);
    }

    /// The number of variables; [`truncate`](Self::truncate) goes back to it.
    pub fn depth(&self) -> usize {
        self.variables.len()
    }

    /// Forgets the variables added since the scope had this depth.
    pub fn truncate(&mut self, depth: usize) {
        self.variables.truncate(depth);
    }

    /// All variables that no other hides.
    pub fn visible(&self) -> impl Iterator<Item = &Variable> {
        self.variables
            .iter()
            .enumerate()
            .filter_map(|(place, variable)| {
                let is_hidden = self.variables[place + 1..]
                    .iter()
                    .any(|later| later.name == variable.name);
                (!is_hidden).then_some(variable)
            })
    }

    /// The variables that `*` stands for, by name.
    pub fn star(&self) -> Vec<Variable> {
        let mut variables: Vec<Variable> = self
            .visible()
            .filter(|variable| !variable.is_imported)
            .cloned()
            .collect();
        variables.sort_by(|a, b| a.name.cmp(&b.name));
        variables
    }

    /// What stays in scope behind `WITH`, before its own items: the imported variables.
    pub fn imported(&self) -> Self {
        let variables = self
            .variables
            .iter()
            .filter(|variable| variable.is_imported)
            .cloned()
            .collect();
        Self { variables }
    }

    /// The scope as a subquery sees it from within.
    pub fn as_imported(&self) -> Self {
        let import = |variable: &Variable| Variable {
            is_imported: true,
            is_local: false,
            ..variable.clone()
        };
        Self {
            variables: self.visible().map(import).collect(),
        }
    }

    /// The slots of all variables, hidden ones included.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.variables.iter().map(|variable| variable.slot)
    }

    /// What became known of the type of the variable in a slot.
    pub fn refine(&mut self, slot: Slot, ty: &Type) {
        for variable in &mut self.variables {
            if variable.slot == slot && variable.ty == Type::Any {
                variable.ty = ty.clone();
            }
        }
    }
}
