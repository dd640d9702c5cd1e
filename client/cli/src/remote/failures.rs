//! Failures of a server as the command tells them: like those of a data directory.

use retrograph_client::{Error, Place, ServerError};
use retrograph_cypher::{Detail, Diagnostic, Span};

use crate::conversation::Origin;
use crate::failure::{Failure, Kind, chain};

/// A failed request.
pub fn failure(error: &Error) -> Failure {
    let kind = match error {
        Error::Unreachable { .. } | Error::Untrusted { .. } | Error::Setup(_) => Kind::Data,
        Error::Server(error) if error.code == "UNAUTHENTICATED" => {
            return Failure::of(
                Kind::Data,
                format!(
                    "{}; credentials are taken from --credential, from RETROGRAPH_API_KEY, from \
                     RETROGRAPH_USER with RETROGRAPH_PASSWORD, from a certificate (--client-certificate), or \
                     for a server on this machine from its data directory (--data)",
                    error.message
                ),
            );
        }
        _ => Kind::Request,
    };
    Failure::of(kind, chain(error))
}

/// A failed statement: what is wrong is shown in its text.
pub fn in_place(error: &Error, statement: &str, origin: Origin<'_>) -> Failure {
    let Error::Server(server) = error else {
        return failure(error);
    };
    match &server.place {
        Some(place) => Failure::shown(render(server, place, statement, origin)),
        None => match server.details.get("code") {
            Some(_) => Failure::new(format!("{} ({})", server.message, server.code)),
            None => failure(error),
        },
    }
}

fn render(error: &ServerError, place: &Place, statement: &str, origin: Origin<'_>) -> String {
    // Of a statement in a script, the place is that in the script.
    let start = origin.start_of(statement);
    let (text, start) = start.map_or((statement, 0), |start| (origin.script, start));
    // What the parser finds it finds here as well, and knows more about it than the server told.
    let blanks = text[..start].bytes();
    let blanks = blanks.map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    let in_place: String = blanks.chain(statement.chars()).collect();
    if let Err(diagnostic) = retrograph_cypher::parse(&in_place) {
        return diagnostic
            .render_named(text, origin.name)
            .trim_end()
            .to_owned();
    }
    let byte_of = |character: u32| {
        let found = statement.char_indices().nth(character as usize);
        let at = start + found.map_or(statement.len(), |(at, _)| at);
        u32::try_from(at).unwrap_or(u32::MAX)
    };
    let end = place.offset.saturating_add(place.length.max(1));
    let span = Span::new(byte_of(place.offset), byte_of(end));
    let message = error.message.rsplit_once(" (line ");
    let message = message.map_or(error.message.as_str(), |(message, _)| message);
    let shown = Diagnostic::error(Detail::UnexpectedSyntax, span, message);
    let shown = shown.render_named(text, origin.name);
    let (ours, theirs) = (Detail::UnexpectedSyntax.code(), error.code.as_str());
    shown.replacen(ours, theirs, 1).trim_end().to_owned()
}
