//! Values out of a form.

use strongroom_shape::{Kind, Member, ReadError, ShapeReader, Structure, TimestampFormat};
use strongroom_types::Timestamp;

use super::{Dialect, Tree};
use crate::required::filled;
use crate::scalar::{self, or_default, wrong};

/// Stands at a name.
struct TreeReader<'t> {
    tree: &'t Tree,
    dialect: Dialect,
}

impl<'t> TreeReader<'t> {
    fn text(&self, member: &'static Member) -> Result<&'t str, ReadError> {
        self.tree.value.as_deref().ok_or_else(|| wrong(member, "single value"))
    }

    /// What holds the numbers: the child with one of these names, or this name itself.
    fn numbered(&self, member: &'static Member, names: [&str; 2]) -> Vec<&'t Tree> {
        if self.dialect.flat(member) {
            return self.tree.numbered();
        }
        let child = names.iter().find_map(|name| self.tree.children.get(*name));
        child.map_or_else(Vec::new, Tree::numbered)
    }
}

impl ShapeReader for TreeReader<'_> {
    fn string(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.text(member).map(str::to_owned)
    }
    fn boolean(&mut self, member: &'static Member) -> Result<bool, ReadError> {
        scalar::parse_bool(member, self.text(member)?)
    }
    fn integer(&mut self, member: &'static Member) -> Result<i64, ReadError> {
        scalar::parse_integer(member, self.text(member)?)
    }
    fn float(&mut self, member: &'static Member) -> Result<f64, ReadError> {
        scalar::parse_float(member, self.text(member)?)
    }
    fn blob(&mut self, member: &'static Member) -> Result<Vec<u8>, ReadError> {
        scalar::parse_blob(member, self.text(member)?)
    }
    fn timestamp(&mut self, member: &'static Member) -> Result<Timestamp, ReadError> {
        scalar::parse_timestamp(member, TimestampFormat::Iso8601, self.text(member)?)
    }
    fn document(&mut self, member: &'static Member) -> Result<String, ReadError> {
        self.string(member)
    }
    fn structure(&mut self, _: &'static Member, target: &mut dyn Structure) -> Result<(), ReadError> {
        filled(target, |target| read_request(self.tree, self.dialect, target))
    }
    fn list(
        &mut self,
        member: &'static Member,
        push: &mut dyn FnMut(&mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Kind::List(list) = member.kind else { return Err(wrong(member, "list")) };
        if self.tree.value.as_deref().is_some_and(|value| !value.is_empty()) {
            return Err(wrong(member, "list"));
        }
        for tree in self.numbered(member, [or_default(list.element.wire_name, "member"), "member"]) {
            push(&mut TreeReader { tree, dialect: self.dialect })?;
        }
        Ok(())
    }
    fn map(
        &mut self,
        member: &'static Member,
        put: &mut dyn FnMut(String, &mut dyn ShapeReader) -> Result<(), ReadError>,
    ) -> Result<(), ReadError> {
        let Kind::Map(map) = member.kind else { return Err(wrong(member, "map")) };
        let (key, value) = (or_default(map.key.wire_name, "key"), or_default(map.value.wire_name, "value"));
        for entry in self.numbered(member, ["entry", "entry"]) {
            let key = entry.children.get(key).and_then(|key| key.value.clone());
            let key = key.ok_or_else(|| wrong(member, "map: an entry has no key"))?;
            let tree =
                entry.children.get(value).ok_or_else(|| wrong(member, "map: an entry has no value"))?;
            put(key, &mut TreeReader { tree, dialect: self.dialect })?;
        }
        Ok(())
    }
    fn is_null(&self) -> bool {
        false
    }
}

/// Fills `target` from what is named below `tree`.
pub(crate) fn read_request(
    tree: &Tree,
    dialect: Dialect,
    target: &mut dyn Structure,
) -> Result<(), ReadError> {
    for (index, member) in target.schema().members.iter().enumerate() {
        let found = tree.children.get(&dialect.name(member)).or_else(|| tree.children.get(member.wire_name));
        if let Some(tree) = found {
            target.read(index, &mut TreeReader { tree, dialect })?;
        }
    }
    Ok(())
}
