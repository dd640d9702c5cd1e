//! Typed headers in the style of `neo4j-admin`: `name:TYPE`, `:ID(Space)`, `:START_ID(Space)`,
//! `:END_ID(Space)`, `:LABEL`, `:TYPE`, `:IGNORE`, and `:TIME` for loads of history.

use std::sync::Arc;

/// The type of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Integer,
    Float,
    Boolean,
    String,
    Date,
    LocalTime,
    Time,
    LocalDateTime,
    DateTime,
    Duration,
    Point,
}

impl ColumnType {
    /// The names a header may use; more than one may mean the same type here.
    const NAMES: &[(&str, Self)] = &[
        ("int", Self::Integer),
        ("long", Self::Integer),
        ("short", Self::Integer),
        ("byte", Self::Integer),
        ("integer", Self::Integer),
        ("float", Self::Float),
        ("double", Self::Float),
        ("boolean", Self::Boolean),
        ("char", Self::String),
        ("string", Self::String),
        ("date", Self::Date),
        ("localtime", Self::LocalTime),
        ("time", Self::Time),
        ("localdatetime", Self::LocalDateTime),
        ("datetime", Self::DateTime),
        ("duration", Self::Duration),
        ("point", Self::Point),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|&(_, t)| t)
    }

    /// What a value of this type looks like, for messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Integer => "an integer such as 42",
            Self::Float => "a number such as 4.2",
            Self::Boolean => "true or false",
            Self::String => "text",
            Self::Date => "a date such as 2026-01-31",
            Self::LocalTime => "a time such as 12:30:00",
            Self::Time => "a time with offset such as 12:30:00+01:00",
            Self::LocalDateTime => "a date and time such as 2026-01-31T12:30:00",
            Self::DateTime => "a date and time with zone such as 2026-01-31T12:30:00Z",
            Self::Duration => "a duration such as P1DT2H",
            Self::Point => "a point such as {x: 1.0, y: 2.0}",
        }
    }
}

/// The unit in which a `:TIME` column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// ISO 8601 text.
    Text,
    /// Seconds since the Unix epoch.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Milliseconds,
    /// Microseconds since the Unix epoch.
    Microseconds,
}

/// What a column means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Property {
        name: Arc<str>,
        column_type: ColumnType,
        is_list: bool,
    },
    /// The id of a node; also a property if it has a name.
    Id {
        space: Arc<str>,
        property: Option<(Arc<str>, ColumnType)>,
    },
    Labels,
    Start {
        space: Arc<str>,
    },
    End {
        space: Arc<str>,
    },
    RelationshipType,
    Time(TimeUnit),
    Ignore,
}

/// The columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fields: Vec<Field>,
}

/// What kind of file a header is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Nodes,
    Relationships,
}

/// What is wrong with a header, and in which column (from 0).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadHeader {
    pub(crate) index: usize,
    pub(crate) message: String,
}

impl Header {
    /// Reads a header line.
    pub(crate) fn parse<'a>(
        columns: impl Iterator<Item = &'a str>,
        kind: FileKind,
    ) -> Result<Self, BadHeader> {
        let mut fields = Vec::new();
        for (index, text) in columns.enumerate() {
            let field = parse_field(text.trim()).map_err(|message| BadHeader { index, message })?;
            let misplaced = match (kind, &field) {
                (FileKind::Nodes, Field::Start { .. } | Field::End { .. }) => Some(text),
                (FileKind::Nodes, Field::RelationshipType) => Some(text),
                (FileKind::Relationships, Field::Id { .. } | Field::Labels) => Some(text),
                _ => None,
            };
            if let Some(text) = misplaced {
                let (is, other) = match kind {
                    FileKind::Nodes => ("nodes", "relationships"),
                    FileKind::Relationships => ("relationships", "nodes"),
                };
                let message =
                    format!("column `{text}` belongs to a file of {other}, this is one of {is}");
                return Err(BadHeader { index, message });
            }
            if let Some(message) = repeated(&fields, &field) {
                return Err(BadHeader { index, message });
            }
            fields.push(field);
        }
        let has = |wanted: fn(&Field) -> bool| fields.iter().any(wanted);
        if kind == FileKind::Relationships {
            let missing = if !has(|f| matches!(f, Field::Start { .. })) {
                Some(":START_ID")
            } else if !has(|f| matches!(f, Field::End { .. })) {
                Some(":END_ID")
            } else {
                None
            };
            if let Some(missing) = missing {
                return Err(BadHeader {
                    index: 0,
                    message: format!("a file of relationships needs a column `{missing}`"),
                });
            }
        }
        Ok(Self { fields })
    }
}

/// A column that stands twice although only one can count.
fn repeated(fields: &[Field], field: &Field) -> Option<String> {
    let name_of = |field: &Field| match field {
        Field::Property { name, .. } => Some(name.clone()),
        Field::Id { property, .. } => property.as_ref().map(|(name, _)| name.clone()),
        _ => None,
    };
    if let Some(name) = name_of(field)
        && fields
            .iter()
            .any(|other| name_of(other).as_ref() == Some(&name))
    {
        return Some(format!("property `{name}` has a column already"));
    }
    let is_single = !matches!(field, Field::Property { .. } | Field::Ignore);
    let same_kind = |other: &Field| std::mem::discriminant(other) == std::mem::discriminant(field);
    (is_single && fields.iter().any(same_kind))
        .then(|| "there is a column of this kind already".to_owned())
}

fn parse_field(text: &str) -> Result<Field, String> {
    let Some((name, spec)) = text.rsplit_once(':') else {
        if text.is_empty() {
            return Err("an empty column name; use `:IGNORE` to skip a column".to_owned());
        }
        return Ok(Field::Property {
            name: text.into(),
            column_type: ColumnType::String,
            is_list: false,
        });
    };
    let (word, argument) = match spec.split_once('(') {
        Some((word, rest)) => match rest.strip_suffix(')') {
            Some(argument) => (word, Some(argument.trim())),
            None => return Err(format!("`{spec}` lacks its closing parenthesis")),
        },
        None => (spec, None),
    };
    let space = || Arc::from(argument.unwrap_or(""));
    let property = |column_type| (!name.is_empty()).then(|| (name.into(), column_type));
    match word.to_ascii_uppercase().as_str() {
        "ID" => Ok(Field::Id {
            space: space(),
            property: property(ColumnType::String),
        }),
        "START_ID" => Ok(Field::Start { space: space() }),
        "END_ID" => Ok(Field::End { space: space() }),
        "LABEL" => Ok(Field::Labels),
        "TYPE" => Ok(Field::RelationshipType),
        "IGNORE" => Ok(Field::Ignore),
        "TIME" if name.is_empty() => match argument {
            None => Ok(Field::Time(TimeUnit::Text)),
            Some("s") => Ok(Field::Time(TimeUnit::Seconds)),
            Some("ms") => Ok(Field::Time(TimeUnit::Milliseconds)),
            Some("us") => Ok(Field::Time(TimeUnit::Microseconds)),
            Some(other) => Err(format!(
                "`{other}` is no unit of `:TIME`; use s, ms or us, or none for ISO 8601 text"
            )),
        },
        _ if name.is_empty() => Err(format!(
            "`:{spec}` is not known; use :ID, :LABEL, :START_ID, :END_ID, :TYPE, :TIME or :IGNORE"
        )),
        _ => {
            let (word, is_list) = match word.strip_suffix("[]") {
                Some(word) => (word, true),
                None => (word, false),
            };
            // `id:long:ID(Person)` gives the id a type.
            let column_type = ColumnType::parse(word).ok_or_else(|| {
                let known: Vec<_> = ColumnType::NAMES.iter().map(|&(name, _)| name).collect();
                format!("`{word}` is no type; use one of {}", known.join(", "))
            })?;
            Ok(Field::Property {
                name: name.into(),
                column_type,
                is_list,
            })
        }
    }
    .map(|field| match field {
        Field::Id {
            space,
            property: Some((name, column_type)),
        } => {
            let (name, column_type) = match name.rsplit_once(':') {
                Some((name, word)) => (name.into(), ColumnType::parse(word).unwrap_or(column_type)),
                None => (name, column_type),
            };
            Field::Id {
                space,
                property: Some((name, column_type)),
            }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, kind: FileKind) -> Result<Vec<Field>, (usize, String)> {
        Header::parse(text.split(','), kind)
            .map(|header| header.fields)
            .map_err(|bad| (bad.index, bad.message))
    }

    #[test]
    fn reads_every_kind_of_column() {
        let fields = parse(
            "id:long:ID(Person),name,age:int,tags:string[],:LABEL,:TIME(ms)",
            FileKind::Nodes,
        )
        .unwrap();
        assert_eq!(
            fields[0],
            Field::Id {
                space: "Person".into(),
                property: Some(("id".into(), ColumnType::Integer)),
            }
        );
        assert_eq!(
            fields[3],
            Field::Property {
                name: "tags".into(),
                column_type: ColumnType::String,
                is_list: true,
            }
        );
        assert_eq!(fields[5], Field::Time(TimeUnit::Milliseconds));
        let fields = parse(
            ":START_ID(A),:END_ID,:TYPE,x:IGNORE",
            FileKind::Relationships,
        )
        .unwrap();
        assert_eq!(fields[0], Field::Start { space: "A".into() });
        assert_eq!(fields[3], Field::Ignore);
    }

    #[test]
    fn names_the_column_that_is_wrong() {
        assert_eq!(parse("a,b:strin", FileKind::Nodes).unwrap_err().0, 1);
        assert!(
            parse("a,a:int", FileKind::Nodes)
                .unwrap_err()
                .1
                .contains("already")
        );
        assert!(
            parse(":ID,:START_ID", FileKind::Nodes)
                .unwrap_err()
                .1
                .contains("relationships")
        );
        assert!(
            parse(":START_ID,x", FileKind::Relationships)
                .unwrap_err()
                .1
                .contains(":END_ID")
        );
        assert!(
            parse(":ID(x", FileKind::Nodes)
                .unwrap_err()
                .1
                .contains("parenthesis")
        );
        assert!(
            parse(":TIME(h)", FileKind::Nodes)
                .unwrap_err()
                .1
                .contains("unit")
        );
    }
}
