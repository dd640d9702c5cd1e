//! The guided tour: questions to the case, now and in the past, with real answers.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use retrograph_engine::{Control, QueryError, RowSink, Summary, Views};
use retrograph_graph::Graph;
use retrograph_graph::ids::SystemTime;
use retrograph_graph::value::Value;
use retrograph_server::Database;

use super::case::NAME;
use super::load::Loaded;
use crate::conversation::{Conversation, Origin};
use crate::failure::Failure;
use crate::moment::format_instant;
use crate::output::{Format, Printer};
use crate::session::{Session, actor};
use crate::terminal;

/// A question of the tour.
struct Question {
    title: &'static str,
    why: &'static str,
    query: &'static str,
    /// The column that tells when something was recorded: the tour then shows by whom.
    recorded: Option<usize>,
}

const QUESTIONS: &[Question] = &[
    Question {
        title: "Who is two payments away from account A-1177 today?",
        why: "The money of Blue Heron Trading leaves through A-1177.",
        query: "MATCH (a:Account {id: 'A-1177'})-[:PAID*1..2]->(b)\n\
                RETURN DISTINCT b.id AS account ORDER BY account",
        recorded: None,
    },
    Question {
        title: "… and who was, as known on 10 January?",
        why: "The same question to the graph as it was recorded then. Nothing was restored: every \
              past state stays queryable, through the same indexes.",
        query: "AS OF datetime('2026-01-10T12:00:00Z')\n\
                MATCH (a:Account {id: 'A-1177'})-[:PAID*1..2]->(b)\n\
                RETURN DISTINCT b.id AS account ORDER BY account",
        recorded: None,
    },
    Question {
        title: "What changed in between?",
        why: "Two moments in one query: each subquery reads its own.",
        query: "CALL {\n  \
                  AS OF datetime('2026-01-10T12:00:00Z')\n  \
                  MATCH (:Account {id: 'A-1177'})-[:PAID*1..2]->(b)\n  \
                  RETURN collect(DISTINCT b.id) AS before\n\
                }\n\
                CALL {\n  \
                  MATCH (:Account {id: 'A-1177'})-[:PAID*1..2]->(b)\n  \
                  RETURN collect(DISTINCT b.id) AS now\n\
                }\n\
                UNWIND before + now AS account\n\
                WITH DISTINCT account, account IN before AS known, account IN now AS knows\n\
                WHERE known <> knows\n\
                RETURN account, CASE WHEN knows THEN 'appeared' ELSE 'gone' END AS change\n\
                ORDER BY change, account",
        recorded: None,
    },
    Question {
        title: "And who changed it?",
        why: "system_from() says when the database learned of a fact; the commit that recorded it \
              says who, from which source, doing what.",
        query: "MATCH (:Account {id: 'A-1177'})-[first:PAID]->(m:Account)-[p:PAID]->(b:Account)\n\
                UNWIND [first, p] AS paid\n\
                WITH DISTINCT paid WHERE system_from(paid) > datetime('2026-01-10T12:00:00Z')\n\
                RETURN startNode(paid).id AS from, endNode(paid).id AS to, paid.amount AS amount,\n       \
                       paid.at AS made, system_from(paid) AS recorded\n\
                ORDER BY recorded, amount",
        recorded: Some(4),
    },
    Question {
        title: "A correction, as known on 10 January: who got payment HB-1202-7?",
        why: "The bank had posted 48,000 to the account of a bakery.",
        query: "AS OF datetime('2026-01-10T12:00:00Z')\n\
                MATCH (:Account {id: 'A-1177'})-[p:PAID {reference: 'HB-1202-7'}]->(a)<-[:OWNS]-(owner)\n\
                RETURN a.id AS account, owner.name AS owner, p.amount AS amount,\n       \
                       system_from(p) AS recorded, system_to(p) AS withdrawn",
        recorded: Some(3),
    },
    Question {
        title: "… and who got it really?",
        why: "The bank withdrew the posting and made it anew. Both facts are kept, with their times \
              and sources.",
        query: "MATCH (:Account {id: 'A-1177'})-[p:PAID {reference: 'HB-1202-7'}]->(a)<-[:OWNS]-(owner)\n\
                RETURN a.id AS account, owner.name AS owner, p.amount AS amount,\n       \
                       system_from(p) AS recorded",
        recorded: Some(3),
    },
    Question {
        title: "Who is behind A-1177? What was known on 1 December …",
        why: "Only the nominee that the company register names.",
        query: "AS OF datetime('2025-12-01T00:00:00Z')\n\
                MATCH path = (p:Person)-[:OWNS*1..3]->(:Account {id: 'A-1177'})\n\
                RETURN p.name AS person, [n IN nodes(path)[1..-1] | n.name] AS through\n\
                ORDER BY person",
        recorded: None,
    },
    Question {
        title: "… and what is known now?",
        why: "An ownership that began in 2024 and was discovered in a court filing in December.",
        query: "MATCH path = (p:Person)-[:OWNS*1..3]->(:Account {id: 'A-1177'})\n\
                RETURN p.name AS person, [n IN nodes(path)[1..-1] | n.name] AS through,\n       \
                       p.aliases AS aliases, system_from(relationships(path)[0]) AS recorded\n\
                ORDER BY person",
        recorded: Some(3),
    },
    Question {
        title: "Which money comes home?",
        why: "Paths that lead back to where they began; no payment is used twice.",
        query: "MATCH path = (a:Account {id: 'A-1177'})-[:PAID*2..4]->(a)\n\
                RETURN [n IN nodes(path) | n.id] AS accounts,\n       \
                       [p IN relationships(path) | p.amount] AS amounts",
        recorded: None,
    },
    Question {
        title: "How many payments were known on the first of each month?",
        why: "Counts at three moments, from the same indexes as today's.",
        query: "CALL { AS OF datetime('2025-11-01T00:00:00Z')\n       \
                       MATCH ()-[p:PAID]->() RETURN count(p) AS november }\n\
                CALL { AS OF datetime('2025-12-01T00:00:00Z')\n       \
                       MATCH ()-[p:PAID]->() RETURN count(p) AS december }\n\
                CALL { AS OF datetime('2026-01-01T00:00:00Z')\n       \
                       MATCH ()-[p:PAID]->() RETURN count(p) AS january }\n\
                CALL { MATCH ()-[p:PAID]->() RETURN count(p) AS now }\n\
                RETURN november, december, january, now",
        recorded: None,
    },
    Question {
        title: "How much was paid in each month, as known today?",
        why: "An aggregate over everything, grouped by when payments were made.",
        query: "MATCH (:Account)-[p:PAID]->(:Account)\n\
                RETURN p.at.year AS year, p.at.month AS month, count(*) AS payments,\n       \
                       sum(p.amount) AS total, max(p.amount) AS largest\n\
                ORDER BY year, month",
        recorded: None,
    },
];

/// Asks the questions and prints the answers.
pub fn take(database: Arc<Database>, data: &Path, loaded: &Loaded) -> Result<(), Failure> {
    let mut session = Session::new(database, actor(None));
    session.use_graph(NAME)?;
    let mut text = Vec::new();
    introduce(&session, loaded, &mut text)?;
    show(&text)?;
    for (number, question) in (1..).zip(QUESTIONS) {
        text.clear();
        ask(&session, &loaded.graph, number, question, &mut text)?;
        show(&text)?;
    }
    let data = data.display();
    show(
        format!(
            "The data stays in {data}.\n\n\
             Try:   retrograph shell --data {data}\n\
             \x20      retrograph query harbor --data {data} --as-of 2026-01-10 \
             'MATCH (p:Person) RETURN count(p)'\n\
             \x20      retrograph info harbor --data {data}\n"
        )
        .as_bytes(),
    )
}

fn show(text: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

fn introduce(session: &Session, loaded: &Loaded, out: &mut Vec<u8>) -> Result<(), Failure> {
    let read = loaded.graph.read_at(loaded.version)?;
    let catalog = read.catalog();
    let mut parts = Vec::new();
    for (label, noun) in [("Person", "people"), ("Organisation", "organisations")] {
        let count = catalog
            .label(label)
            .map_or(Ok(0), |label| read.count_nodes(Some(label)))?;
        parts.push(format!("{} {noun}", terminal::number(count)));
    }
    for (label, noun) in [("Account", "account"), ("Document", "document")] {
        let count = catalog
            .label(label)
            .map_or(Ok(0), |label| read.count_nodes(Some(label)))?;
        parts.push(terminal::count(count, noun));
    }
    for (name, noun) in [("PAID", "payment"), ("SEEN_AT", "sighting")] {
        let type_id = catalog.relationship_type(name);
        let count = type_id.map_or(Ok(0), |id| read.count_relationships(Some(id)))?;
        parts.push(terminal::count(count, noun));
    }
    parts.push(format!("{} days", super::calendar::DAYS));
    parts.push(terminal::count(loaded.version.0, "commit"));
    let took = match loaded.took {
        Some(took) => format!("loaded in {}", terminal::duration(took)),
        None => "found in the data directory".to_owned(),
    };
    let name = session.graph_name().unwrap_or(NAME);
    writeln!(out, "Case \"{name}\": {} ({took})\n", parts.join(", "))?;
    Ok(())
}

fn ask(
    session: &Session,
    graph: &Arc<Graph>,
    number: usize,
    question: &Question,
    out: &mut Vec<u8>,
) -> Result<(), Failure> {
    let Answer {
        table,
        summary,
        recorded,
    } = answer(session, question)?;
    let time = terminal::duration(summary.compile_time + summary.run_time);
    writeln!(
        out,
        "{number:>2} ▸ {}  ({time}, {})",
        question.title,
        rows(&summary)
    )?;
    for line in wrap(question.why, 92) {
        writeln!(out, "     {line}")?;
    }
    writeln!(out)?;
    for line in question.query.lines() {
        writeln!(out, "       {line}")?;
    }
    writeln!(out)?;
    for line in String::from_utf8_lossy(&table).lines() {
        writeln!(out, "    {line}")?;
    }
    for instant in recorded {
        writeln!(out, "     → {}", describe_commit(graph, instant)?)?;
    }
    writeln!(out)?;
    Ok(())
}

fn rows(summary: &Summary) -> String {
    terminal::count(summary.rows, "row")
}

struct Answer {
    table: Vec<u8>,
    summary: Summary,
    /// When what is shown was recorded, ascending.
    recorded: Vec<SystemTime>,
}

fn answer(session: &Session, question: &Question) -> Result<Answer, Failure> {
    let mut table = Vec::new();
    let mut printer = Printer::new(Format::Table, &mut table, None);
    let mut sink = Recorder {
        printer: &mut printer,
        column: question.recorded,
        instants: Vec::new(),
    };
    let origin = Origin {
        script: question.query,
        name: "tour",
    };
    let summary = session.run_to(question.query, origin, &mut sink)?;
    let mut recorded = sink.instants;
    printer.finish()?;
    recorded.sort_unstable();
    recorded.dedup();
    Ok(Answer {
        table,
        summary,
        recorded,
    })
}

/// Prints rows and remembers the instants in one column.
struct Recorder<'p, 'w> {
    printer: &'p mut Printer<'w>,
    column: Option<usize>,
    instants: Vec<SystemTime>,
}

impl RowSink for Recorder<'_, '_> {
    fn columns(&mut self, columns: &[Arc<str>]) -> Result<(), QueryError> {
        self.printer.columns(columns)
    }

    fn row(&mut self, row: &[Value], views: &Views) -> Result<Control, QueryError> {
        if let Some(Value::DateTime(instant)) = self.column.and_then(|column| row.get(column)) {
            let micros = instant.epoch_second * 1_000_000 + i64::from(instant.nanosecond / 1_000);
            self.instants.push(SystemTime(micros));
        }
        self.printer.row(row, views)
    }
}

/// The commit that was made at an instant.
fn describe_commit(graph: &Graph, instant: SystemTime) -> Result<String, Failure> {
    let version = graph.resolve(instant)?;
    let Some(header) = graph.commit_header(version)? else {
        return Err(Failure::new(format!(
            "version {version} has no commit header"
        )));
    };
    Ok(format!(
        "version {version} of {}: {} by {}, source {}",
        format_instant(header.time),
        header.activity.as_deref().unwrap_or("commit"),
        header.actor,
        header.source.as_deref().unwrap_or("not given"),
    ))
}

/// Breaks a text into lines of at most a number of characters.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tour's queries are text; those that do not parse would show only at its end.
    #[test]
    fn every_question_parses() {
        for question in QUESTIONS {
            if let Err(error) = retrograph_cypher::parse(question.query) {
                panic!("{}", error.render(question.query));
            }
        }
    }

    #[test]
    fn long_texts_are_wrapped_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
    }
}
