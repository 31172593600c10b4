//! Which structures, enums, lists and maps a service needs, and what they are called.

use std::collections::{BTreeMap, BTreeSet};

use super::Outcome;
use super::config::Service;
use super::json::Json;
use super::model::{Kind, Model, kind};
use super::names;

/// Where a structure is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Output,
    Nested,
    Error,
}

/// A structure to declare.
pub(crate) struct Struct<'a> {
    /// Name of the type.
    pub(crate) name: String,
    /// Name of the shape.
    pub(crate) shape_name: String,
    /// Its definition.
    pub(crate) shape: &'a Json,
    /// The members that are kept.
    pub(crate) members: Vec<&'a (String, Json)>,
    /// Where it is declared.
    pub(crate) role: Role,
    /// Whether there is a type for it. Operations that are only routed have descriptions alone.
    pub(crate) typed: bool,
    /// Read by the server, not only by clients.
    pub(crate) read: bool,
    /// XML root that the model does not name.
    pub(crate) root: Option<String>,
}

impl Struct<'_> {
    /// Whether there is nothing to say of it: an operation is only routed, and its head binds nothing.
    pub(crate) fn is_blank(&self) -> bool {
        !self.typed && self.members.is_empty()
    }
}

/// Everything that is needed, in order.
#[derive(Default)]
pub(crate) struct Shapes<'a> {
    /// Inputs and outputs by operation, then what lies in them, then errors.
    pub(crate) structs: Vec<Struct<'a>>,
    /// Enums, lists and maps by the name of their shape.
    pub(crate) enums: BTreeSet<&'a str>,
    pub(crate) lists: BTreeSet<&'a str>,
    pub(crate) maps: BTreeSet<&'a str>,
    /// Types of nested structures and enums by the name of their shape.
    pub(crate) types: BTreeMap<&'a str, String>,
    /// Statics of lists and maps by the name of their shape.
    pub(crate) statics: BTreeMap<&'a str, String>,
}

static EMPTY: Json = Json::Null;

/// Collects what `service` needs of `model`.
pub(crate) fn collect<'a>(service: &Service, model: Model<'a>) -> Outcome<Shapes<'a>> {
    let mut shapes = Shapes::default();
    for (operation, definition) in model.operations() {
        let full = service.shapes.has(operation);
        for (field, role) in [("input", Role::Input), ("output", Role::Output)] {
            let reference = definition.get(field);
            let suffix = if role == Role::Input { "Input" } else { "Output" };
            let (shape_name, shape) = if reference.is_null() {
                (format!("{operation}{suffix}"), &EMPTY)
            } else {
                named(model.target(reference))
            };
            let bound = |member: &&(String, Json)| {
                full || (role == Role::Input && !member.1.get("location").is_null())
            };
            shapes.structs.push(Struct {
                name: format!("{operation}{suffix}"),
                shape_name,
                shape,
                members: shape.get("members").entries().iter().filter(bound).collect(),
                role,
                typed: full,
                read: role == Role::Input,
                root: if role == Role::Output { service.output_root.get(operation).cloned() } else { None },
            });
        }
    }
    for (name, shape) in model.shapes() {
        if shape.get("exception").is_true() || !shape.get("error").is_null() {
            let members = shape.get("members").entries().iter().collect();
            let (name, shape_name) = (names::type_name(name), name.clone());
            shapes.structs.push(Struct {
                name,
                shape_name,
                shape,
                members,
                role: Role::Error,
                typed: true,
                read: false,
                root: None,
            });
        }
    }
    let mut nested: BTreeMap<&'a str, bool> = BTreeMap::new();
    let tops: Vec<_> = shapes.structs.iter().map(|top| (top.members.clone(), top.read)).collect();
    for (members, read) in tops {
        for (_, member) in members {
            if !model.streams(member) {
                shapes.visit(model, member, read, &mut nested);
            }
        }
    }
    shapes.name_nested(model, nested)?;
    Ok(shapes)
}

fn named<'a>((name, shape): (&'a str, &'a Json)) -> (String, &'a Json) {
    (name.to_owned(), shape)
}

impl<'a> Shapes<'a> {
    /// Takes in what `reference` refers to. A structure is met again if it turns out that the server reads it.
    fn visit(
        &mut self,
        model: Model<'a>,
        reference: &'a Json,
        read: bool,
        nested: &mut BTreeMap<&'a str, bool>,
    ) {
        let (name, shape) = model.target(reference);
        match kind(shape) {
            Kind::Structure => {
                let known = nested.get(name).copied();
                if known == Some(true) || known == Some(read) {
                    return;
                }
                nested.insert(name, read);
                for (_, member) in shape.get("members").entries() {
                    self.visit(model, member, read, nested);
                }
            }
            Kind::List => {
                self.lists.insert(name);
                self.visit(model, shape.get("member"), read, nested);
            }
            Kind::Map => {
                self.maps.insert(name);
                self.visit(model, shape.get("key"), read, nested);
                self.visit(model, shape.get("value"), read, nested);
            }
            Kind::Enum => {
                self.enums.insert(name);
            }
            Kind::String | Kind::Document | Kind::Simple(..) => {}
        }
    }

    fn name_nested(&mut self, model: Model<'a>, nested: BTreeMap<&'a str, bool>) -> Outcome<()> {
        let mut taken: BTreeSet<String> = self.structs.iter().map(|top| top.name.clone()).collect();
        let mut name = |shape: &'a str| -> Outcome<String> {
            let mut name = names::type_name(shape);
            if taken.contains(&name) {
                name.push_str("Shape");
            }
            if taken.insert(name.clone()) { Ok(name) } else { Err(format!("two types {name}").into()) }
        };
        for (shape_name, read) in nested {
            let name = name(shape_name)?;
            let shape = model.shape(shape_name);
            self.types.insert(shape_name, name.clone());
            let members = shape.get("members").entries().iter().collect();
            let shape_name = shape_name.to_owned();
            self.structs.push(Struct {
                name,
                shape_name,
                shape,
                members,
                role: Role::Nested,
                typed: true,
                read,
                root: None,
            });
        }
        for shape in &self.enums {
            self.types.insert(shape, name(shape)?);
        }
        self.name_statics();
        Ok(())
    }

    /// Names of shapes can differ in the case of letters alone, and statics then need another name.
    fn name_statics(&mut self) {
        let mut taken: BTreeSet<String> =
            self.structs.iter().map(|structure| names::screaming(&structure.name)).collect();
        for shape in self.lists.iter().chain(&self.maps) {
            let mut name = names::screaming(shape);
            while !taken.insert(name.clone()) {
                name.push('_');
            }
            self.statics.insert(shape, name);
        }
    }
}
