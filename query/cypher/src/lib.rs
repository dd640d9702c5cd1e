//! The query language of Retrograph: lexer, parser, syntax tree, printer and diagnostics.
//!
//! The language is openCypher 9 with implementation extensions for time (`AS OF`,
//! `FOR SYSTEM_TIME`, `FOR VALID_TIME`), subqueries and schema commands;
//! `docs/reference/language-grammar.md` lists what is read. This crate knows neither storage nor
//! the meaning of names: it turns text into an [`ast::Statement`], and errors, its own and those of
//! the binder, into text that points at the query.
//!
//! ```
//! use retrograph_cypher::parse;
//!
//! let statement = parse("match (p:Person {name: $name})-->(q) return q.name as name")?;
//! assert_eq!(
//!     statement.to_string(),
//!     "MATCH (p:Person {name: $name})-->(q) RETURN q.name AS name"
//! );
//! # Ok::<(), retrograph_cypher::Diagnostic>(())
//! ```

pub mod ast;
mod conceal;
mod diagnostic;
mod keyword;
mod lexer;
mod parser;
mod printer;
mod redact;
mod span;
mod suggest;

pub use conceal::Concealed;
pub use diagnostic::{Detail, Diagnostic, ErrorKind, Label, Phase, Position, Report, Severity};
pub use lexer::split_statements;
pub use parser::{HEIGHT_MAX, NESTING_MAX, parse};
pub use redact::redact;
pub use span::Span;
pub use suggest::closest;
