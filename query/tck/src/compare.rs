//! The strict comparator for result tables.
//!
//! Columns must be equal including their order. Rows are compared as a multiset or as a sequence,
//! by canonical text, so that no conversion between types can creep in.

use crate::subject::ResultTable;
use crate::value::{ListOrder, Value};
use std::collections::BTreeMap;
use std::fmt;

/// Whether the order of rows counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// Rows form a sequence.
    Significant,
    /// Rows form a multiset.
    Ignored,
}

/// The table a scenario demands, and how strictly.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedTable {
    /// Columns and rows.
    pub table: ResultTable,
    /// Order of rows.
    pub rows: RowOrder,
    /// Order within lists.
    pub lists: ListOrder,
}

/// How a result differs from what is demanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Column names or their order differ.
    Columns,
    /// A row is not as wide as the columns.
    Ragged,
    /// Rows differ: those demanded and not there, and those there and not demanded.
    Rows {
        /// Demanded rows that are missing.
        missing: Vec<String>,
        /// Rows that are not demanded.
        unexpected: Vec<String>,
    },
    /// The same rows in another order; the number of the first row that differs, from 1.
    Order(usize),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mismatch::Columns => f.write_str("wrong columns"),
            Mismatch::Ragged => f.write_str("a row is not as wide as the columns"),
            Mismatch::Rows {
                missing,
                unexpected,
            } => write!(
                f,
                "wrong rows: {} missing, {} unexpected",
                missing.len(),
                unexpected.len()
            ),
            Mismatch::Order(row) => write!(f, "wrong order from row {row} on"),
        }
    }
}

/// Compares a result with what a scenario demands.
///
/// # Errors
/// The first kind of difference: columns before rows, content before order.
pub fn compare(expected: &ExpectedTable, got: &ResultTable) -> Result<(), Mismatch> {
    if expected.table.columns != got.columns {
        return Err(Mismatch::Columns);
    }
    if got.rows.iter().any(|row| row.len() != got.columns.len()) {
        return Err(Mismatch::Ragged);
    }
    let wanted = row_texts(&expected.table.rows, expected.lists);
    let found = row_texts(&got.rows, expected.lists);
    let missing = minus(&wanted, &found);
    let unexpected = minus(&found, &wanted);
    if !missing.is_empty() || !unexpected.is_empty() {
        return Err(Mismatch::Rows {
            missing,
            unexpected,
        });
    }
    if expected.rows == RowOrder::Significant
        && let Some(at) = wanted.iter().zip(&found).position(|(a, b)| a != b)
    {
        return Err(Mismatch::Order(at + 1));
    }
    Ok(())
}

/// Draws a table as a feature file would.
pub fn draw(table: &ResultTable) -> String {
    if table.columns.is_empty() && table.rows.is_empty() {
        return "(no columns, no rows)".to_owned();
    }
    let mut lines = vec![format!("| {} |", table.columns.join(" | "))];
    lines.extend(row_texts(&table.rows, ListOrder::Significant));
    lines.join("\n")
}

fn row_texts(rows: &[Vec<Value>], order: ListOrder) -> Vec<String> {
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row.iter().map(|cell| cell.canonical(order)).collect();
            format!("| {} |", cells.join(" | "))
        })
        .collect()
}

/// The multiset difference `a - b`, in the order of `a`.
fn minus(a: &[String], b: &[String]) -> Vec<String> {
    let mut available: BTreeMap<&str, usize> = BTreeMap::new();
    for text in b {
        *available.entry(text).or_default() += 1;
    }
    a.iter()
        .filter(|text| match available.get_mut(text.as_str()) {
            Some(count) if *count > 0 => {
                *count -= 1;
                false
            }
            _ => true,
        })
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(columns: &[&str], rows: &[&[&str]]) -> ResultTable {
        ResultTable {
            columns: columns.iter().map(|c| (*c).to_owned()).collect(),
            rows: rows
                .iter()
                .map(|row| {
                    row.iter()
                        .map(|v| Value::parse(v).expect("valid"))
                        .collect()
                })
                .collect(),
        }
    }

    fn check(
        wanted: ResultTable,
        found: ResultTable,
        rows: RowOrder,
        lists: ListOrder,
    ) -> Result<(), Mismatch> {
        compare(
            &ExpectedTable {
                table: wanted,
                rows,
                lists,
            },
            &found,
        )
    }

    fn any(wanted: ResultTable, found: ResultTable) -> Result<(), Mismatch> {
        check(wanted, found, RowOrder::Ignored, ListOrder::Significant)
    }

    #[test]
    fn column_names_and_order_count() {
        let wanted = table(&["a", "b"], &[&["1", "2"]]);
        assert_eq!(any(wanted.clone(), wanted.clone()), Ok(()));
        let swapped = table(&["b", "a"], &[&["2", "1"]]);
        assert_eq!(any(wanted.clone(), swapped), Err(Mismatch::Columns));
        let renamed = table(&["a", "B"], &[&["1", "2"]]);
        assert_eq!(any(wanted, renamed), Err(Mismatch::Columns));
        assert_eq!(
            any(table(&["a"], &[]), table(&[], &[])),
            Err(Mismatch::Columns)
        );
    }

    #[test]
    fn rows_are_a_multiset() {
        let wanted = table(&["a"], &[&["1"], &["1"], &["2"]]);
        assert_eq!(
            any(wanted.clone(), table(&["a"], &[&["2"], &["1"], &["1"]])),
            Ok(())
        );
        let found = table(&["a"], &[&["2"], &["2"], &["1"]]);
        let expected = Mismatch::Rows {
            missing: vec!["| 1 |".to_owned()],
            unexpected: vec!["| 2 |".to_owned()],
        };
        assert_eq!(any(wanted.clone(), found), Err(expected));
        assert!(any(wanted, table(&["a"], &[&["1"], &["2"]])).is_err());
    }

    #[test]
    fn order_counts_when_asked() {
        let wanted = table(&["a"], &[&["1"], &["2"], &["3"]]);
        let found = table(&["a"], &[&["1"], &["3"], &["2"]]);
        let strict = check(wanted, found, RowOrder::Significant, ListOrder::Significant);
        assert_eq!(strict, Err(Mismatch::Order(2)));
    }

    #[test]
    fn types_are_never_widened() {
        let pairs = [
            ("1", "1.0"),
            ("1", "'1'"),
            ("null", "'null'"),
            ("[1]", "[1.0]"),
        ];
        for (wanted, found) in pairs {
            let result = any(table(&["a"], &[&[wanted]]), table(&["a"], &[&[found]]));
            assert!(
                matches!(result, Err(Mismatch::Rows { .. })),
                "{wanted} against {found}"
            );
        }
        assert_eq!(
            any(table(&["a"], &[&["NaN"]]), table(&["a"], &[&["NaN"]])),
            Ok(())
        );
    }

    #[test]
    fn graph_elements_compare_by_content() {
        let same = any(
            table(&["n"], &[&["(:A:B {x: 1})"]]),
            table(&["n"], &[&["(:B:A {x: 1})"]]),
        );
        assert_eq!(same, Ok(()));
        for (wanted, found) in [
            ("(:A)", "(:A:B)"),
            ("(:A {x: 1})", "(:A {x: 1.0})"),
            ("[:T]", "[:U]"),
            ("<(:A)-[:T]->(:B)>", "<(:A)<-[:T]-(:B)>"),
            ("<(:A)-[:T]->(:B)>", "<(:B)<-[:T]-(:A)>"),
        ] {
            let result = any(table(&["a"], &[&[wanted]]), table(&["a"], &[&[found]]));
            assert!(result.is_err(), "{wanted} against {found}");
        }
    }

    #[test]
    fn list_order_is_ignored_only_when_asked() {
        let wanted = || table(&["l"], &[&["[1, [2, 3]]"]]);
        let found = || table(&["l"], &[&["[[3, 2], 1]"]]);
        assert!(any(wanted(), found()).is_err());
        assert_eq!(
            check(wanted(), found(), RowOrder::Ignored, ListOrder::Ignored),
            Ok(())
        );
        let counts = table(&["l"], &[&["[1, [2, 2]]"]]);
        assert!(check(wanted(), counts, RowOrder::Ignored, ListOrder::Ignored).is_err());
    }

    #[test]
    fn ragged_rows_are_refused() {
        let mut found = table(&["a"], &[&["1"]]);
        found.rows[0].push(Value::Null);
        assert_eq!(any(table(&["a"], &[&["1"]]), found), Err(Mismatch::Ragged));
    }
}
