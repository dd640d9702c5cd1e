//! Where statements end.

use retrograph_cypher::split_statements;

/// Whether a text ends with a complete statement, or holds none at all: nothing is missing that
/// another line could bring.
pub fn is_complete(text: &str) -> bool {
    // A word on a line of its own is a statement of its own exactly if the text before it is
    // complete: it falls into an open string or comment, and continues an open statement.
    let continued = format!("{text}\nx");
    split_statements(&continued).len() > split_statements(text).len()
}

#[cfg(test)]
mod tests {
    use super::is_complete;

    #[test]
    fn a_statement_ends_with_its_semicolon() {
        for complete in [
            "",
            "  \n",
            "RETURN 1;",
            "RETURN 1; // done",
            "RETURN ';' ;\n",
            "// x",
            "a; b;",
        ] {
            assert!(is_complete(complete), "{complete:?}");
        }
        for open in [
            "RETURN 1",
            "RETURN ';",
            "RETURN `a;",
            "RETURN 1 // ;",
            "RETURN 1 /* ;",
            "a; b",
            "/* nothing yet",
        ] {
            assert!(!is_complete(open), "{open:?}");
        }
    }
}
