//! Any tree the parser could make prints to a text that parses to it.
//!
//! `make fuzz TARGETS=round_trip` runs it alone.

#![no_main]

#[path = "../../tests/generate/mod.rs"]
mod generate;

use generate::Generator;
use libfuzzer_sys::fuzz_target;
use retrograph_cypher::{Detail, parse};

fuzz_target!(|choices: &[u8]| {
    let tree = Generator::new(choices).statement();
    let text = tree.to_string();
    match parse(&text) {
        Ok(again) => assert_eq!(again, tree, "{text}"),
        Err(error) => {
            assert_eq!(
                error.detail,
                Detail::NestingTooDeep,
                "{}",
                error.render(&text)
            );
        }
    }
});
