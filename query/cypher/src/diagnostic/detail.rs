//! What can be wrong with a query, and the code each mistake has.

use std::fmt;

/// The class of an error, as the openCypher TCK names it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorKind {
    /// The text is no valid query.
    SyntaxError,
    /// The query contradicts itself.
    SemanticError,
    /// A value is of the wrong type.
    TypeError,
    /// A value is of the right type, but not acceptable.
    ArgumentError,
    /// Arithmetic has no result.
    ArithmeticError,
    /// A node or relationship does not exist.
    EntityNotFound,
    /// A parameter has no value.
    ParameterMissing,
    /// A procedure does not exist or fails.
    ProcedureError,
    /// A constraint is broken.
    ConstraintVerificationFailed,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

macro_rules! details {
    ($($(#[doc = $doc:literal])+ $detail:ident = $code:literal, $kind:ident, $phase:ident;)*) => {
        /// What exactly is wrong. Where the openCypher TCK has a name for it, this is the name.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Detail {
            $($(#[doc = $doc])+ $detail,)*
        }

        impl Detail {
            /// Every detail, in the order of their codes.
            pub const ALL: &'static [Detail] = &[$(Detail::$detail,)*];

            /// The code users look up.
            pub fn code(self) -> &'static str {
                match self { $(Detail::$detail => $code,)* }
            }

            /// The class such an error usually is of.
            pub fn kind(self) -> ErrorKind {
                match self { $(Detail::$detail => ErrorKind::$kind,)* }
            }

            /// When such an error is usually found.
            pub fn phase(self) -> super::Phase {
                match self { $(Detail::$detail => super::Phase::$phase,)* }
            }
        }
    };
}

details! {
    /// Something stands where the grammar does not expect it.
    UnexpectedSyntax = "E0101", SyntaxError, CompileTime;
    /// A number is malformed.
    InvalidNumberLiteral = "E0102", SyntaxError, CompileTime;
    /// An integer does not fit into 64 bits.
    IntegerOverflow = "E0103", SyntaxError, CompileTime;
    /// A float is too large.
    FloatingPointOverflow = "E0104", SyntaxError, CompileTime;
    /// A `\u` escape is malformed or names no character.
    InvalidUnicodeLiteral = "E0105", SyntaxError, CompileTime;
    /// A character outside ASCII stands where no identifier or string is.
    InvalidUnicodeCharacter = "E0106", SyntaxError, CompileTime;
    /// A relationship pattern is malformed.
    InvalidRelationshipPattern = "E0107", SyntaxError, CompileTime;
    /// Clauses or queries are combined as they cannot be.
    InvalidClauseComposition = "E0108", SyntaxError, CompileTime;
    /// A parameter stands where its keys must be known before it has a value.
    InvalidParameterUse = "E0109", SyntaxError, CompileTime;
    /// A procedure within a query is called without parentheses.
    InvalidArgumentPassingMode = "E0110", SyntaxError, CompileTime;
    /// The statement is nested too deeply to be read.
    NestingTooDeep = "E0111", SyntaxError, CompileTime;
    /// The statement is too long to be read.
    StatementTooLong = "E0112", SyntaxError, CompileTime;
    /// A variable is not in scope.
    UndefinedVariable = "E0201", SyntaxError, CompileTime;
    /// A variable is introduced twice.
    VariableAlreadyBound = "E0202", SyntaxError, CompileTime;
    /// A variable is used as two kinds of thing.
    VariableTypeConflict = "E0203", SyntaxError, CompileTime;
    /// Two columns have one name.
    ColumnNameConflict = "E0204", SyntaxError, CompileTime;
    /// The parts of a union have different columns.
    DifferentColumnsInUnion = "E0205", SyntaxError, CompileTime;
    /// An expression in `WITH` has no name.
    NoExpressionAlias = "E0206", SyntaxError, CompileTime;
    /// `*` stands where nothing is in scope.
    NoVariablesInScope = "E0207", SyntaxError, CompileTime;
    /// No function has the name.
    UnknownFunction = "E0208", SyntaxError, CompileTime;
    /// No procedure has the name.
    ProcedureNotFound = "E0209", ProcedureError, CompileTime;
    /// A parameter has no value.
    MissingParameter = "E0210", ParameterMissing, CompileTime;
    /// An operand or argument is of the wrong type.
    InvalidArgumentType = "E0301", SyntaxError, CompileTime;
    /// A function or procedure gets too few or too many arguments.
    InvalidNumberOfArguments = "E0302", SyntaxError, CompileTime;
    /// An aggregate stands where none may.
    InvalidAggregation = "E0303", SyntaxError, CompileTime;
    /// An expression mixes aggregates with variables that are not grouped by.
    AmbiguousAggregationExpression = "E0304", SyntaxError, CompileTime;
    /// An aggregate stands within another.
    NestedAggregation = "E0305", SyntaxError, CompileTime;
    /// An expression depends on variables where it must not.
    NonConstantExpression = "E0306", SyntaxError, CompileTime;
    /// A number that counts something is negative.
    NegativeIntegerArgument = "E0307", SyntaxError, CompileTime;
    /// Something is deleted that is neither node, relationship nor path.
    InvalidDelete = "E0308", SyntaxError, CompileTime;
    /// A relationship to create has no type, or several.
    NoSingleRelationshipType = "E0309", SyntaxError, CompileTime;
    /// A relationship to create has a variable length.
    CreatingVarLength = "E0310", SyntaxError, CompileTime;
    /// A relationship to create has no direction.
    RequiresDirectedRelationship = "E0311", SyntaxError, CompileTime;
    /// One relationship is asked for twice in a pattern.
    RelationshipUniquenessViolation = "E0312", SyntaxError, CompileTime;
    /// An argument is an expression of a form that may not stand there.
    InvalidArgumentExpression = "E0313", SyntaxError, CompileTime;
    /// A time clause is repeated or its operand is no time.
    InvalidTimeClause = "E0401", SyntaxError, CompileTime;
    /// A query reads a state before the oldest readable one.
    TimeBeforeHistory = "E0421", ArgumentError, Runtime;
    /// A query reads a state that does not exist yet.
    TimeInFuture = "E0422", ArgumentError, Runtime;
    /// A query writes to a state of the past.
    WriteToPast = "E0423", SyntaxError, CompileTime;
    /// An argument has a value the function cannot take.
    InvalidArgumentValue = "E0501", ArgumentError, Runtime;
    /// A number is outside the range the function takes.
    NumberOutOfRange = "E0502", ArgumentError, Runtime;
    /// The result of integer arithmetic does not fit into 64 bits.
    ArithmeticOverflow = "E0503", ArithmeticError, Runtime;
    /// An integer is divided by zero.
    DivisionByZero = "E0504", ArithmeticError, Runtime;
    /// A value without elements is indexed.
    InvalidElementAccess = "E0505", TypeError, Runtime;
    /// A map is indexed by something other than a string.
    MapElementAccessByNonString = "E0506", TypeError, Runtime;
    /// A list is indexed by something other than an integer.
    ListElementAccessByNonInteger = "E0507", TypeError, Runtime;
    /// A property of a value without properties is read.
    PropertyAccessOnNonMap = "E0508", TypeError, Runtime;
    /// A value is stored that cannot be a property.
    InvalidPropertyType = "E0509", TypeError, Runtime;
    /// A deleted node or relationship is read.
    DeletedEntityAccess = "E0510", EntityNotFound, Runtime;
    /// A node is deleted that still has relationships.
    DeleteConnectedNode = "E0511", ConstraintVerificationFailed, Runtime;
    /// `MERGE` is given a null property, which it could never find again.
    MergeReadOwnWrites = "E0512", SemanticError, Runtime;
    /// A change breaks a constraint.
    ConstraintViolation = "E0513", ConstraintVerificationFailed, Runtime;
    /// No node has ever had the label.
    UnknownLabel = "W0101", SyntaxError, CompileTime;
    /// No relationship has ever had the type.
    UnknownRelationshipType = "W0102", SyntaxError, CompileTime;
    /// No node or relationship has ever had the property.
    UnknownPropertyKey = "W0103", SyntaxError, CompileTime;
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_sorted() {
        let codes: Vec<_> = Detail::ALL.iter().map(|detail| detail.code()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    }
}
