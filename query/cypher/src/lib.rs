//! Lexer, parser, syntax tree and diagnostics of the query language.
