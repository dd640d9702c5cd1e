//! The questions: each as a query for the database, and as a name for the loop that answers it.

use retrograph_engine::Parameters;
use retrograph_graph::value::Value;

use crate::draw::Draw;

/// A question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Two properties of a person.
    PointRead,
    /// The ids of those a person knows.
    HopRows,
    /// How many a person knows.
    Hop1,
    /// How many of them are over 40.
    Hop1Filtered,
    /// How many people are two relationships away.
    Hop2,
    /// How many of them are over 40.
    Hop2Filtered,
    /// How many people are three relationships away.
    Hop3,
    /// How many people are four relationships away.
    Hop4,
    /// How many people there are.
    Count,
    /// How many are over 40.
    CountFiltered,
    /// Their average age.
    AverageAge,
    /// How many live in each city.
    Cities,
    /// How many relationships are younger than a time.
    EdgeScan,
    /// Who knows most people.
    TopDegree,
    /// Who knows a person whom they know.
    Cycle,
    /// The directed triangles through a person.
    Triangle,
    /// The length of the shortest path from one person to another.
    ShortestPath,
}

impl Family {
    /// All families, in the order of the table.
    pub const ALL: [Self; 17] = [
        Self::PointRead,
        Self::HopRows,
        Self::Hop1,
        Self::Hop1Filtered,
        Self::Hop2,
        Self::Hop2Filtered,
        Self::Hop3,
        Self::Hop4,
        Self::Count,
        Self::CountFiltered,
        Self::AverageAge,
        Self::Cities,
        Self::EdgeScan,
        Self::TopDegree,
        Self::Cycle,
        Self::Triangle,
        Self::ShortestPath,
    ];

    /// How tables name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PointRead => "point read",
            Self::HopRows => "1-hop rows",
            Self::Hop1 => "1-hop",
            Self::Hop1Filtered => "1-hop filtered",
            Self::Hop2 => "2-hop",
            Self::Hop2Filtered => "2-hop filtered",
            Self::Hop3 => "3-hop",
            Self::Hop4 => "4-hop",
            Self::Count => "count",
            Self::CountFiltered => "count filtered",
            Self::AverageAge => "average",
            Self::Cities => "group by city",
            Self::EdgeScan => "edge scan",
            Self::TopDegree => "top degree",
            Self::Cycle => "cycle",
            Self::Triangle => "triangle",
            Self::ShortestPath => "shortest path",
        }
    }

    /// The query.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::PointRead => "MATCH (p:Person {id: $id}) RETURN p.name AS name, p.age AS age",
            Self::HopRows => "MATCH (:Person {id: $id})-[:KNOWS]->(q) RETURN q.id AS id",
            Self::Hop1 => {
                "MATCH (:Person {id: $id})-[:KNOWS]->(q) RETURN count(DISTINCT q) AS people"
            }
            Self::Hop1Filtered => {
                "MATCH (:Person {id: $id})-[:KNOWS]->(q) WHERE q.age > 40 \
                 RETURN count(DISTINCT q) AS people"
            }
            Self::Hop2 => {
                "MATCH (:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->(q) \
                 RETURN count(DISTINCT q) AS people"
            }
            Self::Hop2Filtered => {
                "MATCH (:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->(q) WHERE q.age > 40 \
                 RETURN count(DISTINCT q) AS people"
            }
            Self::Hop3 => {
                "MATCH (:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->()-[:KNOWS]->(q) \
                 RETURN count(DISTINCT q) AS people"
            }
            Self::Hop4 => {
                "MATCH (:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->()-[:KNOWS]->()-[:KNOWS]->(q) \
                 RETURN count(DISTINCT q) AS people"
            }
            Self::Count => "MATCH (p:Person) RETURN count(*) AS people",
            Self::CountFiltered => "MATCH (p:Person) WHERE p.age > 40 RETURN count(*) AS people",
            Self::AverageAge => "MATCH (p:Person) RETURN avg(p.age) AS age",
            Self::Cities => "MATCH (p:Person) RETURN p.city AS city, count(*) AS people",
            Self::EdgeScan => {
                "MATCH ()-[k:KNOWS]->() WHERE k.since > $since RETURN count(*) AS relationships"
            }
            Self::TopDegree => {
                "MATCH (p:Person)-[:KNOWS]->() WITH p, count(*) AS degree \
                 RETURN p.id AS id, degree ORDER BY degree DESC, id LIMIT 10"
            }
            Self::Cycle => {
                "MATCH (p:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->(p) RETURN count(*) AS cycles"
            }
            Self::Triangle => {
                "MATCH (p:Person {id: $id})-[:KNOWS]->()-[:KNOWS]->()-[:KNOWS]->(p) \
                 RETURN count(*) AS triangles"
            }
            Self::ShortestPath => {
                "MATCH (p:Person {id: $id}), (q:Person {id: $other}) \
                 MATCH path = shortestPath((p)-[:KNOWS*]->(q)) RETURN length(path) AS length"
            }
        }
    }

    /// The parameters of a call.
    #[must_use]
    pub fn parameters(self, draw: &Draw) -> Parameters {
        let one = |name: &str, value| Parameters::from([(name.to_owned(), Value::Int(value))]);
        match self {
            Self::Count
            | Self::CountFiltered
            | Self::AverageAge
            | Self::Cities
            | Self::TopDegree => Parameters::new(),
            Self::EdgeScan => one("since", draw.since),
            Self::ShortestPath => {
                let mut both = one("id", draw.id);
                both.insert("other".to_owned(), Value::Int(draw.other));
                both
            }
            _ => one("id", draw.id),
        }
    }
}
