//! Any text gives a tree that prints and parses to itself, or an error that renders.
//!
//! `make fuzz TARGETS=parse` runs it alone.

#![no_main]

use libfuzzer_sys::fuzz_target;
use retrograph_cypher::{Detail, parse, split_statements};

fuzz_target!(|text: &str| {
    for statement in split_statements(text) {
        assert!(!statement.is_empty());
    }
    match parse(text) {
        Ok(tree) => {
            let printed = tree.to_string();
            match parse(&printed) {
                Ok(again) => assert_eq!(again, tree, "{printed}"),
                // The printer may add parentheses, which count as nesting.
                Err(error) => {
                    assert_eq!(
                        error.detail,
                        Detail::NestingTooDeep,
                        "{}",
                        error.render(&printed)
                    );
                }
            }
        }
        Err(error) => {
            error.render(text);
        }
    }
});
