//! The page of the documentation is what the declarations say.
//!
//! `UPDATE_GOLDEN=1 cargo test -p retrograph-config --test page` writes it anew.

#![allow(clippy::panic)]

use std::path::Path;

#[test]
fn the_page_is_what_is_declared() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let page = retrograph_config::page();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, page).expect("the page can be written");
        return;
    }
    let written = std::fs::read_to_string(&path).expect("the page can be read");
    assert!(
        written == page,
        "docs/reference/configuration.md is out of date; run UPDATE_GOLDEN=1 cargo test -p \
         retrograph-config --test page"
    );
}
