//! Names of types, as in `x IS :: LIST<INTEGER NOT NULL>`.

/// A type.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeName {
    /// Which type.
    pub kind: TypeKind,
    /// `NOT NULL`: null is no value of it.
    pub not_null: bool,
}

/// The types of values.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeKind {
    /// One that has no parts.
    Simple(SimpleType),
    /// `LIST<type>`.
    List(Box<TypeName>),
    /// `type | type`, `ANY<type | type>`; at least two.
    Union(Vec<TypeName>),
}

macro_rules! simple_types {
    ($($variant:ident = $name:literal $(| $other:literal)*, $what:literal;)*) => {
        /// Types without parts.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum SimpleType {
            $(#[doc = $what] $variant,)*
        }

        impl SimpleType {
            /// Every type.
            pub const ALL: &'static [SimpleType] = &[$(SimpleType::$variant,)*];

            /// The name that is printed.
            pub fn as_str(self) -> &'static str {
                match self { $(SimpleType::$variant => $name,)* }
            }

            /// All names of all types: words in capitals with single blanks between.
            pub(crate) const NAMES: &'static [(&'static str, SimpleType)] = &[
                $(($name, SimpleType::$variant), $(($other, SimpleType::$variant),)*)*
            ];
        }
    };
}

simple_types! {
    Nothing = "NOTHING", "Has no values.";
    Null = "NULL", "Null alone.";
    Boolean = "BOOLEAN" | "BOOL", "Truth values.";
    String = "STRING" | "VARCHAR", "Strings.";
    Integer = "INTEGER" | "INT" | "SIGNED INTEGER" | "INT8" | "INT16" | "INT32" | "INT64"
        | "INTEGER8" | "INTEGER16" | "INTEGER32" | "INTEGER64" | "SMALLINT" | "BIGINT",
        "Integers; a name with a width means the same.";
    Float = "FLOAT" | "FLOAT32" | "FLOAT64" | "DOUBLE" | "DOUBLE PRECISION" | "REAL",
        "Floats; a name with a width means the same.";
    Date = "DATE", "Dates.";
    LocalTime = "LOCAL TIME" | "TIME WITHOUT TIME ZONE", "Times of day.";
    ZonedTime = "ZONED TIME" | "TIME WITH TIME ZONE", "Times of day with an offset.";
    LocalDateTime = "LOCAL DATETIME" | "TIMESTAMP WITHOUT TIME ZONE", "Dates with times.";
    ZonedDateTime = "ZONED DATETIME" | "TIMESTAMP WITH TIME ZONE", "Instants.";
    Duration = "DURATION", "Durations.";
    Point = "POINT", "Points.";
    Vector = "VECTOR", "Vectors.";
    Node = "NODE" | "ANY NODE" | "VERTEX" | "ANY VERTEX", "Nodes.";
    Relationship = "RELATIONSHIP" | "ANY RELATIONSHIP" | "EDGE" | "ANY EDGE", "Relationships.";
    Path = "PATH", "Paths.";
    Map = "MAP" | "ANY MAP" | "RECORD" | "ANY RECORD", "Maps.";
    PropertyValue = "PROPERTY VALUE" | "ANY PROPERTY VALUE", "What a property may hold.";
    Any = "ANY" | "ANY VALUE", "Every value.";
}
