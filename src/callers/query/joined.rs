//! Conditions joined by `and` and `or`, as OData and SOQL alike have them.

use super::{Budget, Filter, QueryError, Scanner};

/// Reads one condition: what is in parentheses, or whatever the language has else.
pub(in crate::callers) type One<'q> = fn(&mut Scanner<'q>, &mut Budget) -> Result<Filter<'q>, QueryError>;

/// Reads conditions of which `and` joins more closely than `or`.
///
/// # Errors
/// What `one` does not take, or more of it than `budget` allows.
pub(in crate::callers) fn joined<'q>(
    scanner: &mut Scanner<'q>,
    budget: &mut Budget,
    one: One<'q>,
) -> Result<Filter<'q>, QueryError> {
    let mut any = vec![all(scanner, budget, one)?];
    while scanner.passes("or")? {
        any.push(all(scanner, budget, one)?);
    }
    Ok(Filter::any(any))
}

fn all<'q>(scanner: &mut Scanner<'q>, budget: &mut Budget, one: One<'q>) -> Result<Filter<'q>, QueryError> {
    let mut all = vec![one(scanner, budget)?];
    while scanner.passes("and")? {
        all.push(one(scanner, budget)?);
    }
    Ok(Filter::all(all))
}
