//! What a child has told the world, and what must therefore hold for ever.

use std::collections::BTreeMap;

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Author {
    /// The commit of a task.
    Task(u64),
    /// The task that only appends records.
    Reader,
}

impl Author {
    pub(crate) fn code(self) -> u64 {
        match self {
            Self::Task(task) => task,
            Self::Reader => u64::MAX,
        }
    }

    pub(crate) fn from_code(code: u64) -> Self {
        if code == u64::MAX { Self::Reader } else { Self::Task(code) }
    }
}

/// Acknowledgements, up to some instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Last acknowledged number of each author.
    pub(crate) last: BTreeMap<Author, u64>,
    /// Each acknowledged position, and whose number it is.
    pub(crate) positions: BTreeMap<u64, (Author, u64)>,
    /// Records up to here may be trimmed.
    pub(crate) trimmed: u64,
    /// Store time that a commit has, or a later one.
    pub(crate) millis: i64,
}

impl Told {
    /// Adds what the lines of `text` say. Others, and one that was cut short, say nothing.
    pub(crate) fn hear(&mut self, text: &str) {
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
        for line in whole.lines() {
            let mut words = line.split(' ');
            let word = words.next();
            let numbers: Option<Vec<u64>> = words.map(|word| word.parse().ok()).collect();
            match (word, numbers.as_deref()) {
                (Some("ACK"), Some([author, number, position, millis])) => {
                    self.acknowledge(Author::from_code(*author), *number, *position);
                    self.millis = self.millis.max(i64::try_from(*millis).unwrap());
                }
                (Some("TRIM"), Some([through])) => self.trimmed = self.trimmed.max(*through),
                _ => {}
            }
        }
    }

    pub(crate) fn acknowledge(&mut self, author: Author, number: u64, position: u64) {
        self.last.insert(author, number);
        self.positions.insert(position, (author, number));
    }

    /// The same in words that [`hear`](Self::hear) understands.
    pub(crate) fn tell(&self) -> String {
        let mut text = format!("TRIM {}\n", self.trimmed);
        for (position, (author, number)) in &self.positions {
            text.push_str(&format!("ACK {} {number} {position} {}\n", author.code(), self.millis.max(0)));
        }
        text
    }

    /// Without what was acknowledged at `position` or later.
    pub(crate) fn before(&self, position: u64) -> Self {
        let mut before = Self { trimmed: self.trimmed, millis: 0, ..Self::default() };
        for (at, (author, number)) in self.positions.range(..position) {
            before.acknowledge(*author, *number, *at);
        }
        before
    }
}
