//! The words the grammar knows.
//!
//! No word is reserved everywhere: a keyword token is still an identifier wherever the grammar asks
//! for a name. [`Keyword::is_structural`] tells the ones that need care at the start of an
//! expression.

macro_rules! keywords {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// A word with a meaning in the grammar, whatever its case.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Keyword {
            $(#[doc = concat!("`", $text, "`.")] $variant,)*
        }

        impl Keyword {
            /// Every keyword.
            #[cfg(test)]
            pub const ALL: &'static [Keyword] = &[$(Keyword::$variant,)*];

            /// The keyword in capitals.
            pub fn as_str(self) -> &'static str {
                match self { $(Keyword::$variant => $text,)* }
            }

            /// Looks a word up without regard to case.
            pub fn lookup(word: &str) -> Option<Keyword> {
                const LENGTH_MAX: usize = 16;
                let mut buffer = [0; LENGTH_MAX];
                let upper = buffer.get_mut(..word.len())?;
                upper.copy_from_slice(word.as_bytes());
                upper.make_ascii_uppercase();
                $(const _: () = assert!($text.len() <= LENGTH_MAX);)*
                match std::str::from_utf8(upper).ok()? {
                    $($text => Some(Keyword::$variant),)*
                    // A bare `None` would be the keyword.
                    _ => Option::None,
                }
            }
        }
    };
}

keywords! {
    Acyclic = "ACYCLIC", All = "ALL", AllShortestPaths = "ALLSHORTESTPATHS", And = "AND", Any = "ANY", As = "AS",
    Asc = "ASC", Ascending = "ASCENDING", By = "BY", Call = "CALL", Case = "CASE",
    Collect = "COLLECT",
    Constraint = "CONSTRAINT", Constraints = "CONSTRAINTS", Contains = "CONTAINS",
    Count = "COUNT", Create = "CREATE", Delete = "DELETE", Desc = "DESC",
    Descending = "DESCENDING", Detach = "DETACH", Different = "DIFFERENT", Distinct = "DISTINCT",
    Drop = "DROP", Element = "ELEMENT", Elements = "ELEMENTS", Else = "ELSE", End = "END",
    Ends = "ENDS", Exists = "EXISTS", Explain = "EXPLAIN", False = "FALSE", Filter = "FILTER",
    Finish = "FINISH", For = "FOR", Foreach = "FOREACH", From = "FROM", Group = "GROUP",
    Groups = "GROUPS", If = "IF", In = "IN", Index = "INDEX", Indexes = "INDEXES",
    Insert = "INSERT", Is = "IS", Let = "LET", Limit = "LIMIT", Load = "LOAD", Match = "MATCH",
    Merge = "MERGE", Next = "NEXT", None = "NONE", Not = "NOT", Null = "NULL", Of = "OF",
    Offset = "OFFSET", On = "ON", Optional = "OPTIONAL", Or = "OR", Order = "ORDER",
    Path = "PATH", Paths = "PATHS", Profile = "PROFILE", Reduce = "REDUCE",
    Relationship = "RELATIONSHIP", Relationships = "RELATIONSHIPS", Remove = "REMOVE",
    Repeatable = "REPEATABLE", Require = "REQUIRE", Return = "RETURN", Set = "SET",
    Shortest = "SHORTEST", ShortestPath = "SHORTESTPATH", Show = "SHOW", Simple = "SIMPLE",
    Single = "SINGLE", Skip = "SKIP", Starts = "STARTS", SystemTime = "SYSTEM_TIME",
    Then = "THEN", To = "TO", Trail = "TRAIL", True = "TRUE",
    Union = "UNION", Unique = "UNIQUE", Unwind = "UNWIND", ValidTime = "VALID_TIME",
    Version = "VERSION", Walk = "WALK", When = "WHEN", Where = "WHERE", With = "WITH", Xor = "XOR",
    Yield = "YIELD",
}

impl Keyword {
    /// Whether the word shapes clauses or joins operands, so that an expression may begin with it
    /// only if what follows shows that it is a name.
    pub fn is_structural(self) -> bool {
        use Keyword::*;
        self.is_reserved_clause_start()
            || matches!(
                self,
                And | As
                    | Asc
                    | Ascending
                    | By
                    | Case
                    | Contains
                    | Desc
                    | Descending
                    | Distinct
                    | Else
                    | End
                    | Ends
                    | In
                    | Is
                    | Limit
                    | Not
                    | On
                    | Or
                    | Order
                    | Skip
                    | Starts
                    | Then
                    | Union
                    | When
                    | Where
                    | Xor
                    | Yield
            )
    }

    /// Whether a clause starts with the word.
    pub fn is_clause_start(self) -> bool {
        use Keyword::*;
        self.is_reserved_clause_start()
            || matches!(
                self,
                Filter | Finish | Insert | Let | Limit | Load | Offset | Order | Skip
            )
    }

    /// Whether the word starts a clause and is no likely name. No expression can begin where a clause
    /// does, so `filter` or `let` remain names in expressions.
    fn is_reserved_clause_start(self) -> bool {
        use Keyword::*;
        matches!(
            self,
            Call | Create
                | Delete
                | Detach
                | Foreach
                | Match
                | Merge
                | Optional
                | Remove
                | Return
                | Set
                | Unwind
                | With
        )
    }

    /// Whether the word may stand directly behind an operand.
    pub fn follows_operand(self) -> bool {
        use Keyword::*;
        self.is_clause_start()
            || matches!(
                self,
                And | As
                    | Asc
                    | Ascending
                    | Contains
                    | Desc
                    | Descending
                    | Else
                    | End
                    | Ends
                    | For
                    | In
                    | Is
                    | Or
                    | Starts
                    | Then
                    | To
                    | Union
                    | When
                    | Where
                    | Xor
                    | Yield
            )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_keyword_is_found_in_any_case() {
        for &keyword in Keyword::ALL {
            assert_eq!(Keyword::lookup(keyword.as_str()), Some(keyword));
            assert_eq!(
                Keyword::lookup(&keyword.as_str().to_lowercase()),
                Some(keyword)
            );
        }
        assert_eq!(Keyword::lookup("RETURNS"), None);
        assert_eq!(Keyword::lookup("a_word_longer_than_any_keyword"), None);
    }
}
