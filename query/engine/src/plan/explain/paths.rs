//! Relationships and paths, as patterns.

use std::fmt::Write as _;

use retrograph_graph::ids::Direction;

use super::Table;
use crate::plan::expression::{Expression, Slot, TypeToken};
use crate::plan::operator::Walk;
use crate::plan::path::{PathProgram, Restriction, Select};

impl Table<'_> {
    pub(super) fn relationship(
        &self,
        slot: Option<Slot>,
        types: &[TypeToken],
        length: &str,
    ) -> String {
        let name = slot.map_or("", |slot| self.texts.slot(slot));
        let mut text = format!("[{name}");
        for (place, name) in types.iter().enumerate() {
            let _ = write!(text, "{}{}", if place == 0 { ":" } else { "|" }, name.name);
        }
        let _ = write!(text, "{length}]");
        text
    }

    pub(super) fn walk(&self, walk: &Walk, relationship: Option<Slot>, length: &str) -> String {
        let relationship = self.relationship(relationship, &walk.types, length);
        let (left, right) = match walk.direction {
            Some(Direction::Outgoing) => ("-", "->"),
            Some(Direction::Incoming) => ("<-", "-"),
            None => ("-", "-"),
        };
        let (from, to) = (self.texts.slot(walk.from), self.texts.slot(walk.to));
        let mut text = format!("({from}){left}{relationship}{right}({to})");
        if !walk.distinct_from.is_empty() {
            let _ = write!(
                text,
                " distinct from {}",
                self.texts.slots(&walk.distinct_from)
            );
        }
        text
    }

    /// A path program as a pattern. Tests stand behind what they are decided with.
    pub(super) fn program(&self, program: &PathProgram, walk: &Walk) -> String {
        let texts = &self.texts;
        let tests = |tests: &[Expression]| {
            if tests.is_empty() {
                return String::new();
            }
            let tests: Vec<String> = tests.iter().map(|test| texts.expression(test)).collect();
            format!(" WHERE {}", tests.join(" AND "))
        };
        let mut text = match program.select {
            Select::All => String::new(),
            Select::Paths(count) => format!("SHORTEST {count} "),
            Select::Groups(count) => format!("SHORTEST {count} GROUPS "),
        };
        text.push_str(match program.restriction {
            Restriction::Walk => "WALK ",
            Restriction::Trail => "",
            Restriction::Acyclic => "ACYCLIC ",
            Restriction::Simple => "SIMPLE ",
        });
        for (place, juncture) in program.junctures.iter().enumerate() {
            let _ = write!(
                text,
                "({}{})",
                texts.slot(juncture.slot),
                tests(&juncture.tests)
            );
            let Some(segment) = program.segments.get(place) else {
                continue;
            };
            let mut inner = String::new();
            for (at, hop) in segment.hops.iter().enumerate() {
                let (left, right) = match hop.direction {
                    Some(Direction::Outgoing) => ("-", "->"),
                    Some(Direction::Incoming) => ("<-", "-"),
                    None => ("-", "-"),
                };
                let of_segment = if segment.repeat.is_none() {
                    tests(&segment.tests)
                } else {
                    String::new()
                };
                let relationship =
                    self.relationship(Some(hop.relationship), &hop.types, &of_segment);
                let end = segment
                    .nodes
                    .get(at + 1)
                    .map_or("", |slot| texts.slot(*slot));
                let is_last = at + 1 == segment.hops.len();
                let _ = write!(inner, "{left}{relationship}{right}");
                if segment.repeat.is_some() || !is_last {
                    let _ = write!(inner, "({end})");
                }
            }
            match segment.repeat {
                None => text.push_str(&inner),
                Some((min, max)) => {
                    inner.push_str(&tests(&segment.tests));
                    let start = segment.nodes.first().map_or("", |slot| texts.slot(*slot));
                    let max = max.map_or(String::new(), |max| max.to_string());
                    let _ = write!(text, "(({start}){inner}){{{min},{max}}}");
                }
            }
        }
        text.push_str(&tests(&program.whole));
        if !walk.distinct_from.is_empty() {
            let _ = write!(text, " distinct from {}", texts.slots(&walk.distinct_from));
        }
        text
    }
}
