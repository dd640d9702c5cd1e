//! `retrograph query`: statements from the command line, a file or standard input.

use std::io::Read;
use std::path::Path;

use retrograph_cypher::split_statements;
use retrograph_engine::Summary;

use crate::args::QueryArguments;
use crate::failure::Failure;
use crate::output::{Format, Printer};
use crate::session::{Origin, Session, actor, open, read_csv_from};
use crate::terminal;

/// Runs the statements one after the other, up to the first that fails.
pub fn run(data: &Path, arguments: QueryArguments) -> Result<(), Failure> {
    let (script, name) = script(&arguments)?;
    let statements = split_statements(&script);
    if statements.is_empty() {
        return Err(Failure::new(format!("{name} holds no statement")));
    }
    let database = open(data)?;
    read_csv_from(&database, arguments.import_dir.as_deref())?;
    let mut session = Session::new(database, actor(arguments.actor.as_deref()));
    session.use_graph(&arguments.graph)?;
    session.travel(arguments.moment.moment())?;
    session.timeout = arguments.timeout;
    if let Some(path) = &arguments.params {
        session.parameters = crate::parameters::read_file(path)?;
    }
    session.parameters.extend(arguments.parameters);
    let origin = Origin {
        script: &script,
        name: &name,
    };
    let ran = run_all(&session, &statements, origin, arguments.output);
    let built = session.finish_builds();
    ran.and(built)
}

fn run_all(
    session: &Session,
    statements: &[&str],
    origin: Origin<'_>,
    format: Format,
) -> Result<(), Failure> {
    for statement in statements {
        let summary = print(session, statement, origin, format)?;
        if terminal::is_watched() {
            terminal::remark(&describe(&summary, true));
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
    session: &Session,
    statement: &str,
    origin: Origin<'_>,
    format: Format,
) -> Result<Summary, Failure> {
    let mut out = terminal::results();
    let mut printer = Printer::new(format, &mut out, terminal::width());
    let summary = match session.run(statement, origin, &mut printer) {
        Ok(summary) => summary,
        Err(failure) => {
            // The error says more than one about the output could.
            let _ = printer.abandon();
            return Err(failure);
        }
    };
    printer.finish()?;
    for warning in &summary.notifications {
        terminal::complain(warning.trim_end());
    }
    if let Some(plan) = &summary.plan {
        print_text(&mut out, plan)?;
    }
    Ok(summary)
}

fn print_text(out: &mut dyn std::io::Write, text: &str) -> Result<(), Failure> {
    match writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// What is worth saying about a run: rows, changes, version and time.
pub fn describe(summary: &Summary, with_time: bool) -> String {
    let mut parts = Vec::new();
    if !summary.columns.is_empty() && summary.plan.is_none() {
        parts.push(terminal::count(summary.rows, "row"));
    }
    for (name, count) in summary.counters.named() {
        parts.push(format!(
            "{} {}",
            name.replace('-', " "),
            terminal::number(count)
        ));
    }
    if summary.counters.contains_updates() {
        match summary.version {
            Some(version) => parts.push(format!("version {version}")),
            None => parts.push("not committed yet".to_owned()),
        }
    }
    if with_time {
        parts.push(terminal::duration(summary.compile_time + summary.run_time));
    }
    parts.join(", ")
}
