//! What every generated type has in common.

/// Makes structures that implement [`crate::Structure`] into [`crate::Value`]s, with a redacted `Debug`.
#[macro_export]
macro_rules! structures {
    ($($name:ident)*) => {$(
        impl $crate::Value for $name {
            fn put(&self, member: &'static $crate::Member, writer: &mut dyn $crate::ShapeWriter) {
                writer.structure(member, self);
            }
            fn take(
                member: &'static $crate::Member,
                reader: &mut dyn $crate::ShapeReader,
            ) -> ::std::result::Result<Self, $crate::ReadError> {
                let mut value = Self::default();
                reader.structure(member, &mut value)?;
                Ok(value)
            }
        }
        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                $crate::fmt_redacted(self, f)
            }
        }
    )*};
}

/// Text out of a fixed set, as a `Copy` enum with its table of names.
#[macro_export]
macro_rules! enumeration {
    ($name:ident { $($variant:ident = $text:literal,)* }) => {
        /// A value of the enum of the same name in the model.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`")]
                $variant,
            )*
        }

        impl $name {
            /// All values, in the order of the model.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Their names on the wire, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value with this name, exactly.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.get(Self::NAMES.iter().position(|name| *name == text)?).copied()
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::Value for $name {
            fn put(&self, member: &'static $crate::Member, writer: &mut dyn $crate::ShapeWriter) {
                writer.string(member, self.as_str());
            }
            fn take(
                member: &'static $crate::Member,
                reader: &mut dyn $crate::ShapeReader,
            ) -> ::std::result::Result<Self, $crate::ReadError> {
                let text = reader.string(member)?;
                match Self::parse(&text) {
                    Some(value) => Ok(value),
                    None => Err($crate::ReadError::at(member, $crate::ReadErrorKind::UnknownValue(text))),
                }
            }
        }
    };
}

/// The marker types of a service's operations; each line names marker, input, output and schema.
#[macro_export]
macro_rules! operations {
    ($($op:ident: $input:ident => $output:ident, $schema:path;)*) => {
        /// A marker type for each operation.
        pub mod op {
            $(
                #[doc = concat!("The operation `", stringify!($op), "`.")]
                #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
                pub struct $op;

                impl $crate::Operation for $op {
                    type Input = super::$input;
                    type Output = super::$output;
                    const SCHEMA: &'static $crate::OperationSchema = &$schema;
                }
            )*
        }
        $(
            impl $crate::Input for $input {
                type Operation = op::$op;
            }
        )*
    };
}
