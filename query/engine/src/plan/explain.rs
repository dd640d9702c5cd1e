//! A plan as a table: what EXPLAIN and PROFILE show.
//!
//! One line per step in the order in which rows pass, pipelines within a step indented below it. The
//! details are in the syntax of queries; nameless elements are called `_1`, `_2` and so on.

mod changes;
mod paths;

use std::fmt::Write as _;
use std::ops::Bound;

use retrograph_graph::IndexSort;

use super::expression::{Expression, KeyToken, LabelToken, Slot, SubqueryResult};
use super::operator::{
    AggregateCall, Found, Operator, Pipeline, Seek, SeekRows, Step, StoredCount,
};
use super::path::Select;
use super::rows::{EqualTo, Next, RowSeek, RowsOf};
use super::text::{Texts, join, test_symbol};
use super::{Plan, ViewClause, slots, visit};
use crate::functions::{self, Aggregator};
use crate::summary::StepProfile;
use changes::schema_change;

/// The greatest width of the column of details; longer ones are cut.
const DETAILS_CHARS_MAX: usize = 100;

/// The plan as text; with a profile, by step number, also what each step did.
#[must_use]
pub fn render(plan: &Plan, profile: Option<&[StepProfile]>) -> String {
    let mut table = Table {
        texts: Texts::of(plan),
        profile,
        lines: Vec::new(),
    };
    if let Some(view) = &plan.view {
        let details = table.view(view);
        table.lines.push(Line {
            name: "View".to_owned(),
            details,
            ..Line::default()
        });
    }
    table.pipeline(&plan.pipeline, 0);
    if !plan.columns.is_empty() {
        let details = join(&plan.columns, |(name, slot)| {
            let slot = table.texts.slot(*slot);
            if **name == *slot {
                name.to_string()
            } else {
                format!("{slot} AS {name}")
            }
        });
        table.lines.push(Line {
            name: "Return".to_owned(),
            details,
            ..Line::default()
        });
    }
    table.text()
}

/// One line of the table.
#[derive(Default)]
struct Line {
    name: String,
    details: String,
    estimated: String,
    rows: String,
    time: String,
}

/// A title, the cell of a line, and whether it holds numbers.
type TableColumn = (&'static str, fn(&Line) -> &str, bool);

struct Table<'p> {
    texts: Texts<'p>,
    profile: Option<&'p [StepProfile]>,
    lines: Vec<Line>,
}

impl Table<'_> {
    fn pipeline(&mut self, pipeline: &Pipeline, depth: usize) {
        for step in &pipeline.steps {
            self.step(step, depth);
        }
    }

    fn step(&mut self, step: &Step, depth: usize) {
        let (name, details) = self.describe(&step.operator);
        let done = self
            .profile
            .and_then(|profile| profile.get(usize::from(step.id)));
        self.lines.push(Line {
            name: format!("{}{name}", "  ".repeat(depth)),
            details,
            estimated: format!("{:.0}", step.rows_estimated.ceil()),
            rows: done.map_or(String::new(), |done| done.rows.to_string()),
            time: done.map_or(String::new(), |done| {
                format!("{:.3}", done.time.as_secs_f64() * 1e3)
            }),
        });
        match &step.operator {
            Operator::Optional { inner, .. } | Operator::Apply { inner, .. } => {
                self.pipeline(inner, depth + 1);
            }
            Operator::InTransactions(call) => self.pipeline(&call.inner, depth + 1),
            Operator::Merge { find, .. } => self.pipeline(find, depth + 1),
            Operator::Foreach { body, .. } => self.pipeline(body, depth + 1),
            Operator::Union(branches) | Operator::Fork(branches) => {
                branches
                    .iter()
                    .for_each(|branch| self.pipeline(branch, depth + 1));
            }
            _ => {}
        }
        let mut inner = Vec::new();
        slots::operator_expressions(&step.operator, &mut |expression| {
            subqueries(expression, &mut inner);
        });
        for (label, pipeline) in inner {
            let name = format!("{}{label}", "  ".repeat(depth + 1));
            self.lines.push(Line {
                name,
                ..Line::default()
            });
            self.pipeline(pipeline, depth + 2);
        }
    }

    fn describe(&self, operator: &Operator) -> (&'static str, String) {
        let texts = &self.texts;
        match operator {
            Operator::LoadCsv(load) => {
                let (url, row) = (texts.expression(&load.url), texts.slot(load.row));
                let headers = if load.headers { "WITH HEADERS " } else { "" };
                ("LoadCsv", format!("{headers}FROM {url} AS {row}"))
            }
            Operator::InTransactions(call) => {
                let rows = call.rows.as_ref();
                let rows = rows.map_or("1000".to_owned(), |rows| texts.expression(rows));
                let on_error = call.on_error.as_str();
                let retry = match &call.retry {
                    None => String::new(),
                    Some(retry) => {
                        let seconds = retry.seconds.as_ref();
                        let seconds =
                            seconds.map_or("30".to_owned(), |seconds| texts.expression(seconds));
                        format!("RETRY FOR {seconds} SECONDS THEN ")
                    }
                };
                (
                    "InTransactions",
                    format!("OF {rows} ROWS ON ERROR {retry}{on_error}"),
                )
            }
            Operator::Unit => ("Unit", String::new()),
            Operator::Argument => ("Argument", String::new()),
            Operator::ScanNodes { node, label } => ("ScanNodes", self.node(*node, label.as_ref())),
            Operator::SeekNodes {
                node,
                label,
                key,
                seek,
                ..
            } => {
                let key = format!("{}.{}", texts.slot(*node), key.name);
                let node = self.node(*node, Some(label));
                (
                    "SeekNodes",
                    format!("{node} WHERE {}", self.seek(&key, seek)),
                )
            }
            Operator::SeekRows(seek) => self.seek_rows(seek),
            Operator::ScanLabels { node, names, any } => {
                let (node, names) = (texts.slot(*node), texts.expression(names));
                let any = if *any { "any" } else { "" };
                ("ScanLabels", format!("({node}:${any}({names}))"))
            }
            Operator::SeekNodeIds { node, ids } => {
                let ids = texts.expression(ids);
                (
                    "SeekNodeIds",
                    format!("({}) WITH id {ids}", texts.slot(*node)),
                )
            }
            Operator::CountStore { slot, count } => (
                "CountStore",
                format!("{} AS {}", stored(count), texts.slot(*slot)),
            ),
            Operator::ScanRelationships {
                relationship,
                start,
                end,
                types,
                directed,
            } => {
                let arrow = if *directed { "->" } else { "-" };
                let relationship = self.relationship(Some(*relationship), types, "");
                let (start, end) = (texts.slot(*start), texts.slot(*end));
                (
                    "ScanRelationships",
                    format!("({start})-{relationship}{arrow}({end})"),
                )
            }
            Operator::SeekRelationshipIds {
                ids,
                relationship,
                start,
                end,
                types,
                directed,
            } => {
                let arrow = if *directed { "->" } else { "-" };
                let relationship = self.relationship(Some(*relationship), types, "");
                let (start, end) = (texts.slot(*start), texts.slot(*end));
                let ids = texts.expression(ids);
                (
                    "SeekRelationshipIds",
                    format!("({start})-{relationship}{arrow}({end}) WITH id {ids}"),
                )
            }
            Operator::Degree { walk, slot } => (
                "Degree",
                format!("{} AS {}", self.walk(walk, None, ""), texts.slot(*slot)),
            ),
            Operator::Expand { walk, relationship } => {
                let name = if walk.into { "ExpandInto" } else { "Expand" };
                (name, self.walk(walk, *relationship, ""))
            }
            Operator::ExpandVariable {
                walk,
                relationships,
                min,
                max,
                each,
                ends_only,
                ..
            } => {
                let name = match (walk.into, ends_only) {
                    (_, true) => "ExpandVariable (distinct ends)",
                    (true, false) => "ExpandVariableInto",
                    (false, false) => "ExpandVariable",
                };
                let walk = self.walk(walk, *relationships, &length(*min, *max));
                (name, walk + &self.each(each.as_ref()))
            }
            Operator::BindEnds {
                relationship, walk, ..
            } => ("BindEnds", self.walk(walk, Some(*relationship), "")),
            Operator::BindWalk {
                relationships,
                walk,
                min,
                max,
            } => (
                "BindWalk",
                self.walk(walk, Some(*relationships), &length(*min, *max)),
            ),
            Operator::ShortestPath {
                walk,
                relationships,
                min,
                max,
                all,
                each,
            } => {
                let walk = self.walk(walk, Some(*relationships), &length(*min, *max));
                let name = if *all {
                    "AllShortestPaths"
                } else {
                    "ShortestPath"
                };
                (name, walk + &self.each(each.as_ref()))
            }
            Operator::ExpandPath { walk, program, .. } => {
                let name = match (walk.into, program.select) {
                    (true, Select::All) => "ExpandPathInto",
                    (false, Select::All) => "ExpandPath",
                    (true, _) => "SearchPathInto",
                    (false, _) => "SearchPath",
                };
                (name, self.program(program, walk))
            }
            Operator::Filter(predicate) => ("Filter", texts.expression(predicate)),
            Operator::Project(items) => ("Project", self.assignments(items)),
            Operator::Unwind { list, item } => (
                "Unwind",
                format!("{} AS {}", texts.expression(list), texts.slot(*item)),
            ),
            Operator::Aggregate { keys, aggregates } => {
                let mut details = join(aggregates, |call| self.aggregate(call));
                if !keys.is_empty() {
                    let _ = write!(details, " BY {}", self.assignments(keys));
                }
                ("Aggregate", details)
            }
            Operator::Distinct(slots) => ("Distinct", texts.slots(slots)),
            Operator::Sort { keys, limit, .. } => {
                let mut details = join(keys, |key| {
                    let descending = if key.descending { " DESC" } else { "" };
                    format!("{}{descending}", texts.expression(&key.expression))
                });
                if let Some(limit) = limit {
                    let _ = write!(details, " LIMIT {}", texts.expression(limit));
                }
                (if limit.is_some() { "SortTop" } else { "Sort" }, details)
            }
            Operator::Skip(count) => ("Skip", texts.expression(count)),
            Operator::Limit(count) => ("Limit", texts.expression(count)),
            Operator::Optional { introduced, .. } => ("Optional", texts.slots(introduced)),
            Operator::Apply { view, .. } => (
                "Apply",
                view.as_ref().map_or(String::new(), |view| self.view(view)),
            ),
            Operator::Union(_) => ("Union", String::new()),
            Operator::Fork(_) => ("Fork", String::new()),
            Operator::CallProcedure {
                procedure,
                arguments,
                yields,
                ..
            } => {
                let mut details = format!("{}({})", procedure.name, texts.list(arguments));
                if !yields.is_empty() {
                    let slots: Vec<Slot> = yields.iter().map(|(_, slot)| *slot).collect();
                    let _ = write!(details, " YIELD {}", texts.slots(&slots));
                }
                ("CallProcedure", details)
            }
            Operator::Create(creation) => ("Create", self.creation(creation)),
            Operator::Merge {
                create,
                on_match,
                on_create,
                ..
            } => {
                let mut details = self.creation(create);
                for (event, updates) in [("MATCH", on_match), ("CREATE", on_create)] {
                    if !updates.is_empty() {
                        let _ = write!(details, " ON {event} {}", self.updates(updates));
                    }
                }
                ("Merge", details)
            }
            Operator::Update(updates) => ("Update", self.updates(updates)),
            Operator::Delete {
                expressions,
                detach,
            } => (
                if *detach { "DetachDelete" } else { "Delete" },
                texts.list(expressions),
            ),
            Operator::Foreach { list, item, .. } => (
                "Foreach",
                format!("{} IN {}", texts.slot(*item), texts.expression(list)),
            ),
            Operator::Barrier { live } => ("Barrier", texts.slots(live)),
            Operator::Schema(change) => ("Schema", schema_change(change, texts)),
        }
    }

    fn node(&self, node: Slot, label: Option<&LabelToken>) -> String {
        let label = label.map_or(String::new(), |label| format!(":{}", label.name));
        format!("({}{label})", self.texts.slot(node))
    }

    fn seek(&self, key: &str, seek: &Seek) -> String {
        match seek {
            Seek::Equal(value) => format!("{key} = {}", self.texts.expression(value)),
            Seek::In(list) => format!("{key} IN {}", self.texts.expression(list)),
            Seek::Prefix(prefix) => format!("{key} STARTS WITH {}", self.texts.expression(prefix)),
            Seek::Range(lower, upper) => {
                let ends = [(lower, ">", ">="), (upper, "<", "<=")];
                let tests: Vec<String> = ends
                    .into_iter()
                    .filter_map(|(bound, excluded, included)| match bound {
                        Bound::Unbounded => None,
                        Bound::Included(value) => Some((included, value)),
                        Bound::Excluded(value) => Some((excluded, value)),
                    })
                    .map(|(symbol, value)| {
                        format!("{key} {symbol} {}", self.texts.expression(value))
                    })
                    .collect();
                tests.join(" AND ")
            }
        }
    }

    /// A seek by the rows of an index; those that are kept in another way than by value say so.
    fn seek_rows(&self, seek: &SeekRows) -> (&'static str, String) {
        let texts = &self.texts;
        let RowSeek {
            sort,
            of,
            equal,
            next,
            ..
        } = &seek.seek;
        let (element, pattern) = match (&seek.found, of) {
            (Found::Node(node), RowsOf::Label(label)) => (*node, self.node(*node, Some(label))),
            (Found::Node(node), RowsOf::Type(_)) => (*node, self.node(*node, None)),
            (Found::Relationship(found), of) => {
                let types = match of {
                    RowsOf::Type(one) => std::slice::from_ref(one),
                    RowsOf::Label(_) => &[],
                };
                let arrow = if found.directed { "->" } else { "-" };
                let (start, end) = (texts.slot(found.start), texts.slot(found.end));
                let middle = self.relationship(Some(found.relationship), types, "");
                (
                    found.relationship,
                    format!("({start})-{middle}{arrow}({end})"),
                )
            }
        };
        let property = |key: &KeyToken| format!("{}.{}", texts.slot(element), key.name);
        let mut tests: Vec<String> = equal
            .iter()
            .map(|(key, to)| match to {
                EqualTo::Value(value) => {
                    format!("{} = {}", property(key), texts.expression(value))
                }
                EqualTo::Item(list) => format!("{} IN {}", property(key), texts.expression(list)),
            })
            .collect();
        match next {
            Next::Any => {}
            Next::Range(key, lower, upper) => {
                let range = Seek::Range(lower.clone(), upper.clone());
                tests.push(self.seek(&property(key), &range));
            }
            Next::Text(key, test, value) => tests.push(format!(
                "{} {} {}",
                property(key),
                test_symbol(*test),
                texts.expression(value)
            )),
            Next::WithinBox(key, lower, upper) => tests.push(format!(
                "point.withinBBox({}, {}, {})",
                property(key),
                texts.expression(lower),
                texts.expression(upper)
            )),
            Next::Near(key, center, radius) => tests.push(format!(
                "point.distance({}, {}) <= {}",
                property(key),
                texts.expression(center),
                texts.expression(radius)
            )),
        }
        let name = match (&seek.found, sort) {
            (Found::Node(_), IndexSort::Text) => "SeekNodesByText",
            (Found::Node(_), IndexSort::Point) => "SeekNodesByPoint",
            (Found::Node(_), _) => "SeekNodesByRows",
            (Found::Relationship(_), IndexSort::Text) => "SeekRelationshipsByText",
            (Found::Relationship(_), IndexSort::Point) => "SeekRelationshipsByPoint",
            (Found::Relationship(_), _) => "SeekRelationshipsByRows",
        };
        (name, format!("{pattern} WHERE {}", tests.join(" AND ")))
    }

    fn each(&self, each: Option<&(Slot, Box<Expression>)>) -> String {
        each.map_or(String::new(), |(slot, predicate)| {
            format!(
                " WHERE all {}: {}",
                self.texts.slot(*slot),
                self.texts.expression(predicate)
            )
        })
    }

    fn assignments(&self, items: &[(Slot, Expression)]) -> String {
        join(items, |(slot, expression)| {
            let (name, text) = (self.texts.slot(*slot), self.texts.expression(expression));
            if name == text {
                text
            } else {
                format!("{text} AS {name}")
            }
        })
    }

    fn aggregate(&self, call: &AggregateCall) -> String {
        let distinct = if call.distinct { "DISTINCT " } else { "" };
        let arguments = match call.aggregator {
            Aggregator::CountRows => "*".to_owned(),
            _ => self.texts.list(&call.arguments),
        };
        let text = format!("{}({distinct}{arguments})", aggregate_name(call.aggregator));
        let name = self.texts.slot(call.slot);
        if name == text {
            text
        } else {
            format!("{text} AS {name}")
        }
    }

    fn view(&self, view: &ViewClause) -> String {
        let time = view
            .system_time
            .iter()
            .map(|time| format!("AS OF {}", self.texts.expression(time)));
        let version = view
            .version
            .iter()
            .map(|version| format!("AS OF VERSION {}", self.texts.expression(version)));
        let parts: Vec<String> = time.chain(version).collect();
        parts.join(" ")
    }

    fn text(&self) -> String {
        let mut columns: Vec<TableColumn> = vec![
            ("operator", |line| &line.name, false),
            ("details", |line| &line.details, false),
            ("estimated", |line| &line.estimated, true),
        ];
        if self.profile.is_some() {
            columns.push(("rows", |line| &line.rows, true));
            columns.push(("ms", |line| &line.time, true));
        }
        let cells: Vec<Vec<String>> = std::iter::once(
            columns
                .iter()
                .map(|(title, ..)| (*title).to_owned())
                .collect(),
        )
        .chain(
            self.lines
                .iter()
                .map(|line| columns.iter().map(|(_, cell, _)| cut(cell(line))).collect()),
        )
        .collect();
        let widths: Vec<usize> = (0..columns.len())
            .map(|place| {
                cells
                    .iter()
                    .map(|row| row[place].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let mut text = String::new();
        for row in cells {
            let mut line = String::new();
            for ((cell, width), (.., is_number)) in row.iter().zip(&widths).zip(&columns) {
                let gap = if line.is_empty() { "" } else { "  " };
                let width = *width;
                let _ = if *is_number {
                    write!(line, "{gap}{cell:>width$}")
                } else {
                    write!(line, "{gap}{cell:<width$}")
                };
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// The subqueries in an expression, those within others left out.
fn subqueries<'e>(expression: &'e Expression, found: &mut Vec<(&'static str, &'e Pipeline)>) {
    if let Expression::Subquery(pipeline, result) = expression {
        let label = match result {
            SubqueryResult::Exists => "EXISTS",
            SubqueryResult::Count => "COUNT",
            SubqueryResult::Collect(_) => "COLLECT",
        };
        found.push((label, pipeline));
    }
    visit::children(expression, &mut |child| subqueries(child, found));
}

fn cut(text: &str) -> String {
    if text.chars().count() <= DETAILS_CHARS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(DETAILS_CHARS_MAX - 1).collect();
    kept + "…"
}

fn length(min: u32, max: Option<u32>) -> String {
    match (min, max) {
        (1, None) => "*".to_owned(),
        (min, None) => format!("*{min}.."),
        (min, Some(max)) if min == max => format!("*{min}"),
        (min, Some(max)) => format!("*{min}..{max}"),
    }
}

fn stored(count: &StoredCount) -> String {
    match count {
        StoredCount::Nodes(label) => {
            let label = label
                .as_ref()
                .map_or(String::new(), |label| format!(":{}", label.name));
            format!("count of ({label})")
        }
        StoredCount::Relationships(types) => {
            let names: Vec<&str> = types.iter().map(|name| &*name.name).collect();
            let colon = if names.is_empty() { "" } else { ":" };
            format!("count of ()-[{colon}{}]->()", names.join("|"))
        }
    }
}

fn aggregate_name(aggregator: Aggregator) -> &'static str {
    let mut all = functions::aggregates().iter();
    all.find(|function| function.aggregator == aggregator)
        .map_or("count", |function| function.name)
}
