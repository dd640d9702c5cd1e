//! From syntax tree back to text.
//!
//! The text is canonical: one line, keywords in capitals, one blank between tokens where any is
//! allowed, parentheses and backticks only where they are needed, numbers in decimal, strings in
//! single quotes. Parsing it again gives an equal tree; for trees the parser never makes (an empty
//! `items`, a name on a pattern predicate) nothing is promised.
//!
//! `Statement`, `Query`, `Expression`, `TypeName` and `PathPattern` implement `Display` with it.

mod administration;
mod expression;
mod name;
mod pattern;
mod schema;

use std::fmt::{self, Display, Formatter, Write};

use crate::ast::{
    Clause, Expression, Identifier, LabelName, MergeEvent, OnError, PathPattern, ProcedureCall,
    Projection, ProjectionItem, Query, RemoveItemKind, SetItem, SetItemKind, SingleQuery, SortItem,
    Statement, StatementBody, StatementMode, SubqueryCall, SubqueryScope, SystemTime, TimeClause,
    TypeName, Yield, YieldItem, YieldItems,
};
use name::{Key, Name, Qualified};

impl Display for Statement {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.mode {
            Some(StatementMode::Explain) => f.write_str("EXPLAIN ")?,
            Some(StatementMode::Profile) => f.write_str("PROFILE ")?,
            None => {}
        }
        match &self.body {
            StatementBody::Query(query) => query.fmt(f),
            StatementBody::Schema(command) => schema::command(f, command),
            StatementBody::Administration(statement) => {
                administration::command(f, &statement.command)
            }
        }
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(time) = &self.time {
            // Before a brace a variable would be read as a map projection.
            let is_braced = matches!(self.first.clauses[..], [Clause::Braced(_)]);
            time_clause(f, time, if is_braced { ("(", ")") } else { ("", "") })?;
        }
        single_query(f, &self.first)?;
        for union in &self.unions {
            f.write_str(if union.all { " UNION ALL " } else { " UNION " })?;
            single_query(f, &union.query)?;
        }
        optional(f, " NEXT ", self.next.as_ref())
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        expression::expression(f, self)
    }
}

impl Display for TypeName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        expression::type_name(f, self)
    }
}

impl Display for PathPattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        pattern::path(f, self)
    }
}

fn time_clause(
    f: &mut Formatter<'_>,
    time: &TimeClause,
    (open, close): (&str, &str),
) -> fmt::Result {
    match &time.system {
        Some(SystemTime::AsOf(instant)) => write!(f, "AS OF {open}{instant}{close} ")?,
        Some(SystemTime::Version(version)) => {
            write!(f, "AS OF VERSION {open}{version}{close} ")?;
        }
        Some(SystemTime::Range { from, to }) => {
            write!(f, "FOR SYSTEM_TIME FROM {from} TO {open}{to}{close} ")?;
        }
        None => {}
    }
    match &time.valid {
        Some(instant) => write!(f, "FOR VALID_TIME AS OF {open}{instant}{close} "),
        None => Ok(()),
    }
}

fn single_query(f: &mut Formatter<'_>, query: &SingleQuery) -> fmt::Result {
    separated(f, " ", &query.clauses, clause)
}

/// Writes items with a separator between them.
fn separated<T>(
    f: &mut Formatter<'_>,
    separator: &str,
    items: &[T],
    write: impl Fn(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        write(f, item)?;
    }
    Ok(())
}

fn commas<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    separated(f, ", ", items, |f, item| item.fmt(f))
}

fn names(f: &mut Formatter<'_>, items: &[Identifier]) -> fmt::Result {
    separated(f, ", ", items, |f, item| Name(item).fmt(f))
}

/// Writes `prefix` and the item, if there is one.
fn optional<T: Display>(f: &mut Formatter<'_>, prefix: &str, item: Option<&T>) -> fmt::Result {
    match item {
        Some(item) => write!(f, "{prefix}{item}"),
        None => Ok(()),
    }
}

fn clause(f: &mut Formatter<'_>, clause: &Clause) -> fmt::Result {
    if !matches!(
        clause,
        Clause::Call(_)
            | Clause::Subquery(_)
            | Clause::Foreach(_)
            | Clause::Page(_)
            | Clause::Conditional(_)
            | Clause::Braced(_)
            | Clause::Finish(_)
    ) {
        write!(f, "{} ", clause.keyword())?;
    }
    match clause {
        Clause::Match(clause) => {
            pattern::match_mode(f, clause.mode)?;
            commas(f, &clause.patterns)?;
            optional(f, " WHERE ", clause.predicate.as_ref())
        }
        Clause::Unwind(clause) => write!(f, "{} AS {}", clause.list, Name(&clause.variable)),
        Clause::With(clause) => {
            projection(f, &clause.projection)?;
            optional(f, " WHERE ", clause.predicate.as_ref())
        }
        Clause::Return(clause) => projection(f, &clause.projection),
        Clause::Create(clause) => commas(f, &clause.patterns),
        Clause::Merge(clause) => {
            clause.pattern.fmt(f)?;
            for action in &clause.actions {
                f.write_str(match action.event {
                    MergeEvent::Create => " ON CREATE SET ",
                    MergeEvent::Match => " ON MATCH SET ",
                })?;
                separated(f, ", ", &action.items, set_item)?;
            }
            Ok(())
        }
        Clause::Set(clause) => separated(f, ", ", &clause.items, set_item),
        Clause::Remove(clause) => separated(f, ", ", &clause.items, |f, item| match &item.kind {
            RemoveItemKind::Property { subject, key } => assigned_property(f, subject, key),
            RemoveItemKind::Dynamic { subject, key } => assigned_index(f, subject, key),
            RemoveItemKind::Labels { variable, labels } => assigned_labels(f, variable, labels),
        }),
        Clause::Delete(clause) => commas(f, &clause.expressions),
        Clause::Call(call) => procedure_call(f, call),
        Clause::Subquery(call) => subquery_call(f, call),
        Clause::Foreach(clause) => {
            write!(
                f,
                "FOREACH ({} IN {} | ",
                Name(&clause.variable),
                clause.list
            )?;
            separated(f, " ", &clause.clauses, self::clause)?;
            f.write_char(')')
        }
        Clause::Filter(clause) => clause.predicate.fmt(f),
        Clause::Let(clause) => separated(f, ", ", &clause.items, |f, item| {
            write!(f, "{} = {}", Name(&item.variable), item.value)
        }),
        Clause::Page(page) => {
            let mut prefix = "";
            if !page.order_by.is_empty() {
                f.write_str("ORDER BY ")?;
                separated(f, ", ", &page.order_by, sort_item)?;
                prefix = " ";
            }
            if let Some(skip) = &page.skip {
                write!(f, "{prefix}SKIP {skip}")?;
                prefix = " ";
            }
            optional(f, &format!("{prefix}LIMIT "), page.limit.as_ref())
        }
        Clause::LoadCsv(clause) => {
            if clause.headers {
                f.write_str("WITH HEADERS ")?;
            }
            write!(f, "FROM {} AS {}", clause.url, Name(&clause.variable))?;
            match clause.terminator {
                Some(terminator) => {
                    f.write_str(" FIELDTERMINATOR ")?;
                    expression::string(f, terminator.encode_utf8(&mut [0; 4]))
                }
                None => Ok(()),
            }
        }
        Clause::Conditional(clause) => {
            separated(f, " ", &clause.branches, |f, branch| {
                write!(f, "WHEN {} THEN {{ {} }}", branch.predicate, branch.query)
            })?;
            match &clause.otherwise {
                Some(otherwise) => write!(f, " ELSE {{ {otherwise} }}"),
                None => Ok(()),
            }
        }
        Clause::Braced(query) => write!(f, "{{ {query} }}"),
        Clause::Finish(_) => f.write_str("FINISH"),
    }
}

fn projection(f: &mut Formatter<'_>, projection: &Projection) -> fmt::Result {
    if projection.distinct {
        f.write_str("DISTINCT ")?;
    }
    if projection.star {
        f.write_str(if projection.items.is_empty() {
            "*"
        } else {
            "*, "
        })?;
    }
    separated(f, ", ", &projection.items, projection_item)?;
    if !projection.order_by.is_empty() {
        f.write_str(" ORDER BY ")?;
        separated(f, ", ", &projection.order_by, sort_item)?;
    }
    optional(f, " SKIP ", projection.skip.as_ref())?;
    optional(f, " LIMIT ", projection.limit.as_ref())
}

fn projection_item(f: &mut Formatter<'_>, item: &ProjectionItem) -> fmt::Result {
    item.expression.fmt(f)?;
    optional(f, " AS ", item.alias.as_ref().map(Name).as_ref())
}

fn sort_item(f: &mut Formatter<'_>, item: &SortItem) -> fmt::Result {
    item.expression.fmt(f)?;
    if item.descending {
        f.write_str(" DESC")
    } else {
        Ok(())
    }
}

fn set_item(f: &mut Formatter<'_>, item: &SetItem) -> fmt::Result {
    match &item.kind {
        SetItemKind::Property {
            subject,
            key,
            value,
        } => {
            assigned_property(f, subject, key)?;
            write!(f, " = {value}")
        }
        SetItemKind::Dynamic {
            subject,
            key,
            value,
        } => {
            assigned_index(f, subject, key)?;
            write!(f, " = {value}")
        }
        SetItemKind::Replace { variable, value } => write!(f, "{} = {value}", Name(variable)),
        SetItemKind::Merge { variable, value } => write!(f, "{} += {value}", Name(variable)),
        SetItemKind::Labels { variable, labels } => assigned_labels(f, variable, labels),
    }
}

fn assigned_property(f: &mut Formatter<'_>, subject: &Expression, key: &Identifier) -> fmt::Result {
    if expression::is_property_chain(subject) {
        write!(f, "{subject}.{}", Key(key))
    } else {
        write!(f, "({subject}).{}", Key(key))
    }
}

fn assigned_labels(
    f: &mut Formatter<'_>,
    variable: &Identifier,
    labels: &[LabelName],
) -> fmt::Result {
    Name(variable).fmt(f)?;
    labels.iter().try_for_each(|label| match label {
        LabelName::Plain(label) => write!(f, ":{}", Key(label)),
        LabelName::Dynamic(expression) => write!(f, ":$({expression})"),
    })
}

fn assigned_index(f: &mut Formatter<'_>, subject: &Expression, key: &Expression) -> fmt::Result {
    if expression::is_property_chain(subject) {
        write!(f, "{subject}[{key}]")
    } else {
        write!(f, "({subject})[{key}]")
    }
}

fn procedure_call(f: &mut Formatter<'_>, call: &ProcedureCall) -> fmt::Result {
    let optional = if call.optional { "OPTIONAL " } else { "" };
    write!(f, "{optional}CALL {}", Qualified(&call.name))?;
    if let Some(arguments) = &call.arguments {
        f.write_char('(')?;
        commas(f, arguments)?;
        f.write_char(')')?;
    }
    match &call.yields {
        Some(yields) => yield_clause(f, yields),
        None => Ok(()),
    }
}

fn yield_clause(f: &mut Formatter<'_>, yields: &Yield) -> fmt::Result {
    f.write_str(" YIELD ")?;
    match &yields.items {
        YieldItems::All => f.write_char('*')?,
        YieldItems::Fields(fields) => separated(f, ", ", fields, yield_item)?,
    }
    optional(f, " WHERE ", yields.predicate.as_ref())
}

fn yield_item(f: &mut Formatter<'_>, item: &YieldItem) -> fmt::Result {
    Name(&item.field).fmt(f)?;
    optional(f, " AS ", item.alias.as_ref().map(Name).as_ref())
}

fn subquery_call(f: &mut Formatter<'_>, call: &SubqueryCall) -> fmt::Result {
    f.write_str(if call.optional {
        "OPTIONAL CALL "
    } else {
        "CALL "
    })?;
    match &call.scope {
        Some(SubqueryScope::All) => f.write_str("(*) ")?,
        Some(SubqueryScope::Variables(variables)) => {
            f.write_char('(')?;
            names(f, variables)?;
            f.write_str(") ")?;
        }
        None => {}
    }
    write!(f, "{{ {} }}", call.query)?;
    let Some(transactions) = &call.transactions else {
        return Ok(());
    };
    f.write_str(" IN ")?;
    if let Some(concurrency) = &transactions.concurrency {
        if let Some(count) = &concurrency.count {
            write!(f, "{count} ")?;
        }
        f.write_str("CONCURRENT ")?;
    }
    f.write_str("TRANSACTIONS")?;
    if let Some(rows) = &transactions.rows {
        write!(f, " OF {rows} ROWS")?;
    }
    let on_error = transactions.on_error.as_str();
    match &transactions.retry {
        None if transactions.on_error == OnError::Fail => {}
        None => write!(f, " ON ERROR {on_error}")?,
        Some(retry) => {
            f.write_str(" ON ERROR RETRY")?;
            if let Some(seconds) = &retry.seconds {
                write!(f, " FOR {seconds} SECONDS")?;
            }
            if transactions.on_error != OnError::Fail {
                write!(f, " THEN {on_error}")?;
            }
        }
    }
    optional(
        f,
        " REPORT STATUS AS ",
        transactions.status.as_ref().map(Name).as_ref(),
    )
}
