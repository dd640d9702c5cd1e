//! `retrograph query`: statements from the command line, a file or standard input.

use std::io::Read;

use retrograph_cypher::split_statements;

use crate::args::QueryArguments;
use crate::conversation::{Conversation, Origin, Ran};
use crate::failure::Failure;
use crate::output::{Format, Printer};
use crate::remote::{Place, Remote};
use crate::session::{Session, actor, open, read_csv_from};
use crate::terminal;

/// Runs the statements one after the other, up to the first that fails.
pub fn run(place: &Place, arguments: QueryArguments) -> Result<(), Failure> {
    let (script, name) = script(&arguments)?;
    let statements = split_statements(&script);
    if statements.is_empty() {
        return Err(Failure::new(format!("{name} holds no statement")));
    }
    let mut conversation: Box<dyn Conversation> = match place {
        Place::Here(data) => {
            let database = open(data)?;
            read_csv_from(&database, arguments.import_dir.as_deref())?;
            Box::new(Session::new(database, actor(arguments.actor.as_deref())))
        }
        Place::There(server) => {
            server.refuse_local(&arguments.actor, &arguments.import_dir)?;
            Box::new(Remote::open(server)?)
        }
    };
    converse(&mut *conversation, arguments, &statements, &script, &name)
}

/// The same for every place where the graph can be.
fn converse(
    session: &mut dyn Conversation,
    arguments: QueryArguments,
    statements: &[&str],
    script: &str,
    name: &str,
) -> Result<(), Failure> {
    session.use_graph(&arguments.graph)?;
    session.travel(arguments.moment.moment())?;
    session.set_timeout(arguments.timeout);
    if let Some(path) = &arguments.params {
        *session.parameters_mut() = crate::parameters::read_file(path)?;
    }
    session.parameters_mut().extend(arguments.parameters);
    let origin = Origin { script, name };
    let ran = run_all(session, statements, origin, arguments.output);
    let built = session.finish_builds();
    ran.and(built)
}

fn run_all(
    session: &dyn Conversation,
    statements: &[&str],
    origin: Origin<'_>,
    format: Format,
) -> Result<(), Failure> {
    for statement in statements {
        let ran = print(session, statement, origin, format)?;
        if terminal::is_watched() {
            terminal::remark(&ran.describe(true));
        }
    }
    Ok(())
}

fn script(arguments: &QueryArguments) -> Result<(String, String), Failure> {
    let unreadable =
        |name: &str, error: std::io::Error| Failure::new(format!("cannot read {name}: {error}"));
    match (&arguments.file, arguments.text.as_deref()) {
        (Some(path), _) => {
            let name = path.display().to_string();
            let script = std::fs::read_to_string(path).map_err(|error| unreadable(&name, error))?;
            Ok((script, name))
        }
        (None, Some("-")) => {
            let mut script = String::new();
            std::io::stdin()
                .read_to_string(&mut script)
                .map_err(|error| unreadable("standard input", error))?;
            Ok((script, "input".to_owned()))
        }
        (None, text) => Ok((text.unwrap_or_default().to_owned(), "query".to_owned())),
    }
}

/// Runs one statement and prints its result on standard output, its warnings on standard error.
pub fn print(
    session: &dyn Conversation,
    statement: &str,
    origin: Origin<'_>,
    format: Format,
) -> Result<Ran, Failure> {
    let mut out = terminal::results();
    let mut printer = Printer::new(format, &mut out, terminal::width());
    let ran = match session.run(statement, origin, &mut printer) {
        Ok(ran) => ran,
        Err(failure) => {
            // The error says more than one about the output could.
            let _ = printer.abandon();
            return Err(failure);
        }
    };
    printer.finish()?;
    for warning in &ran.notifications {
        terminal::complain(warning.trim_end());
    }
    if let Some(plan) = &ran.plan {
        print_text(&mut out, plan)?;
    }
    Ok(ran)
}

fn print_text(out: &mut dyn std::io::Write, text: &str) -> Result<(), Failure> {
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
