//! A text of a document that knows where it stood.

use std::fmt;

/// A text and the bytes of the document that it stands in, quotation marks and all. Two words are equal if their texts
/// are.
#[derive(Clone)]
pub struct Word {
    text: Box<str>,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Word {
    pub(crate) fn new(text: impl Into<Box<str>>, start: usize, end: usize) -> Self {
        Self { text: text.into(), start, end }
    }

    /// The bytes of the document that it takes, quotation marks and all.
    pub fn span(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Word {}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
