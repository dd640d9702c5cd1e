//! The structures of values: their signatures and fields, by dialect.
//!
//! | signature | structure | fields |
//! | --- | --- | --- |
//! | `4E` N | node | id, labels, properties; element id |
//! | `52` R | relationship | id, start, end, type, properties; three element ids |
//! | `72` r | unbound relationship | id, type, properties; element id |
//! | `50` P | path | nodes, unbound relationships, indices |
//! | `44` D, `54` T, `74` t | date, time, local time | days; ns, offset; ns |
//! | `64` d | local datetime | seconds, ns |
//! | `49` I, `69` i | datetime with offset, with zone id | UTC seconds, ns, offset or name |
//! | `46` F, `66` f | the same before 5.0 without the patch | local seconds, ns, offset or name |
//! | `45` E | duration | months, days, seconds, ns |
//! | `58` X, `59` Y | point in the plane, in space | SRID, x, y; z |

use crate::pack::{DecodeError, Decoder, Encoder, Fault};
use crate::value::{Map, Node, Path, Relationship, Structure, UnboundRelationship, Value};

/// How structures are encoded: it depends on the version and, in 4.4, on an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// Nodes and relationships carry element ids.
    pub element_ids: bool,
    /// Datetimes are given in UTC.
    pub utc: bool,
}

/// Signatures of structures.
#[allow(missing_docs, reason = "the names say it")]
pub mod signature {
    pub const NODE: u8 = b'N';
    pub const RELATIONSHIP: u8 = b'R';
    pub const UNBOUND_RELATIONSHIP: u8 = b'r';
    pub const PATH: u8 = b'P';
    pub const DATE: u8 = b'D';
    pub const TIME: u8 = b'T';
    pub const LOCAL_TIME: u8 = b't';
    pub const LOCAL_DATE_TIME: u8 = b'd';
    pub const DATE_TIME: u8 = b'I';
    pub const DATE_TIME_ZONE_ID: u8 = b'i';
    pub const LEGACY_DATE_TIME: u8 = b'F';
    pub const LEGACY_DATE_TIME_ZONE_ID: u8 = b'f';
    pub const DURATION: u8 = b'E';
    pub const POINT_2D: u8 = b'X';
    pub const POINT_3D: u8 = b'Y';
}

impl Encoder<'_> {
    /// Writes a structure whose fields are integers.
    pub fn integers<const N: usize>(&mut self, signature: u8, fields: [i64; N]) {
        self.structure(signature, u8::try_from(N).unwrap_or(u8::MAX));
        for field in fields {
            self.int(field);
        }
    }

    /// Writes an instant with a named zone: its UTC or local seconds, as the signature says.
    pub fn zoned(&mut self, signature: u8, seconds: i64, nanoseconds: i64, zone: &str) {
        self.structure(signature, 3);
        self.int(seconds);
        self.int(nanoseconds);
        self.string(zone);
    }

    /// Writes a point of two or three coordinates.
    pub fn point(&mut self, srid: i64, coordinates: &[f64]) {
        match coordinates.len() {
            2 => self.structure(signature::POINT_2D, 3),
            _ => self.structure(signature::POINT_3D, 4),
        }
        self.int(srid);
        for &coordinate in coordinates.iter().take(3) {
            self.float(coordinate);
        }
    }

    /// Begins a node: its id, labels, properties and, with element ids, element id follow.
    pub fn node(&mut self, dialect: Dialect) {
        self.structure(signature::NODE, if dialect.element_ids { 4 } else { 3 });
    }

    /// Begins a relationship: id, start, end, type, properties and, with element ids, the element ids
    /// of itself, its start and its end follow.
    pub fn relationship(&mut self, dialect: Dialect) {
        let fields = if dialect.element_ids { 8 } else { 5 };
        self.structure(signature::RELATIONSHIP, fields);
    }

    /// Begins a relationship of a path: id, type, properties and, with element ids, element id follow.
    pub fn unbound_relationship(&mut self, dialect: Dialect) {
        let fields = if dialect.element_ids { 4 } else { 3 };
        self.structure(signature::UNBOUND_RELATIONSHIP, fields);
    }

    /// Writes any value.
    pub fn value(&mut self, value: &Value, dialect: Dialect) {
        match value {
            Value::Null => self.null(),
            Value::Bool(bool) => self.bool(*bool),
            Value::Int(int) => self.int(*int),
            Value::Float(float) => self.float(*float),
            Value::Bytes(bytes) => self.bytes(bytes),
            Value::String(text) => self.string(text),
            Value::List(items) => {
                self.list(items.len());
                for item in items {
                    self.value(item, dialect);
                }
            }
            Value::Map(map) => self.entries(map, dialect),
            Value::Structure(structure) => self.structure_value(structure, dialect),
        }
    }

    /// Writes a map.
    pub fn entries(&mut self, map: &Map, dialect: Dialect) {
        self.map(map.len());
        for (key, value) in map {
            self.string(key);
            self.value(value, dialect);
        }
    }

    fn structure_value(&mut self, structure: &Structure, dialect: Dialect) {
        use crate::structure::signature as sig;
        match structure {
            Structure::Node(node) => self.node_value(node, dialect),
            Structure::Relationship(of) => {
                self.relationship(dialect);
                self.int(of.id);
                self.int(of.start);
                self.int(of.end);
                self.string(&of.kind);
                self.entries(&of.properties, dialect);
                if dialect.element_ids {
                    self.string(&of.element_id);
                    self.string(&of.start_element_id);
                    self.string(&of.end_element_id);
                }
            }
            Structure::UnboundRelationship(of) => self.unbound_value(of, dialect),
            Structure::Path(path) => {
                self.structure(sig::PATH, 3);
                self.list(path.nodes.len());
                for node in &path.nodes {
                    self.node_value(node, dialect);
                }
                self.list(path.relationships.len());
                for of in &path.relationships {
                    self.unbound_value(of, dialect);
                }
                self.list(path.indices.len());
                for &index in &path.indices {
                    self.int(index);
                }
            }
            &Structure::Date { days } => self.integers(sig::DATE, [days]),
            &Structure::Time {
                nanoseconds,
                offset_seconds,
            } => self.integers(sig::TIME, [nanoseconds, offset_seconds]),
            &Structure::LocalTime { nanoseconds } => {
                self.integers(sig::LOCAL_TIME, [nanoseconds]);
            }
            &Structure::DateTime {
                seconds,
                nanoseconds,
                offset_seconds,
            } => self.integers(sig::DATE_TIME, [seconds, nanoseconds, offset_seconds]),
            Structure::DateTimeZoneId {
                seconds,
                nanoseconds,
                zone,
            } => self.zoned(sig::DATE_TIME_ZONE_ID, *seconds, *nanoseconds, zone),
            &Structure::LegacyDateTime {
                local_seconds,
                nanoseconds,
                offset_seconds,
            } => self.integers(
                sig::LEGACY_DATE_TIME,
                [local_seconds, nanoseconds, offset_seconds],
            ),
            Structure::LegacyDateTimeZoneId {
                local_seconds,
                nanoseconds,
                zone,
            } => self.zoned(
                sig::LEGACY_DATE_TIME_ZONE_ID,
                *local_seconds,
                *nanoseconds,
                zone,
            ),
            &Structure::LocalDateTime {
                seconds,
                nanoseconds,
            } => self.integers(sig::LOCAL_DATE_TIME, [seconds, nanoseconds]),
            &Structure::Duration {
                months,
                days,
                seconds,
                nanoseconds,
            } => self.integers(sig::DURATION, [months, days, seconds, nanoseconds]),
            &Structure::Point2D { srid, x, y } => self.point(srid, &[x, y]),
            &Structure::Point3D { srid, x, y, z } => self.point(srid, &[x, y, z]),
        }
    }

    fn node_value(&mut self, node: &Node, dialect: Dialect) {
        self.node(dialect);
        self.int(node.id);
        self.list(node.labels.len());
        for label in &node.labels {
            self.string(label);
        }
        self.entries(&node.properties, dialect);
        if dialect.element_ids {
            self.string(&node.element_id);
        }
    }

    fn unbound_value(&mut self, of: &UnboundRelationship, dialect: Dialect) {
        self.unbound_relationship(dialect);
        self.int(of.id);
        self.string(&of.kind);
        self.entries(&of.properties, dialect);
        if dialect.element_ids {
            self.string(&of.element_id);
        }
    }
}

type Result<T> = std::result::Result<T, DecodeError>;

impl Decoder<'_> {
    /// Reads the fields of a structure whose beginning, at `start`, has been read.
    pub(crate) fn structure_value(
        &mut self,
        start: usize,
        signature: u8,
        fields: u8,
    ) -> Result<Structure> {
        use crate::structure::signature as sig;
        let is_element = matches!(
            signature,
            sig::NODE | sig::RELATIONSHIP | sig::UNBOUND_RELATIONSHIP | sig::PATH
        );
        if is_element && !self.takes_elements {
            return Err(self.fault(start, Fault::ElementFromClient));
        }
        let is_legacy = matches!(
            signature,
            sig::LEGACY_DATE_TIME | sig::LEGACY_DATE_TIME_ZONE_ID
        );
        let is_utc = matches!(signature, sig::DATE_TIME | sig::DATE_TIME_ZONE_ID);
        if (is_legacy && self.dialect.utc) || (is_utc && !self.dialect.utc) {
            return Err(self.fault(start, Fault::OtherDateTimes(signature)));
        }
        let has_ids = self.dialect.element_ids;
        let expected = match signature {
            sig::DATE | sig::LOCAL_TIME => 1,
            sig::TIME | sig::LOCAL_DATE_TIME => 2,
            sig::DURATION | sig::POINT_3D => 4,
            sig::NODE | sig::UNBOUND_RELATIONSHIP if has_ids => 4,
            sig::RELATIONSHIP => 5 + if has_ids { 3 } else { 0 },
            sig::NODE
            | sig::UNBOUND_RELATIONSHIP
            | sig::PATH
            | sig::DATE_TIME
            | sig::DATE_TIME_ZONE_ID
            | sig::LEGACY_DATE_TIME
            | sig::LEGACY_DATE_TIME_ZONE_ID
            | sig::POINT_2D => 3,
            _ => return Err(self.fault(start, Fault::UnknownStructure(signature))),
        };
        if fields != expected {
            let fault = Fault::FieldCount {
                signature,
                found: fields,
                expected,
            };
            return Err(self.fault(start, fault));
        }
        Ok(match signature {
            sig::NODE => Structure::Node(self.node_fields()?),
            sig::RELATIONSHIP => Structure::Relationship(self.relationship_fields()?),
            sig::UNBOUND_RELATIONSHIP => {
                Structure::UnboundRelationship(self.unbound_relationship_fields()?)
            }
            sig::PATH => Structure::Path(self.path_fields(start)?),
            sig::DATE => Structure::Date { days: self.int()? },
            sig::TIME => Structure::Time {
                nanoseconds: self.int()?,
                offset_seconds: self.int()?,
            },
            sig::LOCAL_TIME => Structure::LocalTime {
                nanoseconds: self.int()?,
            },
            sig::DATE_TIME => Structure::DateTime {
                seconds: self.int()?,
                nanoseconds: self.int()?,
                offset_seconds: self.int()?,
            },
            sig::DATE_TIME_ZONE_ID => Structure::DateTimeZoneId {
                seconds: self.int()?,
                nanoseconds: self.int()?,
                zone: self.string()?.to_owned(),
            },
            sig::LEGACY_DATE_TIME => Structure::LegacyDateTime {
                local_seconds: self.int()?,
                nanoseconds: self.int()?,
                offset_seconds: self.int()?,
            },
            sig::LEGACY_DATE_TIME_ZONE_ID => Structure::LegacyDateTimeZoneId {
                local_seconds: self.int()?,
                nanoseconds: self.int()?,
                zone: self.string()?.to_owned(),
            },
            sig::LOCAL_DATE_TIME => Structure::LocalDateTime {
                seconds: self.int()?,
                nanoseconds: self.int()?,
            },
            sig::DURATION => Structure::Duration {
                months: self.int()?,
                days: self.int()?,
                seconds: self.int()?,
                nanoseconds: self.int()?,
            },
            sig::POINT_2D => Structure::Point2D {
                srid: self.int()?,
                x: self.float()?,
                y: self.float()?,
            },
            // The last signature that has an expected number of fields.
            _ => Structure::Point3D {
                srid: self.int()?,
                x: self.float()?,
                y: self.float()?,
                z: self.float()?,
            },
        })
    }

    fn strings(&mut self) -> Result<Vec<String>> {
        self.list(|decoder| Ok(decoder.string()?.to_owned()))
    }

    /// An element id, where the dialect has them.
    fn element_id(&mut self) -> Result<String> {
        if self.dialect.element_ids {
            Ok(self.string()?.to_owned())
        } else {
            Ok(String::new())
        }
    }

    fn node_fields(&mut self) -> Result<Node> {
        Ok(Node {
            id: self.int()?,
            labels: self.strings()?,
            properties: self.map()?,
            element_id: self.element_id()?,
        })
    }

    fn relationship_fields(&mut self) -> Result<Relationship> {
        Ok(Relationship {
            id: self.int()?,
            start: self.int()?,
            end: self.int()?,
            kind: self.string()?.to_owned(),
            properties: self.map()?,
            element_id: self.element_id()?,
            start_element_id: self.element_id()?,
            end_element_id: self.element_id()?,
        })
    }

    fn unbound_relationship_fields(&mut self) -> Result<UnboundRelationship> {
        Ok(UnboundRelationship {
            id: self.int()?,
            kind: self.string()?.to_owned(),
            properties: self.map()?,
            element_id: self.element_id()?,
        })
    }

    fn path_fields(&mut self, start: usize) -> Result<Path> {
        let nodes = self.list(|decoder| match decoder.value()? {
            Value::Structure(structure) => match *structure {
                Structure::Node(node) => Ok(node),
                _ => Err(decoder.fault(start, Fault::BadStructure("a path's node is none"))),
            },
            _ => Err(decoder.fault(start, Fault::BadStructure("a path's node is none"))),
        })?;
        let not_relationship = Fault::BadStructure("a path's relationship is none");
        let relationships = self.list(|decoder| match decoder.value()? {
            Value::Structure(structure) => match *structure {
                Structure::UnboundRelationship(of) => Ok(of),
                _ => Err(decoder.fault(start, not_relationship.clone())),
            },
            _ => Err(decoder.fault(start, not_relationship.clone())),
        })?;
        let path = Path {
            nodes,
            relationships,
            indices: self.list(Self::int)?,
        };
        let is_sound = !path.nodes.is_empty()
            && path.indices.len().is_multiple_of(2)
            && path.indices.chunks(2).all(|step| {
                let relationship = step[0].unsigned_abs();
                (1..=path.relationships.len() as u64).contains(&relationship)
                    && usize::try_from(step[1]).is_ok_and(|node| node < path.nodes.len())
            });
        if is_sound {
            Ok(path)
        } else {
            Err(self.fault(start, Fault::BadStructure("a path's indices lead nowhere")))
        }
    }
}
