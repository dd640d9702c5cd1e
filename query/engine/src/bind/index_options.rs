//! The options of indexes: `OPTIONS {indexProvider: '…', indexConfig: {…}}`.

use retrograph_cypher::ast::{Expression, ExpressionKind, Literal, MapEntry};
use retrograph_cypher::{Detail, Diagnostic, closest};
use retrograph_graph::Fulltext;
use retrograph_text::Analyzer;

use super::Bound;

/// Reads the options of an index that is kept by `provider`, and returns the entries of its
/// `indexConfig`. `of` says in messages what has them.
pub(super) fn index_config<'o>(
    options: Option<&'o Expression>,
    provider: &str,
    of: &str,
) -> Bound<&'o [MapEntry]> {
    let Some(options) = options else {
        return Ok(&[]);
    };
    let ExpressionKind::Map(entries) = &options.kind else {
        return Err(Diagnostic::error(
            Detail::InvalidArgumentType,
            options.span,
            "options are given by a map",
        ));
    };
    let mut config: &[MapEntry] = &[];
    for MapEntry { key, value } in entries {
        match (&*key.name, &value.kind) {
            ("indexProvider", ExpressionKind::Literal(Literal::String(name)))
                if **name == *provider => {}
            ("indexConfig", ExpressionKind::Map(entries)) => config = entries,
            _ => {
                return Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    value.span,
                    format!("option `{key}` cannot have this value here"),
                )
                .help(format!(
                    "{of} takes {{indexProvider: '{provider}', indexConfig: {{…}}}}"
                )));
            }
        }
    }
    Ok(config)
}

/// The settings of a full-text index.
pub(super) fn fulltext(options: Option<&Expression>) -> Bound<Fulltext> {
    let (mut analyzer, mut eventually_consistent) = (None, false);
    for MapEntry { key, value } in index_config(options, "fulltext-1.0", "a full-text index")? {
        match (&*key.name, &value.kind) {
            ("fulltext.analyzer", ExpressionKind::Literal(Literal::String(name))) => {
                let Some(found) = Analyzer::named(name) else {
                    let names = Analyzer::all().iter().map(Analyzer::name);
                    let help = match closest(name, names) {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => {
                            "CALL db.index.fulltext.listAvailableAnalyzers() lists them".to_owned()
                        }
                    };
                    return Err(Diagnostic::error(
                        Detail::UnexpectedSyntax,
                        value.span,
                        format!("there is no analyzer '{name}'"),
                    )
                    .help(help));
                };
                analyzer = Some(found);
            }
            ("fulltext.eventually_consistent", ExpressionKind::Literal(Literal::Boolean(is))) => {
                eventually_consistent = *is;
            }
            ("fulltext.analyzer" | "fulltext.eventually_consistent", _) => {
                let wanted = match &*key.name {
                    "fulltext.analyzer" => "the name of an analyzer, a string",
                    _ => "true or false",
                };
                return Err(Diagnostic::error(
                    Detail::InvalidArgumentType,
                    value.span,
                    format!("setting `{key}` is {wanted}"),
                ));
            }
            _ => {
                return Err(Diagnostic::error(
                    Detail::UnexpectedSyntax,
                    key.span,
                    format!("full-text indexes have no setting `{key}`"),
                )
                .help("they have `fulltext.analyzer` and `fulltext.eventually_consistent`"));
            }
        }
    }
    Ok(Fulltext::new(analyzer, eventually_consistent))
}
