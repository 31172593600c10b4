//! Which call fails, and how: `sync@data/log:3=eio,any:200=full`.
//!
//! A point is `call[@prefix]:number=effect`. It counts the calls of its kind whose path begins with the prefix, from 1
//! on, over the whole process, and takes effect on the one with its number; with the number 0 on every one.

use std::fmt;
use std::str::FromStr;

/// The kinds of calls that are counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Call {
    /// open, openat, creat.
    Open,
    /// write, pwrite, writev, pwritev.
    Write,
    /// fsync, fdatasync.
    Sync,
    /// truncate, ftruncate.
    Resize,
    /// fallocate.
    Allocate,
    /// rename, renameat, renameat2.
    Rename,
    /// link, linkat.
    Link,
    /// unlink, unlinkat.
    Unlink,
    /// mkdir, mkdirat.
    MakeDirectory,
    /// rmdir.
    RemoveDirectory,
}

impl Call {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Open,
        Self::Write,
        Self::Sync,
        Self::Resize,
        Self::Allocate,
        Self::Rename,
        Self::Link,
        Self::Unlink,
        Self::MakeDirectory,
        Self::RemoveDirectory,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Resize => "resize",
            Self::Allocate => "allocate",
            Self::Rename => "rename",
            Self::Link => "link",
            Self::Unlink => "unlink",
            Self::MakeDirectory => "mkdir",
            Self::RemoveDirectory => "rmdir",
        }
    }

    /// Its number in a record.
    pub fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|call| u32::from(call.code()) == code)
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// EIO.
    Broken,
    /// ENOSPC, this once.
    NoRoom,
    /// A write takes half of its bytes.
    Short,
    /// From here on the disk has no room, except for what is given back; until the process says `@room`.
    Full,
    /// The process dies before the call.
    Kill,
    /// A sync says that it is done, and is not.
    Lie,
}

impl Effect {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Broken, "eio"),
        (Self::NoRoom, "enospc"),
        (Self::Short, "short"),
        (Self::Full, "full"),
        (Self::Kill, "kill"),
        (Self::Lie, "lie"),
    ];
}

/// One call to come, and what becomes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// Which kind; `None`: any.
    pub call: Option<Call>,
    /// What its path begins with, relative to the watched directory.
    pub prefix: String,
    /// The how-manieth such call, from 1 on; 0: all of them.
    pub number: u64,
    /// What becomes of it.
    pub effect: Effect,
}

/// What is to fail in one life of a process.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    points: Vec<(Point, u64)>,
}

impl Plan {
    /// A plan of these points.
    pub fn of(points: impl IntoIterator<Item = Point>) -> Self {
        Self { points: points.into_iter().map(|point| (point, 0)).collect() }
    }

    /// Counts a call; gives what becomes of it, if anything. The first point that says something decides.
    pub fn decide(&mut self, call: Call, path: &[u8]) -> Option<Effect> {
        let mut decided = None;
        for (point, seen) in &mut self.points {
            if point.call.is_none_or(|wanted| wanted == call) && path.starts_with(point.prefix.as_bytes()) {
                *seen += 1;
                if *seen == point.number || point.number == 0 {
                    decided = decided.or(Some(point.effect));
                }
            }
        }
        decided
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (point, _)) in self.points.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let call = point.call.map_or("any", Call::name);
            let place = if point.prefix.is_empty() { "" } else { "@" };
            let effect = Effect::ALL.iter().find(|(effect, _)| *effect == point.effect);
            let effect = effect.map_or("", |(_, name)| name);
            write!(f, "{comma}{call}{place}{}:{}={effect}", point.prefix, point.number)?;
        }
        Ok(())
    }
}

impl FromStr for Plan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut points = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            points.push(point(part).ok_or_else(|| format!("{part} is no point of a plan"))?);
        }
        Ok(Self::of(points))
    }
}

fn point(text: &str) -> Option<Point> {
    let (what, effect) = text.rsplit_once('=')?;
    let (place, number) = what.rsplit_once(':')?;
    let (call, prefix) = place.split_once('@').unwrap_or((place, ""));
    let call = match call {
        "any" => None,
        name => Some(Call::ALL.into_iter().find(|call| call.name() == name)?),
    };
    let effect = Effect::ALL.iter().find(|(_, name)| *name == effect)?.0;
    Some(Point { call, prefix: prefix.to_owned(), number: number.parse().ok()?, effect })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_reads_back_as_it_is_written_and_counts_what_it_names() {
        let text = "sync@data/log:2=eio,any:4=full";
        let mut plan: Plan = text.parse().unwrap();
        assert_eq!(plan.to_string(), text);
        assert_eq!(plan.decide(Call::Sync, b"data/index/v1"), None);
        assert_eq!(plan.decide(Call::Sync, b"data/log/1.seg"), None);
        assert_eq!(plan.decide(Call::Sync, b"data/log/1.seg"), Some(Effect::Broken));
        assert_eq!(plan.decide(Call::Unlink, b"data/x"), Some(Effect::Full));
        assert_eq!(plan.decide(Call::Sync, b"data/log/1.seg"), None);
        let mut liar: Plan = "sync:0=lie".parse().unwrap();
        assert!((0..3).all(|_| liar.decide(Call::Sync, b"x") == Some(Effect::Lie)));
        assert!("sync:x=eio".parse::<Plan>().is_err());
        assert!("sing:1=eio".parse::<Plan>().is_err());
    }
}
