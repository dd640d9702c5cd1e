//! The query language of Retrograph: lexer, parser, syntax tree, printer and diagnostics.
//!
//! The language is openCypher 9 with an implementation extension for time (`AS OF`,
//! `FOR SYSTEM_TIME`, `FOR VALID_TIME`) and schema commands; `docs/reference/language-grammar.md`
//! lists what is read. This crate knows neither storage nor the meaning of names: it turns text
//! into an [`ast::Statement`] and errors into [x]s.

pub mod ast;
pub mod parser;
mod span;

pub use span::Span;
