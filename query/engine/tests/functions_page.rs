//! The page `docs/reference/functions.md` lists exactly what the registry holds.
//!
//! `UPDATE_GOLDEN=1 cargo test -p retrograph-engine --test functions_page` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use retrograph_engine::functions::{self, Procedures};

const INTRODUCTION: &str = "\
# Functions

Made from the registry in `query/engine/src/functions/`; a test keeps it so.

Names are found in any case. A function returns null as soon as an argument is null, except where the
table says that it sees null. An argument that surely has none of the listed types is an error before
the query runs; a value that turns out to have none of them is a `TypeError` while it runs. Parameters
in brackets may be left out.

`coalesce`, `exists`, `reduce`, `all`, `any`, `none`, `single` and `shortestPath` are forms of the
language rather than functions: they do not evaluate all their arguments.

";

fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("## Scalar functions\n\n| signature | what it does |\n| --- | --- |\n");
    for function in functions::all() {
        let mut notes = String::new();
        if !function.null_propagates {
            notes.push_str(" Sees null.");
        }
        if !function.is_deterministic {
            notes.push_str(" New at each call.");
        }
        row(
            &mut page,
            &function.signature(),
            &format!("{}{notes}", function.description),
        );
    }
    page.push_str(
        "\n## Aggregates\n\nNulls are skipped; `DISTINCT` before the argument counts equivalent values \
         once. `count(*)` counts rows.\nSums of floats are exact and rounded once, so no result but that \
         of `collect` depends on the order of rows.\n\n| signature | what it does |\n| --- | --- |\n",
    );
    for aggregate in functions::aggregates() {
        row(&mut page, &aggregate.signature(), aggregate.description);
    }
    page.push_str("\n## Procedures\n\n| signature | what it does |\n| --- | --- |\n");
    for procedure in Procedures::default().all() {
        row(&mut page, &procedure.signature(), &procedure.description);
    }
    page
}

fn row(page: &mut String, signature: &str, description: &str) {
    let signature = signature.replace('|', "\\|");
    writeln!(page, "| `{signature}` | {description} |").expect("a string takes anything");
}

#[test]
fn the_page_matches_the_registry() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/functions.md");
    let page = page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &page).expect("the page can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the page can be read");
    assert!(
        written == page,
        "docs/reference/functions.md is out of date; run UPDATE_GOLDEN=1 cargo test -p \
         retrograph-engine --test functions_page"
    );
}
