//! The commands of the shell: lines that begin with `:`.

use clap::ValueEnum;
use retrograph_cypher::closest;
use retrograph_graph::ids::Version;

use crate::moment::{Moment, parse_instant};
use crate::output::Format;

/// The names of all commands, with the colon.
pub const NAMES: &[&str] = &[
    ":asof",
    ":begin",
    ":commit",
    ":exit",
    ":explain",
    ":graphs",
    ":help",
    ":output",
    ":param",
    ":params",
    ":quit",
    ":rollback",
    ":timing",
    ":use",
];

/// What `:help` prints.
pub const HELP: &str = "\
Statements end with `;` and may span lines. Tab completes keywords, labels, types, properties and
functions; the arrow keys bring back earlier lines; Ctrl-C stops a query, Ctrl-D ends the shell.

:asof INSTANT            read the graph as it was, for example :asof 2026-01-10T12:00:00Z
:asof version N          read the graph as a commit left it
:asof now                read the present again
:use GRAPH               use another graph
:graphs                  list the graphs
:param NAME => VALUE     set a parameter to an expression, for example :param id => 'A-1177'
:params [clear]          list or forget the parameters
:begin :commit :rollback run several statements as one transaction
:explain STATEMENT       show how a statement would be run
:output table|json|csv   how results are printed
:timing on|off           say how long each statement took
:help :quit              show this, end the shell
";

/// A command.
#[derive(Debug, PartialEq)]
pub enum Command {
    Help,
    Quit,
    Travel(Moment),
    Use(String),
    Graphs,
    Timing(bool),
    Output(Format),
    Parameters,
    Parameter { name: String, expression: String },
    Forget,
    Explain(String),
    Transaction(TransactionStep),
}

/// What is done with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionStep {
    Begin,
    Commit,
    Rollback,
}

/// Reads a command. A semicolon at its end is ignored.
pub fn parse(line: &str) -> Result<Command, String> {
    let line = line.trim().trim_end_matches(';').trim_end();
    let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    let wants_nothing = |command: Command| {
        if rest.is_empty() {
            Ok(command)
        } else {
            Err(format!("`{name}` takes no argument"))
        }
    };
    match name {
        ":help" => Ok(Command::Help),
        ":quit" | ":exit" => wants_nothing(Command::Quit),
        ":graphs" => wants_nothing(Command::Graphs),
        ":begin" => wants_nothing(Command::Transaction(TransactionStep::Begin)),
        ":commit" => wants_nothing(Command::Transaction(TransactionStep::Commit)),
        ":rollback" => wants_nothing(Command::Transaction(TransactionStep::Rollback)),
        ":asof" => moment(rest).map(Command::Travel),
        ":use" if rest.is_empty() => Err("name a graph: `:use harbor`".to_owned()),
        ":use" => Ok(Command::Use(rest.to_owned())),
        ":timing" => match rest {
            "on" => Ok(Command::Timing(true)),
            "off" => Ok(Command::Timing(false)),
            _ => Err("say `:timing on` or `:timing off`".to_owned()),
        },
        ":output" => Format::from_str(rest, true)
            .map(Command::Output)
            .map_err(|_| "say `:output table`, `:output json` or `:output csv`".to_owned()),
        ":params" => match rest {
            "" => Ok(Command::Parameters),
            "clear" => Ok(Command::Forget),
            _ => Err("say `:params`, `:params clear` or `:param name => value`".to_owned()),
        },
        ":param" => parameter(rest),
        ":explain" if rest.is_empty() => Err("give a statement: `:explain MATCH …`".to_owned()),
        ":explain" => Ok(Command::Explain(rest.to_owned())),
        _ => Err(match closest(name, NAMES.iter().copied()) {
            Some(known) => format!("there is no command `{name}`; did you mean `{known}`?"),
            None => format!("there is no command `{name}`; `:help` lists them"),
        }),
    }
}

fn moment(text: &str) -> Result<Moment, String> {
    if text.eq_ignore_ascii_case("now") {
        return Ok(Moment::Now);
    }
    let mut words = text.split_whitespace();
    if words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("version"))
    {
        let number = words.next().filter(|_| words.next().is_none());
        return match number.and_then(|number| number.parse().ok()) {
            Some(number) => Ok(Moment::Version(Version(number))),
            None => Err("say which: `:asof version 4711`".to_owned()),
        };
    }
    if text.is_empty() {
        return Err("say `:asof 2026-01-10T12:00:00Z`, `:asof version 4711` or `:asof now`".into());
    }
    parse_instant(text).map(Moment::Instant)
}

fn parameter(text: &str) -> Result<Command, String> {
    let (name, expression) = text
        .split_once("=>")
        .map(|(name, expression)| (name.trim().trim_start_matches('$'), expression.trim()))
        .filter(|(name, expression)| !name.is_empty() && !expression.is_empty())
        .ok_or("say `:param name => expression`, for example `:param id => 'A-1177'`")?;
    Ok(Command::Parameter {
        name: name.to_owned(),
        expression: expression.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use retrograph_graph::ids::SystemTime;

    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(parse(" :quit;\n"), Ok(Command::Quit));
        assert_eq!(parse(":asof now"), Ok(Command::Travel(Moment::Now)));
        let noon = Moment::Instant(SystemTime(1_768_046_400_000_000));
        assert_eq!(parse(":asof 2026-01-10 12:00"), Ok(Command::Travel(noon)));
        let version = Moment::Version(Version(12));
        assert_eq!(parse(":asof version 12"), Ok(Command::Travel(version)));
        assert_eq!(parse(":output JSON"), Ok(Command::Output(Format::Json)));
        assert_eq!(
            parse(":param $x => 1 + 1"),
            Ok(Command::Parameter {
                name: "x".into(),
                expression: "1 + 1".into()
            })
        );
        assert_eq!(
            parse(":explain RETURN 1;"),
            Ok(Command::Explain("RETURN 1".into()))
        );
    }

    #[test]
    fn mistakes_say_what_is_right() {
        for (line, hint) in [
            (":hepl", ":help"),
            (":xyzzy", ":help"),
            (":asof", ":asof now"),
            (":asof version", "4711"),
            (":asof soon", "2026-01-10T12:00:00Z"),
            (":param x", "=>"),
            (":timing", "on"),
            (":output xml", "csv"),
            (":commit now", "no argument"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(hint), "{line}: {error}");
        }
    }

    #[test]
    fn help_names_every_command() {
        for name in NAMES.iter().filter(|name| **name != ":exit") {
            assert!(HELP.contains(name), "{name}");
        }
    }
}
