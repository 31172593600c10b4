//! Required members, watched while a structure is filled: once it is filled, a generated structure cannot tell a
//! required text that was empty from one that was missing.

use strongroom_shape::{ReadError, ReadErrorKind, ShapeReader, ShapeWriter, Structure, StructureSchema};

use crate::binding::is_stream;
use crate::scalar::Seen;

/// A structure that notes which of its members are read.
struct Watched<'t> {
    target: &'t mut dyn Structure,
    seen: Seen,
}

impl Structure for Watched<'_> {
    fn schema(&self) -> &'static StructureSchema {
        self.target.schema()
    }

    fn write(&self, writer: &mut dyn ShapeWriter) {
        self.target.write(writer);
    }

    fn read(&mut self, index: usize, reader: &mut dyn ShapeReader) -> Result<(), ReadError> {
        self.seen.again(index);
        self.target.read(index, reader)
    }
}

/// Lets `fill` fill `target`, then checks that no required member was left out.
pub(crate) fn filled(
    target: &mut dyn Structure,
    fill: impl FnOnce(&mut dyn Structure) -> Result<(), ReadError>,
) -> Result<(), ReadError> {
    let members = target.schema().members;
    if !members.iter().any(|member| member.flags.required) {
        return fill(target);
    }
    let mut watched = Watched { target, seen: Seen::default() };
    fill(&mut watched)?;
    let missing = members
        .iter()
        .enumerate()
        .find(|(index, member)| member.flags.required && !is_stream(member) && !watched.seen.again(*index));
    missing.map_or(Ok(()), |(_, member)| Err(ReadError::at(member, ReadErrorKind::Missing)))
}
