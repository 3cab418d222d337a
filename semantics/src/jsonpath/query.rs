//! Queries and their segments; execution of singular ones.
use super::{cursor::Cursor, filter};
use crate::{
    error::Error,
    json::Value,
    limits::{QUERY_SEGMENTS_MAX, SELECTOR_BYTES_MAX},
};

/// A valid query of RFC 9535.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    singular: Option<Path>,
}

/// A singular query: the way to at most one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Begins with `@`: at the current element, not at the root.
    pub relative: bool,
    /// Names and indices on the way.
    pub steps: Vec<Step>,
}

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the member of an object.
    Name(String),
    /// To the element of an array; from its end if negative.
    Index(i64),
}

impl Query {
    /// Reads a query that begins at the root.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] with the byte where the text leaves the grammar or breaks a rule of types.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text, false)
    }

    fn read(text: &str, relative_too: bool) -> Result<Self, Error> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(Error::limit("bytes of a query", SELECTOR_BYTES_MAX));
        }
        let mut cursor = Cursor::new(text);
        let relative = relative_too && cursor.take("@");
        if !relative {
            cursor.expect("$", "a query begins with $")?;
        }
        let singular = segments(&mut cursor, 0)?;
        if !cursor.rest().is_empty() {
            return Err(cursor.error("a segment begins with . or ["));
        }
        Ok(Self { singular: singular.map(|steps| Path { relative, steps }) })
    }

    /// The way that it is, if it names at most one value.
    pub fn singular(&self) -> Option<&Path> {
        self.singular.as_ref()
    }
}

impl Path {
    /// Reads a singular query that begins with `$`, or with `@` for the current element.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] if it is none, or is not singular; [`Error::LimitExceeded`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let path = Query::read(text, true)?
            .singular
            .ok_or(Error::InvalidQuery { offset: 0, reason: "only names and indices may stand in a singular query" })?;
        if path.steps.len() > QUERY_SEGMENTS_MAX {
            return Err(Error::limit("segments of a query", QUERY_SEGMENTS_MAX));
        }
        Ok(path)
    }

    /// The value that it leads to.
    pub fn find<'v>(&self, root: &'v Value, current: &'v Value) -> Option<&'v Value> {
        let mut value = if self.relative { current } else { root };
        for step in &self.steps {
            value = match step {
                Step::Name(name) => value.get(name)?,
                Step::Index(index) => element(value.as_array()?, *index)?,
            };
        }
        Some(value)
    }
}

fn element(elements: &[Value], index: i64) -> Option<&Value> {
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    let position = if index < 0 { elements.len().checked_sub(from_end)? } else { from_end };
    elements.get(position)
}

/// Segments as far as there are some. The steps, if each is one name or one index.
pub(super) fn segments(cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<Vec<Step>>, Error> {
    let mut steps = Some(Vec::new());
    loop {
        let before = cursor.at;
        cursor.white_space();
        let step = if cursor.take("..") {
            descendant(cursor, depth)?;
            None
        } else if cursor.take(".") {
            dotted(cursor)?
        } else if cursor.take("[") {
            bracketed(cursor, depth)?
        } else {
            cursor.at = before;
            return Ok(steps);
        };
        steps = match (steps, step) {
            (Some(mut steps), Some(step)) => {
                steps.push(step);
                Some(steps)
            }
            _ => None,
        };
    }
}

fn dotted(cursor: &mut Cursor<'_>) -> Result<Option<Step>, Error> {
    if cursor.take("*") {
        return Ok(None);
    }
    let name = cursor.shorthand().ok_or_else(|| cursor.error("a name or * stands after ."))?;
    Ok(Some(Step::Name(name.to_owned())))
}

fn descendant(cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Error> {
    if cursor.take("[") {
        bracketed(cursor, depth)?;
    } else if !cursor.take("*") && cursor.shorthand().is_none() {
        return Err(cursor.error("a name, * or [ stands after .."));
    }
    Ok(())
}

/// Selectors after `[`. The step, if there is only one and it is a name or an index.
fn bracketed(cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<Step>, Error> {
    cursor.white_space();
    let mut step = selector(cursor, depth)?;
    loop {
        cursor.white_space();
        if cursor.take("]") {
            return Ok(step);
        }
        cursor.expect(",", "a comma or ] must stand here")?;
        cursor.white_space();
        selector(cursor, depth)?;
        step = None;
    }
}

fn selector(cursor: &mut Cursor<'_>, depth: usize) -> Result<Option<Step>, Error> {
    match cursor.peek() {
        Some('\'' | '"') => Ok(Some(Step::Name(cursor.string()?))),
        Some('*') => {
            cursor.bump();
            Ok(None)
        }
        Some('?') => {
            cursor.bump();
            cursor.white_space();
            filter::logical(cursor, depth)?;
            Ok(None)
        }
        Some('-' | ':' | '0'..='9') => index_or_slice(cursor),
        _ => Err(cursor.error("a selector must stand here")),
    }
}

fn index_or_slice(cursor: &mut Cursor<'_>) -> Result<Option<Step>, Error> {
    let at_integer = |cursor: &Cursor<'_>| matches!(cursor.peek(), Some('-' | '0'..='9'));
    let start = if at_integer(cursor) { Some(cursor.integer()?) } else { None };
    let after = cursor.at;
    cursor.white_space();
    if !cursor.take(":") {
        cursor.at = after;
        return Ok(start.map(Step::Index));
    }
    cursor.white_space();
    if at_integer(cursor) {
        cursor.integer()?;
        cursor.white_space();
    }
    if cursor.take(":") {
        cursor.white_space();
        if at_integer(cursor) {
            cursor.integer()?;
        }
    }
    Ok(None)
}
