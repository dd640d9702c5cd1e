//! Expectations of temporal semantics, written as queries would be.

mod expression;

use expression::eval;
