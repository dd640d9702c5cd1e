//! The record of one version of an element: everything a point read needs, in one value.
//!
//! ```text
//! record     := format(1) flags(1) from head [timeline] section
//! head       := node:          count (label₀ label₁-label₀ …)      sorted tokens
//!               relationship:  type start end
//! timeline   := count from to (from to length flags section)*        count slices before the last
//! section    := count keys offsets values
//! keys       := count × key, fixed width, ascending
//! offsets    := (count - 1) × offset, fixed width: where values 1.. start, value 0 starts at 0
//! values     := encoded values one after another, to the end of the section
//! flags      := bit 0 relationship, bit 1 timeline, bits 2–3 width of keys, bits 4–5 width of
//!               offsets (0, 1, 2 = 1, 2, 4 bytes), bits 6–7 zero
//! ```
//!
//! Integers without a width are varints. The fixed widths make the keys a sorted array: one
//! property is found by binary search and decoded without touching the others. A relationship with
//! one small integer property takes 12 to 20 bytes.
//!
//! **Timeline.** By default the properties hold from the commit's time for ever and nothing is
//! stored. With the flag, the record has slices of valid time that do not overlap, each with
//! properties of its own. The *last* slice's properties are the record's section, so a read that
//! asks for no valid instant finds the latest facts where they always are; earlier slices precede
//! it, each with its interval, a flags byte for its widths, and its section. `from` is a zigzag
//! varint, `to` the length of the slice plus one, or 0 for one without end.
//!
//! Invariants, checked when decoding: labels and keys strictly ascending, widths known, every
//! offset inside its section, slices in order. Decoding a whole state also refuses widths larger than
//! needed, so that equal states of one version have equal bytes.

use std::sync::Arc;

use super::value::{decode_value, encode_value};
use super::varint::{Reader, put_i64, put_u64};
use super::{DecodeError, EncodeError};
use crate::ids::{KeyId, LabelId, NodeId, SystemTime, TypeId, Version};
use crate::value::Value;

/// The format written today.
pub const FORMAT: u8 = 1;

/// The largest record; a larger element is refused before it reaches the log.
pub const RECORD_BYTES_MAX: usize = 64 << 20;

const RELATIONSHIP: u8 = 1;
const TIMELINE: u8 = 1 << 1;
const KEY_WIDTH_SHIFT: u8 = 2;
const OFFSET_WIDTH_SHIFT: u8 = 4;
const RESERVED: u8 = 0b1100_0000;

/// Properties sorted by key, none of them null.
pub type Properties = Vec<(KeyId, Value)>;

/// The logical content of one version of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ElementState {
    /// A node.
    Node {
        /// Its labels, ascending.
        labels: Vec<LabelId>,
        /// Its properties, ascending by key, without nulls.
        properties: Properties,
    },
    /// A relationship.
    Relationship {
        /// Its type.
        type_id: TypeId,
        /// The node where it starts.
        start: NodeId,
        /// The node where it ends.
        end: NodeId,
        /// Its properties, ascending by key, without nulls.
        properties: Properties,
    },
}

impl ElementState {
    /// The properties of either kind.
    #[must_use]
    pub fn properties(&self) -> &[(KeyId, Value)] {
        match self {
            Self::Node { properties, .. } | Self::Relationship { properties, .. } => properties,
        }
    }

    /// The properties of either kind, for changing; keep them sorted (see [`set_property`]).
    pub fn properties_mut(&mut self) -> &mut Properties {
        match self {
            Self::Node { properties, .. } | Self::Relationship { properties, .. } => properties,
        }
    }

    /// The labels; a relationship has none.
    #[must_use]
    pub fn labels(&self) -> &[LabelId] {
        match self {
            Self::Node { labels, .. } => labels,
            Self::Relationship { .. } => &[],
        }
    }

    /// One property; `None` if the element does not have it.
    #[must_use]
    pub fn property(&self, key: KeyId) -> Option<&Value> {
        let properties = self.properties();
        let at = properties
            .binary_search_by_key(&key, |(key, _)| *key)
            .ok()?;
        Some(&properties[at].1)
    }
}

/// Sorts properties by key, lets the last of several values of a key win, and drops nulls: the
/// form in which states keep them.
pub fn normalize_properties(properties: &mut Properties) {
    // The sort is stable, so later values stay behind earlier ones of their key.
    properties.sort_by_key(|(key, _)| *key);
    properties.reverse();
    properties.dedup_by_key(|(key, _)| *key);
    properties.reverse();
    properties.retain(|(_, value)| !matches!(value, Value::Null));
}

/// Sets one property in sorted properties, or removes it if the value is null. Returns the value
/// before.
pub fn set_property(properties: &mut Properties, key: KeyId, value: Value) -> Option<Value> {
    match (
        properties.binary_search_by_key(&key, |(key, _)| *key),
        value,
    ) {
        (Ok(at), Value::Null) => Some(properties.remove(at).1),
        (Ok(at), value) => Some(std::mem::replace(&mut properties[at].1, value)),
        (Err(_), Value::Null) => None,
        (Err(at), value) => {
            properties.insert(at, (key, value));
            None
        }
    }
}

/// A span of valid time, with the properties that held in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The first instant.
    pub from: SystemTime,
    /// The first instant after it; `None` is for ever.
    pub to: Option<SystemTime>,
    /// The properties in this span.
    pub properties: Properties,
}

/// Appends the record of an element version that holds in the default valid time.
pub fn encode_record(
    from: Version,
    state: &ElementState,
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    encode(from, state, &[], out)
}

/// Appends the record of an element version with a timeline. `earlier` are the slices before the
/// last, oldest first; the last spans `last` and has the properties of `state`.
pub fn encode_record_with_timeline(
    from: Version,
    state: &ElementState,
    earlier: &[Slice],
    last: (SystemTime, Option<SystemTime>),
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let mut timeline = Vec::new();
    put_u64(earlier.len() as u64, &mut timeline);
    put_span(last.0, last.1, &mut timeline);
    for slice in earlier {
        put_span(slice.from, slice.to, &mut timeline);
        let section = Section::encode(&slice.properties)?;
        let mut bytes = vec![section.widths];
        section.append(&slice.properties, &mut bytes);
        put_u64(bytes.len() as u64, &mut timeline);
        timeline.extend_from_slice(&bytes);
    }
    encode(from, state, &timeline, out)
}

fn encode(
    from: Version,
    state: &ElementState,
    timeline: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), EncodeError> {
    let start = out.len();
    let section = Section::encode(state.properties())?;
    let kind = if matches!(state, ElementState::Relationship { .. }) {
        RELATIONSHIP
    } else {
        0
    };
    let times = if timeline.is_empty() { 0 } else { TIMELINE };
    out.push(FORMAT);
    out.push(kind | times | section.widths);
    put_u64(from.0, out);
    match state {
        ElementState::Node { labels, .. } => {
            debug_assert!(
                labels.is_sorted_by(|a, b| a < b),
                "labels are sorted and distinct"
            );
            put_u64(labels.len() as u64, out);
            let mut before = 0;
            for label in labels {
                put_u64(u64::from(label.0 - before), out);
                before = label.0;
            }
        }
        ElementState::Relationship {
            type_id,
            start,
            end,
            ..
        } => {
            put_u64(u64::from(type_id.0), out);
            put_u64(start.0, out);
            put_u64(end.0, out);
        }
    }
    out.extend_from_slice(timeline);
    section.append(state.properties(), out);
    let bytes = out.len() - start;
    if bytes > RECORD_BYTES_MAX {
        out.truncate(start);
        return Err(EncodeError::TooLarge { bytes });
    }
    Ok(())
}

fn put_span(from: SystemTime, to: Option<SystemTime>, out: &mut Vec<u8>) {
    put_i64(from.0, out);
    // Spans of all of time wrap, and unwrap when decoded.
    put_u64(
        to.map_or(0, |to| {
            to.0.wrapping_sub(from.0).cast_unsigned().wrapping_add(1)
        }),
        out,
    );
}

/// Properties being encoded: the widths must be known before the first byte is written.
struct Section {
    widths: u8,
    values: Vec<u8>,
    offsets: Vec<u32>,
}

impl Section {
    fn encode(properties: &[(KeyId, Value)]) -> Result<Self, EncodeError> {
        debug_assert!(
            properties.is_sorted_by(|a, b| a.0 < b.0),
            "properties are sorted by distinct keys"
        );
        let mut values = Vec::with_capacity(properties.len() * 8);
        let mut offsets = Vec::with_capacity(properties.len().saturating_sub(1));
        for (i, (_, value)) in properties.iter().enumerate() {
            if i > 0 {
                let offset = u32::try_from(values.len()).map_err(|_| EncodeError::TooLarge {
                    bytes: values.len(),
                })?;
                offsets.push(offset);
            }
            encode_value(value, &mut values)?;
        }
        let key_max = properties.last().map_or(0, |(key, _)| key.0);
        let offset_max = offsets.last().copied().unwrap_or(0);
        let widths =
            width_code(key_max) << KEY_WIDTH_SHIFT | width_code(offset_max) << OFFSET_WIDTH_SHIFT;
        Ok(Self {
            widths,
            values,
            offsets,
        })
    }

    fn append(&self, properties: &[(KeyId, Value)], out: &mut Vec<u8>) {
        let (key_width, offset_width) = widths(self.widths);
        put_u64(properties.len() as u64, out);
        for (key, _) in properties {
            out.extend_from_slice(&key.0.to_le_bytes()[..key_width]);
        }
        for offset in &self.offsets {
            out.extend_from_slice(&offset.to_le_bytes()[..offset_width]);
        }
        out.extend_from_slice(&self.values);
    }
}

const fn width_code(max: u32) -> u8 {
    match max {
        0..=0xff => 0,
        0x100..=0xffff => 1,
        _ => 2,
    }
}

/// Bytes per key and per offset.
const fn widths(flags: u8) -> (usize, usize) {
    (
        1 << (flags >> KEY_WIDTH_SHIFT & 3),
        1 << (flags >> OFFSET_WIDTH_SHIFT & 3),
    )
}

fn check_widths(flags: u8, offset: usize) -> Result<(), DecodeError> {
    if flags >> KEY_WIDTH_SHIFT & 3 == 3 || flags >> OFFSET_WIDTH_SHIFT & 3 == 3 {
        return Err(DecodeError::Invalid {
            what: "width of keys or offsets",
            offset,
        });
    }
    Ok(())
}

/// Where the parts of a record are; found once, then every access is an index.
#[derive(Clone, Copy, Debug)]
struct Layout {
    flags: u8,
    from: Version,
    head: Head,
    /// Offset of the timeline, if there is one.
    timeline: usize,
    section: Table,
}

#[derive(Clone, Copy, Debug)]
enum Head {
    Node {
        count: usize,
        offset: usize,
    },
    Relationship {
        type_id: TypeId,
        start: NodeId,
        end: NodeId,
    },
}

/// A section of properties within a record.
#[derive(Clone, Copy, Debug)]
struct Table {
    count: usize,
    key_width: usize,
    offset_width: usize,
    /// Offset of the first key.
    keys: usize,
    /// Offset of the first value.
    values: usize,
    /// Offset behind the last value.
    end: usize,
}

impl Table {
    /// Reads the head of a section that ends at `end`.
    fn parse(reader: &mut Reader<'_>, flags: u8, end: usize) -> Result<Self, DecodeError> {
        let (key_width, offset_width) = widths(flags);
        let count = reader.count(key_width, "properties")?;
        let keys = reader.offset();
        let offsets = count.saturating_sub(1) * offset_width;
        reader.take(count * key_width + offsets, "property table")?;
        let values = reader.offset();
        if values > end || (count == 0 && values != end) {
            return Err(DecodeError::Invalid {
                what: "property table",
                offset: keys,
            });
        }
        Ok(Self {
            count,
            key_width,
            offset_width,
            keys,
            values,
            end,
        })
    }

    fn key(&self, bytes: &[u8], i: usize) -> KeyId {
        KeyId(fixed(bytes, self.keys + i * self.key_width, self.key_width))
    }

    /// The bytes of value `i` as offsets into the record.
    fn span(&self, bytes: &[u8], i: usize) -> Result<(usize, usize), DecodeError> {
        let offsets = self.keys + self.count * self.key_width;
        let at = |i: usize| match i {
            0 => self.values,
            i if i == self.count => self.end,
            i => {
                let at = offsets + (i - 1) * self.offset_width;
                self.values
                    .saturating_add(fixed(bytes, at, self.offset_width) as usize)
            }
        };
        let (start, end) = (at(i), at(i + 1));
        if start >= end || end > self.end {
            return Err(DecodeError::Invalid {
                what: "offset of a property",
                offset: offsets,
            });
        }
        Ok((start, end))
    }

    fn value(&self, bytes: &[u8], i: usize) -> Result<Value, DecodeError> {
        let (start, end) = self.span(bytes, i)?;
        let mut reader = Reader::at(&bytes[..end], start);
        let value = decode_value(&mut reader)?;
        if reader.remaining() != 0 {
            return Err(DecodeError::Invalid {
                what: "length of a property",
                offset: start,
            });
        }
        Ok(value)
    }

    /// Whether keys and offsets have the least widths that hold them, as the encoder chooses.
    fn has_least_widths(&self, bytes: &[u8]) -> bool {
        let last_key = self
            .count
            .checked_sub(1)
            .map_or(0, |i| self.key(bytes, i).0);
        let last_offset = self.count.checked_sub(2).map_or(0, |i| {
            let offsets = self.keys + self.count * self.key_width;
            fixed(bytes, offsets + i * self.offset_width, self.offset_width)
        });
        self.key_width == 1 << width_code(last_key)
            && self.offset_width == 1 << width_code(last_offset)
    }

    fn find(&self, bytes: &[u8], key: KeyId) -> Option<usize> {
        // Few keys are the rule, and a forward walk over adjacent bytes beats a search then.
        if self.count <= 8 {
            return (0..self.count).find(|&i| self.key(bytes, i) == key);
        }
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.key(bytes, middle).cmp(&key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }
}

/// Reads a little-endian integer of 1, 2 or 4 bytes within a table whose bounds are checked.
#[inline]
fn fixed(bytes: &[u8], at: usize, width: usize) -> u32 {
    match width {
        1 => u32::from(bytes[at]),
        2 => u32::from(u16::from_le_bytes([bytes[at], bytes[at + 1]])),
        _ => u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]),
    }
}

impl Layout {
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let found = reader.u8("record")?;
        if found != FORMAT {
            return Err(DecodeError::Unknown {
                what: "record format",
                found,
                offset: 0,
            });
        }
        let flags = reader.u8("record flags")?;
        check_widths(flags, 1)?;
        if flags & RESERVED != 0 {
            return Err(DecodeError::Unknown {
                what: "record flags",
                found: flags,
                offset: 1,
            });
        }
        let from = Version(reader.varint("version")?);
        let head = if flags & RELATIONSHIP == 0 {
            let count = reader.count(1, "labels")?;
            let offset = reader.offset();
            let mut label = 0_u32;
            for i in 0..count {
                let at = reader.offset();
                let step = reader.varint_u32("label")?;
                let next = label.checked_add(step).filter(|_| i == 0 || step > 0);
                label = next.ok_or(DecodeError::Invalid {
                    what: "label",
                    offset: at,
                })?;
            }
            Head::Node { count, offset }
        } else {
            Head::Relationship {
                type_id: TypeId(reader.varint_u32("type")?),
                start: NodeId(reader.varint("start node")?),
                end: NodeId(reader.varint("end node")?),
            }
        };
        let timeline = reader.offset();
        if flags & TIMELINE != 0 {
            let earlier = reader.count(4, "timeline")?;
            span(&mut reader)?;
            for _ in 0..earlier {
                span(&mut reader)?;
                let len = reader.count(1, "slice")?;
                reader.take(len, "slice")?;
            }
        }
        let section = Table::parse(&mut reader, flags, bytes.len())?;
        Ok(Self {
            flags,
            from,
            head,
            timeline,
            section,
        })
    }
}

fn span(reader: &mut Reader<'_>) -> Result<(SystemTime, Option<SystemTime>), DecodeError> {
    let from = reader.signed("valid time")?;
    let length = reader.varint("valid time")?;
    let to = (length != 0)
        .then(|| SystemTime(from.wrapping_add((length.wrapping_sub(1)).cast_signed())));
    Ok((SystemTime(from), to))
}

/// A record in borrowed bytes. Cheap to parse, allocates nothing.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> RecordRef<'a> {
    /// Checks the head of the record and the bounds of its table; values are checked when read.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self {
            bytes,
            layout: Layout::parse(bytes)?,
        })
    }

    /// The encoded bytes.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The version of the commit that wrote the record.
    #[must_use]
    pub const fn from(&self) -> Version {
        self.layout.from
    }

    /// Whether the element is a relationship.
    #[must_use]
    pub const fn is_relationship(&self) -> bool {
        matches!(self.layout.head, Head::Relationship { .. })
    }

    /// The labels in ascending order; none for a relationship.
    #[must_use]
    pub fn labels(&self) -> Labels<'a> {
        match self.layout.head {
            Head::Node { count, offset } => Labels {
                reader: Reader::at(self.bytes, offset),
                left: count,
                label: 0,
            },
            Head::Relationship { .. } => Labels {
                reader: Reader::new(&[]),
                left: 0,
                label: 0,
            },
        }
    }

    /// Whether the node has a label.
    #[must_use]
    pub fn has_label(&self, label: LabelId) -> bool {
        self.labels().any(|l| l == label)
    }

    /// Type, start and end of a relationship; `None` for a node.
    #[must_use]
    pub const fn ends(&self) -> Option<(TypeId, NodeId, NodeId)> {
        match self.layout.head {
            Head::Relationship {
                type_id,
                start,
                end,
            } => Some((type_id, start, end)),
            Head::Node { .. } => None,
        }
    }

    /// The number of properties.
    #[must_use]
    pub const fn property_count(&self) -> usize {
        self.layout.section.count
    }

    /// Decodes one property; `None` if the element does not have it.
    pub fn property(&self, key: KeyId) -> Result<Option<Value>, DecodeError> {
        let table = &self.layout.section;
        table
            .find(self.bytes, key)
            .map(|i| table.value(self.bytes, i))
            .transpose()
    }

    /// The bytes of one property, as [`decode_value`] reads them.
    pub fn property_bytes(&self, key: KeyId) -> Result<Option<&'a [u8]>, DecodeError> {
        let table = &self.layout.section;
        match table.find(self.bytes, key) {
            None => Ok(None),
            Some(i) => {
                let (start, end) = table.span(self.bytes, i)?;
                Ok(Some(&self.bytes[start..end]))
            }
        }
    }

    /// Decodes the properties in ascending order of keys.
    pub fn properties(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<(KeyId, Value), DecodeError>> + use<'a> {
        table_properties(self.bytes, self.layout.section)
    }

    /// The keys in ascending order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = KeyId> + use<'a> {
        let (bytes, table) = (self.bytes, self.layout.section);
        (0..table.count).map(move |i| table.key(bytes, i))
    }

    /// Decodes everything and checks it.
    pub fn state(&self) -> Result<ElementState, DecodeError> {
        let properties = read_properties(self.bytes, self.layout.section)?;
        Ok(match self.layout.head {
            Head::Node { .. } => ElementState::Node {
                labels: self.labels().collect(),
                properties,
            },
            Head::Relationship {
                type_id,
                start,
                end,
            } => ElementState::Relationship {
                type_id,
                start,
                end,
                properties,
            },
        })
    }

    /// Whether the record holds in a valid time of its own.
    #[must_use]
    pub const fn has_timeline(&self) -> bool {
        self.layout.flags & TIMELINE != 0
    }

    /// The slices of valid time, oldest first; `None` stands for the default, from the commit's
    /// time for ever.
    pub fn timeline(&self) -> Result<Option<Vec<Slice>>, DecodeError> {
        if !self.has_timeline() {
            return Ok(None);
        }
        let mut reader = Reader::at(self.bytes, self.layout.timeline);
        let earlier = reader.count(4, "timeline")?;
        let last = span(&mut reader)?;
        let mut slices: Vec<Slice> = Vec::with_capacity(earlier + 1);
        let mut push = |from, to: Option<SystemTime>, properties, offset| {
            let in_order = slices
                .last()
                .is_none_or(|s| s.to.is_some_and(|end| end <= from));
            if !in_order || to.is_some_and(|to| to <= from) {
                return Err(DecodeError::Invalid {
                    what: "valid time",
                    offset,
                });
            }
            slices.push(Slice {
                from,
                to,
                properties,
            });
            Ok(())
        };
        for _ in 0..earlier {
            let offset = reader.offset();
            let (from, to) = span(&mut reader)?;
            let len = reader.count(1, "slice")?;
            let end = reader.offset() + len;
            let mut section = Reader::at(&self.bytes[..end], reader.offset());
            let flags = section.u8("slice flags")?;
            check_widths(flags, section.offset() - 1)?;
            if flags & (RESERVED | RELATIONSHIP | TIMELINE) != 0 {
                let offset = section.offset() - 1;
                return Err(DecodeError::Unknown {
                    what: "slice flags",
                    found: flags,
                    offset,
                });
            }
            let table = Table::parse(&mut section, flags, end)?;
            push(
                from,
                to,
                read_properties(&self.bytes[..end], table)?,
                offset,
            )?;
            reader.take(len, "slice")?;
        }
        let properties = read_properties(self.bytes, self.layout.section)?;
        push(last.0, last.1, properties, self.layout.timeline)?;
        Ok(Some(slices))
    }

    /// A copy that owns its bytes.
    #[must_use]
    pub fn to_owned(&self) -> Record {
        Record {
            bytes: self.bytes.into(),
            layout: self.layout,
        }
    }
}

fn table_properties(
    bytes: &[u8],
    table: Table,
) -> impl ExactSizeIterator<Item = Result<(KeyId, Value), DecodeError>> {
    (0..table.count).map(move |i| Ok((table.key(bytes, i), table.value(bytes, i)?)))
}

fn read_properties(bytes: &[u8], table: Table) -> Result<Properties, DecodeError> {
    if !table.has_least_widths(bytes) {
        return Err(DecodeError::Invalid {
            what: "width of keys or offsets",
            offset: table.keys,
        });
    }
    let mut properties = Properties::with_capacity(table.count);
    for property in table_properties(bytes, table) {
        let (key, value) = property?;
        let ascending = properties.last().is_none_or(|(before, _)| *before < key);
        if !ascending || matches!(value, Value::Null) {
            return Err(DecodeError::Invalid {
                what: "property",
                offset: table.keys,
            });
        }
        properties.push((key, value));
    }
    Ok(properties)
}

/// The labels of a node record.
#[derive(Clone, Debug)]
pub struct Labels<'a> {
    reader: Reader<'a>,
    left: usize,
    label: u32,
}

impl Iterator for Labels<'_> {
    type Item = LabelId;

    fn next(&mut self) -> Option<LabelId> {
        self.left = self.left.checked_sub(1)?;
        // Parsing the record has read these varints before and found them sound.
        self.label = self
            .label
            .wrapping_add(self.reader.varint_u32("label").ok()?);
        Some(LabelId(self.label))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Labels<'_> {}

/// A record that owns its bytes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Record {
    bytes: Arc<[u8]>,
    layout: Layout,
}

impl Record {
    /// Takes bytes over and checks them as [`RecordRef::parse`] does.
    pub fn parse(bytes: impl Into<Arc<[u8]>>) -> Result<Self, DecodeError> {
        let bytes = bytes.into();
        let layout = Layout::parse(&bytes)?;
        Ok(Self { bytes, layout })
    }

    /// The record as a borrowed one, which has all the accessors.
    #[must_use]
    pub fn as_ref(&self) -> RecordRef<'_> {
        RecordRef {
            bytes: &self.bytes,
            layout: self.layout,
        }
    }

    /// The encoded bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The version of the commit that wrote the record.
    #[must_use]
    pub const fn from(&self) -> Version {
        self.layout.from
    }

    /// The labels in ascending order; none for a relationship.
    #[must_use]
    pub fn labels(&self) -> Labels<'_> {
        self.as_ref().labels()
    }

    /// Whether the node has a label.
    #[must_use]
    pub fn has_label(&self, label: LabelId) -> bool {
        self.as_ref().has_label(label)
    }

    /// Type, start and end of a relationship; `None` for a node.
    #[must_use]
    pub fn ends(&self) -> Option<(TypeId, NodeId, NodeId)> {
        self.as_ref().ends()
    }

    /// Decodes one property; `None` if the element does not have it.
    pub fn property(&self, key: KeyId) -> Result<Option<Value>, DecodeError> {
        self.as_ref().property(key)
    }

    /// Decodes the properties in ascending order of keys.
    pub fn properties(
        &self,
    ) -> impl ExactSizeIterator<Item = Result<(KeyId, Value), DecodeError>> + '_ {
        table_properties(&self.bytes, self.layout.section)
    }

    /// Decodes everything and checks it.
    pub fn state(&self) -> Result<ElementState, DecodeError> {
        self.as_ref().state()
    }

    /// The slices of valid time; see [`RecordRef::timeline`].
    pub fn timeline(&self) -> Result<Option<Vec<Slice>>, DecodeError> {
        self.as_ref().timeline()
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Record {}

#[cfg(test)]
mod tests;
