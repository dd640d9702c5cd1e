//! Commands on indexes and constraints, SHOW and TERMINATE.

use std::sync::Arc;

use retrograph_cypher::ast::{
    self, ConstraintRule, CreateConstraint, CreateIndex, ExpressionKind, Identifier, IndexKind,
    NameOrParameter, PrivilegesOf, Projection, PropertyType, SchemaCommand, Show, ShowSubject,
    Yield, YieldItem, YieldItems,
};
use retrograph_cypher::{Detail, Diagnostic, Span};

use retrograph_graph::{FULLTEXT_KEYS_MAX, IndexSort, PropertyTypes, RuleKind};

use super::call::result_place;
use super::projection::Column;
use super::query::Statement;
use super::{Binder, Bound, Steps, index_options};
use crate::administration::nobody_keeps_users;
use crate::plan::operator::{SchemaChange, SchemaName};
use crate::plan::{Access, Expression, Operator};
use crate::show;

impl Binder<'_> {
    pub(super) fn schema_command(&mut self, command: &SchemaCommand) -> Bound<Statement> {
        let change = match command {
            SchemaCommand::Show(show) => return self.show(show),
            SchemaCommand::CreateIndex(create) => create_index(self, create)?,
            SchemaCommand::CreateConstraint(create) => create_constraint(self, create)?,
            SchemaCommand::DropIndex(drop) => SchemaChange::DropIndex {
                name: self.schema_name(&drop.name),
                if_exists: drop.if_exists,
            },
            SchemaCommand::DropConstraint(drop) => SchemaChange::DropConstraint {
                name: self.schema_name(&drop.name),
                if_exists: drop.if_exists,
            },
        };
        self.next_clause();
        let mut steps = Steps::new(Operator::Unit, 1.0);
        steps.push(Operator::Schema(change), self.clause);
        Ok((steps.finish(), Vec::new(), None, Access::Schema))
    }

    /// SHOW is a call, its YIELD a WITH, its RETURN a RETURN. One behind another is a call for each of
    /// the rows.
    fn show(&mut self, show: &Show) -> Bound<Statement> {
        let mut steps = Steps::new(Operator::Unit, 1.0);
        let mut columns = self.shown(show, &mut steps)?;
        let mut last = show;
        while let Some(next) = &last.next {
            self.shown_for_each(next, &mut steps)?;
            last = next;
        }
        if let Some(returns) = &last.returns {
            self.next_clause();
            columns = self.projection(returns, None, false, &mut steps)?;
        }
        let columns = columns
            .into_iter()
            .map(|column| (column.name, column.slot))
            .collect();
        Ok((steps.finish(), columns, None, Access::Read))
    }

    /// A command behind another, whose variables it sees and passes on.
    fn shown_for_each(&mut self, show: &Show, steps: &mut Steps) -> Bound<()> {
        let listing = self.listing(show)?;
        self.next_clause();
        let arguments = self.show_arguments(show)?;
        let Some(yields) = &show.yields else {
            return Ok(());
        };
        let items = yields
            .items
            .iter()
            .filter_map(|item| match &item.expression.kind {
                ExpressionKind::Variable(field) => Some(YieldItem {
                    field: field.clone(),
                    alias: item.alias.clone(),
                    span: item.span,
                }),
                _ => None,
            });
        let fields = Yield {
            items: YieldItems::Fields(items.collect()),
            predicate: None,
            span: yields.span,
        };
        self.run_procedure(&listing.procedure, arguments, Some(&fields), false, steps)?;
        let all = Projection {
            star: true,
            items: Vec::new(),
            ..yields.clone()
        };
        self.next_clause();
        self.projection(&all, show.predicate.as_ref(), true, steps)?;
        Ok(())
    }

    /// The name of an index or constraint.
    pub(super) fn schema_name(&mut self, name: &NameOrParameter) -> SchemaName {
        match name {
            NameOrParameter::Name(name) => SchemaName::Written(Arc::clone(&name.name)),
            parameter => SchemaName::Given(self.given_name(parameter)),
        }
    }

    fn listing(&self, show: &Show) -> Bound<show::Listing> {
        let listing = show::listing(&show.subject, self.procedures);
        listing.ok_or_else(|| nobody_keeps_users(show.span))
    }

    fn show_arguments(&mut self, show: &Show) -> Bound<Vec<Expression>> {
        if let ShowSubject::Privileges(PrivilegesOf::Roles(names) | PrivilegesOf::Users(names), _) =
            &show.subject
        {
            return Ok(names.iter().map(|name| self.given_name(name)).collect());
        }
        let arguments = show.arguments.iter();
        arguments
            .map(|argument| Ok(self.expression(argument)?.expression))
            .collect()
    }

    /// The first command, and the columns it shows.
    fn shown(&mut self, show: &Show, steps: &mut Steps) -> Bound<Vec<Column>> {
        let listing = self.listing(show)?;
        self.next_clause();
        let arguments = self.show_arguments(show)?;
        if let Some(yields) = &show.yields {
            for item in &yields.items {
                if let ExpressionKind::Variable(field) = &item.expression.kind {
                    result_place(&listing.procedure, field)?;
                }
            }
        }
        let mut columns = self.run_procedure(&listing.procedure, arguments, None, true, steps)?;
        match &show.yields {
            None => {
                columns.truncate(listing.shown);
                if let Some(predicate) = &show.predicate {
                    let predicate = self.where_predicate(predicate)?;
                    steps.push(Operator::Filter(predicate), self.clause);
                }
            }
            Some(yields) => {
                self.next_clause();
                columns = self.projection(yields, show.predicate.as_ref(), true, steps)?;
            }
        }
        Ok(columns)
    }
}

fn create_index(binder: &mut Binder<'_>, create: &CreateIndex) -> Bound<SchemaChange> {
    let sort = match create.kind {
        IndexKind::Range => IndexSort::Range,
        IndexKind::Text => IndexSort::Text,
        IndexKind::Point => IndexSort::Point,
        IndexKind::Fulltext => {
            IndexSort::Fulltext(index_options::fulltext(create.options.as_ref())?)
        }
        IndexKind::Lookup => {
            if let Some(options) = &create.options {
                check_options(options, "token-lookup-1.0", "a lookup index")?;
            }
            return Ok(SchemaChange::CreateLookup {
                is_relationship: create.target.is_relationship,
                if_not_exists: create.if_not_exists,
            });
        }
        IndexKind::Vector => return binder.create_vector_index(create),
    };
    if let Some(options) = &create.options {
        match sort {
            IndexSort::Range => check_options(options, "range-1.0", "a range index")?,
            IndexSort::Text => check_options(options, "text-2.0", "a text index")?,
            IndexSort::Point => check_options(options, "point-1.0", "a point index")?,
            // Their options are settings.
            IndexSort::Fulltext(_) | IndexSort::Vector(_) => {}
        }
    }
    no_repetition(&create.properties)?;
    if create.properties.len() > FULLTEXT_KEYS_MAX {
        return Err(Diagnostic::error(
            Detail::UnexpectedSyntax,
            create.properties[FULLTEXT_KEYS_MAX].span,
            format!("an index is on at most {FULLTEXT_KEYS_MAX} properties"),
        ));
    }
    if !sort.takes_several_keys() {
        single_key(&create.properties, sort, create.span)?;
    }
    let name = name_of(binder, create.name.as_ref());
    let if_not_exists = create.if_not_exists;
    let target = &create.target;
    if let (IndexSort::Range, false, [label], [key]) = (
        sort,
        target.is_relationship,
        target.names.as_slice(),
        create.properties.as_slice(),
    ) {
        return Ok(SchemaChange::CreateIndex {
            name,
            label: label.name.clone(),
            key: key.name.clone(),
            if_not_exists,
        });
    }
    Ok(SchemaChange::CreateRule {
        name,
        is_relationship: target.is_relationship,
        targets: names(&target.names),
        keys: names(&create.properties),
        kind: RuleKind::Index(sort),
        if_not_exists,
    })
}

fn names(identifiers: &[Identifier]) -> Vec<Arc<str>> {
    identifiers
        .iter()
        .map(|identifier| identifier.name.clone())
        .collect()
}

/// Refuses a property that is listed twice.
fn no_repetition(properties: &[Identifier]) -> Bound<()> {
    for (place, property) in properties.iter().enumerate() {
        if let Some(first) = properties[..place].iter().find(|other| *other == property) {
            return Err(Diagnostic::error(
                Detail::UnexpectedSyntax,
                property.span,
                format!("property `{property}` is listed twice"),
            )
            .secondary(first.span, "the first time"));
        }
    }
    Ok(())
}

fn create_constraint(binder: &mut Binder<'_>, create: &CreateConstraint) -> Bound<SchemaChange> {
    if let Some(options) = &create.options {
        check_options(options, "range-1.0", "a constraint")?;
    }
    no_repetition(&create.properties)?;
    let is_relationship = create.target.is_relationship;
    if let ([key], ConstraintRule::Unique, false) =
        (create.properties.as_slice(), &create.rule, is_relationship)
    {
        return Ok(SchemaChange::CreateUnique {
            name: name_of(binder, create.name.as_ref()),
            label: create.target.names[0].name.clone(),
            key: key.name.clone(),
            if_not_exists: create.if_not_exists,
        });
    }
    Ok(SchemaChange::CreateRule {
        name: name_of(binder, create.name.as_ref()),
        is_relationship,
        targets: names(&create.target.names),
        keys: names(&create.properties),
        kind: match &create.rule {
            ConstraintRule::Unique => RuleKind::Unique,
            ConstraintRule::Key => RuleKind::Key,
            ConstraintRule::Exists => RuleKind::Exists,
            ConstraintRule::Typed(types) => RuleKind::Typed(property_types(types)),
        },
        if_not_exists: create.if_not_exists,
    })
}

/// The types as the store knows them.
fn property_types(types: &[PropertyType]) -> PropertyTypes {
    let mut found = PropertyTypes::default();
    for one in types {
        let bit = PropertyTypes::NAMES
            .iter()
            .position(|name| *name == one.scalar.name())
            .map_or(0, |bit| 1 << bit);
        match one.is_list {
            true => found.lists |= bit,
            false => found.scalars |= bit,
        }
    }
    found
}

/// Options may only repeat what holds anyway: the provider, and a configuration without entries. The
/// bounds of spatial indexes elsewhere (`spatial.wgs-84.min` and the like) have no meaning here, as a
/// point index covers all coordinates.
fn check_options(options: &ast::Expression, provider: &str, of: &str) -> Bound<()> {
    match index_options::index_config(Some(options), provider, of)? {
        [] => Ok(()),
        [ast::MapEntry { key, .. }, ..] => Err(Diagnostic::error(
            Detail::UnexpectedSyntax,
            key.span,
            format!("{of} has no setting `{key}`"),
        )
        .help(format!(
            "{of} takes {{indexProvider: '{provider}', indexConfig: {{}}}}"
        ))),
    }
}

fn name_of(binder: &mut Binder<'_>, name: Option<&NameOrParameter>) -> Option<SchemaName> {
    name.map(|name| binder.schema_name(name))
}

fn single_key(properties: &[Identifier], sort: IndexSort, span: Span) -> Bound<()> {
    match properties {
        [_] => Ok(()),
        _ => Err(Diagnostic::error(
            Detail::UnexpectedSyntax,
            properties.get(1).map_or(span, |second| second.span),
            format!("a {} index is on one property", sort.word().to_lowercase()),
        )
        .help("make one for each property")),
    }
}
